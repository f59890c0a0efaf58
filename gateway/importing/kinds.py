"""What a file of mail is, by where it lies, its name and how it begins; and the messages of those that are no zip.

in a folder `cur`, or in `new` beside one     a message of a Maildir (and of its subfolders), whatever its name
*.eml                                         one message
begins as a zip does                          a zip of any of these, but of no further zips
begins with `From `, or is called *.mbox      an mbox (see `mbox`)
*.pst, *.msg, *.gz and the like               unreadable: mail, in a form that is not read
anything else                                 passed over: the index of a mail program, a text beside the mail
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.importing.found import MOST_OCTETS, Found, Unread, passed_over, too_large, unreadable
from gateway.importing.mbox import NotMbox, split

PEEK = 8  # octets of a file's beginning

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_MBOX = (".mbox", ".mbx")
# Of mail, but in forms that are not read: who gives them should be told.
_FOREIGN = (
    ".pst", ".ost", ".msg", ".nsf", ".olm", ".dbx", ".emlx", ".mht", ".7z", ".rar", ".gz", ".tgz", ".bz2",
    ".xz", ".tar", ".zip",
)  # fmt: skip

Read = Callable[[int], bytes]
Items = Iterator[Found | Unread]


def is_message(name: str, folder: str, beside: Callable[[str], bool]) -> bool:
    """Whether a file is one message; `beside`: whether there is such a folder beside the one that it is in."""
    return name.lower().endswith(".eml") or folder == "cur" or (folder == "new" and _is_maildir(beside))


def _is_maildir(beside: Callable[[str], bool]) -> bool:
    return beside("cur") or beside("tmp")


def is_zip(begin: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return begin.startswith(_ZIP)


def message(place: str, size: int, read: Read) -> Found | Unread:
    """A file that is one message. Raises whatever reading raises."""
    if size > MOST_OCTETS:
        return too_large(place, size)
    octets = read(MOST_OCTETS + 1)  # it may have grown meanwhile
    if len(octets) > MOST_OCTETS:
        return too_large(place)
    return Found(place, octets) if octets else unreadable(place, "empty")


def others(place: str, begin: bytes, read: Read) -> Items:
    """The messages of a file that is neither a message nor a zip. Raises whatever reading raises."""
    suffix = place[place.rfind(".") :].lower()
    if begin.lstrip(b"\r\n").startswith(b"From ") or suffix in _MBOX:
        yield from _in_mbox(place, read)
    elif suffix in _FOREIGN:
        yield unreadable(place, f"a kind of file that is not read, or not what its name says: {suffix}")
    else:
        yield passed_over(place, "no mail, by its name and its beginning")


def _in_mbox(place: str, read: Read) -> Items:
    try:
        for number, offset, octets in split(read, MOST_OCTETS):
            where = f"{place}#{number} (octet {offset})"
            if octets is None:
                yield too_large(where)
            else:
                yield Found(where, octets) if octets else unreadable(where, "empty")
    except NotMbox as error:
        yield unreadable(place, str(error))
