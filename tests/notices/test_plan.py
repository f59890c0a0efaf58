"""What is told when: tables that a principal could check."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.catalog import notified
from gateway.config import Config, Severity
from gateway.notices.plan import author_address, digest_due
from gateway.notices.told import (
    CameBack,
    Digest,
    Escalated,
    InOrder,
    ReleasedUnseen,
    ToAuthor,
    Violations,
    Waiting,
)
from tests.notices.town import ACCOUNTS, REVIEWERS, USERS, Town, clock

Make = Callable[..., Town]
NOON = clock("10-14 12:00")
SOON = clock("10-14 12:00:05")  # the transactions of a message of noon are here
BOTH = ("pat@harbor.example", "rae@harbor.example")
AUTHORS = f"{REVIEWERS}authors = true\n"
ESCALATING = f'{REVIEWERS}[hold]\nlimit = 3600\nthen = "escalate"\nescalate_to = ["sue@harbor.example"]\n'


def kinds(here: Town, at: str) -> list[str]:
    return [notice.kind.value for notice in here.plan(clock(at)).notices]


# --- violations and the digest -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "action", "at", "expected"),
    [
        ("violation", "notify", "10-14 12:09", []),  # not settled yet
        ("violation", "notify", "10-14 12:10", ["violations"]),
        ("violation", "reject", "10-14 12:10", ["violations"]),
        ("violation", "hold", "10-14 12:10", ["violations"]),  # it was not held after all
        ("violation", "record", "10-14 12:10", []),  # the action does not ask
        ("violation", "tag", "10-15 07:00", []),
        ("advisory", "notify", "10-14 12:10", []),
        ("advisory", "notify", "10-15 06:59", []),
        ("advisory", "notify", "10-15 07:00", ["digest"]),
        ("notice", "notify", "10-15 07:00", ["digest"]),
        ("notice", "record", "10-15 07:00", []),
        ("violation", "notify", "10-21 12:00", ["violations"]),  # after days without service
        ("violation", "notify", "10-21 12:01", []),  # older than a week
    ],
)
def test_when_a_finding_of_noon_is_told(
    town: Make, severity: str, action: str, at: str, expected: list[str]
) -> None:
    here = town()
    here.found("carla", at=NOON, severity=severity, action=action)
    assert kinds(here, at) == expected


def test_what_was_told_is_not_told_again(town: Make) -> None:
    here = town()
    _, grave = here.found("carla", at=NOON)
    _, mild = here.found("carla", at=NOON, severity="advisory")
    (first,) = here.tell(clock("10-14 12:10"))
    assert (first.recipients, first.about) == (BOTH, ((grave, "reviewers"),))
    assert kinds(here, "10-14 12:11") == []
    (digest,) = here.tell(clock("10-15 07:00"))
    assert digest.about == (("2026-10-15", "digest"), (mild, "reviewers"))
    assert kinds(here, "10-15 07:01") == []
    assert kinds(here, "10-16 07:01") == []


def test_findings_are_grouped_by_school(town: Make) -> None:
    here = town()
    for author in ("tim", "carla", "sue", "carla"):
        here.found(author, at=NOON)
    (notice,) = here.plan(clock("10-14 12:10")).notices
    assert isinstance(notice.body, Violations)
    found = [(school.name, [told.author for told in school.told]) for school in notice.body.listing.schools]
    assert found == [
        ("Lincoln High", ["Carla Coach", "Carla Coach"]),
        ("Roosevelt Middle", ["Tim Kay"]),
        ("", ["Sue Hall"]),
    ]


def test_what_matters_most_in_one_message_comes_first(town: Make) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON, action="hold", held=True)
    mild = here.finding("carla", id="a", severity="advisory", rule="student/one-to-one")
    grave = here.finding("carla", id="b", action="hold")
    here.judge_again(message, at=NOON, findings=[mild, grave])
    (notice,) = here.plan(SOON).notices
    assert isinstance(notice.body, Waiting)
    (school,) = notice.body.message.listing.schools
    assert [told.severity for told in school.told] == ["violation", "advisory"]


def test_a_message_whose_other_parts_are_awaited_is_not_told_of(town: Make) -> None:
    here = town(f'{REVIEWERS}[policy.rules."coach/one-to-one"]\naction = "notify"\n')
    parts = here.split("carla@harbor.example", "ann@harbor.example", "bo@harbor.example", at=NOON)
    assert kinds(here, "10-14 12:10") == []
    here.judge_again(*parts, at=NOON, findings=[here.finding("carla")])
    assert kinds(here, "10-14 12:10") == ["violations"]


@pytest.mark.parametrize(
    ("found", "at", "expected"),
    [
        ("10-14 06:50", "10-14 07:00", "2026-10-14"),
        ("10-14 06:51", "10-14 07:05", None),  # was not settled when the digest was due: the next one has it
        ("10-14 06:51", "10-15 07:00", "2026-10-15"),
        ("10-14 10:00", "10-14 23:59", None),  # a day without digest does not make one at any hour
        ("10-14 10:00", "10-15 07:00", "2026-10-15"),
        ("10-14 10:00", "10-15 23:00", "2026-10-15"),  # the service was down in the morning
        ("10-14 10:00", "10-16 06:00", "2026-10-15"),  # or for the whole day
        ("10-14 10:00", "10-18 03:00", "2026-10-17"),  # or for several: one digest
    ],
)
def test_the_day_of_a_digest(town: Make, found: str, at: str, expected: str | None) -> None:
    here = town()
    here.found("carla", at=clock(found), severity="advisory")
    days = [notice.about[0][0] for notice in here.tell(clock(at))]
    assert days == ([expected] if expected else [])
    assert here.plan(clock(at)).notices == ()


def test_the_digest_after_a_missed_one_is_that_of_the_day(town: Make) -> None:
    here = town()
    here.found("carla", at=NOON, severity="advisory")
    assert len(here.tell(clock("10-16 06:00"))) == 1  # that of the 15th
    here.found("carla", at=clock("10-16 06:10"), severity="advisory")
    assert kinds(here, "10-16 06:59") == []
    (digest,) = here.tell(clock("10-16 07:00"))
    assert digest.about[0] == ("2026-10-16", "digest")


@pytest.mark.parametrize(
    ("digest_at", "now", "day", "due"),
    [
        ("07:00", "2026-10-14T11:00Z", "2026-10-14", "2026-10-14T11:00Z"),  # summer: four hours behind
        ("07:00", "2026-10-14T10:59Z", "2026-10-13", "2026-10-13T11:00Z"),
        ("07:00", "2026-11-01T11:59Z", "2026-10-31", "2026-10-31T11:00Z"),  # clocks went back that night
        ("07:00", "2026-11-01T12:00Z", "2026-11-01", "2026-11-01T12:00Z"),
        ("07:00", "2027-03-14T11:00Z", "2027-03-14", "2027-03-14T11:00Z"),  # and forward that night
        ("01:30", "2026-11-01T05:30Z", "2026-11-01", "2026-11-01T05:30Z"),  # 01:30 comes twice: the first
        ("01:30", "2026-11-01T06:30Z", "2026-11-01", "2026-11-01T05:30Z"),
        ("02:30", "2027-03-14T07:29Z", "2027-03-13", "2027-03-13T07:30Z"),  # 02:30 does not come: 03:30
        ("02:30", "2027-03-14T07:30Z", "2027-03-14", "2027-03-14T07:30Z"),
        ("00:00", "2026-10-14T04:00Z", "2026-10-14", "2026-10-14T04:00Z"),
        ("23:59", "2026-10-15T03:58Z", "2026-10-13", "2026-10-14T03:59Z"),
    ],
)
def test_when_a_digest_is_due(town: Make, digest_at: str, now: str, day: str, due: str) -> None:
    settings = with_digest_at(town, digest_at)
    found = digest_due(datetime.fromisoformat(now), settings)
    assert (found[0].isoformat(), found[1]) == (day, datetime.fromisoformat(due))


def with_digest_at(town: Make, at: str) -> Config:
    return town(f'{REVIEWERS}digest_at = "{at}"\n').settings


def test_one_digest_on_the_night_when_the_hour_comes_twice(town: Make) -> None:
    here = town(f'{REVIEWERS}digest_at = "01:30"\n')
    here.found("carla", at=clock("10-31 12:00"), severity="advisory")
    eastern = ZoneInfo("America/New_York")
    first = datetime(2026, 11, 1, 1, 30, tzinfo=eastern)
    assert len(here.tell(first.astimezone(UTC))) == 1
    here.found("carla", at=clock("10-31 13:00"), severity="advisory")  # indexed late
    assert here.plan(first.replace(fold=1).astimezone(UTC)).notices == ()


def test_findings_taken_back_are_told_in_the_digest(town: Make) -> None:
    here = town()
    message, finding = here.found("carla", at=NOON)
    here.tell(clock("10-14 12:10"))
    here.judge_again(message, at=clock("10-14 13:00"))
    (digest,) = here.tell(clock("10-15 07:00"))
    assert digest.about == (("2026-10-15", "digest"), (finding, "taken-back"))
    assert digest.recipients == BOTH
    assert kinds(here, "10-16 07:00") == []


def test_what_nobody_was_told_of_is_not_taken_back(town: Make) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON)
    here.judge_again(message, at=clock("10-14 12:05"))
    assert kinds(here, "10-14 12:10") == kinds(here, "10-15 07:00") == []


@pytest.mark.parametrize(
    ("severities", "limit", "expected"),
    [
        ([], 10, ["violation", "advisory", "notice", "violation"]),
        ([Severity.VIOLATION], 10, ["violation", "violation"]),
        ([Severity.NOTICE, Severity.ADVISORY], 10, ["advisory", "notice"]),
        ([Severity.NOTICE], 1, ["notice"]),  # what was not asked for takes no place
    ],
)
def test_findings_of_some_severities(
    town: Make, severities: list[Severity], limit: int, expected: list[str]
) -> None:
    here = town()
    for severity in ("violation", "advisory", "notice", "violation"):
        here.found("carla", at=NOON, severity=severity)
    span = {"since": NOON, "until": NOON}
    with here.store.engine.connect() as connection:
        rows = notified.untold(connection, "reviewers", **span, severities=severities, limit=limit)
    assert [finding["severity"] for finding in rows] == expected


# --- held messages -----------------------------------------------------------------------------------------


def test_a_held_message_is_told_soon_and_its_finding_with_it(town: Make) -> None:
    here = town()
    message, finding = here.found("carla", at=NOON, action="hold", held=True, to=3)
    (notice,) = here.tell(SOON)
    assert (notice.kind, notice.recipients) == ("held", BOTH)
    assert notice.about == ((message, "held"), (finding, "reviewers"))
    assert isinstance(notice.body, Waiting)
    assert notice.body.until == NOON + timedelta(days=1)
    assert (notice.body.message.authors, notice.body.message.recipients) == ("Carla Coach", 3)
    assert kinds(here, "10-14 12:10") == []


def test_after_a_night_without_service_a_hold_is_told_once(town: Make) -> None:
    here = town()
    here.found("carla", at=NOON, action="hold", held=True)
    assert kinds(here, "10-14 20:00") == ["held"]  # not once more as a violation


def test_what_is_held_again_and_again_is_counted_in_the_digest(town: Make) -> None:
    here = town()
    here.found("carla", at=clock("10-13 09:00"), action="hold", held=True)
    here.found("carla", at=NOON, action="hold", held=True)
    here.tell(SOON)
    for day in ("10-15", "10-16"):
        (digest,) = here.tell(clock(f"{day} 07:00"))
        assert isinstance(digest.body, Digest)
        assert (digest.body.held, digest.body.oldest) == (2, clock("10-13 09:00"))
        assert digest.about == ((f"2026-{day}", "digest"),)


@pytest.mark.parametrize("decision", ["hold-released", "hold-refused"])
def test_what_is_decided_is_told_to_nobody(town: Make, decision: str) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON, action="hold", held=True)
    here.tell(SOON)
    here.event(message, NOON, event=decision, by="pat", reason="Seen.")
    assert kinds(here, "10-15 07:00") == []


def test_each_escalation_is_told_to_those_above(town: Make) -> None:
    here = town(ESCALATING)
    message, _ = here.found("carla", at=NOON, action="hold", held=True)
    (first,) = here.tell(SOON)
    assert isinstance(first.body, Waiting) and first.body.then == "escalate"
    for times, at in ((1, "10-14 13:00:00"), (2, "10-14 14:00:00")):
        here.event(message, clock(at), event="hold-escalated", to=1)
        at = at.removesuffix("0") + "5"
        (notice,) = here.tell(clock(at))
        assert (notice.kind, notice.recipients) == ("overdue", ("sue@harbor.example",))
        assert notice.about == ((message, f"escalated-{times}"),)
        assert isinstance(notice.body, Escalated) and notice.body.times == times
        assert kinds(here, at) == []


def test_the_superintendent_is_not_asked_about_herself(town: Make) -> None:
    here = town(ESCALATING)
    message, _ = here.found("sue", at=NOON, action="hold", held=True)
    here.tell(SOON)
    here.event(message, NOON, event="hold-escalated", to=1)
    (notice,) = here.plan(SOON).notices
    assert notice.recipients == BOTH


def test_a_release_by_the_clock_is_told(town: Make) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON, action="hold", held=True)
    here.tell(SOON)
    late = clock("10-15 12:00")
    here.tell(late)  # the digest
    here.event(message, late, event="hold-released", by="mailgw (time limit)", reason="", automatic=True)
    (notice,) = here.tell(late + timedelta(seconds=5))
    assert (notice.kind, notice.about) == ("overdue", ((message, "released-unseen"),))
    assert notice.recipients == BOTH
    assert isinstance(notice.body, ReleasedUnseen) and notice.body.released == late
    assert here.plan(late).notices == ()


def test_each_return_of_a_released_message_is_told(town: Make) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON, action="hold", held=True, to=3)
    here.tell(SOON)
    failed = {
        "event": "returned",
        "reply": "550 no <ann@x.example>",
        "outbox": {"left": [], "undelivered": [0, 2]},
    }
    for at in ("10-14 13:00", "10-14 14:00"):
        here.event(message, clock(at), event="hold-released", by="pat", reason="Fine.")
        assert kinds(here, at) == []
        here.event(message, clock(at), **failed)
        (notice,) = here.tell(clock(f"{at}:05"))
        assert (notice.kind, notice.recipients) == ("returned", BOTH)
        decided = clock(at).astimezone(UTC).isoformat()
        assert notice.about == ((f"{message} {decided}", "returned"),)
        assert isinstance(notice.body, CameBack)
        assert (notice.body.undelivered, notice.body.reply) == (2, "550 no <[address not shown]>")
        assert here.plan(clock(f"{at}:05")).notices == ()


# --- authors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "severity", "confidence", "more", "to"),
    [
        ("carla", "violation", "certain", {}, "carla@harbor.example"),
        ("carla", "advisory", "strong", {}, "carla@harbor.example"),
        ("tim", "violation", "certain", {}, "tim@harbor.example"),  # wrote from home; told at school
        ("carla", "violation", "likely", {}, None),
        ("carla", "violation", "possible", {}, None),
        ("carla", "notice", "certain", {}, None),
        ("carla", "violation", "certain", {"action": "record"}, None),
        ("carla", "violation", "certain", {"marks": ["for-it"]}, None),  # somebody misused her name
        ("ned", "violation", "certain", {}, None),  # has no address in the district
        ("ann", "violation", "certain", {}, None),  # a student
    ],
)
def test_who_is_told_about_their_own_mail(
    town: Make, author: str, severity: str, confidence: str, more: dict[str, object], to: str | None
) -> None:
    here = town(AUTHORS)
    here.found(author, at=NOON, severity=severity, confidence=confidence, **more)
    assert authors_told(here, "10-14 12:09") == []
    assert authors_told(here, "10-14 12:10") == ([(to,)] if to else [])
    here.tell(clock("10-14 12:10"))
    assert authors_told(here, "10-14 12:10") == []


def authors_told(here: Town, at: str) -> list[tuple[str, ...]]:
    return [notice.recipients for notice in here.plan(clock(at)).notices if notice.kind == "authors"]


def test_authors_are_told_only_where_the_district_wants_it(town: Make) -> None:
    here = town()
    here.found("carla", at=NOON)
    assert authors_told(here, "10-14 12:10") == []


def test_one_letter_for_one_author(town: Make) -> None:
    here = town(AUTHORS)
    _, a, b = here.found("carla", "carla", at=NOON)
    _, c = here.found("carla", at=NOON, rule="student/one-to-one", severity="advisory")
    here.found("tim", at=NOON)
    letters = [each for each in here.plan(clock("10-14 12:10")).notices if each.kind == "authors"]
    carla = letters[0]
    assert [each.recipients for each in letters] == [("carla@harbor.example",), ("tim@harbor.example",)]
    assert carla.about == ((a, "author"), (b, "author"), (c, "author"))
    assert isinstance(carla.body, ToAuthor)
    assert carla.body.count == 2
    assert [lesson.rule for lesson in carla.body.lessons] == ["coach/one-to-one", "student/one-to-one"]
    assert all(lesson.remedy for lesson in carla.body.lessons)


def test_a_letter_to_an_author_names_whom_they_singled_out_and_nobody_who_was_copied(town: Make) -> None:
    here = town(AUTHORS)
    student, administrator = (
        {"person_id": id, "name": name, "role": role, "address": "", "why": ""}
        for id, name, role in (("s1", "Ann Lee", "student"), ("a1", "Pat Kim", "administrator"))
    )
    here.found("carla", at=NOON, people=[student, administrator])
    (body,) = (each.body for each in here.plan(clock("10-14 12:10")).notices if each.kind == "authors")
    assert isinstance(body, ToAuthor)
    assert [occasion.to for occasion in body.lessons[0].occasions] == ["Ann Lee"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("", "carla@harbor.example"),
        ("carla@harbor.example>carla@sub.harbor.example", "carla@sub.harbor.example"),
        ("carla@harbor.example>carla@harbor.example.evil.example", None),
        ("carla@harbor.example>office@harbor.example", None),  # others read that list
        ("tim@harbor.example>carla@harbor.example", None),  # and this address
        ("c1,teacher>c1,student", None),
    ],
)
def test_an_author_is_told_at_their_own_district_address_only(
    town: Make, change: str, expected: str | None
) -> None:
    old, _, new = change.partition(">")
    here = town(users=USERS.replace(old, new) if change else USERS)
    person = here.directory.people.get("c1")
    assert author_address(here.directory, person, NOON.date()) == expected


def test_a_school_account_hosted_elsewhere_is_not_written_to(town: Make) -> None:
    """A registered alias is the school's account to the rules, but notices stay in the district's domains."""
    accounts = f"{ACCOUNTS}c1,carla@harborschools.cloud.example,alias\n"
    users = USERS.replace("carla@harbor.example", "")
    here = town(users=users, accounts=accounts)
    person = here.directory.people["c1"]
    assert [address.kind for address in person.addresses if address.kind == "alias"]
    assert author_address(here.directory, person, NOON.date()) is None


def test_authors_are_told_at_once_what_turned_out_to_be_in_order(town: Make) -> None:
    here = town(AUTHORS)
    message, gone = here.found("tim", at=NOON)
    here.found("tim", at=NOON)  # this stands
    assert authors_told(here, "10-14 12:10") == [("tim@harbor.example",)]
    here.tell(clock("10-14 12:10"))
    here.judge_again(message, at=clock("10-14 13:00"))
    (notice,) = (each for each in here.tell(clock("10-14 13:00")) if each.kind == "authors")
    assert notice.recipients == ("tim@harbor.example",)
    assert notice.about == ((gone, "author-taken-back"),)
    assert isinstance(notice.body, InOrder)
    assert authors_told(here, "10-14 13:00") == []


@pytest.mark.parametrize(
    ("author", "confidence", "settings", "expected"),
    [
        ("carla", "certain", AUTHORS, 1),
        ("carla", "likely", AUTHORS, 0),  # was not told of it
        ("ned", "certain", AUTHORS, 0),  # nor he: he has no address in the district
        ("carla", "certain", REVIEWERS, 0),
    ],
)
def test_which_authors_are_told_that_something_was_in_order(
    town: Make, author: str, confidence: str, settings: str, expected: int
) -> None:
    here = town(settings)
    message, _ = here.found(author, at=NOON, confidence=confidence)
    here.tell(clock("10-14 12:10"))
    here.judge_again(message, at=clock("10-14 13:00"))
    assert len(authors_told(here, "10-14 13:00")) == expected


def test_a_district_that_stopped_to_tell_authors_does_not_tell_them_this_either(town: Make) -> None:
    here = town(AUTHORS)
    message, _ = here.found("carla", at=NOON)
    here.tell(clock("10-14 12:10"))
    here.judge_again(message, at=clock("10-14 13:00"))
    silent = here.settings.notices.model_copy(update={"authors": False})
    here.settings = here.settings.model_copy(update={"notices": silent})
    assert authors_told(here, "10-14 13:00") == []
