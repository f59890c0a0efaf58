"""Random octets are handed out once, to any number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from gateway.archive import RandomPool


def test_sizes_are_what_was_asked_for() -> None:
    pool = RandomPool()
    assert [len(pool(size)) for size in (0, 1, 8, 16, 4095, 4096, 4097, 100_000, 8)] == [
        0, 1, 8, 16, 4095, 4096, 4097, 100_000, 8,
    ]  # fmt: skip


def test_no_octets_are_handed_out_twice() -> None:
    pool = RandomPool()
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(lambda _: pool(16), range(5000)))
    assert len(set(drawn)) == 5000
