"""A stratified random sample of the catalog: what may be drawn, how many of each stratum, and the draw.

`allocate` divides a sample among strata in proportion to their sizes, with at least one of each that is not empty:
strata whose share would be less than one get one, the others share the rest in proportion, rounded by largest
remainder. `Draw` takes from each stratum the messages with the smallest keys, which are a hash of seed and archive id:
a random sample without replacement that depends on nothing but the seed and what is in the stratum, in any order.
A larger sample with the same seed holds the smaller one.

Promises: pure but for `candidates` and `recipients`, which stream from one read transaction; memory is that of the
sample. Fails with sqlalchemy.exc.DBAPIError where the database does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from heapq import heappush, heapreplace
from typing import Generic, TypeVar

from sqlalchemy import Connection, Exists, ScalarSelect, func, select

from gateway.catalog.schema import finding_messages, findings, messages, participants
from gateway.catalog.whole import SUPERSEDED

_FETCH = 1000  # rows held at once while streaming
_IN_LIST = 500
_AUTHOR = ("from", "sender", "envelope_from")
_TO = ("to", "cc", "envelope_to")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


# --- what may be drawn ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """One archived message, as far as its stratum depends on it."""

    seq: int
    id: str
    received: datetime
    role: str
    listener: str
    author: str  # canonical: the first of From:, Sender: and the envelope's sender; "" where there is none
    flagged: bool  # any finding stands
    marked: bool  # a finding of the rule that was asked for stands


def candidates(
    connection: Connection, rule: str, since: datetime | None, until: datetime | None
) -> Iterator[Candidate]:
    """Every message received in the period (the end does not belong to it), in the archive's order.

    But for the letters that the gateway writes itself and old mail from files: no rule judges them, and they would thin
    the sample out.
    """
    chosen = select(
        messages.c.seq,
        messages.c.id,
        messages.c.received,
        messages.c.role,
        messages.c.listener,
        _first_author(),
        _has_finding(),
        _has_finding(rule),
    ).order_by(messages.c.seq)
    chosen = chosen.where(messages.c.role.not_in(("notice", "import")))
    if since is not None:
        chosen = chosen.where(messages.c.received >= since)
    if until is not None:
        chosen = chosen.where(messages.c.received < until)
    for seq, name, received, role, listener, author, flagged, marked in connection.execute(
        chosen.execution_options(yield_per=_FETCH)
    ):
        yield Candidate(seq, name, received, role, listener, author or "", bool(flagged), bool(marked))


def _first_author() -> ScalarSelect[str]:
    who = participants.c
    return (
        select(who.canonical)
        .where(who.seq == messages.c.seq, who.kind.in_(_AUTHOR))
        .order_by(who.number)
        .limit(1)
        .scalar_subquery()
    )


def _has_finding(rule: str | None = None) -> Exists:
    wanted = [finding_messages.c.seq == messages.c.seq, findings.c.status != SUPERSEDED]
    if rule is not None:
        wanted.append(findings.c.rule == rule)
    return (
        select(finding_messages.c.seq)
        .join(findings, findings.c.id == finding_messages.c.finding_id)
        .where(*wanted)
        .correlate(messages)
        .exists()
    )


def recipients(connection: Connection, seqs: Iterable[int]) -> dict[int, int]:
    """To how many addresses each of some messages went, by header or envelope."""
    wanted, who = sorted(seqs), participants.c
    found = dict.fromkeys(wanted, 0)
    for at in range(0, len(wanted), _IN_LIST):
        chosen = (
            select(who.seq, func.count(who.canonical.distinct()))
            .where(who.seq.in_(wanted[at : at + _IN_LIST]), who.kind.in_(_TO))
            .group_by(who.seq)
        )
        found.update((seq, count) for seq, count in connection.execute(chosen))
    return found


# --- how many of each stratum ----------------------------------------------------------------------------


def allocate(sizes: Mapping[K, int], size: int) -> dict[K, int]:
    """How many to draw of each stratum that is not empty; together `size`, or all where there are fewer.

    With fewer to draw than there are strata, the largest get one each. Ties go by the order of the keys.
    """
    strata = {key: count for key, count in sorted(sizes.items(), key=_by_key) if count > 0}
    left = min(size, sum(strata.values()))
    if left <= len(strata):
        largest = set(sorted(strata, key=strata.__getitem__, reverse=True)[:left])
        return {key: int(key in largest) for key in strata}
    shares, given = _shares(strata, left), dict.fromkeys(strata, 1)
    for key, share in shares.items():
        given[key] = int(share)
    over = left - sum(given.values())
    for key in sorted(shares, key=lambda key: shares[key] - int(shares[key]), reverse=True)[:over]:
        given[key] += 1
    return given


def _by_key(item: tuple[K, int]) -> str:
    return repr(item[0])


def _shares(strata: Mapping[K, int], left: int) -> dict[K, Fraction]:
    """The exact shares of the strata whose share is one or more; every other one is left with one."""
    shared = dict(strata)
    while True:
        whole, rest = sum(shared.values()), left - (len(strata) - len(shared))
        small = [key for key, count in shared.items() if rest * count < whole]
        if not small:
            return {key: Fraction(rest * count, whole) for key, count in shared.items()}
        for key in small:
            del shared[key]


# --- the draw --------------------------------------------------------------------------------------------


class Draw(Generic[K, V]):
    """Keeps from each stratum as many items as are wanted, at random by the seed."""

    def __init__(self, seed: int, wanted: Mapping[K, int]) -> None:
        self._seed = str(seed).encode()
        self._wanted = wanted
        # By stratum, the item with the largest key first; ids are unique, so items are never compared.
        self._kept: dict[K, list[tuple[int, str, V]]] = {}

    def offer(self, stratum: K, name: str, item: V) -> None:
        """One item and its unique name; it is kept, in place of another one, if its key is small enough."""
        wanted = self._wanted.get(stratum, 0)
        if not wanted:
            return
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=self._seed, digest_size=16)
        entry = (-int.from_bytes(digest.digest(), "big"), name, item)
        kept = self._kept.setdefault(stratum, [])
        if len(kept) < wanted:
            heappush(kept, entry)
        elif entry > kept[0]:
            heapreplace(kept, entry)

    def drawn(self) -> dict[K, list[V]]:
        """What was kept of each stratum, by name."""
        return {
            stratum: [item for _, _, item in sorted(kept, key=lambda entry: entry[1])]
            for stratum, kept in sorted(self._kept.items(), key=lambda pair: repr(pair[0]))
        }
