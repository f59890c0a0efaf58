"""Master keys: 32 random octets each, which wrap the data keys of volumes and are kept elsewhere.

As text a key is base64, 44 characters. Several may stand in one text, oldest first: the last one wraps, the others
still open. Lines that begin with `#` are remarks.

Who loses the master key loses every encrypted volume. There is no other way in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gateway.archive.encryption.errors import KeysUnavailable

OCTETS = 32
_ID_OF = b"district-mail-gateway master key 1\0"

REMARK = """\
# Master key of the mail archive, and older ones above it. WITHOUT IT THE ENCRYPTED MAIL IS LOST FOR EVER.
# Keep a copy in another building, then run: mailgw encryption confirm-backup
"""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One master key; never shown by `repr`."""

    octets: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Eight hexadecimal digits that name the key and tell nothing of it."""
        return hashlib.sha256(_ID_OF + self.octets).hexdigest()[:8]

    def to_text(self) -> str:
        """The secret itself, in base64."""
        return base64.b64encode(self.octets).decode()


def new_key(random: Callable[[int], bytes]) -> MasterKey:
    return MasterKey(random(OCTETS))


def parse(text: bytes, where: str) -> tuple[MasterKey, ...]:
    """The keys of a text, oldest first; at least one. Raises KeysUnavailable, which names `where` and no content."""
    keys: dict[str, MasterKey] = {}
    for number, word in _words(text):
        try:
            octets = base64.b64decode(word, validate=True)
        except ValueError:
            octets = b""
        key = MasterKey(octets)
        if len(octets) != OCTETS or key.to_text().encode() != word:
            raise KeysUnavailable(
                f"{where}: line {number}: expected a master key of 32 octets in base64 (44 characters);"
                " `mailgw encryption new-key` makes one"
            )
        if key.id in keys:
            raise KeysUnavailable(f"{where}: line {number}: master key {key.id} stands there twice")
        keys[key.id] = key
    if not keys:
        raise KeysUnavailable(f"{where}: holds no master key; `mailgw encryption new-key` makes one")
    return tuple(keys.values())


def _words(text: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith(b"#"):
            yield from ((number, word) for word in line.split())
