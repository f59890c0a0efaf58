"""Time stamps for checkpoints (RFC 3161): another authority's signature that something was there at a time.

A stamp is made over SHA-256 of the octets of a signed checkpoint note, `str(note).encode()`. What is kept is the
authority's whole answer (`.tsr`, DER), with its certificates; `openssl ts -verify` reads the same file.

Promises: what `check` accepts is signed by a certificate for time stamping alone that was valid at the time stated
and leads to one of the roots. Those certificates may have expired since: a stamp is good for as long as its roots are
trusted and its algorithms hold. Whether a certificate was revoked is not looked up. Everything here blocks: call it
in a thread.

Fails with TimestampError, whose text says what and where.
"""

from __future__ import annotations

import hashlib
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import SplitResult, urlsplit

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_QUERY = "application/timestamp-query"
_REPLY = "application/timestamp-reply"
_LONGEST = 256 * 1024  # octets of an answer
_PORTS = {"http": 80, "https": 443}
_SHA256 = x509.ObjectIdentifier("2.16.840.1.101.3.4.2.1")
_REASON = re.compile(
    r'(?:reason: "|data: "Verify error: )([^"]+)"'
)  # in what OpenSSL says through rfc3161-client
_CERTIFICATES = 0xA0  # the tag of a SignedData's certificates (RFC 5652 §5.1)
_QUOTED = 200  # letters of others' texts in ours


class TimestampError(Exception):
    """No time stamp, or none that holds."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an authority is asked, in DER, and the number that its answer repeats."""

    octets: bytes
    nonce: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a time stamp that holds says."""

    time: datetime  # UTC; whole seconds, whatever fraction of one the authority states
    serial: int  # the authority's number of it
    authority: str  # the subject of the certificate that signed, as in RFC 4514


def stamp(url: str, data: bytes, roots: Sequence[x509.Certificate], timeout: float) -> bytes:
    """Have data stamped: the answer to keep, checked. timeout: seconds, all in all. Raises TimestampError."""
    asked = request(data)
    response = ask(url, asked.octets, timeout=timeout)
    try:
        check(response, data, roots, asked.nonce)
    except TimestampError as error:
        raise TimestampError(f"{url}: {error}") from error
    return response


def request(data: bytes) -> Request:
    """A request for a stamp over data, which is not empty; with a random nonce, and for the certificates, too."""
    made = TimestampRequestBuilder(data=data, hash_algorithm=HashAlgorithm.SHA256).build()
    assert made.nonce is not None, "the builder adds a nonce unless it is told not to"
    return Request(made.as_bytes(), made.nonce)


def load_roots(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file that stamps are to lead to. Raises TimestampError."""
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise TimestampError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise TimestampError(f"{path}: expected certificates in PEM: {error}") from error
    if not any(each.subject == each.issuer for each in found):  # no chain ends at one that another signed
        raise TimestampError(f"{path}: none of its certificates is a root, that is, signed by itself")
    return found


# --- checking an answer ---


def check(response: bytes, data: bytes, roots: Sequence[x509.Certificate], nonce: int | None = None) -> Stamp:
    """What an answer says, if it is a stamp over data that holds; now or years after. Raises TimestampError.

    nonce: that of the request, where it is known. The certificates are judged as of the time stated in the answer,
    which is what rfc3161-client does (`verification_time` in its verify.py): they must have been valid then. An
    authority that gives its key away after its certificate expired could therefore state a time before that.
    """
    if not roots:
        raise TimestampError("no root certificates are known that a time stamp could lead to")
    with _parsing():
        answer = decode_timestamp_response(_in_order(response))
        _check_granted(answer)
        _check_says(answer, data, nonce)
        signer = _signer(answer)
        verifier = VerifierBuilder(roots=list(roots), nonce=nonce).build()
        verifier.verify(answer, hashlib.sha256(data).digest())
        said = answer.tst_info
        return Stamp(said.gen_time, said.serial_number, signer.subject.rfc4514_string())


