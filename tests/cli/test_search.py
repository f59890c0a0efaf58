"""`mailgw search`, run as people run it, on mail that was received, catalogued and indexed."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import apsw
import pytest

from gateway.catalog import queries
from gateway.catalog.files import catalog_files
from gateway.catalog.reader import Catalog
from gateway.cli.searching.typed import query_of
from gateway.extraction.extractor import Extractor
from gateway.search.query import parse
from gateway.search.tantivy import TantivyWriter
from tests.cli.installation import MAILGW, OCTOBER, Installation
from tests.indexer.test_searching import ANN, COACH, MOTHER, PAT, TEACHER, Searched

INDEX = "data/search"
FORMULA = '=HYPERLINK("http://x.example","Pay, now")'
SUBJECTS = ["late bus", "bus is late", "Practice", "Evil \x1b]0;x\x07 red", FORMULA, "Report"]


def letter(subject: str, body: str, *, author: str = f"Tim Kay <{TEACHER}>", to: str = ANN) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Message-ID"] = author, to, f"<{len(body)}.{len(subject)}@x>"
    message["Subject"] = subject.replace("\x1b", "").replace("\x07", "")
    message.set_content(body)
    return message.as_bytes()


def received(here: Searched) -> None:
    """Six messages; their numbers in the archive are those of SUBJECTS, from 1."""
    texts = [
        (letter("late bus", "The heron stood still.\n"), TEACHER, 0),
        (letter("bus is late", "Before the\nheron \u202eflew \x1b[31m away.\n"), TEACHER, 1),
        (letter("Practice", "At five.\n", author=COACH), COACH, 40),
        (
            letter("Evil", "Nothing\n").replace(b"Subject: Evil", b"Subject: Evil \x1b]0;x\x07 red"),
            TEACHER,
            41,
        ),
        (letter(FORMULA, "Gain.\n"), TEACHER, 42),
    ]
    for raw, author, days in texts:
        here.take(raw, ANN, author=author, at=OCTOBER + timedelta(days=days))
    report = EmailMessage(policy=SMTP)
    report["From"], report["To"], report["Subject"] = PAT, MOTHER, "Report"
    report.set_content("See the file.\n")
    report.add_attachment(b"\0\1\2", maintype="application", subtype="octet-stream", filename="heron.bin")
    here.take(report.as_bytes(), MOTHER, author=PAT, at=OCTOBER + timedelta(days=43))
    here.keep_roster()
    here.update(INDEX)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    with Extractor() as extractor:
        made = Searched(tmp_path_factory.mktemp("search"), extractor)
        received(made)
        yield made


def found(here: Installation, *arguments: str) -> list[int]:
    return [row["seq"] for row in here.objects("search", *arguments)]


def ends(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of standard error."""
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


# --- what is found -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "seqs"),
    [
        ("late bus", [2, 1]),
        ('"late bus"', [2, 1]),
        ("""'"late bus"'""", [1]),
        ('"late bus" after:2020-01-01', [1]),
        ('subject:"late bus"', [1]),
        ("subject:late subject:bus", [2, 1]),
        ('"late bus" OR practice', [3, 1]),
        ("heron -subject:'late bus'", [6, 2]),
        ("-heron -coach -evil -gain -report", [3]),
        ("'heron -subject:\"late bus\"'", [6, 2]),
        ("'late bus OR practice'", [3, 2, 1]),
        ("'from:carla after:2026-11-01'", [3]),
        ("--limit 1 heron --sort oldest", [1]),
        ('person:"Tim Kay" heron', [2, 1]),
        ("person:carla@harbor.example", [3]),
        ("person:c1", [3]),
        ("person:nobody", []),
        ("filename:heron", [6]),
        ("has:unreadable", [6]),
        ("before:2020-01-01", []),
    ],
)
def test_what_a_person_types_is_found(here: Searched, typed: str, seqs: list[int]) -> None:
    """As it stands behind `mailgw search ` in a shell."""
    assert found(here, *shlex.split(typed)) == seqs


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ('subject:"late bus"', 'subject:"late bus"'),
        ('-subject:"late bus" x', '-subject:"late bus" x'),
        ('"late bus"~5', '"late bus"~5'),
        ('"late bu"*', '"late bu"*'),
        ('subject:"Re: late bus"', 'subject:"Re: late bus"'),
        ('"Re: late"', '"Re: late"'),
        ('"a \\\\ b"', '"a \\\\ b"'),
        ('from:"Ann Smith"', 'from:"Ann Smith"'),
        ('hold:"Doe v. Harbor"', 'hold:"Doe v. Harbor"'),
        ("'from:ann@x.example late'", "from:ann@x.example late"),
        ("'after:2026-11-01 bus'", "after:2026-11-01 bus"),
        ("'late OR early'", "late OR early"),
        ("'NOT late bus'", "NOT late bus"),
        ("'late -bus'", "late -bus"),
        ("'bus subject:late'", "bus subject:late"),
        ("'late bu* tram'", "late bu* tram"),
        ("'subjct:late bus'", "subjct:late bus"),  # a slip of the pen stays one, and is told
        ("'subject:(late OR early)'", "subject:(late OR early)"),
        ("'from:ann \"late bus'", 'from:ann "late bus'),
        ("late bus", "late bus"),
        (
            "'late bus'",
            "late bus",
        ),  # a whole query; it might be a phrase whose quotes the shell took, as the next
        ("from:ann 'late bus'", 'from:ann "late bus"'),
        ("-'late bus'", '-"late bus"'),
        ("'' late", "late"),
    ],
)
def test_what_the_shell_took_is_put_back(typed: str, query: str) -> None:
    assert query_of(shlex.split(typed)) == query


