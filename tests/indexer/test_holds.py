"""Held messages, the outbox and what people were told, out of the archive's entries in their order.

Each table row is one archive: what happens to a held message with two recipients, and what the catalog makes of it.
The same entries are followed in one batch, in batches of one, and by a rebuild: they must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from gateway.catalog import holds, notified, outbox
from gateway.catalog.reader import Catalog
from gateway.catalog.schema import messages
from gateway.indexer.batch import Limits
from gateway.indexer.follower import Follower
from gateway.message.envelope import Recipient

TWO = (Recipient("bob@district.example"), Recipient("carol@district.example"))


def attempt(kind: str, left: list[int], undelivered: list[int]) -> dict[str, Any]:
    said = {
        "event": kind,
        "reply": "451 4.4.1 later",
        "next_hop": "mail:25",
        "seconds": 0.1,
        "final_dot": False,
    }
    return {**said, "outbox": {"left": left, "undelivered": undelivered}}


def decision(kind: str, by: str = "pat", reason: str = "fine") -> dict[str, Any]:
    return {"event": kind, "by": by, "reason": reason, "automatic": False}


RELEASE, REFUSE = decision("hold-released"), decision("hold-refused", "kim", "no")
ESCALATE = {"event": "hold-escalated", "to": 1}
HELD = {"event": "held", "reply": "250 2.0.0 Taken"}


def plain(kind: str) -> dict[str, Any]:
    return {"event": kind, "reply": "451 4.3.0 later"}


# What happens after the record; hold's state, who decided, the message's outcome; outbox: state, left, undelivered.
Row = tuple[list[dict[str, Any]], str, str | None, str, tuple[str, list[int], list[int]] | None]
HISTORIES: dict[str, Row] = {
    "nothing yet, not even the event": ([], "held", None, "held", None),
    "held": ([HELD], "held", None, "held", None),
    "released": ([HELD, RELEASE], "released", "pat", "hold-released", ("waiting", [0, 1], [])),
    "refused": ([HELD, REFUSE], "refused", "kim", "hold-refused", None),
    "released, then refused too late": (
        [HELD, RELEASE, REFUSE], "released", "pat", "hold-released", ("waiting", [0, 1], [])),
    "refused, then released too late": ([HELD, REFUSE, RELEASE], "refused", "kim", "hold-refused", None),
    "looked at and escalated": (
        [HELD, {"event": "viewed", "by": "pat", "what": "content"}, ESCALATE], "held", None, "held", None),
    "released and delivered": (
        [HELD, RELEASE, attempt("relayed", [], [])], "released", "pat", "relayed", ("done", [], [])),
    "put off by the next hop, for one of two": (
        [HELD, RELEASE, attempt("deferred", [1], [])], "released", "pat", "deferred", ("waiting", [1], [])),
    "put off and then delivered": (
        [HELD, RELEASE, attempt("deferred", [1], []), attempt("relayed", [], [])],
        "released", "pat", "relayed", ("done", [], [])),
    "cannot be delivered to one": (
        [HELD, RELEASE, attempt("returned", [], [1])], "returned", "pat", "returned", ("returned", [], [1])),
    "released again, for that one": (
        [HELD, RELEASE, attempt("returned", [], [1]), decision("hold-released", "kim", "mended")],
        "released", "kim", "hold-released", ("waiting", [1], [])),
    "came back and was given up": (
        [HELD, RELEASE, attempt("returned", [], [1]), REFUSE],
        "refused", "kim", "hold-refused", ("returned", [], [1])),
    "the client was told to come again": ([plain("abandoned")], "ended", None, "abandoned", None),
    "the client was told so, and a release comes too late": (
        [plain("failed"), RELEASE], "ended", None, "failed", None),
}  # fmt: skip


@pytest.fixture
def follow(tmp_path: Path) -> Callable[..., Connection]:
    """A connection to the catalog of an archive, made by following it in one of three ways."""

    def catalog(archive: Any, way: str) -> Any:
        limits = Limits(entries=1) if way == "one by one" else Limits()
        follower = Follower(archive, tmp_path, limits=limits)
        while follower.step().entries:
            pass
        if way == "rebuilt":
            follower.rebuild()
        follower.close()
        return Catalog(tmp_path).connect()

    return catalog


@pytest.mark.parametrize("way", ["at once", "one by one", "rebuilt"])
@pytest.mark.parametrize("history", HISTORIES)
def test_a_held_message(archive: Any, follow: Any, history: str, way: str) -> None:
    events, state, by, outcome, queued = HISTORIES[history]
    held = hold(archive)
    for document in events:
        happen(archive, held, document)

    with follow(archive, way) as connection:
        found = holds.one(connection, held)
        assert found is not None
        assert (found.state, found.decided_by, found.recipients) == (state, by, 2)
        assert found.escalations == events.count(ESCALATE)
        row = connection.execute(select(messages).where(messages.c.id == held)).mappings().one()
        assert row["outcome"] == outcome
        assert row["attempts"] == sum(
            "outbox" in each or each["event"] in ("failed", "abandoned") for each in events
        )
        assert [each.id for each in holds.open_holds(connection)] == (
            [held] if state in ("held", "returned") else []
        )
        waiting = outbox.waiting(connection)
        assert [(item.id, item.kind, list(item.left)) for item in waiting] == (
            [(held, "release", queued[1])] if queued and queued[0] == "waiting" else []
        )
        assert list(found.undelivered) == (queued[2] if queued else [])


@pytest.mark.parametrize(
    ("replies", "last"),
    [
        (["451 later"], "451 later"),
        (["550 who?", "451 later"], "550 who?"),
        (["451 later", "550 who?"], "550 who?"),
        (["550 who?", "552 too big"], "552 too big"),
    ],
)
def test_a_refusal_is_not_forgotten_over_a_delay(
    archive: Any, follow: Any, replies: list[str], last: str
) -> None:
    held = hold(archive)
    happen(archive, held, RELEASE)
    for said in replies:
        happen(archive, held, {**attempt("deferred", [1], [0]), "reply": said})
    with follow(archive, "one by one") as connection:
        found = holds.one(connection, held)
        assert found is not None
        assert found.reply == last


def test_what_was_never_held_has_no_hold(archive: Any, follow: Any) -> None:
    passed = archive.message(recipients=TWO)
    for document in (RELEASE, REFUSE, ESCALATE, plain("relayed")):
        happen(archive, passed, document)
    with follow(archive, "at once") as connection:
        assert holds.one(connection, passed) is None
        assert outbox.waiting(connection) == []
        row = connection.execute(select(messages)).mappings().one()
        assert row["outcome"] == "relayed"


def test_a_notice_waits_in_the_outbox_and_nobody_is_told_twice(archive: Any, follow: Any) -> None:
    first = notice(archive, [["f1", "reviewers"], ["f2", "reviewers"]])
    second = notice(archive, [["f2", "reviewers"], ["f2", "author"]])
    happen(archive, first, attempt("relayed", [], []))
    with follow(archive, "at once") as connection:
        assert [(item.id, item.kind) for item in outbox.waiting(connection)] == [(second, "notice")]
        assert notified.told(connection, ["f1", "f2", "f3"]) == {
            ("f1", "reviewers"),
            ("f2", "reviewers"),
            ("f2", "author"),
        }


@pytest.mark.parametrize(
    ("action", "status", "unfounded"),
    [
        ("hold", "open", False),
        ("reject", "open", False),
        ("notify", "open", True),  # milder, now that more is known
        ("record", "open", True),
        (None, "", True),  # nothing is found in it any more
    ],
)
def test_a_hold_whose_finding_does_not_hold_it_any_more(
    archive: Any, follow: Any, action: str | None, status: str, unfounded: bool
) -> None:
    asked = {**archive.finding(), "action": "hold"}
    held = hold(archive, asked)
    if action != "hold":
        later = [{**asked, "action": action}] if action else []
        judged = {
            "event": "judged",
            "content_id": "c",
            "records": [{"seq": 1, "id": held}],
            "verdict": archive.verdict(*later),
        }
        happen(archive, held, judged)
    with follow(archive, "at once") as connection:
        assert [each.id for each in holds.unfounded(connection)] == ([held] if unfounded else [])


# --- the archive -----------------------------------------------------------------------------------------


def hold(archive: Any, *findings: dict[str, Any]) -> str:
    held: str = archive.message(verdict={**archive.verdict(*findings), "action": "hold"}, recipients=TWO)
    _mark(archive, {"held": True})
    return held


def notice(archive: Any, about: list[list[str]]) -> str:
    made: str = archive.message(role="notice")
    _mark(archive, {"notice": {"kind": "violations", "about": about}})
    return made


def happen(archive: Any, message_id: str, document: dict[str, Any]) -> None:
    archive.add("event", f"00000000-0000-7000-9000-{len(archive.entries) + 1:012d}", message_id, document)


def _mark(archive: Any, facts: dict[str, Any]) -> None:
    last = archive.entries[-1]
    archive.entries[-1] = replace(last, document={**last.document, **facts})
