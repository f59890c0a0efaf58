"""DKIM: which domains' signatures on a message hold (RFC 6376, with RFC 8301 and RFC 8463).

A signature counts only where it covers what a reader sees: every `From:` of the message, and the whole body (with
`l=` anything could be appended). RSA with SHA-256 and at least 1024 bits, and Ed25519; SHA-1 fails (RFC 8301 §3.1).
A key that its domain calls a test (`t=y`) is as none.

Promises: never raises for any octets; time is linear in the message's size, and what is done in one step without
letting other threads run is small, so that a large body can be hashed in a thread beside the event loop. Only the
first signatures count, those of wanted domains before others; DNS is asked for a key only where the body is as it
was signed.

`read` takes the message apart, `holds` says which signatures' bodies are as signed, `verify` asks for keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.message.headers import split_block
from gateway.smtp.authentication.resolver import LookupFailed, NoName, Resolver

Buffer: TypeAlias = bytes | bytearray

MAX_SIGNATURES = 5  # that are looked at; honest mail has one to three
MAX_READ = 50  # that are read at all, to choose these
LONGEST_FIELD = 16 * 1024  # octets of a signature; with a key of 4096 bits they are 2,000
SKEW = 300  # seconds that a sender's clock may be wrong
LEAST_BITS, MOST_BITS = 1024, 8192

_CHUNK = 64 * 1024
_BLANKS = re.compile(rb"[ \t]+")
_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_TAG_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(rb"\d{1,12}")
_NAME = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_SPACE = b" \t\r\n"


class _Unusable(Exception):
    """A signature or key that cannot hold; the argument is the result."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one signature."""

    domain: str  # d=, lower case; "" where it could not be read
    result: str  # pass, fail, none, temperror, permerror


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field that can be understood."""

    field: bytes  # as it came, name included, without its last line end
    domain: str
    selector: str
    identity: str  # the domain of i=
    ed25519: bool
    relaxed_header: bool
    relaxed_body: bool
    signed: tuple[bytes, ...]  # names of fields, lower case
    body_hash: bytes
    signature: bytes
    length: int | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as signatures see it: lines of its header end with CRLF."""

    fields: tuple[bytes, ...]  # whole fields, folded as they came, without their last line end
    raw: Buffer
    body: int  # where the body begins


def read(raw: Buffer) -> Message:
    """Take a message apart. A bare LF counts as a line end, as the next hop gets it as one."""
    block, size, _ = split_block(raw)
    lines = block.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    fields = tuple(field for field in _FIELD_END.split(lines) if b":" in field)
    return Message(fields, raw, size)


def signatures(
    message: Message, wanted: Callable[[str], bool], now: float
) -> tuple[list[Signature], list[Result]]:
    """The signatures to look at, those whose domain is `wanted` first, and the results of unusable ones."""
    usable: list[Signature] = []
    unusable: list[Result] = []
    for field in message.fields:
        if _name(field) != b"dkim-signature" or len(usable) + len(unusable) >= MAX_READ:
            continue
        domain = ""
        try:
            tags = _signature_tags(field)
            domain = _domain(tags[b"d"])
            usable.append(_signature(field, tags, domain, now))
        except _Unusable as reason:
            unusable.append(Result(domain, str(reason)))
        except KeyError:
            unusable.append(Result(domain, "permerror"))
    seen = [_name(field) for field in message.fields]
    if _has_bare_cr(message):
        # A bare CR is a line end to some readers and none to others: they would see other fields than were signed.
        return [], [*unusable, *(Result(one.domain, "permerror") for one in usable)]
    covering = [one for one in usable if one.signed.count(b"from") >= seen.count(b"from") > 0]
    unusable += [Result(one.domain, "fail") for one in usable if one not in covering]
    covering.sort(key=lambda one: not wanted(one.domain))
    return covering[:MAX_SIGNATURES], unusable


def holds(message: Message, found: list[Signature]) -> list[bool]:
    """Whether the body is as each signature has it. Takes time by the size of the body."""
    hashed: dict[bool, tuple[bytes, int]] = {}
    results = []
    for one in found:
        if one.relaxed_body not in hashed:
            hashed[one.relaxed_body] = _body_hash(message, relaxed=one.relaxed_body)
        digest, size = hashed[one.relaxed_body]
        results.append(digest == one.body_hash and (one.length is None or one.length == size))
    return results


