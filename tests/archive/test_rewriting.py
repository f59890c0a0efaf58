"""A closed volume is written anew, and nothing in it is another."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Reader, Reason, verify
from gateway.archive.forms import AS_IS, put_back, taken_out
from gateway.archive.lock import FolderLock
from gateway.archive.rewriting import NotRewritable, RewriteRunning, Rewritten, not_compacted, rewrite
from gateway.archive.rewriting.regions import LEAST, regions
from gateway.archive.rewriting.taking import cut
from gateway.archive.volume import log_size, volume_at
from tests.archive import months
from tests.archive.months import closed_month, evidence

if TYPE_CHECKING:
    from conftest import Bench

MONTH = "2026-10"


def nobody_asks(_seq: int) -> bool:
    raise AssertionError("nothing is disposed of")


def compact(folder: Path, month: str = MONTH) -> Rewritten:
    return rewrite(folder, month, is_held=nobody_asks)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with closing(
        apsw.Connection(os.fspath(folder / f"{MONTH}.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)
    ) as found:
        return found.execute(query).fetchall()


@pytest.mark.parametrize("level", [0, 1])
async def test_every_entry_is_what_it_was_in_less_room(bench: Bench, level: int) -> None:
    await closed_month(bench, 200, compression_level=level)
    before = evidence(bench.folder)
    size = (bench.folder / f"{MONTH}.sqlite").stat().st_size
    made = compact(bench.folder)
    assert evidence(bench.folder) == before
    assert list(verify(bench.folder, pages=True)) == []
    assert (made.entries, made.disposed, made.kept) == (440, (), ())
    assert made.octets_before == size
    assert made.octets_after == (bench.folder / f"{MONTH}.sqlite").stat().st_size < size
    assert not_compacted(bench.folder) == []
    assert not [name for name in bench.files() if name.startswith(".")]


async def test_a_volume_can_be_compacted_again(bench: Bench) -> None:
    await closed_month(bench, 20)
    before = evidence(bench.folder)
    compact(bench.folder)
    made = rewrite(bench.folder, MONTH, level=3, is_held=nobody_asks)
    assert evidence(bench.folder) == before
    assert made.entries == 80
    assert list(verify(bench.folder, pages=True)) == []


async def test_identical_attachments_are_stored_once(bench: Bench) -> None:
    """Whatever the length of their lines; and bodies that are no base64 as well."""
    await closed_month(bench, 5)
    compact(bench.folder)
    assert rows(bench.folder, "SELECT size, count(*) FROM part GROUP BY size") == [
        (8000, 1),
        (9000, 1),
        (14000, 1),
    ]
    uses = Counter(form for (form,) in rows(bench.folder, "SELECT form FROM attached WHERE part IS NOT NULL"))
    assert uses == {
        "identity": 4,
        "base64:76:crlf": 2,
        "base64:64:crlf": 1,
        "base64:76:lf": 1,
        "base64:0:lf": 1,
    }


async def test_documents_are_compressed_with_dictionaries(bench: Bench) -> None:
    await closed_month(bench, 300, odd=False)
    compact(bench.folder)
    uses = {use for (use,) in rows(bench.folder, "SELECT use FROM dictionary")}
    assert uses == {"message", "document", "event"}
    how = rows(bench.folder, "SELECT DISTINCT document_encoding FROM entry")
    assert how == [("dict",)]


async def test_an_empty_month(bench: Bench) -> None:
    archive = bench.archive()
    bench.clock.now = months.OCTOBER
    await archive.ready()
    bench.clock.now = months.NOVEMBER
    await bench.append(archive, b"x")
    await archive.aclose()
    assert not_compacted(bench.folder) == [MONTH]
    assert compact(bench.folder).entries == 0
    assert list(verify(bench.folder, pages=True)) == []
    assert bench.reader().raw(1) == b"x"


async def test_an_open_reader_goes_on_with_the_new_file(bench: Bench) -> None:
    await closed_month(bench, 10, odd=False)
    reader = bench.reader()
    assert reader.last_seq() == 21
    raws = [reader.raw(seq) for seq in range(1, 21, 2)]
    compact(bench.folder)
    assert [reader.raw(seq) for seq in range(1, 21, 2)] == raws
    assert len(reader.follow(0, 100)) == 20
    assert reader.raw(21).startswith(b"Subject: november")


# --- when it does not -----------------------------------------------------------------------------------


async def test_the_newest_volume_is_left_alone(bench: Bench) -> None:
    await closed_month(bench, 2, odd=False)
    with pytest.raises(NotRewritable, match="newest"):
        compact(bench.folder, "2026-11")
    with pytest.raises(NotRewritable, match="no volume of 2026-09"):
        compact(bench.folder, "2026-09")


async def test_one_at_a_time(bench: Bench) -> None:
    await closed_month(bench, 2, odd=False)
    lock = FolderLock(bench.folder / "rewrite.lock")
    with closing(lock), lock.held(), pytest.raises(RewriteRunning, match="another process"):
        compact(bench.folder)
    compact(bench.folder)


async def test_without_room_nothing_is_begun(bench: Bench) -> None:
    await closed_month(bench, 2, odd=False)
    before = (bench.folder / f"{MONTH}.sqlite").read_bytes()
    with pytest.raises(ArchiveUnavailable) as caught:
        rewrite(bench.folder, MONTH, is_held=nobody_asks, min_free=2**60)
    assert caught.value.reason is Reason.FULL
    assert (bench.folder / f"{MONTH}.sqlite").read_bytes() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET raw = x'00' WHERE seq = 3",
        "UPDATE entry SET document = '{}' WHERE seq = 4",
        "UPDATE entry SET salt = NULL WHERE seq = 4",
        "DELETE FROM entry WHERE seq = 3",
        "UPDATE entry SET encoding = 'dict' WHERE seq = 3",
    ],
)
async def test_what_is_damaged_is_not_rewritten(bench: Bench, statement: str) -> None:
    """Else the damage would look like mail that was archived so."""
    await closed_month(bench, 5, odd=False)
    path = bench.folder / f"{MONTH}.sqlite"
    with closing(apsw.Connection(os.fspath(path))) as connection:
        for name in ("never_changes", "never_goes", "in_sequence"):
            connection.execute(f"DROP TRIGGER entry_{name}")
        connection.execute(statement)
    before = path.read_bytes()
    with pytest.raises(ArchiveDamaged, match=f"{MONTH}: entry [34]: "):
        compact(bench.folder)
    assert path.read_bytes() == before
    assert not [name for name in bench.files() if name.startswith(".")]


async def test_a_log_that_was_never_copied_is_not_lost(bench: Bench, tmp_path: Path) -> None:
    """A machine that went down at the end of the month: its last entries are only in the log."""
    bench.clock.now = months.OCTOBER
    archive = bench.archive()
    for number in range(5):
        await bench.append(archive, b"message %d" % number)
    copy = tmp_path / "copy"
    shutil.copytree(bench.folder, copy)
    bench.clock.now = months.NOVEMBER
    other = replace(bench, folder=copy)
    again = other.archive()
    await other.append(again, b"november")
    await again.aclose()
    if not log_size(volume_at(copy, MONTH)):  # it was tidied; put the log back
        for name in (f"{MONTH}.sqlite", f"{MONTH}.sqlite-wal"):
            shutil.copy(bench.folder / name, copy)
    assert log_size(volume_at(copy, MONTH))
    assert compact(copy).entries == 5
    with closing(Reader(copy)) as reader:
        assert [reader.raw(seq) for seq in range(1, 6)] == [b"message %d" % number for number in range(5)]
    assert list(verify(copy, pages=True)) == []


# --- format 1 -------------------------------------------------------------------------------------------


async def test_a_volume_of_format_1_is_read_checked_appended_to_and_rewritten(bench: Bench) -> None:
    await closed_month(bench, 20)
    for month in (MONTH, "2026-11"):
        months.in_format_1(bench.folder / f"{month}.sqlite")
    before = evidence(bench.folder)
    assert len(before) == 81
    assert list(verify(bench.folder, pages=True)) == []
    archive = bench.archive()
    assert await bench.append(archive, b"still November") == 82
    await archive.aclose()
    assert bench.reader().raw(82) == b"still November"
    assert list(verify(bench.folder, pages=True)) == []
    assert not_compacted(bench.folder) == [MONTH]
    compact(bench.folder)
    assert evidence(bench.folder)[:81] == before
    assert list(verify(bench.folder, pages=True)) == []
    assert rows(bench.folder, "SELECT format, created FROM volume") == [
        (2, "2026-10-05T12:00:00.000000+00:00")
    ]


# --- taking out and putting back ------------------------------------------------------------------------

BODIES = st.one_of(
    st.binary(max_size=3_000),
    st.tuples(st.binary(max_size=30), st.integers(1, 400)).map(lambda pair: pair[0] * pair[1]),
)
ENDINGS = st.sampled_from([b"\r\n", b"\n"])


@given(
    BODIES,
    st.integers(1, 200),
    ENDINGS,
    st.sampled_from([b"", b"\r\n", b"\n", b"=", b"\r\n\r\nmore", b"\xff"]),
)
def test_what_is_taken_out_can_be_put_back(data: bytes, width: int, ending: bytes, tail: bytes) -> None:
    text = months.lines(data, width, ending) + tail
    found = taken_out(text)
    if found is not None:
        taken, form, length = found
        assert put_back(taken, form) == text[:length]
    elif tail in (b"", ending):
        assert not data


@given(st.binary(max_size=400))
def test_anything_may_stand_where_base64_should(text: bytes) -> None:
    found = taken_out(text)
    assert found is None or put_back(found[0], found[1]) == text[: found[2]]


@pytest.mark.parametrize(
    "form", ["", "base64", "base64:76", "base64:x:crlf", "base64:76:cr", "uu:76:lf", "base64:-1:lf"]
)
def test_a_form_that_is_none(form: str) -> None:
    with pytest.raises(ValueError, match="unknown form"):
        put_back(b"x", form)


@given(
    st.lists(st.tuples(BODIES, st.sampled_from([b"base64", b"7bit", b"BASE64 "]), ENDINGS), max_size=4),
    st.integers(0, 2**32),
)
def test_a_message_is_cut_and_assembled_to_the_octet(
    parts: list[tuple[bytes, bytes, bytes]], seed: int
) -> None:
    chance = random.Random(seed)
    raw = b"".join(
        months.with_file(
            months.lines(body, chance.choice((60, 76, 9_000)), ending),
            encoding=encoding,
            boundary=b"b%d" % at,
        )
        for at, (body, encoding, ending) in enumerate(parts)
    )
    found = regions(raw)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert all(region.end - region.start >= LEAST for region in found)
    shared: list[bytes] = []

    def share(region: object) -> int | None:
        if chance.random() < 0.5:
            shared.append(region.data)  # type: ignore[attr-defined]
            return len(shared) - 1
        return None

    made = cut(raw, found, share)
    whole, done = b"", 0
    for at, part, size, form in made.attached:
        whole += made.frame[done:at]
        done = at + (size or 0)
        whole += put_back(made.frame[at:done] if part is None else shared[part], form)
        assert part is not None or form != AS_IS
    assert whole + made.frame[done:] == raw
