"""The outbox: when it tries, what it makes of replies, and that nobody is reached twice or forgotten."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.archive.errors import ArchiveUnavailable, Reason
from gateway.catalog.holds import RELEASED, RETURNED
from gateway.catalog.outbox import NOTICE, RELEASE, Item
from gateway.config import OutboxSettings
from gateway.smtp.outbox import AT_ONCE, due, next_attempt, result
from gateway.smtp.reply import reply
from tests.smtp.conftest import ScriptedHop
from tests.smtp.hops import RudeHop, serving, until_sent
from tests.smtp.post import VERDICT, Post, post_office
from tests.smtp.steps import PLAIN

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN, BEN, EVE = "ann@district.example", "ben@district.example", "eve@district.example"
SETTINGS = OutboxSettings(first_retry=60, longest_retry=3600, give_up=172800)
MINUTE, HOUR, DAY = 60, 3600, 86400
FULL = ArchiveUnavailable(Reason.FULL, "no space")


def item(**facts: Any) -> Item:
    """Waiting since noon, never tried, with an id that asks for no spread."""
    return Item(
        **{
            "seq": 1,
            "id": "019aa0c5-0000-7000-8000-000000000000",
            "kind": RELEASE,
            "queued_at": NOON,
            "left": (0, 1, 2),
            "undelivered": (),
            "attempts": 0,
            "last_attempt": None,
            **facts,
        }
    )


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


# --- when -----------------------------------------------------------------------------------------

# Attempts so far, seconds from noon to the last of them and to the next.
BACK_OFF = [
    (0, None, 0),
    (1, 0, MINUTE),
    (2, MINUTE, 3 * MINUTE),
    (3, 3 * MINUTE, 7 * MINUTE),
    (4, 7 * MINUTE, 15 * MINUTE),
    (6, 31 * MINUTE, 63 * MINUTE),
    (7, 63 * MINUTE, 123 * MINUTE),  # an hour at most
    (8, 123 * MINUTE, 183 * MINUTE),
    (40, 40 * HOUR, 41 * HOUR),
    (10**6, 40 * HOUR, 41 * HOUR),
    (50, 48 * HOUR - 10 * MINUTE, 48 * HOUR),  # a last time when time is up
    (51, 48 * HOUR, 49 * HOUR),
]


@pytest.mark.parametrize(("attempts", "last", "wanted"), BACK_OFF)
def test_when_an_item_is_tried_again(attempts: int, last: float | None, wanted: float) -> None:
    tried = item(attempts=attempts, last_attempt=None if last is None else after(last))
    assert next_attempt(tried, SETTINGS) == after(wanted)


@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.integers(0, 3 * DAY))
def test_items_differ_a_little(attempts: int, tail: int, last: int) -> None:
    """Never more than the settings say, nor a tenth less, but for the last time; and always the same."""
    tried = item(attempts=attempts, last_attempt=after(last), id=f"019aa0c5-0000-7000-8000-0000{tail:08x}")
    exact = min(MINUTE * 2 ** (attempts - 1), HOUR)
    found = next_attempt(tried, SETTINGS)
    assert found == next_attempt(tried, SETTINGS)
    assert after(last) < found <= after(last + exact)
    assert found >= after(last + 0.9 * exact) or found == after(2 * DAY)


def test_a_shorter_longest_time_holds_from_the_start() -> None:
    short = OutboxSettings(first_retry=60, longest_retry=5, give_up=100)
    assert next_attempt(item(attempts=1, last_attempt=NOON), short) == after(5)


def test_those_due_come_longest_waiting_first() -> None:
    def one(seq: int, queued: float, **facts: Any) -> Item:
        return item(seq=seq, queued_at=after(queued), **facts)

    tried = {"attempts": 1, "last_attempt": after(100)}
    waiting = [one(5, 90), one(4, 30, **tried), one(3, 20), one(2, 20), one(1, 101), one(6, 0, **tried)]
    assert [each.seq for each in due(waiting, after(100), SETTINGS)] == [2, 3, 5]
    assert [each.seq for each in due(waiting, after(160), SETTINGS)] == [6, 2, 3, 4, 5, 1]


# --- what came of it ------------------------------------------------------------------------------

REPLIES = {
    "2": reply(250, "2.0.0 taken"),
    "4": reply(451, "4.3.0 later"),
    "5": reply(550, "5.1.1 who?"),
}

# What three recipients got ("-": no attempt), who could not be reached before (of 0..4), hours since the item was
# queued; the outcome, who is left, who cannot be reached, the code that tells.
RESULTS = {
    "all taken": ("222", (), 0, "relayed", (), (), 250),
    "one later": ("242", (), 0, "deferred", (1,), (), 451),
    "all later": ("444", (), 47, "deferred", (0, 1, 2), (), 451),
    "one unknown": ("252", (), 0, "returned", (), (1,), 550),
    "all unknown": ("555", (), 0, "returned", (), (0, 1, 2), 550),
    "one of each": ("245", (), 0, "deferred", (1,), (2,), 550),
    "one not tried": ("2-2", (), 0, "deferred", (1,), (), 250),
    "one later, some refused before": ("242", (4, 3), 0, "deferred", (1,), (3, 4), 451),
    "all taken, some refused before": ("222", (3,), 0, "returned", (), (3,), 554),
    "one more refused": ("225", (3,), 0, "returned", (), (2, 3), 550),
    "later, and time is up": ("242", (), 48, "returned", (), (1,), 451),
    "refused and later, and time is up": ("542", (), 48, "returned", (), (0, 1), 550),
    "taken when time is up": ("222", (), 49, "relayed", (), (), 250),
    "not tried, and time is up": ("---", (), 49, "returned", (), (0, 1, 2), 554),
    "one not tried, and time is up": ("22-", (), 49, "returned", (), (2,), 554),
}


@pytest.mark.parametrize(
    ("got", "before", "hours", "outcome", "left", "undelivered", "code"), RESULTS.values(), ids=list(RESULTS)
)
def test_what_replies_make_of_an_item(
    got: str,
    before: tuple[int, ...],
    hours: float,
    outcome: str,
    left: tuple[int, ...],
    undelivered: tuple[int, ...],
    code: int,
) -> None:
    replies = {place: REPLIES[kind] for place, kind in enumerate(got) if kind != "-"}
    found = result(item(undelivered=before), replies, after(hours * HOUR), SETTINGS)
    assert (found.outcome, found.left, found.undelivered) == (outcome, left, undelivered)
    assert found.reply.code == code


def test_a_refusal_of_an_earlier_attempt_is_told_in_its_own_words() -> None:
    before = item(left=(0,), undelivered=(1,), reply="550 5.1.1 who?")
    assert result(before, {0: REPLIES["2"]}, after(0), SETTINGS).reply.text == "550 5.1.1 who?"


# --- the whole way --------------------------------------------------------------------------------

Open = Callable[..., Awaitable[Post]]


@pytest.fixture
async def post(tmp_path: Path, hop: ScriptedHop) -> AsyncIterator[Post]:
    """An outbox whose one route leads to the scripted next hop."""
    async with post_office(tmp_path, {"district.example": hop.address}) as office:
        yield office


def named(hop: ScriptedHop) -> list[str]:
    """The recipients that a next hop was asked about, in order."""
    return [line[9:].partition(">")[0] for line in hop.lines if line.startswith("RCPT TO:<")]


async def test_a_released_message_is_delivered(post: Post, hop: ScriptedHop) -> None:
    id = await post.released(ANN, BEN, verdict={**VERDICT, "tag": "coach/one-to-one"})
    assert await post.turn() == 1
    (wire,) = hop.messages
    header, _, rest = wire.partition(b"\r\nSubject:")
    assert b"Subject:" + rest == PLAIN
    assert header.startswith(
        b"X-District-Policy: coach/one-to-one\r\nReceived: from out.example ([192.0.2.1])\r\n"
    )
    assert f" id {id};".encode() in header
    assert post.attempts(id) == [
        {
            "event": "relayed",
            "reply": "250 2.0.0 hop took it",
            "next_hop": hop.address,
            "final_dot": True,
            "outbox": {"left": [], "undelivered": []},
        }
    ]
    assert not post.waiting()
    assert post.hold(id).state == RELEASED
    assert await post.turn(later=DAY) == 0
    assert len(hop.messages) == 1


async def test_without_a_tag_nothing_but_the_trace_line_is_added(post: Post, hop: ScriptedHop) -> None:
    await post.released(ANN, verdict=None)
    await post.turn()
    assert hop.messages[0].startswith(b"Received: from ")


async def test_a_notice_is_delivered(post: Post, hop: ScriptedHop) -> None:
    id = await post.notice(ANN, BEN)
    assert await post.turn() == 1
    assert hop.messages == [PLAIN]
    assert "MAIL FROM:<>" in hop.lines
    assert [each["event"] for each in post.attempts(id)] == ["relayed"]
    assert not post.waiting()


async def test_a_held_message_waits(post: Post, hop: ScriptedHop) -> None:
    await post.keep(ANN, held=True)
    assert await post.turn(later=HOUR) == 0
    assert not hop.connections


async def test_those_who_are_left_are_tried_again(post: Post, hop: ScriptedHop) -> None:
    """Each only until it is settled, at the times of the back-off; then the message comes back for the one refused."""
    hop.answers = {
        "RCPT TO:<ben": ["452 4.2.2 full", "452 4.2.2 full"],
        "RCPT TO:<eve": "550 5.1.1 who?",
    }
    id = await post.released(ANN, BEN, EVE)
    assert await post.turn() == 1
    assert named(hop) == [ANN, BEN, EVE]
    (waits,) = post.waiting()
    assert (waits.left, waits.undelivered, waits.attempts) == ((1,), (2,), 1)
    assert await post.turn(later=50) == 0  # not yet
    assert await post.turn(later=10) == 1
    assert await post.turn(later=100) == 0
    assert await post.turn(later=20) == 1
    assert named(hop) == [ANN, BEN, EVE, BEN, BEN]
    assert len(hop.messages) == 2  # for Ann, and for Ben
    assert [(each["event"], each["outbox"]) for each in post.attempts(id)] == [
        ("deferred", {"left": [1], "undelivered": [2]}),
        ("deferred", {"left": [1], "undelivered": [2]}),
        ("returned", {"left": [], "undelivered": [2]}),
    ]
    assert [each["reply"][:3] for each in post.attempts(id)] == ["550", "452", "550"]
    assert not post.waiting()
    held = post.hold(id)
    assert (held.state, held.undelivered) == (RETURNED, (2,))


async def test_released_again_it_goes_to_those_not_reached(post: Post, hop: ScriptedHop) -> None:
    hop.answers = {"RCPT TO:<ben": ["550 5.1.1 who?"]}
    id = await post.released(ANN, BEN)
    await post.turn()
    assert post.hold(id).state == RETURNED
    await post.release(id)
    assert await post.turn(later=1) == 1
    assert named(hop) == [ANN, BEN, BEN]
    assert post.hold(id).state == RELEASED


async def test_without_a_route_it_comes_back_at_once(post: Post, hop: ScriptedHop) -> None:
    id = await post.released("ann@elsewhere.example")
    await post.turn()
    assert post.hold(id).state == RETURNED
    (attempt,) = post.attempts(id)
    assert (attempt["reply"], attempt["next_hop"]) == ("550 5.1.2 No route to the recipient's domain", "")
    assert not hop.connections


async def test_in_the_end_it_is_given_up(post: Post, hop: ScriptedHop) -> None:
    """After two days, with as many attempts as the back-off makes of them, the last when time is up."""
    hop.answers = {"RCPT": "451 4.7.1 greylisted"}
    id = await post.released(ANN)
    turns = 0
    while post.now < NOON + timedelta(days=3):
        post.index()
        waiting = post.waiting()
        if not waiting:
            break
        post.now = next_attempt(waiting[0], post.config.outbox)
        assert await post.turn() == 1
        turns += 1
    assert post.now == NOON + timedelta(days=2)
    assert 50 <= turns <= 62
    last = post.attempts(id)[-1]
    assert (last["event"], last["reply"]) == ("returned", "451 4.7.1 greylisted")
    assert last["outbox"] == {"left": [], "undelivered": [0]}
    assert post.hold(id).state == RETURNED


# --- restarts, and a catalog that is behind ---------------------------------------------------------


async def test_a_new_process_goes_on_where_the_last_one_was(post: Post, hop: ScriptedHop) -> None:
    hop.answers = {"RCPT TO:<ben": ["452 4.2.2 full"]}
    await post.released(ANN, BEN)
    await post.turn()
    post.restart()
    assert await post.turn() == 0
    assert await post.turn(later=MINUTE) == 1
    assert named(hop) == [ANN, BEN, BEN]


async def test_nothing_is_sent_by_an_old_list(post: Post, hop: ScriptedHop) -> None:
    """The catalog does not know yet what came of the last attempt: neither this process nor the next repeats it."""
    await post.released(ANN)
    post.index()
    assert await post.turn(index=False) == 1
    assert len(post.waiting()) == 1  # so the catalog says
    assert await post.turn(index=False, later=DAY) == 0
    post.restart()
    assert await post.turn(index=False, later=DAY) == 0
    assert len(hop.messages) == 1
    assert await post.turn() == 0
    assert not post.waiting()


async def test_nothing_is_sent_by_a_rebuilt_catalog_that_is_behind(post: Post, hop: ScriptedHop) -> None:
    await post.released(ANN)
    post.index()
    position, waiting = post.look()
    assert await post.outbox.turn(waiting, position) == 1
    await post.notice(BEN)
    assert await post.turn(later=1) == 1
    assert await post.outbox.turn(waiting, position) == 0  # the list of before
    assert named(hop) == [ANN, BEN]


# --- an archive that cannot take anything -----------------------------------------------------------


async def test_what_could_not_be_recorded_is_not_sent_for(post: Post, hop: ScriptedHop) -> None:
    id = await post.released(ANN)
    post.door.shut = FULL
    assert await post.turn() == 0
    assert not hop.connections
    post.door.shut = None
    assert await post.turn(later=1) == 1
    assert [each["event"] for each in post.attempts(id)] == ["relayed"]


async def test_an_archive_that_is_full_just_then(post: Post, hop: ScriptedHop) -> None:
    """What came of the attempt is recorded when it can be, with the time at which it was, and nothing is sent again."""
    id = await post.released(ANN)
    other = await post.notice(BEN)
    post.door.shut_after_ready = FULL
    for _ in range(3):
        assert await post.turn(later=1) == 0
    assert sorted(named(hop)) == [ANN, BEN]
    assert not post.attempts(id)
    post.door.shut_after_ready = None
    assert await post.turn(later=HOUR) == 0  # which records, and finds that the list is old
    assert await post.turn(later=1) == 0
    assert sorted(named(hop)) == [ANN, BEN]
    for each in (id, other):
        assert [found["event"] for found in post.attempts(each)] == ["relayed"]
        assert post.reader.events(each)[-1].received == NOON + timedelta(seconds=1)
    assert not post.waiting()


async def test_asked_again_it_records_and_does_not_send(post: Post, hop: ScriptedHop) -> None:
    id = await post.released(ANN)
    post.index()
    (waits,) = post.waiting()
    post.door.shut = FULL
    with pytest.raises(ArchiveUnavailable):
        await post.outbox.attempt(waits)
    post.door.shut = None
    seq = await post.outbox.attempt(waits)
    assert named(hop) == [ANN]
    assert [entry.seq for entry in post.reader.events(id)][-1] == seq


async def test_full_in_the_middle_of_a_turn(post: Post, hop: ScriptedHop) -> None:
    """No more is sent than was on its way already."""
    for _ in range(20):
        await post.notice(ANN)
    post.door.shut_after_ready = FULL
    assert await post.turn() == 0
    assert len(hop.messages) <= AT_ONCE
    post.door.shut_after_ready = None
    while post.waiting():
        await post.turn(later=1)
    assert len(hop.messages) == 20


async def test_told_to_end_while_the_archive_writes(post: Post, hop: ScriptedHop) -> None:
    id = await post.released(ANN)
    post.index()
    position, waiting = post.look()
    post.door.gate = asyncio.Event()
    turn = asyncio.create_task(post.outbox.turn(waiting, position))
    async with asyncio.timeout(20):
        while "QUIT" not in hop.lines:
            hop.changed.clear()
            await hop.changed.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    post.door.gate.set()
    async with asyncio.timeout(20):
        while not post.attempts(id):
            await asyncio.sleep(0)
    assert [each["event"] for each in post.attempts(id)] == ["relayed"]


# --- a record that is damaged -----------------------------------------------------------------------


async def altered(post: Post) -> str:
    id = await post.released(ANN, BEN)
    post.alter_raw(id)
    return id


async def without_a_whole_envelope(post: Post) -> str:
    identity = UUID("019aa0c5-0000-7000-8000-0000000000aa")
    recipients = [{"address": ANN}, {"address": BEN}]
    await post.store(identity, {"held": True, "envelope": {"recipients": recipients}}, PLAIN)
    await post.release(str(identity))
    return str(identity)


@pytest.mark.parametrize("damage", [altered, without_a_whole_envelope])
async def test_a_damaged_record_comes_back(
    damage: Callable[[Post], Awaitable[str]], post: Post, hop: ScriptedHop
) -> None:
    id = await damage(post)
    with capture_logs() as lines:
        assert await post.turn() == 1
    assert {"outbox_unreadable", "outbox"} <= {line["event"] for line in lines}
    (attempt,) = post.attempts(id)
    assert (attempt["event"], attempt["reply"]) == (
        "returned",
        "554 5.6.0 The message cannot be read from the archive",
    )
    assert attempt["outbox"] == {"left": [], "undelivered": [0, 1]}
    assert post.hold(id).state == RETURNED
    assert not hop.connections


async def test_a_message_that_is_not_there_comes_back(post: Post, hop: ScriptedHop) -> None:
    """Or a list that is of another archive: nothing is sent, and the log says it."""
    lost = item(id="019aa0c5-0000-7000-8000-0000000000aa", left=(0,))
    with capture_logs() as lines:
        seq = await post.outbox.attempt(lost)
    entry = post.reader.entry(seq or 0)
    assert entry is not None and entry.document["event"] == "returned"
    assert any(line["event"] == "outbox_unreadable" and line["log_level"] == "error" for line in lines)


async def test_a_record_without_recipients_comes_back(post: Post) -> None:
    """Which the catalog cannot count where there is no envelope: somebody must look, and nothing waits for ever."""
    identity = UUID("019aa0c5-0000-7000-8000-0000000000aa")
    await post.store(identity, {"held": True, "envelope": {}}, PLAIN)
    await post.release(str(identity))
    assert await post.turn() == 1
    assert [each["event"] for each in post.attempts(str(identity))] == ["returned"]
    assert post.hold(str(identity)).state == RETURNED
    assert not post.waiting()


async def test_a_recipient_that_the_envelope_does_not_have(post: Post, hop: ScriptedHop) -> None:
    id = await post.released(ANN)
    post.index()
    (waits,) = post.waiting()
    await post.outbox.attempt(replace(waits, left=(0, 1)))
    assert [each["event"] for each in post.attempts(id)] == ["returned"]
    assert not hop.connections


# --- many at once, and next hops that do not answer -------------------------------------------------

IMPATIENT = {"connect": 0.3, "reply": 0.3, "commit": 1}


async def test_a_silent_next_hop_holds_up_nobody_else(tmp_path: Path, hop: ScriptedHop) -> None:
    """A few at once find out; the rest are not tried, and a while later again a few."""
    async with serving(RudeHop(answers={"banner": "SILENCE"})) as silent:
        routes = {"district.example": hop.address, "students.district.example": silent.address}
        async with post_office(tmp_path, routes, timeouts=IMPATIENT) as post:
            ids = [await post.notice("kim@students.district.example") for _ in range(20)]
            last = await post.notice(ANN)
            assert await post.turn() == AT_ONCE + 1
            assert silent.connections == AT_ONCE
            assert [each["event"] for each in post.attempts(last)] == ["relayed"]
            assert [len(post.attempts(id)) for id in ids] == [1] * AT_ONCE + [0] * 16
            assert await post.turn(later=1) == 0
            assert silent.connections == AT_ONCE
            assert await post.turn(later=MINUTE) == AT_ONCE
            assert silent.connections == 2 * AT_ONCE
            silent.answers.clear()
            await post.turn(later=HOUR)
            assert not post.waiting()
            assert len(silent.messages) == 20


async def test_one_route_silent_the_other_not(tmp_path: Path, hop: ScriptedHop) -> None:
    """Whoever can be reached is, in a message that has recipients on both."""
    async with serving(RudeHop(answers={"banner": "SILENCE"})) as silent:
        routes = {"district.example": hop.address, "students.district.example": silent.address}
        async with post_office(tmp_path, routes, timeouts=IMPATIENT) as post:
            for _ in range(AT_ONCE + 1):
                await post.notice(ANN, "kim@students.district.example")
            assert await post.turn() == AT_ONCE + 1
            assert silent.connections == AT_ONCE
            assert {each.left for each in post.waiting()} == {(1,)}
    assert named(hop) == [ANN] * (AT_ONCE + 1)


async def test_passed_over_it_is_given_up_all_the_same(tmp_path: Path) -> None:
    async with post_office(tmp_path, {"district.example": "127.0.0.1:1"}) as post:
        ids = [await post.notice(ANN) for _ in range(AT_ONCE + 3)]
        assert await post.turn(later=2 * DAY) == AT_ONCE + 3
        assert not post.waiting()
        told = {post.attempts(id)[0]["reply"] for id in ids}
    assert told == {
        "451 4.4.1 The next hop does not answer; try again later",
        "554 5.4.7 Not delivered in time",
    }


async def test_only_so_many_at_once(tmp_path: Path) -> None:
    async with (
        serving(RudeHop(answers={".": "WAIT"})) as slow,
        post_office(tmp_path, {"district.example": slow.address}) as post,
    ):
        for _ in range(3 * AT_ONCE):
            await post.notice(ANN)
        turn = asyncio.create_task(post.turn())
        await until_sent(slow, AT_ONCE)
        assert slow.connections == AT_ONCE
        slow.gate.set()
        assert await turn == 3 * AT_ONCE


async def test_told_to_stop_it_ends_what_it_began(tmp_path: Path) -> None:
    async with (
        serving(RudeHop(answers={".": "WAIT"})) as slow,
        post_office(tmp_path, {"district.example": slow.address}) as post,
    ):
        for _ in range(3 * AT_ONCE):
            await post.notice(ANN)
        turn = asyncio.create_task(post.turn())
        await until_sent(slow, AT_ONCE)
        post.outbox.stop()
        slow.gate.set()
        assert await turn == AT_ONCE
        assert await post.turn(later=1) == 0
        post.restart()
        assert await post.turn(later=1) == 2 * AT_ONCE
        assert len(slow.messages) == 3 * AT_ONCE


async def test_what_nobody_foresaw_rests_a_while(post: Post, hop: ScriptedHop, monkeypatch: Any) -> None:
    """It is not tried every second, and the others are."""
    odd = await post.released(ANN)
    send = post.outbox._send

    async def broken(waits: Item, *rest: Any) -> Any:
        if waits.id == odd:
            raise RuntimeError("unforeseen")
        return await send(waits, *rest)

    monkeypatch.setattr(post.outbox, "_send", broken)
    await post.notice(BEN)
    with capture_logs() as lines:
        assert await post.turn() == 1
        assert await post.turn(later=1) == 0
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["outbox_failed"]
    monkeypatch.undo()
    assert await post.turn(later=MINUTE) == 1
    assert named(hop) == [BEN, ANN]


# --- everything at once -----------------------------------------------------------------------------


@dataclass
class Fickle(RudeHop):
    """A next hop that answers as the dice fall, and knows for whom it took a message."""

    dice: random.Random = field(default_factory=random.Random)
    named: dict[asyncio.StreamWriter, list[str]] = field(default_factory=dict)
    reached: Counter[str] = field(default_factory=Counter)

    def draw(self) -> str:
        return self.dice.choices(["250 2.0.0 ok", "451 4.3.0 later", "550 5.1.1 no", "DROP"], [8, 4, 2, 1])[0]

    async def _reply(self, text: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        verb = text.partition(" ")[0]
        if verb == "MAIL":
            self.named[writer] = []
        elif verb == "RCPT":
            answer = self.draw()
            if answer.startswith("250"):
                self.named[writer].append(text[9:].partition(">")[0])
            return await self._send(writer, answer)
        elif verb == "DATA":
            await self._send(writer, "354 go ahead")
            await reader.readuntil(b"\r\n.\r\n")
            answer = self.draw()
            if answer.startswith("250"):
                self.reached.update(self.named[writer])
            return await self._send(writer, answer)
        return await super()._reply(text, reader, writer)


@pytest.mark.parametrize("seed", range(12))
async def test_everybody_is_reached_once_or_told_of(seed: int, tmp_path: Path) -> None:
    """Whatever next hop and archive refuse, the indexer leaves for later, and however often the process begins anew."""
    dice = random.Random(seed)
    hop = Fickle(dice=dice)
    async with (
        serving(hop),
        post_office(tmp_path, {"district.example": hop.address}, outbox={"give_up": 8 * HOUR}) as post,
    ):
        recipients: dict[str, list[str]] = {}
        for number in range(8):
            named = [f"p{number}-{at}@district.example" for at in range(dice.randint(1, 4))]
            recipients[await post.released(*named)] = named
        post.index()
        for _ in range(60):
            post.door.shut = FULL if dice.random() < 0.2 else None
            post.door.shut_after_ready = FULL if dice.random() < 0.3 else None
            if dice.random() < 0.7:
                post.index()
            if (
                not post.outbox._unrecorded and dice.random() < 0.2
            ):  # a kill just then is what RFC 1047 is about
                post.restart()
            post.now += timedelta(seconds=dice.choice([1, MINUTE, 10 * MINUTE]))
            await post.turn(index=False)
        post.door.shut = post.door.shut_after_ready = None
        for _ in range(20):
            await post.turn(later=HOUR)
        assert not post.waiting()
        for id, named in recipients.items():
            gone = {named[place] for place in post.hold(id).undelivered}
            assert {address: hop.reached[address] for address in named} == {
                address: 0 if address in gone else 1 for address in named
            }
            assert post.hold(id).state == (RETURNED if gone else RELEASED)
    assert hop.reached


# --- what is told -----------------------------------------------------------------------------------


async def test_log_and_metrics(post: Post, hop: ScriptedHop) -> None:
    hop.answers = {"RCPT TO:<ben": "452 4.2.2 <ben@district.example> full", "RCPT TO:<eve": "550 5.1.1 who?"}
    ids = [await post.notice(ANN, BEN), await post.released(ANN, EVE), await post.released(ANN)]
    with capture_logs() as lines:
        await post.turn()
    told = sorted(
        (line for line in lines if line["event"] == "outbox"), key=lambda line: ids.index(line["id"])
    )
    assert told == [
        {"event": "outbox", "log_level": level, "id": id, "kind": kind, "outcome": outcome} | more
        for id, level, kind, outcome, more in (
            (ids[0], "info", NOTICE, "deferred", {"code": 452, "recipients": 2}),
            (ids[1], "warning", RELEASE, "returned", {"code": 550, "recipients": 2}),
            (ids[2], "info", RELEASE, "relayed", {"code": 250, "recipients": 1}),
        )
    ]
    assert "@" not in str(told)
    counted = post.metrics.outbox_attempts
    for kind, outcome in ((NOTICE, "deferred"), (RELEASE, "returned"), (RELEASE, "relayed")):
        assert counted.labels(kind, outcome).value == 1


class Latin(RudeHop):
    """A next hop whose words are not UTF-8."""

    async def _send(self, writer: asyncio.StreamWriter, answer: str) -> bool:
        writer.write(answer.encode("latin-1") + b"\r\n")
        return True


async def test_a_reply_is_kept_octet_by_octet(tmp_path: Path) -> None:
    async with (
        serving(Latin(answers={"RCPT": "550 5.1.1 Grüße"})) as hop,
        post_office(tmp_path, {"district.example": hop.address}) as post,
    ):
        id = await post.released(ANN)
        assert await post.turn() == 1
        told = post.attempts(id)[0]["reply"]
    assert told.encode("utf-8", "surrogateescape") == "550 5.1.1 Grüße".encode("latin-1")
