"""`mailgw policy replay`: mail that was judged and kept for real, replayed after rules or roster changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.installation import ACCOUNTS, MAILGW, MEMBERS, OCTOBER, USERS, Installation, to_one

COACH, TEACHER_HOME, TEACHER = "carla@harbor.example", "tim@kay.example", "tim@harbor.example"
ANN, BO, CY, PAT = (f"{name}@harbor.example" for name in ("ann", "bo", "cy", "pat"))
NOTHING = {"findings": [], "errors": [], "rules_version": "then", "directory_version": "then"}
ALL = ("--since", "2026-10-01", "--until", "2026-10-31")


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


@pytest.fixture
def mail(here: Installation) -> dict[str, str]:
    """Four messages, three with a finding each."""
    return {
        "alone": here.receive(COACH, ANN, subject="alone"),
        "copied": here.receive(COACH, ANN, PAT, subject="copied", at=OCTOBER + timedelta(hours=1)),
        "home": here.receive(TEACHER_HOME, ANN, subject="home", at=OCTOBER + timedelta(hours=2)),
        "team": here.receive(COACH, ANN, BO, CY, subject="team", at=OCTOBER + timedelta(hours=3)),
    }


def of(rows: Sequence[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["event"] == event]


def changes(rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """What changed, by rule and archive id."""
    return {(row["rule"], row["archive_id"]): row["change"] for row in of(rows, "difference")}


def counts(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """The table, without its zeros."""
    return {
        row["rule"]: {key: count for key, count in row.items() if count and key not in ("event", "rule")}
        for row in of(rows, "rule")
    }


# --- differences ----------------------------------------------------------------------------------------


def test_nothing_changed(here: Installation, mail: dict[str, str]) -> None:
    rows = here.objects("policy", "replay", *ALL)
    assert counts(rows) == {
        rule: {"recorded": 1, "today": 1, "unchanged": 1}
        for rule in ("coach/one-to-one", "coach/privacy-copy", "off-channel/student")
    }
    (summary,) = of(rows, "summary")
    assert (summary["messages"], summary["unchanged"], summary["unreadable"]) == (len(mail), 3, 0)
    assert not of(rows, "difference")


def test_the_roster_changed(here: Installation, mail: dict[str, str]) -> None:
    """The administrator's copy no longer counts, the personal account is forgotten, Bo has left the team."""
    here.roster(
        group_members=MEMBERS.replace("soccer,s2,member\n", "").replace(
            "a1,administrator", "t1,administrator"
        ),
        accounts=ACCOUNTS.replace("tim@kay.example", "kay@other.example"),
    )
    rows = here.objects("policy", "replay", *ALL)
    assert changes(rows) == {
        ("coach/privacy-copy", mail["copied"]): "gone",
        ("coach/one-to-one", mail["copied"]): "new",
        ("off-channel/student", mail["home"]): "gone",
    }
    assert counts(rows)["coach/one-to-one"] == {"recorded": 1, "today": 2, "new": 1, "unchanged": 1}
    assert {row["note"] for row in of(rows, "difference")} == {"judged then by another version of directory"}


def test_the_settings_changed(here: Installation, mail: dict[str, str]) -> None:
    """A copy of the configuration is tried; the one in force says what it said before."""
    tried = here.configure(
        {
            "coach/one-to-one": 'severity = "advisory"\naction = "tag"',
            "coach/privacy-copy": "enabled = false",
        },
        name="tried.toml",
    )
    rows = here.objects("policy", "replay", *ALL, config=tried)
    assert changes(rows) == {
        ("coach/one-to-one", mail["alone"]): "changed",
        ("coach/privacy-copy", mail["copied"]): "gone",
    }
    (changed,) = (row for row in rows if row.get("change") == "changed")
    assert changed["differs"] == ["severity", "action"]
    assert changed["recorded"] == {"severity": "violation", "confidence": "certain", "action": "record"}
    assert changed["today"] == {"severity": "advisory", "confidence": "certain", "action": "tag"}
    assert changed["author"] == {"person_id": "c1", "name": "Carla Coach"}
    assert not of(here.objects("policy", "replay", *ALL), "difference")


def test_what_was_not_known_then(here: Installation) -> None:
    """A personal account that was registered later; the message's own day counts for dates."""
    here.roster(accounts=ACCOUNTS.replace("tim@kay.example", "kay@other.example"))
    home = here.receive(TEACHER_HOME, ANN)
    here.roster()
    rows = here.objects("policy", "replay", *ALL)
    assert changes(rows) == {("off-channel/student", home): "new"}


