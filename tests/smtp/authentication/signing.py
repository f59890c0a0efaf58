"""Signs messages as their senders do: DKIM by RFC 6376, written without looking at the gateway's own.

`dkimpy.json` beside this holds messages that an independent implementation signed, and RFC 8463 its own example.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.smtp.authentication.nameserver import text


@cache
def rsa_key(bits: int = 1024) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@dataclass(frozen=True)
class Signer:
    """A domain with a selector and its key."""

    domain: str
    selector: str = "s1"
    ed: bool = False
    bits: int = 1024

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    def record(self, more: str = "") -> str:
        """The TXT record of the key."""
        if self.ed:
            raw = ed25519_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return text(f"v=DKIM1; k=ed25519; {more}p={base64.b64encode(raw).decode()}")
        public = rsa_key(self.bits).public_key()
        raw = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return text(f"v=DKIM1; {more}p={base64.b64encode(raw).decode()}")

    def sign(self, message: bytes, **tags: Any) -> bytes:
        """The message with a signature (relaxed/relaxed) above it; `tags` replace or add tags, None takes away."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = re.split(rb"\r\n(?![ \t])", head)
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
        canonical = re.sub(rb"(\r\n)*\Z", b"", b"\r\n".join(lines)) + b"\r\n" if body.strip() else b""
        if "l" in tags:
            canonical = canonical[: int(tags["l"])]
        names = str(tags.get("h", "from:to:subject")).split(":")
        found = {
            "v": "1",
            "a": "ed25519-sha256" if self.ed else "rsa-sha256",
            "c": "relaxed/relaxed",
            "d": self.domain,
            "s": self.selector,
            "t": int(time.time()),
            "h": ":".join(names),
            "bh": base64.b64encode(hashlib.sha256(canonical).digest()).decode(),
            **tags,
        }
        value = "; ".join(f"{name}={tag}" for name, tag in found.items() if tag is not None) + "; b="
        left = list(fields)
        chosen = []
        for name in names:
            for field in reversed(left):
                if field.partition(b":")[0].strip().lower() == name.encode():
                    chosen.append(_relaxed(field))
                    left.remove(field)
                    break
        octets = b"\r\n".join([*chosen, _relaxed(b"DKIM-Signature: " + value.encode())])
        signature = base64.b64encode(self._signed(octets)).decode()
        return f"DKIM-Signature: {value}{signature}\r\n".encode() + message

    def _signed(self, octets: bytes) -> bytes:
        if self.ed:
            return ed25519_key().sign(hashlib.sha256(octets).digest())
        return rsa_key(self.bits).sign(octets, padding.PKCS1v15(), hashes.SHA256())


def _relaxed(field: bytes) -> bytes:
    name, _, value = field.partition(b":")
    return name.strip().lower() + b":" + re.sub(rb"\s+", b" ", value).strip()
