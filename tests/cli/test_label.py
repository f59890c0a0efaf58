"""`mailgw label`: labels are given and taken, found by `label:`, shown with the message, and kept in the archive."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.archive import Reader
from gateway.extraction.extractor import Extractor
from tests.cli.installation import MAILGW, OCTOBER, to_one
from tests.cli.test_search import INDEX, found, letter
from tests.indexer.test_searching import ANN, PAT, TEACHER, Searched


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Searched]:
    """Three messages; the second and third are transactions of one."""
    with Extractor() as extractor:
        made = Searched(tmp_path, extractor)
        made.take(letter("Grades", "All good.\n"), ANN)
        raw = letter("Trip", "On Friday.\n")
        first = made.envelope(TEACHER, ANN, at=OCTOBER)
        for each in (first, to_one(first, PAT)):
            made.keep(
                each,
                json.dumps({"envelope": each.to_json(), "verdict": made.judge([each], raw)}).encode(),
                raw,
            )
        made.update(INDEX)
        yield made


def label(here: Searched, *arguments: str) -> subprocess.CompletedProcess[str]:
    return here.mailgw("label", *arguments, "--wait", "0", "--by", "Pat Kim")


def rows(here: Searched, *arguments: str) -> list[tuple[list[str], str]]:
    """The labels and the outcome of each message, as `--json` has them; then the index is brought up."""
    done = label(here, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    here.update(INDEX)
    return [(row["labels"], row["outcome"]) for row in map(json.loads, done.stdout.splitlines())]


def test_labels_are_given_found_shown_and_taken(here: Searched) -> None:
    assert rows(here, "1", "--add", "transcript", "--add", "Student-Record") == [
        (["student-record", "transcript"], "recorded")
    ]
    assert found(here, "label:transcript") == [1]
    assert found(here, "label:student*") == [1]
    assert found(here, "-label:transcript") == [3, 2]
    (shown,) = here.objects("show", "1")
    assert shown["labels"] == ["student-record", "transcript"]
    assert "labels: student-record, transcript" in here.mailgw("show", "1").stdout

    assert rows(here, "1", "--remove", "transcript", "--reason", "of another student") == [
        (["student-record"], "recorded")
    ]
    assert found(here, "label:transcript") == []
    assert found(here, "label:student-record") == [1]


def test_who_did_it_and_why_is_in_the_archive(here: Searched) -> None:
    rows(here, "1", "--add", "transcript", "--reason", "asked for by\nthe registrar")
    with closing(Reader(here.settings.storage.archive)) as reader:
        entry = reader.entry(reader.last_seq())
        message = reader.entry(1)
    assert entry is not None
    assert message is not None
    assert entry.subject_id == message.id
    assert entry.document == {
        "event": "labelled",
        "add": ["transcript"],
        "remove": [],
        "by": "Pat Kim",
        "reason": "asked for by the registrar",
    }


def test_all_transactions_of_a_message_are_labelled(here: Searched) -> None:
    assert len(rows(here, "2", "--add", "trip")) == 2
    assert found(here, "label:trip") == [3, 2]
    assert len(rows(here, "2", "--add", "single", "--single")) == 1
    assert found(here, "label:single") == [2]


def test_what_changes_nothing_is_not_recorded(here: Searched) -> None:
    rows(here, "1", "--add", "transcript")
    with closing(Reader(here.settings.storage.archive)) as reader:
        before = reader.last_seq()
        assert rows(here, "1", "--add", "transcript", "--remove", "trip") == [(["transcript"], "unchanged")]
        assert reader.last_seq() == before


def test_the_labels_survive_a_rebuild(here: Searched) -> None:
    rows(here, "1", "--add", "transcript")
    done = here.mailgw("reindex", "--no-search")
    assert done.returncode == 0, done.stderr
    assert here.objects("show", "1")[0]["labels"] == ["transcript"]
    here.update("anew")
    assert [hit.seq for hit in here.page("label:transcript", folder="anew").hits] == [1]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["1"], 2, "expected --add NAME or --remove NAME"),
        (["1", "--add", "two words"], 2, "--add: expected a label of lower case letters, digits and dashes"),
        (["1", "--add", ""], 2, "--add: expected a label"),
        (["1", "--remove", "é"], 2, "--remove: expected a label"),
        (["1", "--add", "a", "--remove", "A"], 2, "a stands in both"),
        (["1", "99", "--add", "a"], 1, "99: no such message"),
        (["1", "--add", "a", "--reason", "x" * 2001], 2, "--reason: expected a reason of at most 2000"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_recorded(
    here: Searched, arguments: list[str], code: int, said: str
) -> None:
    with closing(Reader(here.settings.storage.archive)) as reader:
        before = reader.last_seq()
        done = label(here, *arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert said in done.stderr
        assert reader.last_seq() == before


def test_people_are_told_what_it_has_now(here: Searched) -> None:
    done = label(here, "1", "--add", "transcript")
    assert done.stdout.endswith(": transcript (recorded; the indexer has not taken it up yet)\n")
    here.update(INDEX)
    assert label(here, "1", "--add", "transcript").stdout.endswith(": transcript (as before)\n")
    assert label(here, "1", "--remove", "transcript").stdout.count("no label") == 1


def test_it_waits_until_the_catalog_knows(here: Searched) -> None:
    """An indexer follows meanwhile, as it does in a running service."""
    command = [*MAILGW, "label", "1", "--add", "transcript", "--by", "Pat", "--wait", "60", "--json"]
    with subprocess.Popen(
        [*command, "--config", str(here.config)], stdout=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            here.index()
        assert process.stdout is not None
        row = json.loads(process.stdout.read())
    assert (row["labels"], row["outcome"]) == (["transcript"], "labelled")
    assert here.objects("show", "1")[0]["labels"] == ["transcript"]