def test_mail_that_was_judged_in_error(here: Installation) -> None:
    """Nothing was judged when the message came, for the judge failed: what is found today is new, and says why."""
    envelope = here.envelope(COACH, ANN)
    document = orjson.dumps({"envelope": envelope.to_json(), "verdict": None})
    here.keep(envelope, document, here.raw(COACH, ANN))
    (found,) = of(here.objects("policy", "replay", *ALL), "difference")
    assert (found["change"], found["note"]) == ("new", "the rule failed when the message was received")


# --- one message in several transactions -----------------------------------------------------------------


def test_a_split_message_counts_once(here: Installation) -> None:
    envelope, raw = here.envelope(COACH, ANN), here.raw(COACH, ANN)
    for part in (envelope, to_one(envelope, ANN)):
        verdict = here.judge([part], raw)
        here.keep(part, orjson.dumps({"envelope": part.to_json(), "verdict": verdict}), raw)
    rows = here.objects("policy", "replay", *ALL)
    assert counts(rows) == {"coach/one-to-one": {"recorded": 1, "today": 1, "unchanged": 1}}
    (summary,) = of(rows, "summary")
    assert summary["messages"] == 2


def test_a_message_judged_as_a_whole_is_compared_as_a_whole(here: Installation) -> None:
    """Each transaction showed one player; together they show the whole team, so that nothing stands."""
    raw = here.raw(COACH, ANN)  # the others are blind copies
    parts = [here.envelope(COACH, ANN)]
    parts += [to_one(parts[0], BO), to_one(parts[0], CY)]
    for part in parts:
        verdict = here.judge([part], raw)
        assert verdict["findings"]
        here.keep(part, orjson.dumps({"envelope": part.to_json(), "verdict": verdict}), raw)
    whole = here.judge(parts, raw)
    assert not whole["findings"]
    judged_as_a_whole(here, whole, {seq: part.id for seq, part in enumerate(parts, 1)})
    assert counts(here.objects("policy", "replay", *ALL)) == {}
    here.roster(
        users=USERS + "s4,student,Di,Orr,di@harbor.example\n", group_members=MEMBERS + "soccer,s4,member\n"
    )
    rows = here.objects("policy", "replay", *ALL)
    assert changes(rows) == {("coach/partial-team", parts[0].id): "new"}


def judged_as_a_whole(here: Installation, verdict: dict[str, Any], records: dict[int, str]) -> None:
    """Keep the event that the indexer writes."""
    document = {
        "event": "judged",
        "content_id": "whole",
        "records": [{"seq": seq, "id": name} for seq, name in records.items()],
        "verdict": verdict,
    }
    here.note(next(iter(records.values())), OCTOBER + timedelta(minutes=1), document)


def test_what_was_known_by_the_thread_is_known_by_it_again(here: Installation) -> None:
    """Tim answers Ann from an account that nobody knows: only the message he answers tells that it is he."""
    here.receive(ANN, TEACHER, subject="question")
    here.index()
    writer = "tim.kay@free.example"
    raw = here.raw(f"Tim Kay <{writer}>", ANN, subject="answer", answers="question")
    envelope = here.envelope(writer, ANN)
    alone, whole = here.judge([envelope], raw), here.judge([envelope], raw, thread=(ANN, TEACHER))
    assert (alone["findings"], [found["rule"] for found in whole["findings"]]) == (
        [],
        ["off-channel/student"],
    )
    here.keep(envelope, orjson.dumps({"envelope": envelope.to_json(), "verdict": alone}), raw)
    judged_as_a_whole(here, whole, {2: envelope.id})
    rows = here.objects("policy", "replay", *ALL)
    assert counts(rows) == {"off-channel/student": {"recorded": 1, "today": 1, "unchanged": 1}}
    shutil.rmtree(here.settings.storage.catalog)
    (unreadable,) = of(here.objects("policy", "replay", *ALL), "unreadable")
    assert unreadable["archive_id"] == envelope.id
    assert "no catalog yet" in unreadable["why"]


