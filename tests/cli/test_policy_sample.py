"""`mailgw policy sample`: drawn from a catalog that the indexer made of mail judged for real."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.installation import OCTOBER, USERS, Installation

COACH, ANN, BO, CY, PAT = (f"{name}@harbor.example" for name in ("carla", "ann", "bo", "cy", "pat"))
GUARDIAN = "gil@lee.example"
FAMILY = (
    USERS.replace("email\n", "email,agentSourcedIds\n").replace("harbor.example\n", "harbor.example,\n")
    + f"g1,parent,Gil,Lee,{GUARDIAN},s1\n"
)
SENDERS = {
    "staff": COACH,
    "student": BO,
    "guardian": GUARDIAN,
    "unknown": "nobody@harbor.example",
    "outside": "shop@elsewhere.example",
}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """In each of two months 3 messages of each kind of sender, 4 privacy copies, and one violation."""
    here = Installation(tmp_path_factory.mktemp("sample"))
    here.roster(users=FAMILY)
    kept = []
    for month in range(2):
        start = OCTOBER + timedelta(days=31 * month)
        to_all = [(author, (ANN, BO, CY)) for author in SENDERS.values() for _ in range(3)]
        letters = [*to_all, *[(COACH, (ANN, PAT))] * 4, (COACH, (ANN,))]
        for number, (author, to) in enumerate(letters):
            at = start + timedelta(minutes=number)
            kept.append(here.judged(author, *to, at=at, subject=f"a private matter {month} {number}"))
    here.keep_all(kept)
    here.index()
    return here


def of(rows: Sequence[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["event"] == event]


def test_every_stratum_with_its_size(here: Installation) -> None:
    rows = here.objects("policy", "sample")
    strata = {
        (row["population"], row["wrote"], row["month"]): (row["messages"], row["sampled"])
        for row in of(rows, "stratum")
    }
    expected = {("unflagged", who, month): (3, 3) for who in SENDERS for month in ("2026-10", "2026-11")}
    expected |= {("privacy-copy", "staff", month): (4, 4) for month in ("2026-10", "2026-11")}
    assert strata == expected
    assert {(row["role"], row["listener"]) for row in of(rows, "stratum")} == {("outbound", "outbound")}
    assert len(of(rows, "message")) == 38
    (summary,) = of(rows, "summary")
    assert summary["indexed"] == summary["last"] == 40


def test_a_sample_is_proportional_and_reproducible(here: Installation) -> None:
    """15 of 30 messages in ten strata of 3: one or two of each; the privacy copies are sampled by themselves."""
    first, again, other = (
        here.objects("policy", "sample", "--size", "15", "--seed", seed) for seed in ("7", "7", "8")
    )
    assert first == again
    assert of(first, "stratum") == of(other, "stratum")
    assert of(first, "message") != of(other, "message")
    drawn = Counter((row["population"], row["wrote"], row["month"]) for row in of(first, "message"))
    assert drawn == {
        (row["population"], row["wrote"], row["month"]): row["sampled"] for row in of(first, "stratum")
    }
    assert sorted(count for (population, *_), count in drawn.items() if population == "unflagged") == [
        *[1] * 5,
        *[2] * 5,
    ]
    assert [row for row in of(first, "population") if row["population"] == "unflagged"] == [
        {
            "event": "population",
            "population": "unflagged",
            "messages": 30,
            "sampled": 15,
            "strata": 10,
            "strata_without": 0,
        }
    ]


def test_a_seed_that_was_not_given_is_told(here: Installation) -> None:
    rows = here.objects("policy", "sample", "--size", "12")
    seed = of(rows, "summary")[0]["seed"]
    assert here.objects("policy", "sample", "--size", "12", "--seed", str(seed)) == rows


def test_what_a_message_of_the_sample_tells(here: Installation) -> None:
    rows = of(here.objects("policy", "sample"), "message")
    domains = {(row["wrote"], row["sender_domain"]) for row in rows}
    assert domains == {
        ("staff", "district"),
        ("student", "district"),
        ("guardian", "outside"),
        ("unknown", "district"),
        ("outside", "outside"),
    }
    recipients = {(row["population"], row["recipients"]) for row in rows}
    assert recipients == {("unflagged", 3), ("privacy-copy", 2)}
    shown = here.mailgw("show", rows[0]["id"])
    assert (shown.returncode, f"seq: {rows[0]['seq']}" in shown.stdout) == (0, True)


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_neither_content_nor_addresses_are_told(here: Installation, form: tuple[str, ...]) -> None:
    done = here.mailgw("policy", "sample", *form)
    assert done.returncode == 0
    assert "guardian" in done.stdout
    for word in ("@", "private matter", "At five", "Carla"):
        assert word not in done.stdout + done.stderr


def test_a_period_and_one_population(here: Installation) -> None:
    rows = here.objects("policy", "sample", "--since", "2026-11-01", "--of", "privacy-copy")
    assert {(row["population"], row["month"]) for row in of(rows, "stratum")} == {("privacy-copy", "2026-11")}
    assert [row["messages"] for row in of(rows, "population")] == [4]
    empty = here.objects("policy", "sample", "--until", "2026-09-30")
    assert [row["event"] for row in empty] == ["summary"]


def test_a_table_for_a_spreadsheet(here: Installation) -> None:
    done = here.mailgw("policy", "sample", "--csv", "--size", "15", "--seed", "7")
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    rows = of(here.objects("policy", "sample", "--size", "15", "--seed", "7"), "message")
    assert [line["id"] for line in table] == [row["id"] for row in rows]
    assert {(line["population"], line["stratum_messages"]) for line in table} == {
        ("unflagged", "3"),
        ("privacy-copy", "4"),
    }
    sampled = Counter((line["population"], line["wrote"], line["month"]) for line in table)
    assert all(
        line["stratum_sampled"] == str(sampled[line["population"], line["wrote"], line["month"]])
        for line in table
    )


def test_a_sample_too_small_for_its_strata_says_so(here: Installation) -> None:
    done = here.mailgw("policy", "sample", "--size", "4", "--of", "unflagged", "--seed", "7")
    assert done.returncode == 0
    assert "none of 6 strata; draw at least --size 10" in done.stderr
    assert "unflagged: 4 of 30 messages, 10 strata" in done.stderr
    assert "seed 7; indexed up to 40 of 40 entries" in done.stderr


def test_a_finding_that_was_taken_back_does_not_count(tmp_path: Path) -> None:
    """Blind copies in other transactions: as a whole the message reached the team."""
    here = Installation(tmp_path)
    alone = here.receive(COACH, ANN)
    verdict = {**here.verdict_of(1), "findings": []}
    record = {"seq": 1, "id": alone}
    here.note(
        alone, OCTOBER, {"event": "judged", "content_id": "whole", "records": [record], "verdict": verdict}
    )
    here.index()
    rows = here.objects("policy", "sample")
    assert [(row["population"], row["id"]) for row in of(rows, "message")] == [("unflagged", alone)]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--json", "--csv"), 2, "expected one of them"),
        (("--size", "0"), 2, "--size"),
        (("--of", "everything"), 2, "--of"),
        (("--since", "soon"), 2, "--since soon"),
        ((), 1, "no catalog yet"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = Installation(tmp_path).mailgw("policy", "sample", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