def test_objects_are_those_of_the_catalog(here: Searched) -> None:
    """`--json` gives the catalog's rows."""
    rows = here.objects("search")
    settings = here.settings
    with Catalog(settings.storage.catalog).connect() as connection:
        known = queries.hits(connection, range(6, 0, -1))
    assert rows == [json.loads(json.dumps(row)) for row in known.values()]
    assert [row["seq"] for row in rows] == [6, 5, 4, 3, 2, 1]


def test_pages_follow_each_other(here: Searched) -> None:
    seqs: list[int] = []
    more: Sequence[str] = ()
    for _ in range(3):
        done = here.mailgw("search", "--json", "--limit", "2", *more)
        seqs += [json.loads(line)["seq"] for line in done.stdout.splitlines()]
        _, _, cursor = ends(done).partition("; more with ")
        more = cursor.split()
    assert (seqs, more) == ([6, 5, 4, 3, 2, 1], [])


def test_one_of_each_content(here: Searched, tmp_path: Path) -> None:
    with Extractor() as extractor:
        other = Searched(tmp_path, extractor)
        raw = letter("Twice", "The same.\n")
        for to in (ANN, PAT):
            other.take(raw, to)
        other.update(INDEX)
    (row,) = other.objects("search", "twice", "--collapse", "message")
    assert row["also"] == 1
    assert "and 1 more like it" in other.mailgw("search", "twice", "--collapse", "message").stdout


# --- how many ------------------------------------------------------------------------------------


def test_how_many_and_how_complete(here: Searched) -> None:
    (row,) = here.objects("search", "heron", "--count")
    known = {"found": 3, "searched": 6, "last": 6, "behind": 0, "unreadable": 1}
    known |= {"may_hide": 0, "unsearchable": 0}
    assert row == {"count": 3, "coverage": known}
    done = here.mailgw("search", "heron", "--count")
    assert done.stdout == "3\n"
    assert ends(done) == (
        "3 found; searched up to entry 6 of 6, 0 behind; "
        "in what was searched no other hit can hide in a part that could not be read"
    )


def test_facets_and_the_histogram_as_objects(here: Searched) -> None:
    rows = here.objects(
        "search", "--limit", "0", "--facet", "sender", "--facet", "direction", "--histogram", "month"
    )
    counts = [(row["facet"], row["value"], row["count"]) for row in rows if "facet" in row]
    assert counts == [
        ("sender", TEACHER, 4),
        ("sender", COACH, 1),
        ("sender", PAT, 1),
        ("direction", "internal", 5),
        ("direction", "out", 1),
    ]
    bars = [(row["start"], row["histogram"], row["count"]) for row in rows if "histogram" in row]
    assert bars == [
        ("2026-10-01T04:00:00.000000+00:00", "month", 2),  # midnight of the district
        ("2026-11-01T04:00:00.000000+00:00", "month", 4),
    ]


def test_charts(here: Searched) -> None:
    done = here.mailgw("search", "--count", "--facet", "sender", "--histogram", "month")
    lines = done.stdout.splitlines()
    assert lines[0] == "6"
    assert lines[1] == "by sender:"
    assert lines[2].split()[:2] == [TEACHER, "4"]
    october, november = (line.split() for line in lines[-2:])
    assert (october[:2], november[:2]) == (["2026-10", "2"], ["2026-11", "4"])
    assert set(november[2]) == {"█"} and len(november[2]) == 2 * len(october[2])


# --- what is shown -------------------------------------------------------------------------------


def on_a_terminal(here: Installation, *arguments: str) -> str:
    """What a person's terminal gets on standard output."""
    ours, terminal = os.openpty()
    try:
        command = [*MAILGW, "search", *arguments, "--config", str(here.config)]
        subprocess.run(command, stdout=terminal, stderr=subprocess.DEVNULL, timeout=120, check=True)
        os.set_blocking(ours, False)
        return os.read(ours, 65536).decode()
    finally:
        os.close(terminal)
        os.close(ours)


def test_what_was_found_is_shown(here: Searched) -> None:
    done = here.mailgw("search", "heron")
    excerpts = [line for line in done.stdout.splitlines() if line.startswith("    | ")]
    assert excerpts == [
        "    | file name: heron.bin",
        "    | Before the heron \\u202eflew \N{REPLACEMENT CHARACTER}[31m away.",
        "    | The heron stood still.",
    ]
    assert done.stderr.splitlines()[0] == "Messages that contain the word “heron”."
    assert "\x1b[1mheron\x1b[0m stood" in on_a_terminal(here, "heron")


