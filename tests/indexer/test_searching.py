"""From a received message to an answer: archive, catalog, attachments in their sandbox, index, query.

Words are planted where mail hides them; each is found, or the part that holds it is counted as unreadable.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
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
from gateway.indexer.searching import SearchFollower
from gateway.search.engine import Facet, Wanted
from gateway.search.query import parse
from gateway.search.tantivy import TantivySearcher, TantivyWriter
from tests.cli.installation import OCTOBER, Installation
from tests.extraction import files

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
            follower = SearchFollower(
                reader,
                Catalog(settings.storage.catalog),
                writer,
                history=History(settings.storage.rosters),
                domains=settings.district.domains,
                zone=settings.district.zone,
                extract=self._extractor.extract,
                clock=lambda: OCTOBER,
                log=structlog.get_logger(),
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
            return searcher.search(tree, Wanted(limit=100, **wanted))


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, extractor: Extractor) -> Searched:
    return Searched(tmp_path, extractor)


def letter(subject: str = "Practice", body: str = "At five.\n", **more: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = f"Tim Kay <{TEACHER}>", ANN, subject
    for name, value in more.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message


def attached(content: bytes, main: str, sub: str, name: str) -> EmailMessage:
    message = letter()
    message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    return message


def html(text: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = TEACHER, ANN, "Practice"
    message.set_content(text, subtype="html", cte="base64")
    return message


def forwarded() -> EmailMessage:
    message = letter()
    message.add_attachment(letter("Old", "The heron stood still.\n"))
    return message


OFFICE = "vnd.openxmlformats-officedocument.wordprocessingml.document"

# A word, and a message that holds it somewhere.
PLANTS: dict[str, Callable[[], EmailMessage]] = {
    "kestrel": lambda: letter(body="The kestrel flew.\n"),
    "grünfink": lambda: letter(body="Der Grünfink sang, und das mit sehr vielen Tönen = ja.\n"),
    "osprey": lambda: html("<html><body><p>The <b>osp</b>rey dived.</p></body></html>"),
    "bittern": lambda: attached(files.docx("A bittern boomed."), "application", OFFICE, "bird.docx"),
    "dunlin": lambda: attached(
        files.zipped({"in/notes.docx": files.docx("One dunlin.")}), "application", "zip", "all.zip"
    ),
    "whimbrel": lambda: attached(files.text_pdf("A whimbrel called"), "application", "pdf", "w.pdf"),
    "sanderling": lambda: attached(
        files.xlsx([["sanderling", "7"]]), "application", "octet-stream", "n.xlsx"
    ),
    "phalarope": lambda: letter("Ein Phalarope für alle: phalarope"),
    "heron": forwarded,
    "plover": lambda: attached(b"\0\1\2", "application", "octet-stream", "plover-2026.bin"),
    "knot": lambda: attached("name;count\nknot;3\n".encode("utf-16"), "text", "csv", "n.csv"),
}


def test_every_plant_is_found(here: Searched) -> None:
    ids = {word: here.take(make().as_bytes()) for word, make in PLANTS.items()}
    here.take(letter("Nothing here").as_bytes())
    here.update()
    for word, id in ids.items():
        assert here.found(word) == [id], word
        assert here.found(word.upper()) == [id], word
    assert here.found("subject:phalarope") == [ids["phalarope"]]
    assert here.found("body:kestrel") == [ids["kestrel"]]
    assert here.found("subject:kestrel") == []
    assert here.found("filename:plover") == [ids["plover"]]
    assert set(here.found("attachment:dunlin OR attachment:whimbrel")) == {ids["dunlin"], ids["whimbrel"]}
    assert set(here.found("type:docx")) == {ids["bittern"], ids["dunlin"]}
    # The part of which nothing can be read is not forgotten: a hit may hide in it.
    assert here.found("has:unreadable") == [ids["plover"]]
    assert len(here.found("")) == len(PLANTS) + 1


def test_who_took_part_by_the_roster_of_the_day(here: Searched) -> None:
    here.keep_roster(OCTOBER)
    one = here.take(letter().as_bytes(), ANN, author=TEACHER)
    here.roster(users="sourcedId,role,givenName,familyName,email\nx,teacher,Tim,Kay,tim@harbor.example\n")
    later = OCTOBER + timedelta(days=30)
    here.keep_roster(later)
    two = here.take(letter("Again").as_bytes(), ANN, author=TEACHER, at=later)
    here.update()
    assert here.found("person:t1") == [one]
    assert here.found("person:x") == [two]
    assert here.found("role:student") == [one]  # in November Ann is not in the roster any more
    assert set(here.found("role:staff")) == {one, two}


def test_facts_of_envelope_catalog_and_findings(here: Searched) -> None:
    here.keep_roster()
    held = here.take(letter("One").as_bytes(), ANN, author=COACH)
    out = here.take(letter("Two").as_bytes(), MOTHER, author=TEACHER)
    blind = here.take(letter("Three").as_bytes(), ANN, PAT, author=TEACHER)
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


def test_a_rebuilt_index_answers_alike(here: Searched) -> None:
    here.keep_roster()
    for word in ("kestrel", "dunlin", "heron"):
        here.take(PLANTS[word]().as_bytes())
        here.update()
    for id in here.found(""):
        here.note(id, OCTOBER, {"event": "relayed", "reply": "250 2.0.0 ok", "next_hop": "m", "seconds": 0.1})
        here.update()
    assert here.update() == 0
    assert here.update("anew") == 3
    for query in ("", "kestrel", "dunlin", "type:zip", "outcome:relayed", "role:student", "five -heron"):
        assert here.found(query) == here.found(query, "anew"), query


def test_what_cannot_be_read_any_more_is_passed_over(here: Searched) -> None:
    first, second = (here.take(letter(each).as_bytes()) for each in ("first", "second"))
    here.damage(1)
    here.update()
    assert here.found("") == [second]
    assert first not in here.found("subject:first")


def test_a_word_in_base64_is_no_accident() -> None:
    """The plants of the table are where they are said to be: no raw message shows its word."""
    for word in ("osprey", "bittern", "dunlin", "whimbrel"):
        assert word.encode() not in PLANTS[word]().as_bytes()
        assert base64.b64encode(word.encode())[:8] not in PLANTS[word]().as_bytes()
