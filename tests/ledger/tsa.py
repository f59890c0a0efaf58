"""A time stamping authority on this machine: certificates of its own, answers made by `openssl ts`, over HTTP.

`openssl ts -verify` is the other implementation that answers are compared with.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

REPLY = "application/timestamp-reply"
NOW = datetime.now(UTC).replace(microsecond=0)
LONG = (NOW - timedelta(days=400), NOW + timedelta(days=4_000))
PURPOSE = (ExtendedKeyUsageOID.TIME_STAMPING,)

_CONFIG = """\
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_alg = sha256
clock_precision_digits = {digits}
"""

Validity = tuple[datetime, datetime]


@dataclass(frozen=True)
class Signer:
    """A certificate, its key, and the certificates between it and the root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    def issue(
        self,
        name: str,
        validity: Validity = LONG,
        purposes: Sequence[x509.ObjectIdentifier] = PURPOSE,
        *,
        critical: bool = True,
        serial: int | None = None,
        address: str | None = None,
    ) -> Signer:
        """A certificate for stamping, or for other purposes, or for none in particular."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self.certificate.subject, key, self.key, validity, authority=False)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        builder = builder.serial_number(serial or x509.random_serial_number())
        return Signer(builder.sign(self.key, hashes.SHA256()), key, self._above())

    def below(self, name: str, validity: Validity = LONG) -> Signer:
        """An authority that this one signed."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self.certificate.subject, key, self.key, validity, authority=True)
        builder = builder.serial_number(x509.random_serial_number())
        return Signer(builder.sign(self.key, hashes.SHA256()), key, self._above())

    def write(self, folder: Path, name: str) -> None:
        """Its certificate as `name`.pem, its key as `name`.key."""
        (folder / f"{name}.pem").write_bytes(pem(self.certificate))
        (folder / f"{name}.key").write_bytes(
            self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )

    def _above(self) -> tuple[x509.Certificate, ...]:
        is_root = self.certificate.subject == self.certificate.issuer
        return () if is_root else (self.certificate, *self.chain)


def root(name: str = "Test root", validity: Validity = LONG) -> Signer:
    """A root of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, subject, key, key, validity, authority=True)
    return Signer(builder.serial_number(1).sign(key, hashes.SHA256()), key)


def _builder(
    name: str,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    validity: Validity,
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    usage["key_cert_sign" if authority else "digital_signature"] = True
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )


class Authority:
    """Answers requests as `openssl ts` does."""

    def __init__(
        self, openssl: Path, folder: Path, signer: Signer, *, digits: int = 0, digests: str = "sha256, sha512"
    ) -> None:
        self._openssl, self._folder, self.signer = openssl, folder, signer
        self._one = threading.Lock()  # at a time, for the files it works on
        (folder / "serial").write_text("01\n")
        (folder / "config").write_text(_CONFIG.format(folder=folder, digits=digits, digests=digests))
        signer.write(folder, "signer")
        (folder / "chain").write_bytes(b"".join(pem(each) for each in signer.chain))

    def answer(self, query: bytes) -> bytes:
        """The DER of a TimeStampResp."""
        chain = ["-chain", "chain"] if self.signer.chain else []
        by = ("-config", "config", "-signer", "signer.pem", "-inkey", "signer.key", *chain)
        with self._one:
            self._write("query", query)
            self._run("ts", "-reply", "-section", "it", "-queryfile", "query", "-out", "reply", *by)
            return self._read("reply")

    def stated(self, query: bytes, time: datetime | None = None) -> bytes:
        """The TSTInfo of an answer, as if it were another time."""
        response = self.answer(query)
        with self._one:
            self._write("response", response)
            self._run("ts", "-reply", "-in", "response", "-token_out", "-out", "token")
            self._run(
                "cms", "-verify", "-noverify", "-inform", "DER", "-in", "token", "-binary", "-out", "stated"
            )
            stated = self._read("stated")
        at = stated.index(b"\x18\x0f") + 2  # a GeneralizedTime of 15 letters
        written = time.strftime("%Y%m%d%H%M%SZ").encode() if time else stated[at : at + 15]
        return stated[:at] + written + stated[at + 15 :]

    def granted(self, stated: bytes, *signers: Signer, more: Sequence[x509.Certificate] = ()) -> bytes:
        """An answer with a TSTInfo signed by others than `openssl ts` would let sign, or not at its time."""
        with self._one:
            self._write("stated", stated)
            arguments = ["cms", "-sign", "-binary", "-nodetach", "-cades", "-md", "sha256", "-in", "stated"]
            arguments += ["-econtent_type", "1.2.840.113549.1.9.16.1.4", "-outform", "DER", "-out", "token"]
            for number, signer in enumerate(signers or (self.signer,)):
                signer.write(self._folder, f"signer-{number}")
                arguments += ["-signer", f"signer-{number}.pem", "-inkey", f"signer-{number}.key"]
            if more:
                self._write("more", b"".join(pem(each) for each in more))
                arguments += ["-certfile", "more"]
            self._run(*arguments)
            return der(0x30, der(0x30, b"\x02\x01\x00") + self._read("token"))

    def verifies(self, response: bytes, data: bytes, root: x509.Certificate, at: datetime = NOW) -> bool:
        """What `openssl ts -verify` says, certificates being judged as of a time."""
        with self._one:
            for name, octets in (("response", response), ("data", data), ("root", pem(root))):
                self._write(name, octets)
            arguments = ("-data", "data", "-in", "response", "-CAfile", "root")
            done = self._try("ts", "-verify", *arguments, "-attime", str(int(at.timestamp())))
        return done.returncode == 0 and b"Verification: OK" in done.stdout

    def _write(self, name: str, octets: bytes) -> None:
        (self._folder / name).write_bytes(octets)

    def _read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def _run(self, *arguments: str) -> None:
        done = self._try(*arguments)
        assert done.returncode == 0, done.stderr.decode()

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [str(self._openssl), *arguments]
        return subprocess.run(command, cwd=self._folder, capture_output=True, timeout=60, check=False)


@dataclass
class Answer:
    """What a server says to a POST."""

    body: bytes
    status: int = 200
    type: str = REPLY
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """What a server was asked."""

    path: str
    type: str
    body: bytes


@contextmanager
def served(
    answer: Callable[[bytes], Answer], context: ssl.SSLContext | None = None
) -> Iterator[tuple[str, list[Asked]]]:
    """A server on this machine: its address, and what it is asked meanwhile."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(Asked(self.path, self.headers["Content-Type"], body))
            said = answer(body)
            self.send_response(said.status)
            for name, value in {
                "Content-Type": said.type,
                "Content-Length": str(len(said.body)),
                **said.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that hang up are what is tested."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            scheme = "http" if context is None else "https"
            yield f"{scheme}://127.0.0.1:{server.server_address[1]}/tsa?district=1", asked
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def speaking(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says what it likes to whoever connects, until they hang up: its address."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                speak(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def octets(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def der(tag: int, content: bytes) -> bytes:
    """One value in DER."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
