"""Whom a message reaches: To, Cc and the envelope, expanded through the directory's groups.

Promises: each person once, however many addresses and lists they are reached through, with every such way
kept; the order of recipients never matters; loops of groups end; addresses that the directory does not know
are left out, because personal use of an account is allowed. Never raises for any address.

A message may have ten thousand recipients, so what only a finding needs is made when it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, KeysView, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gateway.directory.model import Group, Person
from gateway.directory.snapshot import Directory, Match
from gateway.policy.model import Transaction

# Where an address was seen, best known first. What only the envelope has is a blind copy.
_TO, _CC, _ENVELOPE = range(3)
_NAMED = ("named in To", "named in Cc", "named in the envelope only (a blind copy)")


class Way(NamedTuple):
    """One way in which a message reaches somebody."""

    rank: int  # index in _NAMED
    address: str  # in lower case; the list's, where a list leads to them
    key: str  # the canonical address or the group's id: one way is counted once
    group: Group | None  # whose list address this is
    owners: tuple[Match, ...]  # everybody with this address; empty for a list

    @property
    def why(self) -> str:
        named = _NAMED[self.rank]
        return named if self.group is None else f"on the list of {self.group.name}, which is {named}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person whom a message reaches, and in which ways, the best known first."""

    person: Person
    ways: tuple[Way, ...]

    @property
    def why(self) -> str:
        if len(self.ways) == 1:
            return self.ways[0].why
        return "; ".join(dict.fromkeys(way.why for way in self.ways))


@dataclass(frozen=True, slots=True)
class Audience:
    """Everybody whom a message reaches, as far as the directory knows them."""

    people: Mapping[str, Person]  # the directory's, by id
    ways: Mapping[str, tuple[Way, ...]]  # by person id; ids that `people` has
    lists: tuple[Group, ...]  # groups whose list address is a recipient

    @property
    def ids(self) -> KeysView[str]:
        """The ids of all recipients."""
        return self.ways.keys()

    def others(self, author_id: str) -> list[Person]:
        """Everybody but the author: who copies themselves is no recipient."""
        people = self.people
        return [people[person_id] for person_id in self.ways if person_id != author_id]

    def recipient(self, person_id: str) -> Recipient:
        """How somebody in `ids` is reached."""
        ways = self.ways[person_id]
        return Recipient(self.people[person_id], ways if len(ways) == 1 else tuple(sorted(ways, key=_best)))

    def unsure(self, people: Collection[str]) -> frozenset[str]:
        """Those of some recipients who are only reached at addresses that they share with somebody else.

        A list, or an address whose owners are all among `people`, leaves no doubt.
        """
        ways = self.ways
        shared = [
            key
            for key in people
            if len(ways[key][0].owners) > 1 and all(len(way.owners) > 1 for way in ways[key])
        ]
        return frozenset(
            key
            for key in shared
            if not any(all(owner.person.id in people for owner in way.owners) for way in ways[key])
        )


def audience(transaction: Transaction, directory: Directory) -> Audience:
    """Resolve every recipient of a message."""
    people, found = directory.people, dict[str, tuple[Way, ...]]()
    lists: dict[str, Way] = {}
    for address, rank in _addresses(transaction).items():
        owners, group = directory.behind(address)
        for owner in owners:
            _add(found, owner.person.id, Way(rank, address, owner.address.canonical, None, owners))
        if group is not None:
            way = Way(rank, address, group.id, group, ())
            lists[group.id] = min(lists.get(group.id, way), way, key=_best)
    for way in lists.values():
        assert way.group is not None
        for person_id in people_on_list(directory, way.group):
            if person_id in people:
                _add(found, person_id, way)
    groups = (way.group for way in lists.values() if way.group is not None)
    return Audience(people, found, tuple(sorted(groups, key=lambda group: group.id)))


def _addresses(transaction: Transaction) -> dict[str, int]:
    """Each distinct text of an address in lower case, with the best place that names it.

    The envelope repeats the headers; equal texts are put together before the directory is asked.
    """
    reading = transaction.reading
    found = {box.address.lower(): _TO for box in reading.to}
    for box in reading.cc:
        found.setdefault(box.address.lower(), _CC)
    for address in transaction.recipients:
        found.setdefault(address.lower(), _ENVELOPE)
    return found


def _add(found: dict[str, tuple[Way, ...]], person_id: str, way: Way) -> None:
    """Add a way to somebody; of two spellings of one address the better known stays."""
    known = found.get(person_id)
    if known is None:
        found[person_id] = (way,)
        return
    same = [old for old in known if old.key == way.key]
    rest = tuple(old for old in known if old.key != way.key)
    found[person_id] = (*rest, min(*same, way, key=_best) if same else way)


def _best(way: Way) -> tuple[int, str]:
    return way.rank, way.address


def people_on_list(directory: Directory, group: Group) -> frozenset[str]:
    """Everybody to whom a group's list address leads.

    Members, leaders, administrators and the guardians that the group itself lists, with those of every group
    inside it.
    """
    found: set[str] = set(directory.members_of(group.id))
    waiting, seen = [group], {group.id}
    while waiting:
        inner = waiting.pop()
        found.update(inner.leaders, inner.administrators, inner.guardians)
        for group_id in inner.groups - seen:
            seen.add(group_id)
            if group_id in directory.groups:
                waiting.append(directory.groups[group_id])
    return frozenset(found)