def test_the_mail_of_a_running_gateway(tmp_path: Path) -> None:
    """The demo's day, judged by the service itself: judged again, it is what it was."""
    config = tmp_path / "demo" / "gateway.toml"
    options = ("--once", "--keep", "--messages", "62", "--data", str(config.parent))
    subprocess.run([*MAILGW, "demo", *options], check=True, capture_output=True, timeout=120)
    here = Installation(tmp_path)
    kept = here.objects("search", "--limit", "1000", config=config)
    rows = here.objects("policy", "replay", "--since", "1d", config=config)
    (summary,) = of(rows, "summary")
    assert (summary["messages"], summary["unreadable"]) == (len(kept), 0)
    assert summary["unchanged"] == summary["recorded"] == summary["today"] > 0


# --- which mail, which rules -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "messages"),
    [
        (("--since", "2026-10-14"), 4),
        (("--since", "2026-10-15"), 0),
        (("--since", "2026-10-01", "--until", "2026-10-14"), 4),  # a day as the end belongs to it
        (("--since", "2026-10-01", "--until", "2026-10-13"), 0),
        (("--since", "2026-10-14T13:00"), 3),  # by the district's clock
        (("--since", "2026-10-14T17:00Z", "--until", "2026-10-14T19:00Z"), 2),
        (("--since", "99999d"), 4),
    ],
)
def test_the_period(here: Installation, mail: dict[str, str], period: tuple[str, ...], messages: int) -> None:
    (summary,) = of(here.objects("policy", "replay", *period), "summary")
    assert summary["messages"] == messages


def test_a_long_archive_is_entered_at_the_first_day(here: Installation) -> None:
    """A message a day for a month, the middle one damaged: the right days are found all the same."""
    for day in range(30):
        here.receive(COACH, ANN, subject=f"day {day}", at=OCTOBER + timedelta(days=day))
    here.damage(15)
    rows = here.objects("policy", "replay", "--since", "2026-10-24", "--until", "2026-10-29")
    (summary,) = of(rows, "summary")
    assert (summary["messages"], summary["recorded"], summary["unreadable"]) == (5, 5, 1)


def test_rules_and_families(here: Installation, mail: dict[str, str]) -> None:
    family = here.objects("policy", "replay", *ALL, "--rule", "coach")
    assert set(counts(family)) == {"coach/one-to-one", "coach/privacy-copy"}
    both = here.objects("policy", "replay", *ALL, "--rule", "coach/one-to-one", "--rule", "off-channel/*")
    assert set(counts(both)) == {"coach/one-to-one", "off-channel/student"}


def test_a_limit_lists_less_and_counts_all(here: Installation, mail: dict[str, str]) -> None:
    tried = here.configure({"coach/one-to-one": "enabled = false", "coach/privacy-copy": "enabled = false"})
    rows = here.objects("policy", "replay", *ALL, "--limit", "1", config=tried)
    assert len(of(rows, "difference")) == 1
    (summary,) = of(rows, "summary")
    assert summary["gone"] == 2
    text = here.mailgw("policy", "replay", *ALL, "--limit", "1").stdout
    assert "... and 1 more differences (--limit)" in text


# --- what cannot be read ---------------------------------------------------------------------------------


def test_what_cannot_be_read_is_named_and_the_rest_is_judged(here: Installation) -> None:
    envelope, raw = here.envelope(COACH, ANN), here.raw(COACH, ANN)
    damaged = here.receive(COACH, ANN, subject="damaged")
    here.keep(envelope, b'{"envelope": {"id": 7}, "verdict": {"findings": []}}', raw)
    other = here.envelope(COACH, ANN)
    here.keep(other, orjson.dumps({"envelope": other.to_json(), "verdict": {"findings": [7]}}), raw)
    here.receive(COACH, ANN, subject="sound")
    here.damage(1)
    rows = here.objects("policy", "replay", *ALL)
    assert [(row["seq"], row["archive_id"]) for row in of(rows, "unreadable")] == [
        (1, damaged),
        (2, envelope.id),
        (3, other.id),
    ]
    assert counts(rows) == {"coach/one-to-one": {"recorded": 1, "today": 1, "unchanged": 1}}
    (summary,) = of(rows, "summary")
    assert summary["unreadable"] == 3
    text = here.mailgw("policy", "replay", *ALL)
    assert text.returncode == 0
    assert f"mailgw: entry 1 ({damaged}): " in text.stderr


