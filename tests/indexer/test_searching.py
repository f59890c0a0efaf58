"""From a received message to an answer: archive, catalog, attachments in their sandbox, index, query.

Words are planted where mail hides them; each is found, or the part that holds it is counted as unreadable.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from gateway.archive import Reader
from gateway.catalog.reader import Catalog
from gateway.directory.history import History, keep
from gateway.directory.importer import read_roster
from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Settings
from gateway.indexer.making import Maker
from gateway.indexer.searching import SearchFollower
from gateway.message.envelope import Envelope
from gateway.search.engine import Facet, Wanted
from gateway.search.query import parse
from gateway.search.tantivy import TantivySearcher, TantivyWriter
from tests.cli.installation import OCTOBER, Installation
from tests.extraction import files
from tests.indexer.plants import FOUND, OCR, PICTURED, UNREADABLE, Make, attached, forwarded, raw

COACH, TEACHER, ANN, PAT = (f"{name}@harbor.example" for name in ("carla", "tim", "ann", "pat"))
MOTHER = "mother@lee.example"


class Searched(Installation):
    """An installation with a search index."""

    def __init__(self, folder: Path, extractor: Extractor) -> None:
        super().__init__(folder)
        self._extractor = extractor

    def take(self, raw: bytes, *to: str, author: str = TEACHER, at: datetime = OCTOBER) -> str:
        """Judge a message and keep it; the archive id."""
        envelope = self.envelope(author, *(to or (ANN,)), at=at)
        verdict = self.judge([envelope], raw)
        self.keep(envelope, orjson.dumps({"envelope": envelope.to_json(), "verdict": verdict}), raw)
        return envelope.id

    def keep_roster(self, at: datetime = OCTOBER) -> None:
        """Keep the directory of a day, as the service does."""
        settings = self.settings
        assert settings.directory.path is not None
        day = at.astimezone(settings.district.zone)
        found = read_roster(
            settings.directory.path, settings.district.domains, now=day, previous=None, max_shrink=1.0
        )
        keep(settings.storage.rosters, found.directory)

    def update(self, folder: str = "search") -> int:
        """Bring catalog and index up to the archive; how many documents were made."""
        self.index()
        settings, made = self.settings, 0
        with closing(Reader(settings.storage.archive)) as reader:
            writer = TantivyWriter(self.folder / folder)
            maker = Maker(
                reader,
                history=History(settings.storage.rosters),
                domains=settings.district.domains,
                zone=settings.district.zone,
                extract=self._extractor.extract,
                now=OCTOBER,
            )
            follower = SearchFollower(
                reader, Catalog(settings.storage.catalog), writer, maker, structlog.get_logger()
            )
            try:
                while (step := follower.step()).documents or step.remaining:
                    made += step.documents
            finally:
                writer.close()
        return made

    def found(self, query: str, folder: str = "search") -> list[str]:
        """The ids of all messages that a query finds, newest first."""
        return [hit.id for hit in self.page(query, folder=folder).hits]

    def page(self, query: str, *, folder: str = "search", **wanted: Any) -> Any:
        zone = self.settings.district.zone
        with closing(TantivySearcher(self.folder / folder)) as searcher:
            tree = parse(query, now=OCTOBER, zone=zone)
            return searcher.search(tree, Wanted(**{"limit": 1000} | wanted))


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, extractor: Extractor) -> Searched:
    return Searched(tmp_path, extractor)


def letter(subject: str = "Practice", body: str = "At five.\n") -> bytes:
    return raw(body, subject=subject)


# --- recall --------------------------------------------------------------------------------------

SYLLABLES = ["ba", "di", "fo", "gu", "ke", "la", "mi", "nor", "pel", "quin", "ros", "tav", "vex", "wim"]
# What OCR reads well. No plant is called so otherwise, and nobody writes it.
LEGIBLE = ("permission", "plymouth", "teacher", "medical", "holiday", "insurance", "harvest", "museum")

# The field in which it is found, or "" for unreadable; its name; how it is made.
Kinds = list[tuple[str, str, Make]]
READ: Kinds = [(field, kind, make) for field, kinds in FOUND.items() for kind, make in kinds.items()]
UNREAD: Kinds = [("", kind, make) for kind, make in UNREADABLE.items()]
SCANNED: Kinds = [("attachment" if OCR else "", kind, make) for kind, make in PICTURED.items()]


@dataclass(frozen=True, slots=True)
class Planted:
    """A word in a message; `field` is empty where nobody can read it."""

    id: str
    kind: str
    field: str
    word: str


def coined(source: random.Random, taken: set[str]) -> str:
    """A word that nobody has written yet."""
    while (word := "".join(source.choices(SYLLABLES, k=4))) in taken:
        pass
    taken.add(word)
    return word


def check(here: Searched, planted: list[Planted], *, strictly: bool) -> None:
    """Each word is found in its message and nowhere else, or its message is listed as not read to its end.

    `strictly`: what can be read is found, and only what cannot be is listed.
    """
    listed = set(here.found("has:unreadable"))
    assert listed <= {one.id for one in planted}
    wrong: list[Planted] = []
    for one in planted:
        found = here.found(one.word)
        hit, told = found == [one.id], one.id in listed
        sound = hit != told and hit == bool(one.field) if strictly else hit or told
        if not sound or not set(found) <= {one.id} or here.found(one.word.upper()) != found:
            wrong.append(one)
    assert not wrong, "\n".join(map(str, wrong))


def test_every_plant_is_found_or_listed_as_unread(here: Searched) -> None:
    planted: list[Planted] = []
    source, taken, legible = random.Random(1), set[str](), iter(LEGIBLE)
    for field, kind, make in (*READ, *UNREAD, *SCANNED):
        word = next(legible) if kind in PICTURED else coined(source, taken)
        planted.append(Planted(here.take(make(word)), kind, field, word))
    here.take(letter("Nothing here"))
    here.update()
    check(here, planted, strictly=True)
    assert len(here.found("")) == len(planted) + 1
    for one in planted:
        for field in FOUND:
            if field == one.field:
                assert here.found(f"{field}:{one.word}") == [one.id], one
            elif field == "new" and one.field == "body":  # what is quoted or not shown is not what they wrote
                assert here.found(f"new:{one.word}") == [], one
            elif field == "subject":
                assert here.found(f"subject:{one.word}") == [], one
    docx = {one.id for one in planted if "DOCX" in one.kind or one.kind == "file in winmail.dat"}
    assert set(here.found("type:docx")) == docx


def test_who_looks_at_the_octets_does_not_find_them() -> None:
    """The plants are where they are said to be."""
    seen = {kind for _, kind, make in (*READ, *UNREAD, *SCANNED) if b"whimbrel" in make("whimbrel")}
    plain = {
        "text", "text in a Russian charset", "nested multiparts", "quoted history", "the version beside HTML",
        "subject", "subject in raw UTF-8", "file name", "file name within a ZIP", "attached message, its text",
        "attached message, its subject", "PDF", "PDF with another name",
    }  # fmt: skip
    assert seen <= plain


@pytest.mark.needs("tesseract")
def test_a_scan_is_read(here: Searched) -> None:
    ids = {kind: here.take(make("permission")) for kind, make in PICTURED.items()}
    here.update()
    assert set(here.found("attachment:permission")) == set(ids.values())
    assert here.found("has:unreadable") == []


@pytest.mark.parametrize(
    "settings", [Settings(ocr=False), Settings(tesseract="no-such-command")], ids=["off", "not installed"]
)
def test_a_scan_that_nobody_reads_is_in_the_coverage_list(tmp_path: Path, settings: Settings) -> None:
    """On any machine, with OCR or without."""
    with Extractor(settings) as extractor:
        here = Searched(tmp_path, extractor)
        ids = [here.take(make("permission")) for make in PICTURED.values()]
        other = here.take(letter("permission"))
        here.update()
    assert here.found("permission") == [other]
    assert set(here.found("has:unreadable")) == set(ids)
    assert set(here.found("permission OR has:unreadable")) == {*ids, other}


def passed_on(source: random.Random, kind: str, message: bytes) -> tuple[str, bytes]:
    """A message as it is, or passed on in one of the ways that people have; and what that is called."""
    match source.randrange(6):
        case 0:
            return f"{kind}, forwarded", forwarded(message)
        case 1:
            return f"{kind}, forwarded twice", forwarded(forwarded(message))
        case 2:
            old = files.zipped({"old.eml": message})
            return f"{kind}, in a message in a ZIP", attached((old, "application/zip", "old.zip"))
        case 3:
            old = (message, "application/octet-stream", "old.eml")
            return f"{kind}, in a message as a file", attached((b"a;b\n", "text/csv", "list.csv"), old)
    return kind, message


def among_others(source: random.Random, filler: list[str], plant: bytes) -> bytes:
    """A plant attached in the midst of long texts."""
    around = [
        (" ".join(source.choices(filler, k=source.randrange(2_000))).encode(), "text/plain", f"{number}.txt")
        for number in range(source.randrange(1, 4))
    ]
    around.insert(source.randrange(len(around) + 1), (plant, "application/octet-stream", "plant.eml"))
    return attached(*around)


@pytest.mark.parametrize("seed", [1, 2])
def test_plants_among_hundreds_of_messages(here: Searched, seed: int) -> None:
    """Any plant, passed on in any way, between other people's mail: found, or in the coverage list."""
    source, taken = random.Random(seed), set[str]()
    filler = [coined(source, taken) for _ in range(400)]
    legible = list(LEGIBLE)
    planted: list[Planted] = []
    kept: list[tuple[Envelope, bytes, bytes]] = []
    for number in range(400):
        envelope = here.envelope(TEACHER, ANN, at=OCTOBER + timedelta(minutes=number))
        message = raw(" ".join(source.choices(filler, k=source.randrange(1, 300))))
        if source.random() < 0.5:
            field, kind, make = source.choice([*READ, *UNREAD, *(SCANNED if legible else ())])
            word = legible.pop() if kind in PICTURED else coined(source, taken)
            kind, message = passed_on(source, kind, make(word))
            if source.random() < 0.2:
                kind, message = f"{kind}, among other files", among_others(source, filler, message)
            planted.append(Planted(envelope.id, kind, field, word))
        record = orjson.dumps({"envelope": envelope.to_json(), "verdict": None})
        kept.append((envelope, record, message))
    here.keep_all(kept)
    here.update()
    assert len(here.found("")) == len(kept)
    assert len(planted) > 150
    check(here, planted, strictly=False)


