"""The schedule's file: taken whole or not at all, and each mistake told with its place and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.records.retention.periods import Period
from gateway.records.retention.reading import ScheduleError, load, read
from gateway.records.retention.triggers import Trigger, YearEnd
from gateway.search.query.tree import And, Is, Keyword, Not
from tests.records.retention.schedules import BOSTON, DEFAULT, schedule, series, text_of

COACH = series("coach", "role:coach direction:out", "school-year", "7 years", "10 years")
SHIPPED = Path(__file__).parents[3] / "config" / "retention.toml"


def problems(text: str) -> list[str]:
    with pytest.raises(ScheduleError) as caught:
        read(text.encode(), "my.toml", zone=BOSTON)
    return str(caught.value).splitlines()


def test_a_schedule_is_read() -> None:
    found = schedule(COACH, head='school_year_ends = "08-31"\n')
    coach, rest = found
    assert (coach.name, coach.trigger, coach.floor, coach.ceiling) == (
        "coach",
        Trigger.SCHOOL_YEAR,
        Period(years=7),
        Period(years=10),
    )
    assert coach.covers == And((Is(Keyword.ROLE, "coach"), Is(Keyword.DIRECTION, "out")))
    assert rest is found.default
    assert rest.is_default
    assert found.covered(rest) == And((Not(coach.covers),))
    assert found.calendar.school_year_ends == YearEnd(8, 31)
    assert found.calendar.fiscal_year_ends == YearEnd(6, 30)
    assert found.named("coach") is coach
    assert found.named("nobody") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = [", "my.toml: not valid TOML"),
        ("", "my.toml: series: expected at least one [[series]]"),
        ("series = 7", "my.toml: series: expected at least one [[series]]"),
        (text_of(default=""), "series: expected at least one [[series]]"),
        (text_of(COACH, default=""), "exactly one series without covers"),
        (text_of(DEFAULT), "exactly one series without covers"),
        (text_of(COACH, COACH), "expected names that differ; coach stands there more than once"),
        (text_of(head="colour = 1\n"), "my.toml: colour: unknown key; expected one of"),
        (text_of(head='school_year_ends = "02-29"\n'), "school_year_ends: expected a day that each year has"),
        (text_of(head="fiscal_year_ends = 630\n"), "fiscal_year_ends: expected a day that each year has"),
        (text_of(COACH + "\ncolour = 1"), "my.toml: series 1 (coach).colour: unknown key"),
        (
            text_of(COACH.replace('"coach"', '"The Coach"')),
            "name: expected lower case letters, digits and dashes",
        ),
        (text_of(COACH.replace('"7 years"', "7")), 'floor: expected a text such as "7 years", got 7'),
        (text_of(COACH.replace('"7 years"', '"seven"')), "floor: expected a period such as"),
        (
            text_of(COACH.replace('"10 years"', '"6 years"')),
            "ceiling: expected no less than the floor, 7 years",
        ),
        (text_of(COACH.replace("school-year", "sent")), "trigger: expected one of received, calendar-year"),
        (
            text_of(COACH.replace("role:coach", "role:coch")),
            "series 1 (coach).covers: at character 6: unknown value",
        ),
        (text_of(COACH.replace("role:coach", "after:30d")), "covers: it moves with time"),
        (text_of(COACH.replace("role:coach", "on:last-year")), "covers: it moves with time"),
        (
            text_of(COACH.replace("role:coach", "-(hold:doe OR x)")),
            "expected no hold:, for a legal hold keeps mail",
        ),
        (text_of(COACH.replace("role:coach", "request:2026-1")), "expected no request:, for"),
        (text_of(COACH + "\nconfirm = 1"), "confirm: expected true or false"),
        (text_of(COACH.replace('authority = "law of coach"', "")), "series 1 (coach).authority: missing"),
        (text_of(COACH.replace('"Coach"', '" "')), "title: expected a text"),
        (text_of(COACH.replace("role:coach direction:out", "")), "covers: expected a text"),
        (text_of('title = "x"'), "series 1.name: missing; expected a value"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    assert any(said in line for line in problems(text)), problems(text)


def test_all_mistakes_are_told_at_once() -> None:
    text = text_of(COACH.replace('"7 years"', "7").replace("role:coach", "role:coch"), head="colour = 1\n")
    found = problems(text)
    assert len(found) == 3
    assert all(line.startswith("my.toml: ") for line in found)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScheduleError, match=r"retention.toml: cannot be read: No such file"):
        load(tmp_path / "retention.toml", zone=BOSTON)


def test_other_octets_are_another_version() -> None:
    assert schedule().version != schedule(head="# changed\n").version
    assert schedule().version == schedule().version


def test_people_are_those_whom_somebody_knows() -> None:
    found = schedule(series("staff", "person:smith", "received", "7 years"))
    meant = found.meant(lambda text, prefix: [f"{text}-1", f"{text}-2"])
    assert meant.others[0].covers is not None
    assert meant.others[0].query == "person:smith"
    assert str(meant.others[0].covers).count("smith-") == 2


# --- the one that is shipped ---------------------------------------------------------------------------------------


def test_the_shipped_schedule_can_be_used() -> None:
    found = load(SHIPPED, zone=BOSTON)
    by_name = {each.name: each for each in found}
    assert (found.default.trigger, found.default.floor) == (Trigger.RECEIVED, Period(years=7))
    student = by_name["student-record"]
    assert (student.trigger, student.ceiling) == (Trigger.LEFT, Period(years=7))
    assert (by_name["transcript"].trigger, by_name["transcript"].floor) == (Trigger.LEFT, Period(years=60))
    labels = {each.query for each in found.others}
    assert {"label:transcript", "label:student-record", "label:transitory"} <= labels


def test_its_examples_can_be_used_too() -> None:
    text = SHIPPED.read_text("utf-8")
    begins = text.index("#[[series]]")
    examples = "\n".join(line.removeprefix("#") for line in text[begins:].splitlines())
    found = read((text[:begins] + examples).encode(), "examples.toml", zone=BOSTON)
    assert len(list(found)) == text.count("[[series]]")
    assert {"personnel", "payroll", "athletics"} <= {each.name for each in found}


def test_what_was_not_checked_says_so() -> None:
    """No series keeps mail for less than the law's 7 years without saying that somebody has to look at it."""
    for each in load(SHIPPED, zone=BOSTON):
        assert "confirm with counsel" in each.note or each.ceiling is None
        assert each.confirm or each.authority in {"M.G.L. c.66 §8", "603 CMR 23.06"}
