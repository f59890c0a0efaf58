"""An encrypted volume is written anew: with another key, nothing in the clear, and whole at every moment."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import apsw
import pytest

from gateway.archive import ArchiveDamaged, ArchiveUnavailable, Disposed, Reader, verify
from gateway.archive.encryption import KeysUnavailable, wrapped
from gateway.archive.entry import Digests, Evidence
from gateway.archive.opened import OpenVolume
from gateway.archive.rewriting import Rewritten, rewrite, sweep_leftovers
from gateway.archive.rewriting.letting_go import keep_only_named
from gateway.archive.rewriting.regions import regions
from gateway.archive.volume import volume_at
from gateway.ledger.leaf import leaf_of
from tests.archive.encryption.keys import OLD, ROOT, keyring
from tests.archive.months import closed_month, odd_mail

if TYPE_CHECKING:
    from conftest import Bench

MONTH = "2026-10"
BATCH = UUID(int=1, version=4)
GONE = (3, 4, 9)
SECRET = b"\r\nthe-girl-from-room-12 lives in Elm Street\r\n"


async def encrypted_month(bench: Bench, count: int = 60, **settings: Any) -> None:
    await closed_month(bench, count, keys=keyring(bench.folder, OLD), **settings)


def again(folder: Path, *gone: int, sealing: bool = True, **settings: Any) -> Rewritten:
    keys = keyring(folder, OLD, sealing=sealing)
    dispose = dict.fromkeys(gone, BATCH)
    return rewrite(folder, MONTH, keys=keys, dispose=dispose, is_held=lambda _seq: False, **settings)


def evidence(folder: Path) -> list[Evidence | Digests]:
    """Everything there is of every entry."""
    found: list[Evidence | Digests] = []
    with closing(Reader(folder, keyring(folder, OLD))) as reader:
        for each in reader.digests(0, 9_999) + reader.digests(reader.last_seq() - 1, 1):
            found.append(each if each.commitments else reader.evidence(each.seq))
    return found


def leaves(folder: Path) -> list[bytes]:
    with closing(Reader(folder)) as reader:
        return [leaf_of(*each).hash() for each in reader.digests(0, 9_999)]


def sound(folder: Path) -> bool:
    return list(verify(folder, pages=True, keys=keyring(folder, OLD))) == []


def named(folder: Path) -> str | None:
    """The data key that the volume names."""
    with closing(OpenVolume(volume_at(folder, MONTH), closed=True)) as opened:
        return opened.data_key


def kept(folder: Path) -> list[str]:
    """The data keys that there are for it."""
    found = wrapped.load(folder, MONTH)
    return [key.id for key in found.keys] if found is not None else []


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(
        apsw.Connection(os.fspath(folder / f"{MONTH}.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)
    ) as connection:
        return list(connection.execute(query))


def in_the_clear(octets: bytes) -> list[bytes]:
    """Pieces of the mail, of its attachments and of documents that can be read."""
    text = b"a,b,c\r\n" * 4
    pieces = [b"harbor.example", b"girl-from", b"Subject: ", b"practice", b'"envelope"', b"250 2.0.0", text]
    pieces += [each.data[:32] for raw in odd_mail() for each in regions(raw)]
    return [piece for piece in pieces if piece in octets]


async def test_compacted_with_another_key_and_nothing_in_the_clear(bench: Bench) -> None:
    await encrypted_month(bench, 200, secret=SECRET)
    path = bench.folder / f"{MONTH}.sqlite"
    before, first = evidence(bench.folder), named(bench.folder)
    assert in_the_clear(path.read_bytes()) == []
    reader = bench.stack.enter_context(closing(Reader(bench.folder, keyring(bench.folder, OLD))))
    raw = reader.raw(1)
    done = again(bench.folder)
    assert done.octets_after < done.octets_before
    assert evidence(bench.folder) == before
    assert sound(bench.folder)
    assert reader.raw(1) == raw  # open all the while: it looks for the other key by itself
    second = named(bench.folder)
    assert second not in (None, first)
    assert kept(bench.folder) == [second]
    assert in_the_clear(path.read_bytes()) == []
    assert {use for (use,) in rows(bench.folder, "SELECT use FROM dictionary")} == {
        "message",
        "document",
        "event",
    }
    assert rows(bench.folder, "SELECT count(*) > 0 FROM part") == [(True,)]
    assert [name for name in bench.files() if name.startswith(".")] == []
    assert again(bench.folder).entries == done.entries
    assert evidence(bench.folder) == before
    assert kept(bench.folder) == [named(bench.folder)] != [second]


async def test_who_has_a_file_cannot_see_whether_the_archive_has_it(bench: Bench) -> None:
    await encrypted_month(bench)
    again(bench.folder)
    known = {hashlib.sha256(each.data).digest() for raw in odd_mail() for each in regions(raw)}
    parts = {sha256 for (sha256,) in rows(bench.folder, "SELECT sha256 FROM part")}
    assert parts
    assert not parts & known


async def test_a_plain_month_becomes_encrypted_and_an_encrypted_one_plain(bench: Bench) -> None:
    await closed_month(bench, 40)
    before = evidence(bench.folder)
    path = bench.folder / f"{MONTH}.sqlite"
    again(bench.folder, sealing=False)
    assert named(bench.folder) is None
    assert kept(bench.folder) == []
    again(bench.folder)
    assert kept(bench.folder) == [named(bench.folder)]
    assert in_the_clear(path.read_bytes()) == []
    again(bench.folder, sealing=False)  # one that is encrypted stays so
    assert kept(bench.folder) == [named(bench.folder)]
    assert evidence(bench.folder) == before
    again(bench.folder, decrypt=True)
    assert named(bench.folder) is None
    assert f"{MONTH}.keys" not in bench.files()
    with closing(Reader(bench.folder)) as reader:
        assert reader.raw(1)
    assert evidence(bench.folder) == before
    assert sound(bench.folder)


async def test_without_its_key_a_volume_is_left_as_it_is(bench: Bench) -> None:
    await encrypted_month(bench)
    before = {path: path.read_bytes() for path in sorted(bench.folder.iterdir())}
    for keys in (None, keyring(bench.folder)):
        for decrypt in (False, True):
            with pytest.raises(KeysUnavailable):
                rewrite(bench.folder, MONTH, keys=keys, decrypt=decrypt, is_held=lambda _seq: False)
    after = {path: path.read_bytes() for path in before}
    assert after == before
    assert [name for name in bench.files() if name.startswith(".")] == []


async def test_with_what_was_disposed_of_goes_the_key_that_opened_it(bench: Bench, tmp_path: Path) -> None:
    """A copy of the old volume that was made without its file of keys cannot be opened any more."""
    await encrypted_month(bench, secret=SECRET)
    hashes = leaves(bench.folder)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / f"{MONTH}.sqlite").write_bytes((bench.folder / f"{MONTH}.sqlite").read_bytes())
    assert again(bench.folder, *GONE).disposed == GONE
    assert leaves(bench.folder) == hashes
    assert sound(bench.folder)
    with closing(Reader(bench.folder, keyring(bench.folder, OLD))) as reader:
        for seq in GONE:
            with pytest.raises(Disposed):
                reader.evidence(seq)
    with closing(Reader(bench.folder)) as reader:  # what was destroyed needs no key
        assert [each.disposed for each in reader.follow(GONE[0] - 1, 1)] == [True]
    (copy / f"{MONTH}.keys").write_bytes((bench.folder / f"{MONTH}.keys").read_bytes())
    with (
        closing(Reader(copy, keyring(copy, OLD))) as reader,
        pytest.raises(KeysUnavailable, match="has no data key"),
    ):
        reader.raw(1)


STEPS = ["keys", "surveyed", "written", "compared", "linked", "replaced", "overwritten", "done"]


@pytest.mark.parametrize("mode", ["seal", "open"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_moment(bench: Bench, step: str, mode: str) -> None:
    """The old volume or the new one is there, with its key; the next rewriting leaves one key, or none."""
    asyncio.run(encrypted_month(bench, 20))
    before, hashes = evidence(bench.folder), leaves(bench.folder)
    command = [sys.executable, "-m", "tests.archive.encryption.rewriter", os.fspath(bench.folder), mode, step]
    done = subprocess.run([*command, *map(str, GONE)], timeout=120, check=False, cwd=ROOT)
    reached = not (mode == "open" and step == "keys")  # no new key is made then
    assert done.returncode == (-signal.SIGKILL if reached else 0)
    after = evidence(bench.folder)
    replaced = not reached or step in STEPS[STEPS.index("replaced") :]
    changed = [n for n, (one, two) in enumerate(zip(before, after, strict=True), 1) if one != two]
    assert changed == (list(GONE) if replaced else [])
    assert leaves(bench.folder) == hashes
    assert sound(bench.folder)
    sweep_leftovers(bench.folder)
    assert [name for name in bench.files() if name.startswith(".")] == []
    with pytest.raises(ArchiveUnavailable, match="octets are needed"):
        again(bench.folder, min_free=2**60)  # tidies up before it looks
    assert kept(bench.folder) == ([named(bench.folder)] if named(bench.folder) else [])
    assert (named(bench.folder) is None) == (mode == "open" and replaced)
    again(bench.folder, *GONE)
    assert sound(bench.folder)
    assert leaves(bench.folder) == hashes


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_damaged_nothing_else_is_handed_out(bench: Bench, seed: int) -> None:
    """Bits flipped all over a compacted volume with tombstones: what was stored, or an error of ours."""
    await encrypted_month(bench)
    again(bench.folder, *GONE)
    path = bench.folder / f"{MONTH}.sqlite"
    octets = path.read_bytes()
    keys = keyring(bench.folder, OLD)
    with closing(Reader(bench.folder, keys)) as reader:
        last = reader.last_seq()
        known = {seq: found(reader, seq) for seq in range(1, last + 1)}
    assert sum(isinstance(each, str) for each in known.values()) == len(GONE)
    chance = random.Random(seed)
    errors = 0
    for _ in range(60):
        damaged = bytearray(octets)
        for _ in range(chance.choice((1, 30, 1000))):
            damaged[chance.randrange(100, len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        with closing(Reader(bench.folder, keys)) as reader:
            for seq in chance.sample(range(1, last + 1), 12):
                try:
                    assert found(reader, seq) == known[seq]
                except (ArchiveDamaged, ArchiveUnavailable, KeyError):  # KeyError: no such entry
                    errors += 1
                with suppress(ArchiveDamaged, ArchiveUnavailable):
                    reader.follow(seq - 1, 5)
        assert list(verify(bench.folder, pages=True, keys=keys))
    assert errors


def found(reader: Reader, seq: int) -> tuple[bytes, bytes | None] | str:
    """Document and message."""
    try:
        evidence = reader.evidence(seq)
        return evidence.document, evidence.raw
    except Disposed as error:
        return str(error)


@pytest.mark.parametrize("table", ["dictionary", "part"])
async def test_dictionaries_and_parts_that_were_exchanged_are_refused(bench: Bench, table: str) -> None:
    await encrypted_month(bench, 300)
    again(bench.folder)
    path = bench.folder / f"{MONTH}.sqlite"
    assert sound(bench.folder)
    ((first, last),) = rows(bench.folder, f"SELECT min(id), max(id) FROM {table}")
    assert first != last
    with closing(apsw.Connection(os.fspath(path))) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(
            f"UPDATE {table} SET data = (SELECT data FROM {table} WHERE id = ?) WHERE id = ?", (first, last)
        )
    problems = list(verify(bench.folder, keys=keyring(bench.folder, OLD)))
    assert problems
    assert all("not what was sealed for this place" in each.text for each in problems)


async def test_a_damaged_page_does_not_cost_a_volume_its_key(bench: Bench) -> None:
    """The volume seems to name no key: its file of keys is kept."""
    await encrypted_month(bench)
    path = bench.folder / f"{MONTH}.sqlite"
    octets = path.read_bytes()
    with closing(OpenVolume(volume_at(bench.folder, MONTH), closed=True)) as opened:
        assert opened.data_key is not None
        key = opened.data_key.encode()
    assert octets.count(key) == 1
    # The row's header ends in the types of its last columns, NULL and a text of 16 octets, which change places here;
    # then the row begins with format and month.
    text = 13 + 2 * len(key)
    header = octets.index(bytes([0, text, 2]) + MONTH.encode())
    path.write_bytes(octets[:header] + bytes([text, 0]) + octets[header + 2 :])
    assert named(bench.folder) is None
    keep_only_named(volume_at(bench.folder, MONTH), keyring(bench.folder, OLD))
    path.write_bytes(octets)
    assert kept(bench.folder) == [named(bench.folder)]
    assert sound(bench.folder)