def test_an_archive_that_cannot_be_read_ends_it(here: Installation, mail: dict[str, str]) -> None:
    (volume,) = here.settings.storage.archive.glob("*.sqlite")
    volume.write_bytes(b"no database" * 1000)
    done = here.mailgw("policy", "replay", *ALL)
    assert (done.returncode, done.stdout) == (1, "")
    assert "archive: cannot be read: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "--since"),
        (("--since", "yesterday"), 2, "--since yesterday: expected a day"),
        (("--since", "2026-13-01"), 2, "expected a day"),
        (("--since", "2026-10-02", "--until", "2026-10-01"), 2, "expected a moment after"),
        (("--since", "0001-01-01", "--rule", "no rule"), 2, "--rule no rule"),
        (("--since", "30d"), 1, "no archive yet"),
    ],
)
def test_wrong_usage(here: Installation, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = here.mailgw("policy", "replay", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_a_roster_that_cannot_be_used(here: Installation, mail: dict[str, str]) -> None:
    here.roster(users="sourcedId,role\n")
    done = here.mailgw("policy", "replay", *ALL)
    assert (done.returncode, done.stdout) == (3, "")
    assert "users.csv" in done.stderr


# --- how it is told --------------------------------------------------------------------------------------


def test_text_for_people(here: Installation, mail: dict[str, str]) -> None:
    here.configure({"coach/one-to-one": 'severity = "advisory"'})
    done = here.mailgw("policy", "replay", *ALL)
    assert done.returncode == 0
    first, how, why, where = done.stdout.splitlines()[:4]
    assert first == "2026-10-14 12:00  changed   advisory coach/one-to-one (certain)  Carla Coach"
    assert how == "    severity violation -> advisory"
    assert "Carla Coach" in why
    assert where == f"    message {mail['alone']}; judged then by another version of rules"
    table = [line.split() for line in done.stdout.splitlines()[4:]]
    assert ["coach/one-to-one", "1", "1", "0", "0", "1", "0", "0"] in table
    assert ["all", "3", "3", "0", "0", "1", "2", "0"] in table
    assert "4 messages judged again" in done.stderr


def test_neither_subjects_nor_addresses_are_told(here: Installation) -> None:
    here.receive(COACH, ANN, subject="a very private matter")
    tried = here.configure({"coach/one-to-one": "enabled = false"}, name="tried.toml")
    for options in ((), ("--json",)):
        done = here.mailgw("policy", "replay", *ALL, *options, config=tried)
        assert "coach/one-to-one" in done.stdout
        assert "private" not in done.stdout + done.stderr
        assert "@" not in done.stdout + done.stderr


def test_a_bar_on_the_terminal_leaves_the_output_alone(here: Installation, mail: dict[str, str]) -> None:
    here.configure({"coach/one-to-one": "enabled = false"})
    ours, terminal = os.openpty()
    try:
        done = subprocess.run(
            [*MAILGW, "policy", "replay", *ALL, "--json", "--config", str(here.config)],
            stdout=subprocess.PIPE,
            stderr=terminal,
            timeout=120,
        )
        shown = os.read(ours, 65536)
    finally:
        os.close(terminal)
        os.close(ours)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(of(rows, "difference")) == 1
    assert b"Judging again" in shown


def test_nothing_is_written(here: Installation, mail: dict[str, str]) -> None:
    """But for the empty log and its index that SQLite makes for readers."""

    def files() -> dict[Path, bytes]:
        found = {path: path.read_bytes() for path in here.folder.rglob("*") if path.is_file()}
        return {path: data for path, data in found.items() if data and not path.name.endswith("-shm")}

    before = files()
    here.objects("policy", "replay", *ALL)
    assert files() == before


def test_many_processes_tell_what_one_tells(here: Installation) -> None:
    """More entries than one process takes at once; every hundredth has a finding, which is new."""
    kept = []
    for number in range(2100):
        to = (ANN,) if number % 100 == 0 else (ANN, BO, CY)
        envelope = here.envelope(COACH, *to, at=OCTOBER + timedelta(seconds=number))
        document = orjson.dumps({"envelope": envelope.to_json(), "verdict": NOTHING})
        kept.append((envelope, document, here.raw(COACH, *to, subject=f"number {number}")))
    here.keep_all(kept)
    one, three = (here.objects("policy", "replay", *ALL, "--jobs", jobs) for jobs in ("1", "3"))
    for rows in (one, three):
        del rows[-1]["seconds"]
    assert one == three
    assert [row["received"] for row in of(one, "difference")] == [
        envelope.received.isoformat(timespec="microseconds") for envelope, _, _ in kept[::100]
    ]
    assert one[-1]["messages"] == len(kept)
