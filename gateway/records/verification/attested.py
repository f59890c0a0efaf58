"""Comparing the archive with what was signed of it, entry by entry in sequence. Pure but for reading the tree.

There are three accounts of an entry: the archive's row, the tree's hash, the signed root. Where the first two differ,
the third tells which of them was changed.

- `altered`: the archive has another entry than the tree, and the tree has the root that was signed.
- `ledger`: the tree has another hash than the archive, and the archive has the root that was signed.
- `fork`: neither has: what was signed is not this history. The entries since the checkpoint before are in question.
- `rollback`: a checkpoint attests more entries than there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gateway.archive.verify import Problem
from gateway.ledger.checkpoint import Checkpoint
from gateway.ledger.merkle import HASH_SIZE, Growing
from gateway.ledger.tree import Tree, TreeDamaged
from gateway.records.verification.pieces import NO_LEAF


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint to compare with, and where it was kept."""

    checkpoint: Checkpoint
    place: str  # "the ledger", or a file
    keeper: str = ""  # the folder of a file; whoever can forge one checkpoint there can forge the others


@dataclass(slots=True)
class Comparison:
    """Leaves of the archive come in in sequence; `signed` is in order of size."""

    tree: Tree | None
    signed: Sequence[Signed]
    stored: Growing = field(default_factory=Growing)  # over the tree's leaves
    archived: Growing | None = None  # over the archive's, once they are others
    next: int = 0  # checkpoint to compare
    sound: dict[str, int] = field(default_factory=dict)  # by keeper: entries up to which a root was right
    differing: list[int] = field(default_factory=list)  # entries since, of which archive and tree differ

    @property
    def seq(self) -> int:
        """Entries seen so far."""
        return self.stored.size

    def take(self, first: int, leaves: Sequence[bytes]) -> Iterator[Problem]:
        """Leaves of the archive from number `first` on; NO_LEAF for an entry that is not there."""
        if first > self.seq + 1:  # a volume is gone, or cannot be opened
            yield from self.take(self.seq + 1, [NO_LEAF] * (first - self.seq - 1))
        yield from self._compare()  # checkpoints of no entries at all
        at = self.seq + 1 - first
        while at < len(leaves):
            end = len(leaves)
            if self.next < len(self.signed):
                end = min(end, at + self.signed[self.next].checkpoint.size - self.seq)
            self._grow(leaves[at:end])
            yield from self._compare()
            at = end

    def _grow(self, leaves: Sequence[bytes]) -> None:
        known = self._known(len(leaves))
        if leaves != known:
            if self.archived is None:
                self.archived = Growing(self.stored.size, self.stored.peaks)
            numbers = range(self.seq + 1, self.seq + 1 + len(leaves))
            self.differing += [
                seq for seq, leaf, other in zip(numbers, leaves, known, strict=True) if leaf != other
            ]
        if self.archived is not None:
            self.archived.extend(leaves)
        self.stored.extend(known)

    def end(self) -> Iterator[Problem]:
        """What was attested beyond the end of the archive, and what differs though no checkpoint attests it."""
        last = self.seq
        for each in self.signed[self.next :]:
            size = each.checkpoint.size
            text = f"{each.place} attests {size} entries, the archive ends with {last}"
            yield Problem("", last + 1, "rollback", f"{text}: {_entries(last + 1, size)} gone")
        self.next = len(self.signed)
        if self.tree is not None:
            yield from self._told("altered", "not what the ledger's tree has of it")

    def _known(self, count: int) -> list[bytes]:
        """The tree's hashes of the next leaves; where it has none, as no hash is."""
        if self.tree is None:
            return [NO_LEAF] * count
        start = self.seq
        there = max(0, min(count, self.tree.size - start))
        try:
            found = self.tree.leaves(start, start + there)
        except TreeDamaged:
            found = [NO_LEAF] * there
        return found + [NO_LEAF] * (count - there)

    def _compare(self) -> Iterator[Problem]:
        """Roots, where a checkpoint attests as many entries as were seen."""
        size = self.seq
        due = []
        while self.next < len(self.signed) and self.signed[self.next].checkpoint.size <= size:
            if self.signed[self.next].checkpoint.size == size:
                due.append(self.signed[self.next])
            self.next += 1
        if not due:
            return
        stored, archived = self.stored.root(), (self.archived or self.stored).root()
        for each in due:
            if each.checkpoint.root in (stored, archived):
                self.sound[each.keeper] = size
            else:
                # By that keeper's own checkpoints: those of the ledger may have been signed anew.
                first = self.sound.get(each.keeper, 0) + 1
                text = f"{_entries(first, size)} not what was signed: {each.place}, {size} entries"
                yield Problem("", first, "fork", text)
        roots = {each.checkpoint.root for each in due}
        if roots == {stored}:
            yield from self._told("altered", "not the entry that was attested")
        elif roots == {archived}:
            yield from self._told(
                "ledger", "the tree's hash of it is damaged; the entry is as it was attested"
            )
        else:
            yield from self._told("altered", "not what the ledger's tree has of it")

    def _told(self, kind: str, text: str) -> Iterator[Problem]:
        if self.tree is not None:
            for seq in self.differing:
                if seq <= self.tree.size:
                    yield Problem("", seq, kind, text)
        self.differing = []

    # --- for a run that is resumed ---

    def state(self) -> dict[str, object]:
        """What another one can go on from."""
        return {
            "seq": self.seq,
            "stored": b"".join(self.stored.peaks).hex(),
            "archived": b"".join((self.archived or self.stored).peaks).hex(),
            "sound": self.sound,
            "differing": self.differing,
        }

    def resumed(self, state: dict[str, object]) -> Comparison:
        """One that goes on from `state`. Raises ValueError, KeyError or TypeError where it is none."""
        seq, differing = state["seq"], state["differing"]
        if not isinstance(seq, int) or not isinstance(differing, list):
            raise TypeError("not a state")
        stored, archived = (
            Growing(seq, _split(bytes.fromhex(str(state[name])))) for name in ("stored", "archived")
        )
        passed = sum(each.checkpoint.size <= seq for each in self.signed)
        sound = state["sound"]
        if not isinstance(sound, dict):
            raise TypeError("not a state")
        return Comparison(self.tree, self.signed, stored, archived, passed, sound, differing)


def _split(octets: bytes) -> list[bytes]:
    return [octets[at : at + HASH_SIZE] for at in range(0, len(octets), HASH_SIZE)]


def _entries(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
