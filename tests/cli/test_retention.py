"""`mailgw retention`: the schedule shown and checked, the archive counted by it, and one message explained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.extraction.extractor import Extractor
from tests.cli.installation import OCTOBER, USERS
from tests.cli.test_search import INDEX, letter
from tests.indexer.test_searching import ANN, COACH, MOTHER, TEACHER, Searched

SHIPPED = Path(__file__).parents[2] / "config" / "retention.toml"
MARCH = datetime(2018, 3, 5, 15, 0, tzinfo=UTC)
LEFT = USERS.replace("s1,student,Ann,Lee,ann@harbor.example\n", "")  # Ann is in the roster no more

SCHEDULE = """
[[series]]
name = "rest"
title = "All other mail"
trigger = "received"
floor = "7 years"
authority = "M.G.L. c.66 §8"

[[series]]
name = "coach"
title = "Coaches"
covers = "role:coach"
trigger = "school-year"
floor = "1 year"
ceiling = "2 years"
authority = "schedule 12"
confirm = true
note = "ask the office"

[[series]]
name = "student"
title = "Student records"
covers = "label:student-record"
trigger = "left"
floor = "5 years"
ceiling = "7 years"
authority = "603 CMR 23.06"

[[series]]
name = "tim"
title = "Tim's"
covers = "person:kay subject:trip"
trigger = "calendar-year"
floor = "3 years"
authority = "nobody's"
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    """1 to a parent, 2 by the coach, 3 labelled and to Ann, 4 of today, 5 Tim's trip, 6 held, 7 damaged."""
    with Extractor() as extractor:
        made = Searched(tmp_path_factory.mktemp("retention"), extractor)
        (made.folder / "retention.toml").write_text(SCHEDULE, "utf-8")
        made.keep_roster(MARCH)
        made.take(letter("One", "Hello.\n", to=MOTHER), MOTHER, at=MARCH)
        made.take(letter("Two", "Run.\n", author=COACH, to=MOTHER), MOTHER, author=COACH, at=MARCH)
        record = made.take(letter("Three", "Grades.\n"), ANN, at=MARCH)
        made.take(letter("Four", "Hi.\n", to=MOTHER), MOTHER, at=datetime.now(UTC))
        made.take(letter("trip", "Friday.\n", to=MOTHER), MOTHER, at=MARCH)
        held(made)
        made.take(letter("Seven", "Lost.\n", to=MOTHER), MOTHER, at=MARCH)
        made.note(
            record,
            OCTOBER,
            {"event": "labelled", "add": ["student-record"], "remove": [], "by": "x", "reason": ""},
        )
        made.update(INDEX)
        yield made


def held(here: Searched) -> None:
    """A message that waits for a reviewer."""
    raw = letter("Six", "Wait.\n", to=MOTHER)
    envelope = here.envelope(TEACHER, MOTHER, at=MARCH)
    document = {"envelope": envelope.to_json(), "verdict": here.judge([envelope], raw), "held": True}
    here.keep(envelope, orjson.dumps(document), raw)


def counts(here: Searched, *arguments: str) -> dict[str, dict[str, Any]]:
    return {row.get("series", ""): row for row in here.objects("retention", "report", *arguments)}


# --- the schedule ----------------------------------------------------------------------------------------------------


def test_the_schedule_is_shown_with_its_authorities(here: Searched) -> None:
    done = here.mailgw("retention", "show")
    assert done.returncode == 0, done.stderr
    head, *table = done.stdout.splitlines()
    assert head.split() == ["series", "runs", "from", "floor", "ceiling", "authority"]
    assert table[0].split(None, 4) == [
        "coach",
        "school-year",
        "1",
        "year",
        "2 years  schedule 12 (confirm with counsel)",
    ]
    assert "    covers  everything that no other series covers" in table
    assert "    kept    1 year from the end of the school year of receipt (June 30)" in table
    assert "    note    ask the office" in table
    assert "no legal advice" in table[-1]


def test_the_schedule_as_objects(here: Searched) -> None:
    found = here.objects("retention", "show")
    assert [row["series"] for row in found] == ["coach", "student", "tim", "rest"]
    assert found[0] == {
        "series": "coach",
        "title": "Coaches",
        "covers": "role:coach",
        "trigger": "school-year",
        "floor": "1 year",
        "ceiling": "2 years",
        "authority": "schedule 12",
        "confirm": True,
        "note": "ask the office",
    }
    assert found[-1]["covers"] is None


def test_the_schedule_is_checked(here: Searched) -> None:
    done = here.mailgw("retention", "check")
    assert (done.returncode, done.stderr) == (0, "mailgw: “kay” is t1 (Tim Kay)\n")
    assert "is valid: 4 series, version " in done.stdout
    (row,) = here.objects("retention", "check")
    assert row["series"] == 4


def test_the_shipped_schedule_is_one(here: Searched, tmp_path: Path) -> None:
    other = with_schedule(here, tmp_path, SHIPPED.read_text("utf-8"))
    done = here.mailgw("retention", "show", config=other)
    assert done.returncode == 0, done.stderr
    assert "confirm with counsel" in done.stdout
    assert "M.G.L. c.66 §8" in done.stdout


