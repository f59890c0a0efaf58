"""What goes wrong with keys. It keeps mail waiting and loses none: the archive takes nothing that it cannot seal."""

from __future__ import annotations

from gateway.archive.errors import ArchiveUnavailable, Reason


class KeysUnavailable(ArchiveUnavailable):
    """A key cannot be had, or does not fit. The text names the place and the remedy, and holds no key."""

    def __init__(self, text: str) -> None:
        super().__init__(Reason.IO, text)
