"""`mailgw search` with `--all`, `--like` and `--unreadable`: all pages, messages like one, unreadable parts."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from gateway.cli.searching.asking import ask
from gateway.cli.searching.unread import _STATUSES, parts_of
from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Settings
from gateway.message.readable.reader import _UNREADABLE
from gateway.search.engine import Sort, Wanted
from gateway.search.query.tree import And, Node, Phrase, Text
from tests.cli.installation import MAILGW, OCTOBER
from tests.cli.test_search import INDEX, ends, found
from tests.extraction import files
from tests.indexer.test_searching import ANN, COACH, PAT, TEACHER, Searched

HERON: Node = Text(Phrase(("heron",)))


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


def letter(subject: str, body: str = "At five.\n", *, author: str = TEACHER) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = author, ANN, subject
    message.set_content(body)
    return message


def attached(*contents: tuple[bytes, str], subject: str = "Plans", author: str = TEACHER) -> EmailMessage:
    message = letter(subject, author=author)
    for content, name in contents:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message


def forwarded(message: EmailMessage) -> EmailMessage:
    outer = letter("Fwd")
    outer.add_attachment(message)
    return outer


def encrypted(subject: str = "...") -> bytes:
    """As RFC 3156 has it."""
    lines = [
        f"From: {TEACHER}", f"To: {ANN}", f"Subject: {subject}", "MIME-Version: 1.0",
        'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b', "",
        "--b", "Content-Type: application/pgp-encrypted", "", "Version: 1", "",
        "--b", "Content-Type: application/octet-stream; name=letter.asc", "",
        "-----BEGIN PGP MESSAGE-----", "", "hQEMA0==", "-----END PGP MESSAGE-----", "", "--b--", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


SECRET = files.raw_zip("plan.txt", b"\0" * 12 + b"x" * 20, 20, flags=1)  # an entry with a password
NOTHING = b"\0\1\2"


# --- all pages -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, extractor: Extractor) -> Searched:
    made = Searched(tmp_path_factory.mktemp("many"), extractor)
    for number in range(7):
        message = letter(f"Number {number}", "The heron.\n" if number % 2 else "At five.\n")
        made.take(message.as_bytes(), ANN, at=OCTOBER + timedelta(days=10 * number))
    made.update(INDEX)
    return made


def test_all_pages_as_objects_and_as_a_table(many: Searched) -> None:
    assert found(many, "--all") == [7, 6, 5, 4, 3, 2, 1]
    assert found(many, "--all", "--sort", "oldest", "heron") == [2, 4, 6]
    done = subprocess.run(
        [*MAILGW, "search", "--all", "--csv", "--config", str(many.config)],
        capture_output=True,
        timeout=120,
        check=True,
    )
    head, *rows = csv.reader(io.StringIO(done.stdout.decode(), newline=""))
    assert head[:2] == ["id", "seq"]
    assert [row[1] for row in rows] == ["7", "6", "5", "4", "3", "2", "1"]


def test_all_pages_in_lines_with_what_is_counted(many: Searched) -> None:
    done = many.mailgw("search", "--all", "--histogram", "month", "--facet", "sender")
    lines = done.stdout.splitlines()
    assert sum("Number" in line for line in lines) == 7
    assert [line.split()[:2] for line in lines[14:16]] == [["by", "sender:"], [TEACHER, "7"]]
    assert ends(done).startswith("7 found; ") and "--cursor" not in ends(done)


def test_the_rest_of_the_pages(many: Searched) -> None:
    """As after an answer that was broken off."""
    _, _, cursor = ends(many.mailgw("search", "--limit", "3")).partition("; more with ")
    assert found(many, "--all", *cursor.split()) == [4, 3, 2, 1]


@pytest.mark.parametrize("sort", Sort)
def test_pages_are_read_one_by_one_and_are_of_one_moment(
    tmp_path: Path, extractor: Extractor, sort: Sort
) -> None:
    here = Searched(tmp_path, extractor)
    for number in range(5):
        here.take(letter(f"Heron {number}").as_bytes())
    here.update(INDEX)
    answers = ask(here.settings, HERON, Wanted(sort=sort, limit=2), every=True)
    first = next(answers)
    here.take(letter("Heron late").as_bytes())
    here.update(INDEX)
    pages = [first, *answers]
    seqs = [[row["seq"] for row in answer.rows] for answer in pages]
    assert seqs == ([[1, 2], [3, 4], [5]] if sort is Sort.OLDEST else [[5, 4], [3, 2], [1]])
    assert {(answer.page.position, answer.coverage.found) for answer in pages} == {(5, 5)}
    assert [answer.page.cursor is None for answer in pages] == [False, False, True]
    (whole,) = ask(here.settings, HERON, Wanted(sort=sort, limit=10), every=True)
    assert whole.coverage.found == 6


# --- like one ------------------------------------------------------------------------------------

TRIP = "The museum of herons opens its marsh for the fourth grade, lunch boxes and rubber boots needed.\n"


@pytest.fixture(scope="module")
def trips(tmp_path_factory: pytest.TempPathFactory, extractor: Extractor) -> Searched:
    """1 a trip, 2 nearly the same, 3 something else, 4 a part of it by another author, 5 a word of it."""
    made = Searched(tmp_path_factory.mktemp("like"), extractor)
    messages = [
        (letter("Museum trip", TRIP), TEACHER),
        (letter("Museum trip", TRIP.replace("fourth", "third")), TEACHER),
        (letter("Soccer", "Practice moves to Friday because of rain.\n"), TEACHER),
        (letter("Boots", "The museum of herons opens its marsh: rubber boots!\n", author=COACH), COACH),
        (letter("Lunch", "Lunch costs two dollars.\n", author=PAT), PAT),
    ]
    for message, author in messages:
        made.take(message.as_bytes(), ANN, author=author)
    made.update(INDEX)
    return made


def test_messages_like_one(trips: Searched) -> None:
    rows = trips.objects("search", "--like", "1")
    assert [row["seq"] for row in rows] == [2, 4]
    assert found(trips, "--like", rows[0]["id"]) == [1, 4]
    assert found(trips, "--like", "3") == []
    assert found(trips, "--like", "1", "--limit", "1") == [2]


def test_a_query_narrows_what_is_like_one(trips: Searched) -> None:
    assert found(trips, "--like", "1", "from:carla") == [4]
    assert found(trips, "--like", "1", "third OR soccer") == [2]
    assert found(trips, "--like", "1", "soccer") == []


def test_what_is_like_one_is_shown_as_any_other(trips: Searched) -> None:
    done = trips.mailgw("search", "--like", "1", "boots")
    assert sum(" -> " in line for line in done.stdout.splitlines()) == 2
    assert ends(done) == "2 similar; searched up to entry 5 of 5, 0 behind"
    table = trips.mailgw("search", "--like", "1", "--csv").stdout.splitlines()
    assert [line.split(",")[1] for line in table] == ["seq", "2", "4"]


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ("--like 99", 1, "--like 99: no such message; `mailgw search` shows the ids"),
        ("--like nothing@x", 1, "--like nothing@x: no such message"),
        ("--like 1 --sort oldest", 2, "--like: expected without --sort"),
        ("--like 1 --all --count", 2, "--like: expected without --all and --count"),
        ("--like 1 --unreadable", 2, "--unreadable: expected without --like"),
        ("--all --limit 5", 2, "--all: expected without --limit"),
        ("--all --count", 2, "--all: expected without --count"),
        ("--unreadable --facet rule", 2, "--unreadable: expected without --facet"),
        ("--like 1 '(x'", 2, "(x"),
    ],
)
def test_what_cannot_be_asked_is_told(trips: Searched, typed: str, code: int, said: str) -> None:
    done = trips.mailgw("search", *shlex.split(typed))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"mailgw: {said}")
    assert "Traceback" not in done.stderr


# --- what nobody could read ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, extractor: Extractor) -> Searched:
    """1 a heron; 2 by Tim and 3 by Carla with unreadable parts; 4 encrypted; 5 found although part of it is closed."""
    made = Searched(tmp_path_factory.mktemp("unreadable"), extractor)
    messages = [
        (letter("Heron").as_bytes(), TEACHER),
        (attached((NOTHING, "plans.bin"), (files.zipped({"in.zip": SECRET}), "all.zip")).as_bytes(), TEACHER),
        (attached((SECRET, "=safe.zip"), author=COACH).as_bytes(), COACH),
        (encrypted(), TEACHER),
        (attached((NOTHING, "five.bin"), subject="Heron five").as_bytes(), PAT),
    ]
    for number, (raw, author) in enumerate(messages):
        made.take(raw, ANN, author=author, at=OCTOBER + timedelta(days=number))
    made.update(INDEX)
    return made


@pytest.mark.parametrize(
    ("typed", "seqs"),
    [
        ("", [5, 4, 3, 2]),
        ("heron", [5, 4, 3, 2]),
        ("heron from:carla", [3]),
        ("heron -from:carla", [5, 4, 2]),
        ("heron -plans", [5, 4]),  # in 2 and 3 the word was seen
        ("heron after:2026-10-17", [5, 4]),
        ("subject:egret", [4]),  # the subject of an encrypted message may be another one
        ("egret OR subject:egret", [5, 4, 3, 2]),
        ("from:nobody heron", []),
        ("--limit 2 --sort oldest heron", [2, 3]),
    ],
)
def test_messages_in_which_a_hit_may_hide(closed: Searched, typed: str, seqs: list[int]) -> None:
    rows = closed.objects("search", "--unreadable", *shlex.split(typed))
    assert list(dict.fromkeys(row["seq"] for row in rows)) == seqs


def test_each_part_with_why(closed: Searched) -> None:
    rows = closed.objects("search", "--unreadable", "heron", "--sort", "oldest")
    said = [(row["seq"], row["found"], row["part"], row["name"], row["status"]) for row in rows]
    assert said == [
        (2, False, "2", "plans.bin", "unsupported"),
        (2, False, "3", "all.zip > in.zip > plan.txt", "encrypted"),
        (3, False, "2", "=safe.zip > plan.txt", "encrypted"),
        (4, False, "2", "letter.asc", "encrypted"),
        (5, True, "2", "five.bin", "unsupported"),
    ]
    assert {key for row in rows for key in row} == {
        "id", "seq", "received", "found", "part", "name", "type", "status", "detail",
    }  # fmt: skip


def test_the_parts_in_lines_and_as_a_table(closed: Searched) -> None:
    done = closed.mailgw("search", "--unreadable", "heron", "from:pat")
    head, part = done.stdout.splitlines()
    assert head.endswith("  (found anyway)")
    assert part.startswith("    part 2 five.bin (application/octet-stream): unsupported")
    assert done.stderr.splitlines()[1].startswith(
        "A hit may hide in these: messages that are from somebody with"
    )
    assert ends(done).startswith("1 found with parts that could not be read; searched up to entry 5 of 5")
    table = csv.reader(io.StringIO(closed.mailgw("search", "--unreadable", "from:carla", "--csv").stdout))
    head_line, row = table
    cells = dict(zip(head_line, row, strict=True))
    assert (cells["seq"], cells["name"], cells["status"]) == ("3", "'=safe.zip > plan.txt", "encrypted")


def test_unreadable_parts_page_by_page(closed: Searched) -> None:
    seqs: list[list[int]] = []
    more: list[str] = []
    for _ in range(2):
        done = closed.mailgw("search", "--unreadable", "--json", "--limit", "2", *more)
        seqs.append([json.loads(line)["seq"] for line in done.stdout.splitlines()])
        more = ends(done).partition("; more with ")[2].split()
    assert (seqs, more) == ([[5, 4], [3, 2, 2]], [])
    assert len(closed.objects("search", "--unreadable", "--all")) == 5


def test_an_answer_says_in_how_many_a_hit_may_hide(closed: Searched) -> None:
    (row,) = closed.objects("search", "heron", "--count")
    assert row["coverage"]["unreadable"] == 4
    assert (row["count"], row["coverage"]["may_hide"]) == (2, 3)  # a hit itself hides nowhere
    done = closed.mailgw("search", "heron", "from:carla")
    assert ends(done) == (
        "0 found; searched up to entry 5 of 5, 0 behind; 1 other message has parts that could not be read, "
        "in which a hit may hide (--unreadable lists them)"
    )


def test_file_names_of_a_held_message_are_not_told(tmp_path: Path, extractor: Extractor) -> None:
    here = Searched(tmp_path, extractor)
    id = here.take(attached((NOTHING, "knees.bin")).as_bytes())
    here.note(id, OCTOBER, {"event": "held", "undelivered": [0]})
    here.update(INDEX)
    (row,) = here.objects("search", "--unreadable", "heron")
    assert (row["id"], row["name"], row["status"]) == (id, None, "unsupported")
    assert "knees" not in here.mailgw("search", "--unreadable").stdout


def test_a_message_that_was_damaged_since_is_told(tmp_path: Path, extractor: Extractor) -> None:
    here = Searched(tmp_path, extractor)
    here.take(attached((NOTHING, "plans.bin")).as_bytes())
    here.take(attached((NOTHING, "other.bin")).as_bytes())
    here.update(INDEX)
    here.damage(2)
    two, one = here.objects("search", "--unreadable")
    assert (two["seq"], two["status"], one["status"]) == (2, "damaged", "unsupported")


def test_what_can_be_read_by_now_is_told(tmp_path: Path) -> None:
    with Extractor(Settings(content_octets=1)) as impatient:
        here = Searched(tmp_path, impatient)
        here.take(attached((files.docx("A bittern."), "bird.docx")).as_bytes())
        here.update(INDEX)
    (row,) = here.objects("search", "--unreadable")
    assert (row["status"], row["part"]) == ("read-now", "")


def partial() -> bytes:
    message = letter("Part 1 of 2")
    message.replace_header("Content-Type", 'message/partial; id="x@y"; number=1; total=2')
    return message.as_bytes()


# A message, and its unreadable parts: which, what it is called, and why.
PARTS: dict[str, tuple[Callable[[], bytes], list[tuple[str, str, str]]]] = {
    "all can be read": (lambda: attached((files.docx("A bittern."), "bird.docx")).as_bytes(), []),
    "no format that is known": (
        lambda: attached((NOTHING, "a.bin")).as_bytes(),
        [("2", "a.bin", "unsupported")],
    ),
    "damaged": (lambda: attached((b"%PDF-1.4 broken", "a.pdf")).as_bytes(), [("2", "a.pdf", "failed")]),
    "encrypted in place": (encrypted, [("2", "letter.asc", "encrypted")]),
    "encrypted in an archive": (
        lambda: attached((SECRET, "a.zip")).as_bytes(),
        [("2", "a.zip > plan.txt", "encrypted")],
    ),
    "in an attached message": (
        lambda: forwarded(attached((NOTHING, "a.bin"))).as_bytes(),
        [("2.2", "a.bin", "unsupported")],
    ),
    "without a name": (
        lambda: attached((NOTHING, "")).as_bytes(),
        [("2", "(no name)", "unsupported")],
    ),
    "half a message": (partial, [("1", "", "unsupported")]),
    "too much text": (lambda: letter("Long", "heron\n" * 1_500_000).as_bytes(), [("1", "", "too-large")]),
}


@pytest.mark.parametrize("name", PARTS)
def test_the_parts_of_a_message(name: str, extractor: Extractor) -> None:
    make, parts = PARTS[name]
    assert [(part.path, part.name, part.status) for part in parts_of(make(), extractor)] == parts


def test_the_index_counts_the_same_parts(tmp_path: Path, extractor: Extractor) -> None:
    here = Searched(tmp_path, extractor)
    unreadable = {here.take(make()) for make, parts in PARTS.values() if parts}
    here.take(PARTS["all can be read"][0]())
    here.update(INDEX)
    assert {row["id"] for row in here.objects("search", "--unreadable")} == unreadable
    (answer,) = ask(here.settings, And(()), Wanted(limit=100))
    assert len(answer.rows) == len(unreadable) + 1


def test_each_reason_has_a_status() -> None:
    assert set(_STATUSES) >= _UNREADABLE