def _check_granted(answer: TimeStampResponse) -> None:
    if answer.status != PKIStatus.GRANTED:
        known = [each.name.lower() for each in PKIStatus if each == answer.status]
        words = [*(known or [f"status {answer.status}"]), *answer.status_string]
        raise TimestampError(f"the authority gave no time stamp: {_quoted(': '.join(words))}")
    if not answer.time_stamp_token():
        raise TimestampError("the authority's answer has no time stamp in it")


def _check_says(answer: TimeStampResponse, data: bytes, nonce: int | None) -> None:
    """That the answer is to this question. The verifier looks, too, but tells less."""
    imprint = answer.tst_info.message_imprint
    if imprint.hash_algorithm != _SHA256:
        raise TimestampError(f"the time stamp is not over SHA-256: {imprint.hash_algorithm.dotted_string}")
    if imprint.message != hashlib.sha256(data).digest():
        raise TimestampError("the time stamp is over other data")
    if nonce is not None and answer.tst_info.nonce != nonce:
        raise TimestampError("the time stamp answers another request: its nonce is not the one sent")


def _signer(answer: TimeStampResponse) -> x509.Certificate:
    """The certificate that signed. Two of one issuer and number could let one be checked and another be named."""
    signers = answer.signed_data.signer_infos
    if len(signers) != 1:
        raise TimestampError(f"the time stamp has {len(signers)} signatures, not one")
    by = next(iter(signers))
    given = [x509.load_der_x509_certificate(each) for each in answer.signed_data.certificates]
    found = [each for each in given if (each.issuer, each.serial_number) == (by.issuer, by.serial_number)]
    if len(found) != 1:
        raise TimestampError(f"the time stamp has {len(found)} certificates of its signer, not one")
    return found[0]


@contextmanager
def _parsing() -> Iterator[None]:
    """What reading an answer fails with, as TimestampError."""
    try:
        yield
    except TimestampError:
        raise
    except VerificationError as error:
        reasons = ", ".join(dict.fromkeys(_REASON.findall(str(error)))) or str(error)
        raise TimestampError(f"the time stamp does not hold: {_quoted(reasons)}") from error
    except Exception as error:  # which ones the parsers of answers and certificates raise is not documented
        raise TimestampError(f"not an answer of RFC 3161: {_quoted(str(error))}") from error


def _in_order(response: bytes) -> bytes:
    """The answer with its certificates in the order that DER has for sets; as it is where none are found.

    Authorities that use OpenSSL give them in another order, which RFC 5652 §5.1 permits, the parser does not, and
    no signature covers.
    """
    try:
        at = _after(response, _inside(response, 0))  # TimeStampResp: behind the status
        at = _after(response, _inside(response, at))  # ContentInfo: behind the type
        at = _inside(response, _inside(response, at))  # [0], SignedData
        for _ in ("version", "digestAlgorithms", "encapContentInfo"):
            at = _after(response, at)
        if response[at] != _CERTIFICATES:
            return response
        start, end = _bounds(response, at)
        certificates = []
        at = start
        while at < end:
            following = _after(response, at)
            certificates.append(response[at:following])
            at = following
    except IndexError:
        return response
    return response[:start] + b"".join(sorted(certificates)) + response[at:]


def _bounds(octets: bytes, at: int) -> tuple[int, int]:
    """Where the content of the DER value at a place starts and ends. Raises IndexError where it goes on too far."""
    start, size = at + 2, octets[at + 1]
    if size >= 0x80:
        start += size - 0x80
        size = int.from_bytes(octets[at + 2 : start], "big")
    if start + size > len(octets):
        raise IndexError("a DER value ends behind the last octet")
    return start, start + size


def _inside(octets: bytes, at: int) -> int:
    return _bounds(octets, at)[0]