async def verify(resolver: Resolver, message: Message, signature: Signature) -> Result:
    """Look up the key of a signature whose body holds, and check the rest."""
    name = f"{signature.selector}._domainkey.{signature.domain}"
    try:
        records = await resolver.txt(name)
    except NoName:
        return Result(signature.domain, "permerror")
    except LookupFailed:
        return Result(signature.domain, "temperror")
    try:
        key = _key(records, signature)
        _check(key, _signed_octets(message, signature), signature)
    except _Unusable as reason:
        return Result(signature.domain, str(reason))
    return Result(signature.domain, "pass")


def _has_bare_cr(message: Message) -> bool:
    end = message.raw[message.body - 1 : message.body] if message.body else b""
    return end == b"\r" or any(b"\r" in field.replace(b"\r\n", b"") for field in message.fields)


# --- reading a signature ---------------------------------------------------------------------------------


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].rstrip(b" \t").lower()


def _signature_tags(field: bytes) -> dict[bytes, bytes]:
    if len(field) > LONGEST_FIELD:
        raise _Unusable("permerror")
    return _tags(field.partition(b":")[2])


def _tags(text: bytes) -> dict[bytes, bytes]:
    """The tags of a list, folding white space around names and values left out (RFC 6376 §3.2)."""
    found: dict[bytes, bytes] = {}
    specs = text.split(b";")
    if not specs[-1].strip(_SPACE):
        specs.pop()
    for spec in specs:
        name, equals, value = spec.partition(b"=")
        name = name.strip(_SPACE)
        if not equals or name in found or _TAG_NAME.fullmatch(name) is None:
            raise _Unusable("permerror")
        found[name] = value.strip(_SPACE)
    return found


def _domain(value: bytes) -> str:
    if _NAME.fullmatch(value) is None or b"." not in value:
        raise _Unusable("permerror")
    return value.decode("ascii").lower()


def _signature(field: bytes, tags: dict[bytes, bytes], domain: str, now: float) -> Signature:
    """Raises _Unusable, or KeyError where a tag is missing."""
    algorithm = tags[b"a"].lower()
    if algorithm == b"rsa-sha1":
        raise _Unusable("fail")
    selector, identity = tags[b"s"], tags.get(b"i", b"@" + domain.encode("ascii"))
    identity_domain = identity.rpartition(b"@")[2].lower().decode("latin-1")
    header, _, body = tags.get(b"c", b"simple").lower().partition(b"/")
    forms = {header, body or b"simple"}
    queries = {query.strip(_SPACE) for query in tags.get(b"q", b"dns/txt").split(b":")}
    signed = tuple(name.strip(_SPACE).lower() for name in tags[b"h"].split(b":"))
    if (
        tags[b"v"] != b"1"
        or algorithm not in (b"rsa-sha256", b"ed25519-sha256")
        or _NAME.fullmatch(selector) is None
        or not (identity_domain == domain or identity_domain.endswith("." + domain))
        or not forms <= {b"simple", b"relaxed"}
        or b"dns/txt" not in queries
        or b"from" not in signed
    ):
        raise _Unusable("permerror")
    _check_times(tags, now)
    return Signature(
        field,
        domain,
        selector.decode("ascii"),
        identity_domain,
        algorithm == b"ed25519-sha256",
        header == b"relaxed",
        body == b"relaxed",
        signed,
        _decoded(tags[b"bh"]),
        _decoded(tags[b"b"]),
        _number(tags[b"l"]) if b"l" in tags else None,
    )


def _check_times(tags: dict[bytes, bytes], now: float) -> None:
    """Raises _Unusable for a signature that has expired, or was made in the future."""
    made = _number(tags[b"t"]) if b"t" in tags else None
    expires = _number(tags[b"x"]) if b"x" in tags else None
    if expires is not None and made is not None and expires <= made:
        raise _Unusable("permerror")
    if (expires is not None and expires < now - SKEW) or (made is not None and made > now + SKEW):
        raise _Unusable("fail")


def _number(value: bytes) -> int:
    if _NUMBER.fullmatch(value) is None:
        raise _Unusable("permerror")
    return int(value)


def _decoded(value: bytes) -> bytes:
    """Base64 with white space anywhere in it."""
    try:
        return base64.b64decode(value.translate(None, _SPACE), validate=True)
    except (binascii.Error, ValueError):
        raise _Unusable("permerror") from None


# --- what was signed ---------------------------------------------------------------------------------------


def _body_hash(message: Message, *, relaxed: bool) -> tuple[bytes, int]:
    """SHA-256 of the canonical body (RFC 6376 §3.4.3, §3.4.4), and its octets."""
    digest, size = hashlib.sha256(), 0
    for piece in _canonical_body(message.raw, message.body, relaxed=relaxed):
        digest.update(piece)
        size += len(piece)
    return digest.digest(), size


