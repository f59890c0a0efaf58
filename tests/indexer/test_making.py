"""What an attachment says is asked for once in a while."""

from __future__ import annotations

from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.archive import Reader
from gateway.catalog import facts
from gateway.catalog.reader import Catalog
from gateway.directory.history import History
from gateway.extraction.model import Extracted, Status
from gateway.indexer import making
from gateway.indexer.making import Maker
from tests.cli.installation import OCTOBER, Installation


class Attachments:
    """Reads attachments as they stand, and counts."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, content: bytes, content_type: str, name: str) -> tuple[Extracted, ...]:
        self.read.append(name)
        return (Extracted((name,), content_type, Status.EXTRACTED, content.decode()),)


def letter(*files: tuple[str, str]) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "t@harbor.example", "a@harbor.example", "Files"
    message.set_content("Here.\n")
    for name, text in files:
        message.add_attachment(text.encode(), maintype="application", subtype="pdf", filename=name)
    return message.as_bytes()


def texts(here: Installation, read: Attachments) -> list[tuple[str, ...]]:
    """The attachments' texts of all messages, made one after the other."""
    here.index()
    settings: Any = here.settings
    with (
        closing(Reader(settings.storage.archive)) as reader,
        closing(Catalog(settings.storage.catalog)) as catalog,
    ):
        with catalog.connect() as connection:
            found = facts.between(connection, 0, reader.last_seq())
        maker = Maker(
            reader,
            history=History(settings.storage.rosters),
            domains=settings.district.domains,
            zone=settings.district.zone,
            extract=read,
            now=OCTOBER,
        )
        return [maker.document(seq, one).attachments for seq, one in sorted(found.items())]


def take(here: Installation, *letters: bytes) -> None:
    for raw in letters:
        envelope = here.envelope("tim@harbor.example", "ann@harbor.example")
        here.keep(envelope, orjson.dumps({"envelope": envelope.to_json(), "verdict": None}), raw)


def test_the_same_file_in_several_messages_is_read_once(tmp_path: Path) -> None:
    here, read = Installation(tmp_path), Attachments()
    plan, other = ("plan.pdf", "a heron"), ("plan.pdf", "a bittern")
    take(here, letter(plan), letter(plan, other), letter(("copy.pdf", "a heron")), letter(plan))
    found = texts(here, read)
    assert found == [("a heron",), ("a heron", "a bittern"), ("a heron",), ("a heron",)]
    assert read.read == [
        "plan.pdf",
        "plan.pdf",
        "copy.pdf",
    ]  # under another name it may be read in another way


@pytest.mark.parametrize(("name", "bound"), [("_MOST", 2), ("_REMEMBERED", 12)])
def test_what_was_read_is_forgotten_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, bound: int
) -> None:
    monkeypatch.setattr(making, name, bound)
    here, read = Installation(tmp_path), Attachments()
    one, two, three = (letter((f"{number}.pdf", "six by")) for number in (1, 2, 3))
    take(here, one, two, one, three, two, three)
    assert texts(here, read) == [("six by",)] * 6
    assert read.read == ["1.pdf", "2.pdf", "3.pdf", "2.pdf"]
