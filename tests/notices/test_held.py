"""Letters about held messages: one for all transactions of a message, and one for very many messages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from gateway.catalog import notified
from gateway.notices.told import (
    CameBack,
    Case,
    Digest,
    Escalated,
    Notice,
    ReleasedUnseen,
    Several,
    Waiting,
)
from tests.notices.town import REVIEWERS, Town, clock

Make = Callable[..., Town]
NOON = clock("10-14 12:00")
SOON = clock("10-14 12:00:05")
BY_THE_CLOCK = {"event": "hold-released", "by": "mailgw (time limit)", "reason": "", "automatic": True}
BACK = {"event": "returned", "reply": "550 no", "outbox": {"left": [], "undelivered": [0]}}
ESCALATING = f'{REVIEWERS}[hold]\nthen = "escalate"\nescalate_to = ["sue@harbor.example"]\n'


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def moments(seconds: str) -> list[datetime]:
    return [after(float(each)) for each in seconds.split()]


def kinds(here: Town, at: datetime) -> list[str]:
    return [notice.kind.value for notice in here.plan(at).notices]


def only(here: Town, at: datetime) -> Notice:
    (notice,) = here.tell(at)
    return notice


# --- transactions of one message ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("received", "look", "told"),
    [  # seconds after noon; in how many transactions the message of the one letter came
        ("0", 0, None),
        ("0", 4.9, None),
        ("0", 5, 1),
        ("0", 3600, 1),
        ("0 0 0", 5, 3),
        ("0 1 3", 7.9, None),  # the youngest is not five seconds old
        ("0 1 3", 8, 3),
        ("0 4 8 12", 16, None),
        ("0 4 8 12", 17, 4),
        ("0 30", 35, 2),
        (" ".join(map(str, range(0, 60, 4))), 59.9, None),  # somebody sends it without end
        (" ".join(map(str, range(0, 60, 4))), 60, 15),
    ],
)
def test_one_letter_for_one_message(town: Make, received: str, look: float, told: int | None) -> None:
    here = town()
    *parts, finding = here.parts("carla", *moments(received), to=2)
    notices = here.plan(after(look)).notices
    if told is None:
        assert notices == ()
        return
    (notice,) = notices
    assert notice.about == (*((part, "held") for part in parts), (finding, "reviewers"))
    assert isinstance(notice.body, Waiting)
    message = notice.body.message
    assert (message.id, message.received) == (parts[0], NOON)
    assert (message.transactions, message.recipients) == (told, 2 * told)
    assert notice.body.until == NOON + timedelta(days=1)


def test_a_transaction_that_comes_late_is_spoken_for(town: Make) -> None:
    here = town()
    here.parts("carla", NOON, NOON)
    only(here, SOON)
    here.made = 0  # the same message once more
    here.parts("carla", after(300))
    assert here.plan(after(310)).notices == ()
    (digest,) = here.plan(clock("10-15 07:00")).notices
    assert isinstance(digest.body, Digest)
    assert (digest.body.held, digest.body.oldest) == (1, NOON)  # one message that waits


def test_a_message_that_was_decided_and_is_sent_again_is_told_again(town: Make) -> None:
    here = town()
    message, _ = here.parts("carla", NOON)
    only(here, SOON)
    here.event(message, after(60), event="hold-refused", by="pat", reason="No.")
    here.made = 0
    again, _ = here.parts("carla", after(120))
    assert only(here, after(125)).about[0] == (again, "held")


def test_messages_of_different_content_are_letters_of_their_own(town: Make) -> None:
    here = town()
    first, _ = here.parts("carla", NOON)
    second, _ = here.parts("carla", NOON)
    assert [notice.about[0][0] for notice in here.plan(SOON).notices] == [first, second]


def test_a_finding_that_a_held_letter_is_about_to_tell_is_not_told_before(town: Make) -> None:
    """Findings may settle sooner than the letter goes out."""
    here = town(f"{REVIEWERS}[policy]\nsettle_window = 1\n")
    here.found("carla", at=NOON, action="hold", held=True)
    assert kinds(here, after(3)) == []
    assert kinds(here, SOON) == ["held"]


def test_the_reviewers_of_all_transactions_are_told_once_and_none_about_themselves(town: Make) -> None:
    here = town()
    parts = here.parts("pat", NOON, NOON)
    assert only(here, SOON).recipients == ("rae@harbor.example",)
    assert len(parts) == 3


def test_an_escalation_of_all_transactions_is_one_letter(town: Make) -> None:
    here = town(ESCALATING)
    first, second, _ = here.parts("carla", NOON, after(2), to=2)
    only(here, after(7))
    due = NOON + timedelta(days=1)
    here.tell(due)  # the digest
    here.event(first, due, event="hold-escalated", to=1)
    assert here.plan(due + timedelta(seconds=4)).notices == ()
    here.event(second, due + timedelta(seconds=2), event="hold-escalated", to=1)
    notice = only(here, due + timedelta(seconds=7))
    assert notice.about == ((first, "escalated-1"), (second, "escalated-1"))
    assert isinstance(notice.body, Escalated)
    assert (notice.body.message.recipients, notice.body.message.transactions) == (4, 2)


def test_an_escalation_that_comes_late_is_spoken_for_until_the_next(town: Make) -> None:
    here = town(ESCALATING)
    first, second, _ = here.parts("carla", NOON, NOON)
    only(here, SOON)
    here.event(first, after(100), event="hold-escalated", to=1)
    assert only(here, after(105)).about == ((first, "escalated-1"), (second, "escalated-0"))[:1]
    here.event(second, after(200), event="hold-escalated", to=1)
    assert here.plan(after(205)).notices == ()
    here.event(first, after(300), event="hold-escalated", to=1)
    here.event(second, after(300), event="hold-escalated", to=1)
    assert only(here, after(305)).about == ((first, "escalated-2"), (second, "escalated-2"))


def test_releases_by_the_clock_are_one_letter(town: Make) -> None:
    here = town()
    first, second, _ = here.parts("carla", NOON, after(2))
    only(here, after(7))
    here.event(first, after(100), **BY_THE_CLOCK)
    here.event(second, after(102), **BY_THE_CLOCK)
    assert here.plan(after(105)).notices == ()
    notice = only(here, after(107))
    assert notice.about == ((first, "released-unseen"), (second, "released-unseen"))
    assert isinstance(notice.body, ReleasedUnseen)
    assert notice.body.released == after(100)
    assert here.plan(after(200)).notices == ()


def test_the_same_message_of_another_day_released_by_the_clock_is_told_too(town: Make) -> None:
    here = town()
    for seconds in (0, 200):
        here.made = 0
        message, _ = here.parts("carla", after(seconds))
        only(here, after(seconds + 5))
        here.event(message, after(seconds + 100), **BY_THE_CLOCK)
        assert only(here, after(seconds + 105)).about == ((message, "released-unseen"),)


def test_what_comes_back_of_one_message_is_one_letter(town: Make) -> None:
    here = town()
    parts = here.parts("carla", NOON, NOON, NOON, to=2)[:3]
    only(here, SOON)
    for part in parts:
        here.event(part, after(60), event="hold-released", by="pat", reason="Fine.")
    for part in parts[:2]:
        here.event(part, after(70), **BACK)
    decided = after(60).astimezone(UTC).isoformat()
    notice = only(here, after(71))
    assert notice.about == tuple((f"{part} {decided}", "returned") for part in parts[:2])
    assert isinstance(notice.body, CameBack)
    assert (notice.body.undelivered, notice.body.message.recipients) == (2, 4)
    here.event(parts[2], after(400), **BACK)  # later: other recipients
    assert only(here, after(401)).about == ((f"{parts[2]} {decided}", "returned"),)


# --- very many ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "letters"),
    [  # who wrote how many that are held together; the letters, by recipient and how many messages they tell
        ({"carla": 5}, {"pat rae": [1] * 5}),
        ({"carla": 6}, {"pat rae": [6]}),
        ({"carla": 3, "tim": 3}, {"pat rae": [6]}),
        ({"carla": 5, "pat": 5}, {"pat rae": [1] * 5, "rae": [1] * 5}),  # Pat is not told of her own
        ({"carla": 6, "pat": 2}, {"pat rae": [6], "rae": [1, 1]}),
        ({"carla": 1000}, {"pat rae": [1000]}),
    ],
)
def test_a_burst_is_one_letter(town: Make, messages: dict[str, int], letters: dict[str, list[int]]) -> None:
    here = town()
    held = [here.parts(author, NOON) for author, count in messages.items() for _ in range(count)]
    notices = here.tell(SOON)
    found: dict[str, list[int]] = {}
    for notice in notices:
        count = notice.body.count if isinstance(notice.body, Several) else 1
        named = " ".join(address.removesuffix("@harbor.example") for address in notice.recipients)
        found.setdefault(named, []).append(count)
    assert found == letters
    about = {pair for notice in notices for pair in notice.about}
    assert about == {
        pair for message, finding in held for pair in ((message, "held"), (finding, "reviewers"))
    }
    assert here.plan(SOON).notices == ()
    assert {each.kind.value for each in notices} == {"held"}


def test_a_burst_counts_messages_and_not_their_transactions(town: Make) -> None:
    here = town()
    for _ in range(5):
        here.parts("carla", *[NOON] * 10)
    assert len(here.tell(SOON)) == 5


def test_the_letter_about_very_many_lists_the_oldest_first(town: Make) -> None:
    here = town()
    made = [here.parts("carla", after(-number), to=number + 1)[0] for number in range(6)]
    body = only(here, SOON).body
    assert isinstance(body, Several)
    assert (body.case, body.count, body.more, body.since) == (Case.WAITING, 6, 0, after(-5))
    assert [each.id for each in body.messages] == made[::-1]
    assert body.messages[0].recipients == 6 and body.messages[0].rules == "coach/one-to-one"
    assert body.until == after(-5) + timedelta(days=1)


@pytest.mark.parametrize(
    ("settings", "event", "case"),
    [
        (REVIEWERS, BY_THE_CLOCK, Case.RELEASED),
        (ESCALATING, {"event": "hold-escalated", "to": 1}, Case.ESCALATED),
    ],
)
def test_what_becomes_of_very_many_is_one_letter_too(
    town: Make, settings: str, event: dict[str, object], case: Case
) -> None:
    here = town(settings)
    made = [here.parts("carla", NOON)[0] for _ in range(30)]
    only(here, SOON)
    for message in made:
        here.event(message, after(100), **event)
    body = only(here, after(105)).body
    assert isinstance(body, Several)
    assert (body.case, body.count) == (case, 30)


def test_releases_that_come_back_in_great_number_are_one_letter(town: Make) -> None:
    here = town()
    made = [here.parts("carla", NOON)[0] for _ in range(6)]
    only(here, SOON)
    for message in made:
        here.event(message, after(60), event="hold-released", by="pat", reason="Fine.")
        here.event(message, after(61), **BACK)
    body = only(here, after(66)).body
    assert isinstance(body, Several)
    assert (body.case, body.count) == (Case.RETURNED, 6)


@pytest.mark.parametrize(
    ("hold", "wait"),
    [("", 600), ("[hold]\nlimit = 2400\n", 600), ("[hold]\nlimit = 400\n", 100)],
)
def test_after_many_letters_in_an_hour_messages_are_collected(town: Make, hold: str, wait: int) -> None:
    """Ten letters; the next ones are told together, ten minutes or a quarter of their time later."""
    here = town(REVIEWERS + hold)
    for minute in range(2):
        for _ in range(5):
            here.parts("carla", after(minute * 60))
        assert len(here.tell(after(minute * 60 + 5))) == 5
    first, found = here.parts("carla", after(300))
    second, again = here.parts("tim", after(310))
    assert here.plan(after(299 + wait)).notices == ()
    notice = only(here, after(300 + wait))
    assert notice.about == (
        (first, "held"),
        (found, "reviewers"),
        (second, "held"),
        (again, "reviewers"),
    )
    assert isinstance(notice.body, Several) and notice.body.count == 2
    later = clock("10-14 13:30")
    here.parts("carla", later)
    assert kinds(here, later + timedelta(seconds=5)) == ["held"]


def test_what_becomes_of_held_messages_is_collected_too(town: Make) -> None:
    """From when there was something to tell: the message itself is an hour old."""
    here = town(ESCALATING)
    old, _ = here.parts("carla", after(-3600))
    only(here, after(-3500))
    for minute in range(2):
        for _ in range(5):
            here.parts("carla", after(minute * 60))
        here.tell(after(minute * 60 + 5))
    here.event(old, after(300), event="hold-escalated", to=1)
    assert here.plan(after(899)).notices == ()
    assert only(here, after(900)).about == ((old, "escalated-1"),)


def test_a_trickle_of_messages_is_few_letters(town: Make) -> None:
    """A rule that holds all mail, one message each half minute for an hour and a half."""
    here = town()
    told: list[str] = []
    letters = 0
    for number in range(180):
        here.parts("carla", after(number * 30))
        for notice in here.tell(after(number * 30 + 5)):
            letters += notice.kind == "held"
            told += [subject for subject, audience in notice.about if audience == "held"]
    told += [subject for subject, audience in only(here, after(180 * 30 + 600)).about if audience == "held"]
    assert len(set(told)) == len(told) == 180
    assert letters <= 30


@pytest.mark.parametrize(
    ("audiences", "since", "letters"),
    [
        (["held"], 0, 3),
        (["held"], 6, 1),  # the one of the second later
        (["escalated-*"], 0, 2),
        (["escalated-1"], 0, 1),
        (["escalated*"], 0, 2),
        (["escalat_d-*"], 0, 0),  # nothing in it stands for anything else
        (["held", "escalated-*"], 0, 5),
        (["reviewers"], 0, 3),
        ([], 0, 0),
    ],
)
def test_how_many_letters_there_were(town: Make, audiences: list[str], since: float, letters: int) -> None:
    here = town(ESCALATING)
    message, _ = here.parts("carla", NOON, NOON)[::2]
    here.parts("tim", NOON)
    here.tell(SOON)
    here.parts("tim", after(1))
    here.tell(after(6))
    for seconds in (20, 40):
        here.event(message, after(seconds), event="hold-escalated", to=1)
        only(here, after(seconds + 5))
    with here.store.engine.connect() as connection:
        assert notified.letters(connection, *audiences, since=after(since)) == letters
