"""What somebody does to a copy who may write to its files, from a clumsy hand to a thief with the key.

Each takes a copy and a message. They know SQLite, the checksums of pages and the layout of the ledger as well as the
gateway does, and put back what they had to take away. They are as good as they can be made: a forgery that is found for
a slip would prove nothing.

Fails with OSError and apsw.Error.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import apsw

from gateway.archive import Reader
from gateway.archive.volume import open_for_append
from gateway.demo.tamper.original import Copy
from gateway.ledger.checkpoint import Checkpoint, Checkpoints, Kept
from gateway.ledger.keys import load_private
from gateway.ledger.leaf import leaf_of
from gateway.ledger.ledger import CHECKPOINTS, Ledger
from gateway.ledger.merkle import HASH_SIZE
from gateway.ledger.tree import Tree

_BIT = 0x20  # of an octet; in a letter it makes a small one of a capital


def one_byte(copy: Copy, seq: int) -> None:
    """Change one bit of one octet of a stored message, in the volume's file: a failing disk, or a clumsy hand."""
    with _open(copy) as connection:
        ((stored,),) = connection.execute("SELECT raw FROM entry WHERE seq = ?", (seq,)).fetchall()
    assert isinstance(stored, bytes)
    path = copy.volume().path
    octets = path.read_bytes()
    flip(path, octets.index(stored) + len(stored) // 2)


def one_letter_mended(copy: Copy, seq: int) -> None:
    """Change one letter of a message, and its digest and the pages' checksums with it."""
    with closing(Reader(copy.archive)) as reader:
        raw = bytearray(reader.raw(seq))
    raw[_first_letter(raw)] ^= _BIT
    with _without_triggers(copy) as connection:
        connection.execute(
            "UPDATE entry SET raw = ?, encoding = 'identity', size = ?, sha256 = ? WHERE seq = ?",
            (bytes(raw), len(raw), hashlib.sha256(raw).digest(), seq),
        )


def taken_out(copy: Copy, seq: int) -> None:
    """Take an entry out, and give all behind it other numbers, so that none is missing."""
    with _without_triggers(copy) as connection:
        connection.execute("DELETE FROM entry WHERE seq = ?", (seq,))
        connection.execute("UPDATE entry SET seq = -seq WHERE seq > ?", (seq,))
        connection.execute("UPDATE entry SET seq = -seq - 1 WHERE seq < 0")


def tree_as_well(copy: Copy, seq: int) -> None:
    """Change a letter, and make the ledger's tree anew; the checkpoints cannot be signed without the key."""
    one_letter_mended(copy, seq)
    size = Ledger(copy.ledger).size
    _made_again(copy, [size])


def signed_anew(copy: Copy, seq: int) -> None:
    """Change a letter, make the tree anew, and sign every checkpoint again with the key that lies beside it."""
    one_letter_mended(copy, seq)
    old = Ledger(copy.ledger).checkpoints
    made = _made_again(copy, [each.checkpoint.size for each in old])
    path = copy.ledger / CHECKPOINTS
    path.unlink()
    file = Checkpoints(path)
    for before, root in zip(old, made, strict=True):
        checkpoint = Checkpoint(before.checkpoint.origin, before.checkpoint.size, root)
        file.append(Kept(checkpoint, checkpoint.signed(load_private(copy.key, checkpoint.origin))))


def flip(path: Path, at: int) -> None:
    """Change one bit of the octet at a place."""
    octets = bytearray(path.read_bytes())
    octets[at] ^= _BIT
    path.write_bytes(octets)


def _first_letter(raw: bytes | bytearray) -> int:
    """Of the text: behind the empty line that ends the header."""
    start = raw.index(b"\r\n\r\n")
    return next(at for at in range(start, len(raw)) if chr(raw[at]).isascii() and chr(raw[at]).isalpha())


def _made_again(copy: Copy, sizes: Sequence[int]) -> list[bytes]:
    """The tree made anew of what is in the archive now, and its root at each size."""
    for path in copy.ledger.glob("level-*"):
        path.unlink()
    with closing(Reader(copy.archive)) as reader:
        leaves = [leaf_of(*each).hash() for each in reader.digests(0, sizes[-1])]
    assert all(len(leaf) == HASH_SIZE for leaf in leaves)
    with closing(Tree(copy.ledger, 0, writable=True)) as tree:
        tree.append(leaves)
        return [tree.root(size) for size in sizes]


@contextmanager
def _open(copy: Copy) -> Iterator[apsw.Connection]:
    with closing(open_for_append(copy.volume())) as connection:
        yield connection
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


@contextmanager
def _without_triggers(copy: Copy) -> Iterator[apsw.Connection]:
    """A volume that lets itself be changed, until this ends."""
    with _open(copy) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, sql in triggers:
            connection.execute(str(sql))