def _after(octets: bytes, at: int) -> int:
    return _bounds(octets, at)[1]


def _quoted(text: str) -> str:
    """Others' words for our texts: short, and without what a terminal would act on."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_QUOTED])


# --- asking over HTTP ---


def ask(url: str, request: bytes, *, timeout: float) -> bytes:
    """What the authority at a URL answers, unchecked (RFC 3161 §3.4). Raises TimestampError.

    timeout: seconds, all in all; only looking up the host's name has the resolver's own limit. https is verified
    against the system's authorities. Redirections are not followed; proxies of the environment are not used.
    """
    place = _place(url)
    deadline = _Deadline(timeout)
    try:
        with closing(_connected(place, deadline)) as connection:
            http = HTTPConnection(place.netloc)
            http.sock = _Timed(connection, deadline)
            target = f"{place.path or '/'}?{place.query}" if place.query else place.path or "/"
            headers = {"Host": place.netloc, "Content-Type": _QUERY, "Accept": _REPLY, "Connection": "close"}
            http.request("POST", target, request, headers)
            with http.getresponse() as response:
                return _body(response)
    except TimeoutError as error:
        raise TimestampError(f"{url}: no answer within {timeout:g} s") from error
    except TimestampError as error:
        raise TimestampError(f"{url}: {error}") from error
    except (OSError, HTTPException, ValueError) as error:
        # ValueError: what a URL may not have in its host or path.
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TimestampError(f"{url}: {_quoted(said)}") from error


def _place(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        port = place.port
    except ValueError as error:
        raise TimestampError(f"{url}: not a URL: {error}") from error
    if place.username is not None:
        raise TimestampError(
            f"{place.scheme}://…@{place.hostname}: a URL with a user's name is not supported"
        )
    if place.scheme not in _PORTS or not place.hostname or port == 0:
        raise TimestampError(f"{url}: expected the URL of a time stamping authority, http:// or https://")
    return place


def _connected(place: SplitResult, deadline: _Deadline) -> socket.socket:
    """A connection to the host of a URL: to the first of its addresses that takes it."""
    assert place.hostname is not None
    port = place.port or _PORTS[place.scheme]
    failed: Exception = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(
        place.hostname, port, type=socket.SOCK_STREAM
    ):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(deadline.left())
            connection.connect(address)
            if place.scheme == "http":
                return connection
            connection.settimeout(deadline.left())
            return ssl.create_default_context().wrap_socket(connection, server_hostname=place.hostname)
        except (OSError, ValueError) as error:  # ValueError: a name that no certificate can have
            connection.close()
            failed = error
    raise failed


def _body(response: HTTPResponse) -> bytes:
    if response.status != 200:
        where = response.headers.get("Location")
        more = f", to {where}; redirections are not followed" if where else ""
        raise TimestampError(f"HTTP status {response.status} {_quoted(response.reason + more)}".rstrip())
    if response.headers.get_content_type() != _REPLY:
        given = response.headers.get("Content-Type", "nothing said")
        raise TimestampError(f"answered with another type than {_REPLY}: {_quoted(given)}")
    body = response.read(_LONGEST + 1)
    if len(body) > _LONGEST:
        raise TimestampError(f"an answer of more than {_LONGEST // 1024} KiB")
    if response.length:
        raise TimestampError(f"the answer was cut short: {response.length} octets are missing")
    return body


class _Deadline:
    """When waiting ends."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left. Raises TimeoutError where there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline is over")
        return left


class _Timed:
    """A connection as http.client uses one, with one deadline for all of it rather than for each octet."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def sendall(self, octets: ReadableBuffer) -> None:
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(octets)

    def makefile(self, mode: str) -> BinaryIO:
        return io.BufferedReader(_TimedReader(self._connection, self._deadline))

    def close(self) -> None:
        """Whoever connected closes; http.client does so before it has read the answer."""


class _TimedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection, self._deadline = connection, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(buffer)
