"""One process: what is appended can be read, whatever happens to those who wait."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.archive import Archive, ArchiveUnavailable, Kind, Reason, verify

if TYPE_CHECKING:
    from conftest import Bench


async def test_a_message_comes_back_as_it_was(bench: Bench) -> None:
    archive, id = bench.archive(), bench.id()
    received = datetime(2026, 11, 22, 8, 30, 0, 123456, tzinfo=timezone(timedelta(hours=-5)))
    seq = await archive.append(id=id, received=received, document=b'{"envelope": {"a": 1}}', raw=b"Hi\r\n")
    reader = bench.reader()
    entry = reader.get(id)
    assert entry is not None
    assert entry == reader.entry(seq)
    assert (entry.seq, entry.kind, entry.id, entry.subject_id) == (1, Kind.MESSAGE, str(id), str(id))
    assert (entry.received, entry.document) == (received, {"envelope": {"a": 1}})
    assert entry.received.tzinfo is UTC
    assert (entry.size, entry.volume) == (4, "2026-11")
    assert entry.sha256 == hashlib.sha256(b"Hi\r\n").hexdigest()
    assert reader.raw(seq) == b"Hi\r\n"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=12))
def test_any_octets_come_back(bench: Bench, messages: list[bytes]) -> None:
    async def append_all() -> list[int]:
        archive = bench.archive()
        numbers = await asyncio.gather(*(bench.append(archive, raw) for raw in messages))
        await archive.aclose()
        return numbers

    numbers = asyncio.run(append_all())
    reader = bench.reader()
    assert [reader.raw(seq) for seq in numbers] == messages
    assert numbers == list(range(numbers[0], numbers[0] + len(messages)))


@pytest.mark.parametrize("size", [0, 1, 130_000, 300_000, 5_000_000])
@pytest.mark.parametrize("random", [True, False])
async def test_sizes(bench: Bench, size: int, random: bool) -> None:
    raw = os.urandom(size) if random else b"abcd" * (size // 4)
    archive = bench.archive()
    numbers = await asyncio.gather(
        bench.append(archive, b"before"), bench.append(archive, raw), bench.append(archive, b"after")
    )
    reader = bench.reader()
    assert [reader.raw(seq) for seq in numbers] == [b"before", raw, b"after"]
    assert list(verify(bench.folder, pages=True)) == []


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda raw: memoryview(bytearray(raw))[:]])
async def test_buffers(bench: Bench, kind: type[bytes]) -> None:
    archive = bench.archive()
    assert bench.reader().raw(await bench.append(archive, kind(b"x" * 5000))) == b"x" * 5000


async def test_more_than_one_transaction_holds(bench: Bench) -> None:
    archive = bench.archive()
    numbers = await asyncio.gather(*(bench.append(archive, b"%d" % n) for n in range(1200)))
    assert numbers == list(range(1, 1201))
    assert bench.reader().raw(1200) == b"1199"
    assert max(bench.counts.batches) > 64
    assert sum(bench.counts.batches) == 1200


async def test_smtp_text_that_is_not_utf8_comes_back(bench: Bench) -> None:
    archive, id = bench.archive(), bench.id()
    await archive.append(id=id, received=bench.clock.now, document=b'{"helo": "\\udc80"}', raw=b"")
    entry = bench.reader().get(id)
    assert entry is not None
    assert entry.document == {"helo": "\udc80"}


async def test_events_follow_their_message(bench: Bench) -> None:
    archive, id = bench.archive(), bench.id()
    await archive.append(id=id, received=bench.clock.now, document=b"{}", raw=b"x")
    archive.note(id, bench.clock.now, b'{"event": "relayed"}')
    await bench.append(archive, b"another")
    await archive.aclose()
    reader = bench.reader()
    (event,) = reader.events(str(id))
    assert (event.kind, event.subject_id, event.document) == (Kind.EVENT, str(id), {"event": "relayed"})
    assert (event.sha256, event.size) == (None, 0)
    assert UUID(event.id).version == 7
    assert [entry.kind for entry in reader.follow(0, 10)].count(Kind.EVENT) == 1
    assert reader.events(uuid4()) == []
    assert reader.get(event.id) is None
    with pytest.raises(KeyError):
        reader.raw(event.seq)


async def test_close_writes_what_waits(bench: Bench) -> None:
    archive, id = bench.archive(), bench.id()
    for n in range(5):
        archive.note(id, bench.clock.now, b'{"n": %d}' % n)
    await archive.aclose()
    assert [event.document["n"] for event in bench.reader().events(id)] == [0, 1, 2, 3, 4]


def test_events_are_written_without_a_message(bench: Bench) -> None:
    written = threading.Event()

    class Observer:
        def committed(self, entries: int, seconds: float) -> None:
            written.set()

        def failed(self, reason: str) -> None: ...

    bench.archive(observer=Observer()).note(bench.id(), bench.clock.now, b"{}")
    assert written.wait(30)
    assert bench.reader().last_seq() == 1


async def test_a_cancelled_append_disturbs_nobody(bench: Bench) -> None:
    archive = bench.archive()
    tasks = [asyncio.create_task(bench.append(archive, b"%d" % n)) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    reader = bench.reader()
    for n, result in enumerate(results):
        if n % 2:
            assert isinstance(result, int)
            assert reader.raw(result) == b"%d" % n
        else:
            assert isinstance(result, asyncio.CancelledError)
    assert list(verify(bench.folder)) == []


async def test_a_closed_archive_takes_nothing(bench: Bench) -> None:
    archive = bench.archive()
    await archive.aclose()
    await archive.aclose()
    for raw in (b"small", b"large" * 100_000):
        with pytest.raises(ArchiveUnavailable) as caught:
            await bench.append(archive, raw)
        assert caught.value.reason == Reason.CLOSED
    with pytest.raises(ArchiveUnavailable):
        await archive.ready()
    archive.note(bench.id(), bench.clock.now, b"{}")
    assert bench.counts.failures == ["closed"]


async def test_ready_writes_nothing(bench: Bench) -> None:
    archive = bench.archive()
    await archive.ready()
    assert bench.reader().last_seq() == 0
    assert await bench.append(archive, b"x") == 1
    await archive.ready()


async def test_mistakes_of_the_caller_hit_only_the_caller(bench: Bench) -> None:
    archive = bench.archive()
    with pytest.raises(ValueError, match="16 octets"):
        await archive.append(id=b"short", received=bench.clock.now, document=b"{}", raw=b"")
    with pytest.raises(ValueError, match="utf-8"):
        await archive.append(id=bench.id(), received=bench.clock.now, document=b"\xff", raw=b"")
    with pytest.raises(TypeError):
        await archive.append(id=bench.id(), received=datetime(2026, 1, 1), document=b"{}", raw=b"")
    assert await bench.append(archive, b"x") == 1


async def test_an_observer_that_fails_stops_nothing(bench: Bench) -> None:
    class Broken:
        def committed(self, entries: int, seconds: float) -> None:
            raise RuntimeError

        def failed(self, reason: str) -> None:
            raise RuntimeError

    archive = bench.archive(observer=Broken())
    assert [await bench.append(archive, b"x") for _ in range(3)] == [1, 2, 3]


def test_several_event_loops_may_share_an_archive(bench: Bench) -> None:
    archive: Archive = bench.archive()
    results: list[int] = []

    async def append_many() -> None:
        results.extend(await asyncio.gather(*(bench.append(archive, b"x") for _ in range(50))))

    threads = [threading.Thread(target=lambda: asyncio.run(append_many())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(1, 151))


async def test_the_log_is_begun_anew_under_constant_load(bench: Bench) -> None:
    archive = bench.archive(log_limit=2**20)
    log = bench.folder / "2026-11.sqlite-wal"
    written = 0
    for _ in range(100):
        await asyncio.gather(*(bench.append(archive, os.urandom(50_000)) for _ in range(20)))
        written += 20 * 50_000
        if written > 4 * log.stat().st_size:
            break
    assert written > 4 * log.stat().st_size
    await archive.aclose()
    assert bench.files() == ["2026-11.sqlite", "append.lock", "checkpoint.lock"]
    assert list(verify(bench.folder, pages=True)) == []
