"""Who may sign in on an outbound listener (RFC 4954): a file of names and scrypt hashes.

A line is `name:$scrypt$N$r$p$salt$hash` (salt and hash in base64); `mailgw hash-password` makes one. Checking
takes a noticeable part of a second on purpose and is done in a thread by the caller; an unknown name takes as long
as a known one. Fails with `ConfigError` naming file and line.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from gateway.config import Config, ConfigError

N, R, P = 2**14, 8, 5  # 16 MiB, about 0.2 s: one of the settings OWASP lists for scrypt


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """A salted scrypt hash (RFC 7914)."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: bytes, salt: bytes | None = None) -> PasswordHash:
        """Hash a password with a new random salt."""
        salt = salt or os.urandom(16)
        return cls(N, R, P, salt, _scrypt(password, salt, N, R, P))

    @classmethod
    def parse(cls, text: str) -> PasswordHash:
        """The inverse of str(). Raises ValueError."""
        empty, kind, n, r, p, salt, digest = text.split("$")
        if empty or kind != "scrypt":
            raise ValueError("not a scrypt hash")
        made = cls(int(n), int(r), int(p), base64.b64decode(salt, validate=True), base64.b64decode(digest))
        if made.n * made.r > 2**24 or made.p > 16 or made.n < 2 or made.n & (made.n - 1) or made.r < 1:
            raise ValueError("scrypt parameters out of range")
        return made

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(item).decode() for item in (self.salt, self.digest))
        return f"$scrypt${self.n}${self.r}${self.p}${salt}${digest}"

    def matches(self, password: bytes) -> bool:
        return hmac.compare_digest(_scrypt(password, self.salt, self.n, self.r, self.p), self.digest)


def _scrypt(password: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=32, maxmem=256 * n * r)


class Users:
    """Names and hashes, read once; `load` again to change them."""

    def __init__(self, hashes: dict[str, PasswordHash]) -> None:
        self._hashes = hashes
        self._nobody = PasswordHash(N, R, P, b"nobody has this!", bytes(32))

    @classmethod
    def of(cls, config: Config) -> Users:
        """The users of a configuration; nobody where it names no file. Raises ConfigError."""
        return cls.load(config.auth.users_file) if config.auth else cls({})

    @classmethod
    def load(cls, path: Path) -> Users:
        """Read the file. Raises ConfigError naming file and line."""
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"auth.users_file {path}: cannot be read: {error}") from error
        hashes = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, text = line.strip().partition(":")
            try:
                hashes[name] = PasswordHash.parse(text)
            except (ValueError, binascii.Error):
                raise ConfigError(
                    f'{path}:{number}: expected "name:hash" with a hash from `mailgw hash-password`'
                ) from None
        return cls(hashes)

    def check(self, name: str, password: bytes) -> bool:
        """Whether the password is right. Slow on purpose; call it in a thread."""
        known = self._hashes.get(name)
        return (known or self._nobody).matches(password) and known is not None


def decode_plain(response: bytes) -> tuple[str, bytes]:
    """Name and password of a PLAIN response (RFC 4616). Raises ValueError."""
    authorization, name, password = _base64(response).split(b"\0")
    if authorization and authorization != name:
        raise ValueError("acting for another identity is not supported")
    return name.decode("utf-8"), password


def decode_login(response: bytes) -> bytes:
    """One answer of the LOGIN mechanism. Raises ValueError."""
    return _base64(response)


def _base64(text: bytes) -> bytes:
    return b"" if text == b"=" else base64.b64decode(text, validate=True)