@pytest.mark.parametrize("command", [["check"], ["show"], ["report"], ["explain", "1"]])
def test_a_wrong_schedule_ends_each_command_with_its_mistakes(
    here: Searched, tmp_path: Path, command: list[str]
) -> None:
    other = with_schedule(
        here, tmp_path, SCHEDULE.replace("role:coach", "role:coch").replace("1 year", "1 yeer")
    )
    done = here.mailgw("retention", *command, config=other)
    assert (done.returncode, done.stdout) == (3, "")
    first, second = done.stderr.splitlines()
    assert "retention.toml: series 2 (coach).covers: at character 6: unknown value 'coch'" in first + second
    assert 'series 2 (coach).floor: expected a period such as "7 years"' in first + second


def test_a_schedule_that_is_not_there_is_named(here: Searched, tmp_path: Path) -> None:
    config = shutil.copy(here.config, tmp_path / "gateway.toml")
    done = here.mailgw("retention", "check", config=Path(config))
    assert done.returncode == 3
    assert "retention.toml: cannot be read: No such file or directory" in done.stderr


def with_schedule(here: Searched, folder: Path, text: str) -> Path:
    """The same installation with another schedule."""
    (folder / "retention.toml").write_text(text, "utf-8")
    config = folder / "gateway.toml"
    shutil.copy(here.config, config)
    text = config.read_text("utf-8").replace('path = "data"', f'path = "{here.folder / "data"}"')
    config.write_text(text.replace('path = "roster"', f'path = "{here.folder / "roster"}"'), "utf-8")
    return config


# --- how the archive stands ------------------------------------------------------------------------------------------


def test_the_report_counts_each_series(here: Searched) -> None:
    found = counts(here, "--on", "2026-11-23")
    # 1 and 7 are old enough, 3 is labelled, 4 is new, 6 is held; 2 is the coach's, 5 is Tim's and of a trip.
    assert found["rest"] == {
        "series": "rest", "messages": 4, "eligible": 2, "within_year": 0, "past_ceiling": 0,
    }  # fmt: skip
    assert found["coach"] == {
        "series": "coach", "messages": 1, "eligible": 1, "within_year": 0, "past_ceiling": 1,
    }  # fmt: skip
    assert found["tim"]["eligible"] == 1
    assert (found["student"]["messages"], found["student"]["eligible"]) == (1, 0)  # Ann is there
    assert found[""]["together"] == {"messages": 7, "eligible": 4, "within_year": 0, "past_ceiling": 1}
    assert found[""]["coverage"]["unindexed"] == 0


@pytest.mark.parametrize(
    ("day", "eligible", "soon"),
    [
        ("2023-03-05", 0, 0),
        ("2024-03-05", 0, 0),
        ("2024-03-06", 0, 2),
        ("2025-03-05", 0, 2),
        ("2025-03-06", 2, 0),
    ],
)
def test_the_report_of_another_day(here: Searched, day: str, eligible: int, soon: int) -> None:
    found = counts(here, "--on", day)["rest"]
    assert (found["eligible"], found["within_year"]) == (eligible, soon)


def test_the_report_for_people(here: Searched) -> None:
    done = here.mailgw("retention", "report", "--on", "2026-11-23")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        "series",
        "messages",
        "eligible",
        "now",
        "within",
        "a",
        "year",
        "past",
        "ceiling",
    ]
    assert lines[5].split() == ["each", "once", "7", "4", "0", "1"]
    assert "On November 23, 2026. Searched up to entry 8 of 8, 0 behind." in lines
    assert "no legal advice" in lines[-1]


def test_students_who_left_are_known_by_the_rosters(here: Searched) -> None:
    here.keep_roster(datetime(2020, 6, 1, 12, tzinfo=UTC))
    try:
        here.roster(users=LEFT)
        here.keep_roster(datetime(2020, 9, 1, 12, tzinfo=UTC))
        # She had left by September 1, 2020: kept to that day of 2025, to be gone after that of 2027.
        assert counts(here, "--on", "2025-09-01")["student"]["eligible"] == 0
        assert counts(here, "--on", "2025-09-01")["student"]["within_year"] == 1
        assert counts(here, "--on", "2025-09-02")["student"]["eligible"] == 1
        assert counts(here, "--on", "2027-09-02")["student"]["past_ceiling"] == 1
        (row,) = here.objects("retention", "explain", "3", "--on", "2026-11-23")
        assert (row["state"], row["floor_until"], row["ceiling_at"]) == (
            "eligible",
            "2025-09-01",
            "2027-09-01",
        )
        assert any("had left by September 1, 2020" in line for line in row["explanation"])
        (here.settings.storage.rosters / f"2020-07-01-{'a' * 12}.json.zst").write_bytes(b"nothing")
        done = here.mailgw("retention", "explain", "3", "--on", "2026-11-23", "--json")
        assert json.loads(done.stdout) == row  # a roster that cannot be read is told elsewhere
        assert "directory_unreadable" in done.stderr
    finally:
        here.roster()
        for path in here.settings.storage.rosters.glob("2020-*"):
            path.unlink()


