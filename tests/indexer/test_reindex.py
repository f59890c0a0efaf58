"""The search index made anew by several processes is the one that was made bit by bit."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Settings
from gateway.indexer import reindex as module
from gateway.indexer.reindex import Plan, WorkerFailed, reindex
from gateway.search.engine import Facet, Page
from gateway.search.folders import search_indexes
from gateway.search.query.tree import And
from gateway.search.tantivy import TantivySearcher, TantivyWriter, combine
from tests.cli.installation import OCTOBER
from tests.indexer.test_searching import ANN, COACH, MOTHER, TEACHER, Searched, letter

EVERYTHING = And(())
QUERIES = (
    "",
    "practice",
    "from:carla",
    "outcome:relayed",
    "role:student",
    "subject:again -at",
    "has:finding",
)
FACETS = (Facet.RULE, Facet.OUTCOME, Facet.ROLE, Facet.SENDER)


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as made:
        yield made


@pytest.fixture
def here(tmp_path: Path, extractor: Extractor) -> Searched:
    found = Searched(tmp_path, extractor)
    found.keep_roster()
    relayed = {"event": "relayed", "reply": "250 2.0.0 ok", "next_hop": "mail:25", "seconds": 0.1}
    for number in range(40):
        to = (ANN, MOTHER)[number % 2]
        raw = letter(f"{('Practice', 'Again')[number % 3 > 0]} {number}")
        id = found.take(
            raw, to, author=(TEACHER, COACH)[number % 5 == 0], at=OCTOBER + timedelta(minutes=number)
        )
        if number % 4:
            found.note(id, OCTOBER + timedelta(minutes=number), relayed)
    return found


def plan_of(here: Searched) -> Plan:
    settings = here.settings
    return Plan(
        archive=settings.storage.archive,
        encryption=settings.encryption,
        catalog=settings.storage.catalog,
        rosters=settings.storage.rosters,
        domains=settings.district.domains,
        zone=settings.district.zone,
        extraction=Settings(),
        writer=TantivyWriter,
        combine=combine,
    )


def answers(here: Searched, folder: str) -> list[Page]:
    pages = [here.page(query, folder=folder, facets=FACETS) for query in QUERIES]
    return [replace(page, cursor=None) for page in pages]


def test_several_processes_make_the_index_that_one_made(
    here: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.update("followed")
    monkeypatch.setattr(module, "_SPAN", 7)
    told: list[tuple[int, int]] = []
    generations = search_indexes(here.folder / "anew")
    documents = reindex(plan_of(here), generations, 3, lambda done, total: told.append((done, total)))
    assert documents == 40
    assert told[0] == (0, 70)
    assert told[-1] == (70, 70)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert answers(here, "anew") == answers(here, "followed")
    # What arrives later is followed into it like into any other.
    here.take(letter("Practice later"), ANN, author=TEACHER, at=OCTOBER + timedelta(days=1))
    assert here.update("anew") == 1
    assert len(here.found("later", folder="anew")) == 1


def test_an_empty_archive_makes_an_empty_index(tmp_path: Path, extractor: Extractor) -> None:
    here = Searched(tmp_path, extractor)
    here.update("followed")
    generations = search_indexes(tmp_path / "anew")
    assert reindex(plan_of(here), generations, 2, lambda done, total: None) == 0
    with closing(TantivySearcher(generations.link)) as searcher:
        assert searcher.count(EVERYTHING) == 0


def test_a_process_that_is_killed_is_told_and_the_old_index_stays(
    here: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.update("followed")
    generations = search_indexes(here.folder / "anew")
    plan = plan_of(here)
    reindex(plan, generations, 1, lambda done, total: None)
    before = generations.current()
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        """As the kernel does where memory is short."""
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            if not killed and b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                killed.append(int(child))
                os.kill(int(child), signal.SIGKILL)

    monkeypatch.setattr(module, "_SPAN", 7)
    with pytest.raises(WorkerFailed, match="ended early"):
        reindex(plan, generations, 2, kill_one)
    assert killed
    assert generations.current() == before
    assert [path.name for path in here.folder.glob("anew*")].count("anew-000002") == 0
    assert len(here.found("", folder="anew")) == 40
