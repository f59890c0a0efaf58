"""`mailgw hold release` and `refuse`: a reviewer's decision, and what holds after it.

Of two decisions the first in the archive counts. So a decision is recorded first, then the catalog is waited for, and
what it says is what is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.archive import ArchiveUnavailable
from gateway.catalog import holds
from gateway.catalog.holds import REFUSED, RETURNED, Held
from gateway.catalog.reader import Catalog
from gateway.catalog.shapes import moment
from gateway.catalog.words import clean_json
from gateway.cli.hold.choosing import ID_HELP, catalog, chosen
from gateway.cli.options import (
    FOUND_WRONG,
    WRONG_USAGE,
    ConfigOption,
    JsonOption,
    fail,
    load_config,
    print_json,
)
from gateway.cli.recording import ByOption, Recorded, await_known, become_owner, record, who
from gateway.config import Config
from gateway.holds import decisions
from gateway.holds.decisions import NotOpen, became, require_open
from gateway.message.printable import printable

Names = Annotated[list[str], typer.Argument(metavar="ID...", help=ID_HELP)]
SingleOption = Annotated[
    bool,
    typer.Option("--single", help="Only the transactions named, not the others of the same message."),
]
WaitOption = Annotated[
    float,
    typer.Option(
        min=0, max=3600, help="Seconds to wait until the decision shows its effect; it is recorded before."
    ),
]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one decision."""

    held: Held  # as it is now
    outcome: (
        str  # released, refused; too-late, not-open, not-recorded; recorded: it is not known yet what holds
    )
    text: str
    seq: int | None = None  # of the event

    @property
    def is_wrong(self) -> bool:
        return self.outcome in ("too-late", "not-open", "not-recorded")


def release(
    names: Names,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    by: ByOption = None,
    single: SingleOption = False,
    wait: WaitOption = 10.0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Let held messages go on to their recipients.

    Where a mail server sent one message in several transactions, all of them that wait go on.
    One that came back, because it could not be delivered, is tried again for those who were not reached.
    Exit 1 where somebody else, or the clock, has decided before.
    """
    reviewer, why = who(by), _reason(reason, needed=False)
    _decide(load_config(config), names, single, decisions.released(reviewer, why), wait, json)


def refuse(
    names: Names,
    reason: Annotated[str, typer.Option(help="Why, for the record; it must be given.")],
    by: ByOption = None,
    single: SingleOption = False,
    wait: WaitOption = 10.0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Refuse held messages: they are never delivered, and stay in the archive.

    Where a mail server sent one message in several transactions, all of them that wait are refused.
    The gateway does not tell the sender, who believes that the message was sent: tell them yourself, and why.
    Exit 1 where somebody else, or the clock, has decided before.
    """
    reviewer, why = who(by), _reason(reason, needed=True)
    _decide(load_config(config), names, single, decisions.turned_down(reviewer, why), wait, json)


def _reason(text: str, *, needed: bool) -> str:
    try:
        return decisions.reason_of(text, needed=needed)
    except ValueError as error:
        raise fail(f"--reason: {error}", WRONG_USAGE) from None


def _decide(
    settings: Config, names: Sequence[str], single: bool, document: dict[str, Any], wait: float, json: bool
) -> None:
    """Record one decision about some messages and tell what holds; nothing is recorded where a name is wrong."""
    become_owner(settings.storage.archive)
    with catalog(settings) as found:
        with found.connect() as connection:
            wanted = {one.seq: one for one in (chosen(connection, settings, name) for name in names)}
            if not single:
                for named in list(wanted.values()):
                    wanted |= {one.seq: one for one in holds.of_same_message(connection, named)}
        told = _record(found, settings, list(wanted.values()), document, wait)
    for one in told:
        if json:
            print_json(_facts(one))
        else:
            typer.echo(f"{one.held.id}: {printable(one.text)}", err=one.is_wrong)
    if any(one.is_wrong for one in told):
        raise typer.Exit(FOUND_WRONG)


def _record(
    found: Catalog, settings: Config, wanted: Sequence[Held], document: dict[str, Any], wait: float
) -> list[Told]:
    told: dict[int, Told] = {}
    for held in wanted:
        try:
            require_open(held, settings.district.zone)
        except NotOpen as error:
            told[held.seq] = Told(held, "not-open", f"nothing to decide: already {error}")
    left = [held for held in wanted if held.seq not in told]
    recorded: list[tuple[Held, Recorded]] = []
    for held, done in zip(left, record(settings, [held.id for held in left], document), strict=True):
        if isinstance(done, ArchiveUnavailable):
            told[held.seq] = Told(held, "not-recorded", f"not recorded, so nothing is decided: {done}")
        else:
            recorded.append((held, done))
    if recorded:
        known = await_known(found, max(done.seq for _, done in recorded), wait)
        for held, done in recorded:
            told[held.seq] = _outcome(found if known else None, held, done, document["by"], settings)
    return [told[held.seq] for held in wanted]


def _outcome(found: Catalog | None, before: Held, done: Recorded, by: str, settings: Config) -> Told:
    """What holds after a decision was recorded."""
    after = None
    if found is not None:
        with found.connect() as connection:
            after = holds.one(connection, before.id)
    if after is None:
        text = "recorded; the indexer has not taken it up yet: `mailgw hold show` will tell what holds"
        return Told(before, "recorded", text, done.seq)
    zone = settings.district.zone
    if (after.decided_at, after.decided_by) != (done.at, by):
        text = (
            f"{after.decided_by} was quicker: {became(after, zone)}"
            if after.decided_by
            else became(after, zone)
        )
        return Told(after, "too-late", text, done.seq)
    if after.state == REFUSED:
        text = "refused; it will not be delivered. Its sender is not told by the gateway"
        return Told(after, "refused", text, done.seq)
    if after.state == RETURNED:
        return Told(after, "released", f"{became(after, zone)}; {after.reply or 'no reply'}", done.seq)
    count = len(before.undelivered) if before.state == RETURNED else before.recipients
    people = f"{count} recipients" if count != 1 else "1 recipient"
    return Told(after, "released", f"released; it is on its way to {people}", done.seq)


def _facts(one: Told) -> dict[str, Any]:
    held = one.held
    row: dict[str, Any] = clean_json(
        {
            "id": held.id,
            "outcome": one.outcome,
            "text": one.text,
            "event_seq": one.seq,
            "state": held.state,
            "decided_at": moment(held.decided_at),
            "decided_by": held.decided_by,
            "reason": held.reason,
        }
    )
    return row