# --- one message -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seq", "on", "state", "series", "floor"),
    [
        (1, "2025-03-05", "kept", ["rest"], "2025-03-05"),
        (1, "2025-03-06", "eligible", ["rest"], "2025-03-05"),
        (2, "2019-06-30", "kept", ["coach"], "2019-06-30"),
        (2, "2019-07-01", "eligible", ["coach"], "2019-06-30"),
        (2, "2020-07-01", "overdue", ["coach"], "2019-06-30"),
        (3, "2099-01-01", "kept", ["student"], None),
        (5, "2022-01-01", "eligible", ["tim"], "2021-12-31"),
        (6, "2099-01-01", "kept", ["rest"], "2025-03-05"),
    ],
)
def test_one_message_is_explained(
    here: Searched, seq: int, on: str, state: str, series: list[str], floor: str | None
) -> None:
    (row,) = here.objects("retention", "explain", str(seq), "--on", on)
    assert (row["state"], row["series"], row["floor_until"]) == (state, series, floor)
    assert row["seq"] == seq


def test_the_explanation_is_in_sentences(here: Searched) -> None:
    done = here.mailgw("retention", "explain", "2", "--on", "2019-01-01")
    assert done.returncode == 0, done.stderr
    first, *said = done.stdout.splitlines()
    assert first.startswith("Message 0")
    assert said == [
        "It was received on March 5, 2018 at 10:00, by the gateway's clock.",
        "Coaches (coach) covers it: role:coach",
        "  It is kept for 1 year from the end of the school year of receipt (June 30): "
        "schedule 12 (confirm with counsel).",
        "  It runs from June 30, 2018, so by this series the message is kept to the end of June 30, 2019.",
        "  And at most 2 years, to the end of June 30, 2020.",
        "So it is kept to the end of June 30, 2019.",
        "The schedule is the district's own. This is no legal advice; a legal hold goes before all of it.",
    ]


def test_a_sender_cannot_set_the_clock(here: Searched) -> None:
    """The date in a message counts for nothing: `Date:` of 1999 in mail of today."""
    raw = b"Date: Mon, 1 Mar 1999 10:00:00 +0000\r\n" + letter("Old", "Hello.\n", to=MOTHER)
    here.take(raw, MOTHER, at=datetime.now(UTC))
    here.update(INDEX)
    (found,) = here.objects("search", "subject:old")
    assert found["date"].startswith("1999-03-01")
    (row,) = here.objects("retention", "explain", str(found["seq"]))
    assert row["state"] == "kept"
    assert date.fromisoformat(row["floor_until"]).year == datetime.now(UTC).year + 7


def test_what_is_not_in_the_index_is_kept_and_said_to_be(here: Searched) -> None:
    before = counts(here)[""]["coverage"]
    name = here.take(letter("Eight", "New.\n", to=MOTHER), MOTHER, at=MARCH)
    here.index()  # the catalog, and not the index
    try:
        done = here.mailgw("retention", "explain", name)
        assert done.returncode == 1
        assert "is not in the search index, so nobody knows what it is; it is kept" in done.stderr
        found = counts(here)[""]["coverage"]
        assert found["behind"] == before["behind"] + 1
    finally:
        here.update(INDEX)


def test_what_cannot_be_read_is_never_eligible(tmp_path: Path) -> None:
    """The second of two is damaged before anybody looked at it."""
    with Extractor() as extractor:
        other = Searched(tmp_path, extractor)
        (tmp_path / "retention.toml").write_text(SCHEDULE, "utf-8")
        for subject in ("One", "Two"):
            other.take(letter(subject, "Hello.\n", to=MOTHER), MOTHER, at=MARCH)
        other.damage(2)
        other.update(INDEX)
    found = counts(other, "--on", "2026-11-23")
    assert (found["rest"]["messages"], found["rest"]["eligible"]) == (1, 1)
    assert (found[""]["coverage"]["unindexed"], found[""]["coverage"]["by_envelope"]) == (1, 1)
    told = other.mailgw("retention", "report").stdout
    assert "nobody knows what they are, so they are never eligible" in told


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["explain", "999"], 1, "999: no such message"),
        (["explain", "1", "--on", "soon"], 2, "--on soon: expected a day as YYYY-MM-DD"),
        (["report", "--on", "2026-13-01"], 2, "expected a day"),
    ],
)
def test_what_is_wrong_is_told(here: Searched, arguments: list[str], code: int, said: str) -> None:
    done = here.mailgw("retention", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_json_is_an_object_a_line(here: Searched) -> None:
    for arguments in (["show"], ["report"], ["check"], ["explain", "1"]):
        done = here.mailgw("retention", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ("mailgw: “kay” is t1 (Tim Kay)\n" if arguments == ["check"] else "")
        assert all(isinstance(json.loads(line), dict) for line in done.stdout.splitlines())
