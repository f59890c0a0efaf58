"""Months: the sequence goes on, and nobody writes to an older volume once a newer one exists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.archive import verify

if TYPE_CHECKING:
    from conftest import Bench

DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 30, 23, 59, 59, 999999, tzinfo=UTC)
MARCH = datetime(2027, 3, 1, tzinfo=UTC)


def months(bench: Bench) -> list[tuple[int, str]]:
    reader = bench.reader()
    found: list[tuple[int, str]] = []
    while more := reader.follow(len(found), 100):
        found += [(entry.seq, entry.volume) for entry in more]
    return found


async def test_the_sequence_goes_on_over_months(bench: Bench) -> None:
    archive = bench.archive()
    reader = bench.reader()
    for moment in (NOVEMBER, DECEMBER, MARCH):
        bench.clock.now = moment
        await bench.append(archive, b"one")
        await bench.append(archive, b"two")
        assert [entry.volume for entry in reader.follow(reader.last_seq() - 2, 9)] == [
            moment.strftime("%Y-%m")
        ] * 2
    assert reader.last_seq() == 6
    assert [volume.month for volume in reader.volumes()] == ["2026-11", "2026-12", "2027-03"]
    assert [reader.raw(seq) for seq in (1, 4, 6)] == [b"one", b"two", b"two"]
    assert reader.raw(3) == b"one"
    assert list(verify(bench.folder)) == []


async def test_follow_goes_on_over_months(bench: Bench) -> None:
    archive, reader = bench.archive(), bench.reader()
    seen: list[int] = []
    for moment in (NOVEMBER, DECEMBER, MARCH):
        bench.clock.now = moment
        for _ in range(3):
            await bench.append(archive, b"x")
        while found := reader.follow(seen[-1] if seen else 0, 2):
            seen += [entry.seq for entry in found]
    assert seen == list(range(1, 10))
    assert reader.follow(9, 1) == []


async def test_the_other_process_notices_the_new_month(bench: Bench) -> None:
    one, other = bench.archive(), bench.archive(clock=lambda: int(NOVEMBER.timestamp() * 1e6))
    bench.clock.now = NOVEMBER
    assert await bench.append(one, b"november") == 1
    assert await bench.append(other, b"november") == 2
    bench.clock.now = DECEMBER
    assert await bench.append(one, b"december") == 3
    # The other's clock is behind, and the volume of November is closed.
    assert await bench.append(other, b"late") == 4
    assert months(bench) == [(1, "2026-11"), (2, "2026-11"), (3, "2026-12"), (4, "2026-12")]


async def test_a_clock_set_back_changes_nothing(bench: Bench) -> None:
    bench.clock.now = DECEMBER
    archive = bench.archive()
    await bench.append(archive, b"x")
    bench.clock.now = NOVEMBER
    await bench.append(archive, b"y")
    await archive.aclose()
    await bench.append(bench.archive(), b"z")
    assert months(bench) == [(1, "2026-12"), (2, "2026-12"), (3, "2026-12")]


async def test_an_empty_month_keeps_the_sequence(bench: Bench) -> None:
    archive = bench.archive()
    await bench.append(archive, b"x")
    bench.clock.now = DECEMBER
    await archive.ready()
    bench.clock.now = MARCH
    assert await bench.append(archive, b"y") == 2
    assert bench.reader().last_seq() == 2
    assert months(bench) == [(1, "2026-11"), (2, "2027-03")]
    assert list(verify(bench.folder)) == []


async def test_closed_months_become_single_files(bench: Bench) -> None:
    archive = bench.archive()
    bench.clock.now = NOVEMBER
    await bench.append(archive, b"x")
    bench.clock.now = DECEMBER
    await bench.append(archive, b"y")
    await archive.aclose()
    # Whatever the first process had no time for, the next one does when it starts.
    again = bench.archive()
    await bench.append(again, b"z")
    await again.aclose()
    reader = bench.reader()
    assert [reader.raw(seq) for seq in (1, 2, 3)] == [b"x", b"y", b"z"]
    reader.close()
    assert (bench.folder / "2026-11.sqlite-wal").exists() is False


async def test_events_of_a_message_may_be_in_later_months(bench: Bench) -> None:
    archive, id = bench.archive(), bench.id()
    await archive.append(id=id, received=bench.clock.now, document=b"{}", raw=b"x")
    for moment in (DECEMBER, MARCH):
        bench.clock.now = moment
        archive.note(id, moment, b'{"event": "deferred"}')
        await bench.append(archive, b"other")
    assert [event.volume for event in bench.reader().events(id)] == ["2026-12", "2027-03"]