def _canonical_body(raw: Buffer, start: int, *, relaxed: bool) -> Iterator[bytes]:
    """The canonical body in pieces of whole lines."""
    end_of_body, empty, begun = len(raw), 0, False
    while start < end_of_body:
        end = raw.find(b"\n", min(start + _CHUNK, end_of_body - 1)) + 1 or end_of_body
        piece = bytes(raw[start:end]).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        start = end
        if relaxed:
            piece = _BLANKS.sub(b" ", piece).replace(b" \r\n", b"\r\n")
            if start == end_of_body and not piece.endswith(b"\r\n"):
                piece = piece.rstrip(b" ")
        text = len(piece)
        while piece.endswith(b"\r\n", 0, text):
            text -= 2
        lines = (len(piece) - text) // 2
        if not text:
            empty += lines
            continue
        yield from _line_ends(empty)
        yield piece[:text]
        empty, begun = lines, True
    if begun or not relaxed:
        yield b"\r\n"


def _line_ends(count: int) -> Iterator[bytes]:
    while count > 0:
        some = min(count, _CHUNK)
        yield b"\r\n" * some
        count -= some


def _signed_octets(message: Message, signature: Signature) -> bytes:
    """The fields that were signed, and the signature without itself (RFC 6376 §3.7)."""
    canonical = _relaxed_field if signature.relaxed_header else _simple_field
    by_name: dict[bytes, list[bytes]] = {}
    for field in message.fields:
        by_name.setdefault(_name(field), []).append(field)
    chosen = [by_name[name].pop() for name in signature.signed if by_name.get(name)]
    return b"".join(
        (*(canonical(field) + b"\r\n" for field in chosen), canonical(_unsigned(signature.field)))
    )


def _simple_field(field: bytes) -> bytes:
    return field


def _relaxed_field(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.rstrip(b" \t").lower() + b":" + _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def _unsigned(field: bytes) -> bytes:
    """A signature's field with the value of its tag b= left out."""
    name, colon, value = field.partition(b":")
    specs = value.split(b";")
    for index, spec in enumerate(specs):
        if spec.partition(b"=")[0].strip(_SPACE) == b"b":
            specs[index] = spec.partition(b"=")[0] + b"="
    return name + colon + b";".join(specs)


# --- the key -------------------------------------------------------------------------------------------------


def _key(records: tuple[bytes, ...], signature: Signature) -> RSAPublicKey | Ed25519PublicKey:
    """The key of a record that allows the signature (RFC 6376 §3.6.1). Raises _Unusable."""
    found = []
    for record in records:
        try:
            tags = _tags(record)
        except _Unusable:
            continue
        if b"p" in tags and tags.get(b"v", b"DKIM1") == b"DKIM1":
            found.append(tags)
    if not found:
        raise _Unusable("permerror")
    tags = found[0]  # several are an error of the domain's, and any may be taken (§3.6.2.2)
    flags = _list(tags.get(b"t", b""))
    services = _list(tags.get(b"s", b"*"))
    if b"y" in flags:
        raise _Unusable("none")
    if (
        (b"s" in flags and signature.identity != signature.domain)
        or services.isdisjoint((b"*", b"email"))
        or b"sha256" not in _list(tags.get(b"h", b"sha256"))
        or tags.get(b"k", b"rsa").lower() != (b"ed25519" if signature.ed25519 else b"rsa")
        or not tags[b"p"]  # revoked
    ):
        raise _Unusable("permerror")
    return _public_key(_decoded(tags[b"p"]), ed25519=signature.ed25519)


def _list(value: bytes) -> set[bytes]:
    return {item.strip(_SPACE).lower() for item in value.split(b":")}


def _public_key(octets: bytes, *, ed25519: bool) -> RSAPublicKey | Ed25519PublicKey:
    try:
        if ed25519:
            return Ed25519PublicKey.from_public_bytes(octets)
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise _Unusable("permerror") from None
    if not isinstance(key, RSAPublicKey) or key.key_size > MOST_BITS:
        raise _Unusable("permerror")
    if key.key_size < LEAST_BITS:
        raise _Unusable("fail")
    return key


def _check(key: RSAPublicKey | Ed25519PublicKey, octets: bytes, signature: Signature) -> None:
    """Raises _Unusable where the signature does not hold."""
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature.signature, octets, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature.signature, hashlib.sha256(octets).digest())
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        raise _Unusable("fail") from None
