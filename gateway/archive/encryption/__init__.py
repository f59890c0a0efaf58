"""Encryption of the archive at rest: a data key for each volume, wrapped by a master key that is kept elsewhere.

The seam for those who write and read volumes:

    cipher = keyring.begin(month)             before a volume is created; None: it is not to be sealed
    volume.data_key = cipher.key              the volume says which key it is sealed with, or none
    cipher = keyring.cipher(month, data_key)  to append to it and to read it
    cipher.seal(octets, place(id, "entry.raw")), cipher.open(sealed, place(id, "entry.raw"))

Off unless `[encryption]` names a master key. Who loses that key loses the mail. docs/encryption.md tells what is
encrypted and what is not.
"""

from __future__ import annotations

from gateway.archive.encryption.cipher import ENTRIES, Cipher, place
from gateway.archive.encryption.errors import KeysUnavailable
from gateway.archive.encryption.keyring import Keyring
from gateway.archive.encryption.source import KeySource

__all__ = ["ENTRIES", "Cipher", "KeySource", "Keyring", "KeysUnavailable", "place"]
