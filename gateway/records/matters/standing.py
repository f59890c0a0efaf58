"""Which messages are held, for whoever is about to dispose of some: the lowest layer, below every page and command.

A hold comes before any floor or ceiling of a retention schedule. So a message is free only if the index says of it, in
so many words, that no standing hold covers it. It counts as held

- by every hold with a query, where the index does not have it: not yet, not any more, or because it cannot be read;
- where a part of it cannot be read and a hit of the hold's query may hide there (`search.query.hiding`);
- by a hold that cannot be read or answered any more, which then holds everything, and is told of;
- by everything, where not even the catalog knows it.

Fails with `CatalogBehind` where a hold may be in the archive that the catalog does not know yet; with `EngineError` and
sqlalchemy.exc.DBAPIError where index or catalog cannot be asked. Whatever fails, nothing is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sqlalchemy import Connection, select

from gateway.catalog.schema import messages
from gateway.catalog.store import read_watermark
from gateway.records.matters.covering import EVERYTHING, by_id
from gateway.records.matters.model import Matter, read_matters
from gateway.search.engine import Searcher, Unanswerable
from gateway.search.query.hiding import may_hide
from gateway.search.query.parser import one_of
from gateway.search.query.tree import And, Node, Not

_TOGETHER = 1_000  # messages of one question

# Told what is wrong with a hold, which holds everything for it.
Tell = Callable[[str], None]


class CatalogBehind(Exception):
    """The archive has entries that the catalog does not know; ask again in a moment."""


@dataclass(frozen=True, slots=True)
class Block:
    """Something that keeps mail from being disposed of."""

    name: str
    asked: Node | None  # what it covers; None: single messages only
    ids: frozenset[str] = frozenset()  # of single messages
    what: str = ""  # as it is told of


def held(
    connection: Connection, searcher: Searcher, seqs: Iterable[int], *, last: int, tell: Tell
) -> Mapping[int, tuple[str, ...]]:
    """Those of some messages that are held, by sequence number, with the names of the matters.

    `last`: the archive's last entry, read before `connection` was opened. What was placed up to there is heeded.
    """
    position = read_watermark(connection).position
    if position < last:
        raise CatalogBehind(f"the catalog knows the archive up to entry {position}, and there are {last}")
    blocks = list(_blocks(connection, tell))
    found: dict[int, tuple[str, ...]] = {}
    for chunk in _chunks(seqs):
        ids = _ids(connection, chunk)
        names: dict[int, dict[str, None]] = {seq: {} for seq in chunk}
        for place, block in enumerate(blocks):
            try:
                free = _free(searcher, block, ids)
            except Unanswerable as error:
                tell(f"{block.what} holds everything, for the index cannot answer it: {error}")
                blocks[place], free = replace(block, asked=EVERYTHING), frozenset()
            for seq in chunk:
                if seq not in free:
                    names[seq][block.name] = None
        found.update((seq, tuple(by)) for seq, by in names.items() if by)
    return found


def is_held(
    connection: Connection, searcher: Searcher, seq: int, *, last: int, tell: Tell
) -> tuple[str, ...]:
    """The names of the matters for which a message is held; none, if it is free. As `held`."""
    return held(connection, searcher, [seq], last=last, tell=tell).get(seq, ())


def covering(known: Iterable[Matter]) -> Node:
    """What the standing holds of some matters cover, as a search asks for it."""
    return one_of([hold.covers for matter in known for hold in matter.standing])


# --- one block -----------------------------------------------------------------------------------------


def _blocks(connection: Connection, tell: Tell) -> Iterator[Block]:
    """What stands in the way of a disposal.

    An open public-records request does too: its blocks belong here, once the archive has acts of requests.
    """
    for matter in read_matters(connection):
        for hold in matter.standing:
            what = f"hold {hold.number} of the matter “{matter.name}”"
            if hold.trouble:
                tell(f"{what} holds everything, for it cannot be read: {hold.trouble}")
            yield Block(matter.name, hold.asked, frozenset(hold.ids), what)


def _free(searcher: Searcher, block: Block, ids: Mapping[int, str]) -> frozenset[int]:
    """Those messages of which it is certain that a block does not cover them.

    The index is asked for what is not covered, in one question, which sees one state of it: what it does not have, or
    had a moment ago, is not in the answer. Raises Unanswerable.
    """
    left = {seq: id for seq, id in ids.items() if id not in block.ids}
    if block.asked is None or not left:
        return frozenset(left)
    if block.asked == EVERYTHING:
        return frozenset()
    these = one_of([by_id(id) for id in left.values()])
    covered = one_of([block.asked, may_hide(block.asked)])
    return frozenset(searcher.seqs(And((these, Not(covered))))) & left.keys()


def _ids(connection: Connection, seqs: Sequence[int]) -> dict[int, str]:
    """The archive ids of messages, by sequence number; of those that the catalog has."""
    chosen = select(messages.c.seq, messages.c.id).where(messages.c.seq.in_(seqs))
    return {row.seq: row.id for row in connection.execute(chosen)}


def _chunks(seqs: Iterable[int]) -> Iterator[Sequence[int]]:
    left = iter(seqs)
    while chunk := list(islice(left, _TOGETHER)):
        yield chunk
