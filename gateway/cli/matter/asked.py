"""What a hold is to cover, as somebody typed it: made one question, with what is to be said about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from gateway.catalog import queries
from gateway.catalog.reader import Catalog
from gateway.catalog.schema import messages
from gateway.cli.options import WRONG_USAGE, fail
from gateway.cli.searching.roster import Roster
from gateway.config import Config
from gateway.message.printable import printable
from gateway.records.matters.covering import (
    MOST_IDS,
    NotToBeHeld,
    Wanted,
    Who,
    addresses,
    by_id,
    leaves,
    question,
    written,
)
from gateway.search.query import QueryError, drawn
from gateway.search.query.parser import one_of
from gateway.search.query.tree import Is, Keyword, Node


@dataclass(frozen=True, slots=True)
class Asked:
    """What a hold is to cover."""

    node: Node | None  # None: only single messages
    query: str | None  # its text
    ids: tuple[str, ...]
    said: tuple[str, ...]  # who is meant, for the record
    warnings: tuple[str, ...]
    unknown: tuple[str, ...]  # ids of people who are not in the roster: to be found in the mail itself

    @property
    def covers(self) -> Node:
        """As a search asks for it."""
        return one_of([*([] if self.node is None else [self.node]), *map(by_id, self.ids)])


def asked(
    found: Catalog, settings: Config, wanted: Wanted, custodians: Sequence[str], ids: Sequence[str]
) -> Asked:
    """What was typed, understood; ends the command where it cannot be."""
    if wanted.is_empty and not custodians and not ids:
        text = "expected what to hold: a query, --custodian, --address, --since, --until or --id"
        raise fail(text, WRONG_USAGE)
    roster = Roster(settings)
    people, said = _custodians(roster, custodians)
    zone = settings.district.zone
    whose = Wanted(wanted.query, people, wanted.addresses, wanted.since, wanted.until)
    try:
        who = Who(roster, roster.groups, roster.schools)
        node = question(whose, who, now=datetime.now(UTC), zone=zone)
        query = written(node) if node is not None else None
    except QueryError as error:
        raise fail(drawn(wanted.query, error), WRONG_USAGE) from None
    except NotToBeHeld as error:
        raise fail(printable(str(error)), WRONG_USAGE) from None
    with found.connect() as connection:
        chosen = _messages(connection, ids)
    persons = _persons(node)
    warnings = tuple(_warnings(roster, node, persons)) if node is not None else ()
    unknown = tuple(id for id in persons if not roster.has(id))
    return Asked(node, query, chosen, (*said, *roster.told()), warnings, unknown)


def _persons(node: Node | None) -> tuple[str, ...]:
    """The ids of people that a tree asks for."""
    asked = leaves(node) if node is not None else ()
    named = (leaf.value for leaf in asked if isinstance(leaf, Is) and leaf.field is Keyword.PERSON)
    return tuple(dict.fromkeys(named))


def _custodians(roster: Roster, names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The ids of people, and who they are."""
    ids: list[str] = []
    said: list[str] = []
    for name in map(str.strip, names):
        known = roster.known(name) if name else ()
        if len(known) > 1:
            lines = [f"--custodian {name}: more than one person; expected one of these ids:"]
            lines += [f"  {roster.called(each)}" for each in known]
            raise fail("\n".join(map(printable, lines)), WRONG_USAGE)
        if not name or ("@" in name and not known):
            text = f"--custodian {name}: nobody in today's roster has this address; --address holds by it"
            raise fail(printable(text), WRONG_USAGE)
        ids += known or (name,)
        said.append(
            f"custodian {roster.called(known[0])}" if known else f"custodian {name} (not in today's roster)"
        )
    return tuple(dict.fromkeys(ids)), said


def _warnings(roster: Roster, node: Node, persons: Sequence[str]) -> Iterator[str]:
    """Of addresses whose owner may use others, and of people who use some that the index cannot know."""
    for address in addresses(node):
        owners = [roster.called(each) for each in roster.owners(address) if each not in persons]
        if owners:
            yield (
                f"{address} is an address of {' and '.join(owners)}: only this address is held; "
                "--custodian with the id holds by every address that the rosters know"
            )
    for person in persons:
        # The registry of personal addresses is exempt from disclosure, so none is named here or recorded.
        if count := roster.accounts(person):
            addresses_are = "1 personal address is" if count == 1 else f"{count} personal addresses are"
            yield (
                f"{roster.called(person)}: {addresses_are} registered, which the index does not know as this "
                "person's: what came or went only by such an address is held with --address"
            )


def _messages(connection: Connection, names: Sequence[str]) -> tuple[str, ...]:
    """The archive ids of messages, and of the other transactions of each; ends the command where one is not there."""
    found: dict[str, None] = {}
    for name in names:
        row = queries.message(connection, name)
        if row is None:
            raise fail(
                printable(f"--id {name}: no such message in the catalog; `mailgw search` shows the ids")
            )
        found[row["id"]] = None
        content = connection.scalar(select(messages.c.content_id).where(messages.c.seq == row["seq"]))
        if content is not None:
            same = select(messages.c.id).where(messages.c.content_id == content).order_by(messages.c.seq)
            found |= dict.fromkeys(connection.scalars(same))
    if len(found) > MOST_IDS:
        raise fail(f"--id: {len(found)} messages; expected at most {MOST_IDS} in one hold", WRONG_USAGE)
    return tuple(found)