def test_nothing_in_a_message_acts_upon_the_terminal(here: Searched) -> None:
    shown = on_a_terminal(here, "--limit", "100") + here.mailgw("search", "heron").stdout
    assert "Evil" in shown and "red" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_a_held_message_is_not_shown_in_passing(tmp_path: Path) -> None:
    with Extractor() as extractor:
        other = Searched(tmp_path, extractor)
        id = other.take(letter("Knee", "The heron knows.\n"))
        other.note(id, OCTOBER, {"event": "held", "undelivered": [0]})
        other.update(INDEX)
    done = other.mailgw("search", "heron")
    assert id in done.stdout
    assert "knows" not in done.stdout
    assert f"mailgw hold show {id} --content" in done.stdout


def test_a_table_for_spreadsheets(here: Searched) -> None:
    done = subprocess.run(
        [*MAILGW, "search", "after:2026-11-24", "--csv", "--config", str(here.config)],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.count(b"\r\n") == 4
    head, *rows = csv.reader(io.StringIO(done.stdout.decode(), newline=""))
    table = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["seq"] for row in table] == ["6", "5", "4"]
    assert table[1]["subject"] == f"'{FORMULA}"
    assert table[0]["to"] == MOTHER


# --- what is asked -------------------------------------------------------------------------------


def test_a_query_is_told_in_a_sentence(here: Searched) -> None:
    done = here.mailgw("search", "--explain", 'subject:"late bus"', "-person:Tim")
    assert done.stdout.splitlines()[0].startswith(
        "Messages that have the phrase “late bus” in the subject and"
    )
    assert "“Tim” is t1 (Tim Kay)" in done.stdout
    (row,) = here.objects("search", "--explain", "subject:late bus")
    assert row["query"] == 'subject:"late bus"'
    zone = here.settings.district.zone
    assert parse(row["query"], now=OCTOBER, zone=zone) == parse('subject:"late bus"', now=OCTOBER, zone=zone)


def test_an_unknown_person_is_told(here: Searched) -> None:
    done = here.mailgw("search", "person:s9")
    assert "“s9” is nobody in today's roster; taken as an id" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["from:ann", "(late"], ["from:ann (late", "         ^", "at character 10: a parenthesis"]),
        (["wrong:thing"], ["wrong:thing", "^", "at character 1: unknown field"]),
        (["--cursor", "x"], ["--cursor: this is no cursor"]),
        (["--csv", "--json"], ["--csv: expected without"]),
    ],
)
def test_what_cannot_be_asked_is_told(here: Searched, arguments: list[str], said: list[str]) -> None:
    done = here.mailgw("search", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(f"mailgw: {start}") for line, start in zip(lines, said, strict=True))


# --- when there is no answer, or only half of one ------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Searched]:
    with Extractor() as extractor:
        made = Searched(tmp_path, extractor)
        made.take(letter("One", "One.\n"))
        made.take(letter("Two", "Two.\n"))
        yield made


def test_without_an_index(own: Searched) -> None:
    own.index()
    done = own.mailgw("search", "one")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no search index yet; `mailgw serve` makes it" in ends(done)


def test_with_a_damaged_index(own: Searched) -> None:
    own.update(INDEX)
    folder = own.folder / INDEX
    for path in folder.glob("*.store"):
        path.unlink()
    done = own.mailgw("search", "one")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the search index is damaged" in done.stderr
    assert "no mail is lost" in ends(done)


def test_what_is_not_searched_yet_is_told_while_the_index_is_written(own: Searched) -> None:
    own.update(INDEX)
    own.take(letter("Three", "Three.\n"))
    own.index()
    writer = TantivyWriter(own.folder / INDEX)
    try:
        done = own.mailgw("search", "three")
    finally:
        writer.close()
    assert done.returncode == 0
    assert ends(done).startswith("0 found; searched up to entry 2 of 3, 1 behind; ")


def test_messages_that_no_search_finds_are_counted(own: Searched) -> None:
    own.damage(1)
    own.update(INDEX)
    (row,) = own.objects("search", "--count")
    assert row["count"] == 1
    assert row["coverage"]["unsearchable"] == 1
    assert "1 could not be searched at all" in ends(own.mailgw("search", "two"))


def test_a_hit_that_the_catalog_lacks_is_still_a_hit(own: Searched) -> None:
    """The catalog is being made anew, and the index is further."""
    own.update(INDEX)
    folder = own.settings.storage.catalog
    with closing(Catalog(folder)) as catalog, catalog.connect() as connection:
        assert list(queries.hits(connection, [2, 99, 1])) == [2, 1]
    table = apsw.Connection(str(catalog_files(folder).current()))
    table.execute("DELETE FROM messages WHERE seq = 2")
    table.close()
    two, one = own.objects("search")
    assert list(two) == list(one)
    assert (two["seq"], two["indexed"], one["subject"]) == (2, False, "One")
    assert "not in the catalog yet" in own.mailgw("search").stdout
    for path in folder.iterdir():
        path.unlink()
    done = own.mailgw("search")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no catalog yet" in ends(done)
