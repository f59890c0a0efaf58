"""Signed notes (C2SP signed-note): a text that people can read, and Ed25519 signatures below it.

    harbor.example/mail
    1200345
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — harbor.example/mail Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=

A key has a name and an id, the first four octets of SHA-256 over its name and its public key. A public key is written
as `name+id+key`. A note may bear the signatures of several keys. Pure.

Fails with NoteError, which says what is not as it should be.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"  # the type of signature
_ID_SIZE = 4
_KEY_SIZE = 32
_DASH = "\u2014 "


class NoteError(ValueError):
    """Not a signed note, not a key, or a signature that does not hold."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who may have signed a note."""

    name: str
    octets: bytes  # 32

    @property
    def id(self) -> bytes:
        """What signatures name the key by."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.octets).digest()[:_ID_SIZE]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(_ED25519 + self.octets).decode()}"

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """A key from `name+id+key`. Raises NoteError."""
        name, _, rest = text.strip().partition("+")
        id, _, encoded = rest.partition("+")
        octets = _decoded(encoded, "a public key is not base64")
        if octets[:1] != _ED25519 or len(octets) != 1 + _KEY_SIZE:
            raise NoteError("a public key is none of Ed25519")
        key = cls(check_name(name), octets[1:])
        if key.id.hex() != id:
            raise NoteError(f"the id of public key {name} is {key.id.hex()}, not {id}")
        return key

    def verifies(self, signature: bytes, text: str) -> bool:
        """Whether this key signed a text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.octets).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Who signs notes."""

    name: str
    key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.name, self.key.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class Signature:
    """A line below a note."""

    name: str
    key_id: bytes
    octets: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text, which ends with a newline, and the signatures below it."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        lines = (
            f"{_DASH}{each.name} {base64.b64encode(each.key_id + each.octets).decode()}\n"
            for each in self.signatures
        )
        return f"{self.text}\n{''.join(lines)}"

    @classmethod
    def parse(cls, written: str) -> Note:
        """A note as it was written. Raises NoteError."""
        text, gap, below = written.rpartition("\n\n")
        if not gap or not below.endswith("\n") or not text:
            raise NoteError("a signed note is a text, an empty line and signatures")
        if any(ord(letter) < ord(" ") and letter != "\n" for letter in written):
            raise NoteError("a signed note has control characters")
        note = cls(f"{text}\n", tuple(_signature(line) for line in below[:-1].split("\n")))
        if str(note) != written:
            raise NoteError("a signature is not in the one form that base64 has for it")
        return note

    def signed_by(self, keys: Sequence[PublicKey]) -> list[PublicKey]:
        """Those of the keys whose signature is below. Raises NoteError where one of them does not hold.

        Signatures of other keys are passed over.
        """
        found = []
        for signature in self.signatures:
            for key in keys:
                if (key.name, key.id) == (signature.name, signature.key_id):
                    if not key.verifies(signature.octets, self.text):
                        raise NoteError(f"the signature of {key.name}+{key.id.hex()} does not hold")
                    found.append(key)
        return found


def sign(text: str, keys: Sequence[PrivateKey]) -> Note:
    """A note signed by each of the keys. Raises NoteError for a text that cannot be one."""
    if not text.endswith("\n") or "\n\n" in text or text == "\n":
        raise NoteError("the text of a note is lines, none of them empty")
    return Note(text, tuple(Signature(key.name, key.public.id, key.key.sign(text.encode())) for key in keys))


def check_name(name: str) -> str:
    """The name of a key. Raises NoteError where it cannot be one."""
    if not name or "+" in name or any(letter.isspace() or not letter.isprintable() for letter in name):
        raise NoteError(f"{name!r} cannot name a key: it has a blank or a plus, or is empty")
    return name


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not name:
        raise NoteError(f"not a signature: {line[:80]!r}")
    octets = _decoded(encoded, "a signature is not base64")
    if len(octets) <= _ID_SIZE:
        raise NoteError(f"not a signature: {line[:80]!r}")
    return Signature(name, octets[:_ID_SIZE], octets[_ID_SIZE:])


def _decoded(text: str, otherwise: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError(otherwise) from error