# --- facts ---------------------------------------------------------------------------------------


def test_who_took_part_by_the_roster_of_the_day(here: Searched) -> None:
    here.keep_roster(OCTOBER)
    one = here.take(letter(), ANN, author=TEACHER)
    here.roster(users="sourcedId,role,givenName,familyName,email\nx,teacher,Tim,Kay,tim@harbor.example\n")
    later = OCTOBER + timedelta(days=30)
    here.keep_roster(later)
    two = here.take(letter("Again"), ANN, author=TEACHER, at=later)
    here.update()
    assert here.found("person:t1") == [one]
    assert here.found("person:x") == [two]
    assert here.found("role:student") == [one]  # in November Ann is not in the roster any more
    assert set(here.found("role:staff")) == {one, two}


def test_facts_of_envelope_catalog_and_findings(here: Searched) -> None:
    here.keep_roster()
    held = here.take(letter("One"), ANN, author=COACH)
    out = here.take(letter("Two"), MOTHER, author=TEACHER)
    blind = here.take(letter("Three"), ANN, PAT, author=TEACHER)
    here.update()
    here.note(
        out, OCTOBER, {"event": "relayed", "reply": "250 2.0.0 ok", "next_hop": "mail:25", "seconds": 0.1}
    )
    assert here.update() == 1  # an event makes one document anew
    assert here.found("outcome:relayed") == [out]
    assert set(here.found("outcome:pending")) == {held, blind}
    assert here.found("direction:out") == [out]
    assert set(here.found("direction:internal")) == {held, blind}
    assert here.found(f"bcc:{PAT}") == [blind]
    assert here.found(f"rcpt:{MOTHER}") == [out]
    assert here.found("domain:lee.example") == [out]
    assert here.found("from:carla") == [held]
    page = here.page("", facets=(Facet.DIRECTION, Facet.OUTCOME))
    assert {each.value: each.count for each in page.facets[Facet.DIRECTION]} == {"internal": 2, "out": 1}
    assert page.count == 3


def test_what_cannot_be_read_any_more_is_passed_over(here: Searched) -> None:
    first, second = (here.take(letter(each)) for each in ("first", "second"))
    here.damage(1)
    here.update()
    assert here.found("") == [second]
    assert first not in here.found("subject:first")
