"""One process's metrics, several processes' metrics, and what Prometheus' own tool says of them."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import get_type_hints

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from structlog.testing import capture_logs

from gateway import __version__
from gateway.telemetry.metrics import Aggregate, Metrics
from gateway.telemetry.series import Counter, Gauge, Histogram
from gateway.telemetry.store import Store, forget_process, merged, prepare
from gateway.telemetry.table import TABLE, Kind


def aggregate(folder: Path, own: Metrics | None = None) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Aggregate(folder, own))
    return registry


Shared = Callable[[str], Metrics]
Touched = Callable[[Metrics], Metrics]


def test_the_table_and_the_attributes_are_the_same() -> None:
    kinds = {Counter: Kind.COUNTER, Gauge: Kind.GAUGE, Histogram: Kind.HISTOGRAM}
    declared = {name: kinds[hint] for name, hint in get_type_hints(Metrics).items()}
    assert declared == {series.attribute: series.kind for series in TABLE}


def test_a_process_alone_exports_from_memory() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.transactions.labels("inbound", "relayed").inc()
    metrics.phase_seconds.labels("relay").observe(0.003)
    metrics.in_flight_bytes.set(4096)
    get = registry.get_sample_value
    assert get("mailgw_transactions_total", {"listener": "inbound", "result": "relayed"}) == 1
    assert get("mailgw_phase_seconds_bucket", {"phase": "relay", "le": "0.002"}) == 0
    assert get("mailgw_phase_seconds_bucket", {"phase": "relay", "le": "0.005"}) == 1
    assert get("mailgw_phase_seconds_count", {"phase": "relay"}) == 1
    assert get("mailgw_phase_seconds_sum", {"phase": "relay"}) == 0.003
    assert get("mailgw_in_flight_bytes") == 4096
    assert get("mailgw_disk_free_bytes") is None  # never set


def test_build_info_is_there_from_the_start() -> None:
    text = generate_latest(registry := CollectorRegistry())
    assert text == b""
    Metrics(registry)
    assert f'version="{__version__}"'.encode() in generate_latest(registry)


def test_processes_are_added_up(folder: Path, shared: Shared) -> None:
    registry = aggregate(folder)
    for process, relayed, held, expiry, people in (("smtp-0", 2, 100, 50, 7), ("smtp-1", 3, 11, 40, 8)):
        metrics = shared(process)
        metrics.transactions.labels("inbound", "relayed").inc(relayed)
        metrics.phase_seconds.labels("whole").observe(0.01)
        metrics.in_flight_bytes.set(held)
        metrics.certificate_expiry_timestamp_seconds.set(expiry)
        metrics.directory_people.set(people)
        metrics.flush()
    get = registry.get_sample_value
    assert get("mailgw_transactions_total", {"listener": "inbound", "result": "relayed"}) == 5
    assert get("mailgw_phase_seconds_count", {"phase": "whole"}) == 2
    assert get("mailgw_in_flight_bytes") == 111  # the sum
    assert get("mailgw_certificate_expiry_timestamp_seconds") == 40  # the earliest
    assert get("mailgw_directory_people") == 8  # the latest


def test_the_latest_is_the_latest_even_when_it_is_no_new_value(folder: Path) -> None:
    seconds = iter(range(1, 100))
    first, second = (
        Metrics(store=Store(folder, name, clock=lambda: float(next(seconds)))) for name in ("a", "b")
    )
    with closing(first), closing(second):
        for metrics, people in ((first, 10), (second, 12), (first, 10)):
            metrics.directory_people.set(people)
            first.flush()
            second.flush()
        assert aggregate(folder).get_sample_value("mailgw_directory_people") == 10


def test_a_restarted_process_goes_on_from_its_totals(folder: Path, shared: Shared) -> None:
    registry = aggregate(folder)
    for _ in range(3):
        metrics = shared("smtp-0")
        metrics.received_bytes.labels("inbound").inc(10)
        metrics.message_size_bytes.labels("inbound").observe(10)
        metrics.flush()
        metrics.received_bytes.labels("inbound").inc(1)
        metrics.close()
    assert registry.get_sample_value("mailgw_received_bytes_total", {"listener": "inbound"}) == 33
    assert registry.get_sample_value("mailgw_message_size_bytes_count", {"listener": "inbound"}) == 3
    assert len(list(folder.glob("*.db"))) == len({file.name for file in folder.glob("*_smtp-0.db")})


def test_a_dead_process_holds_nothing_open(folder: Path, shared: Shared) -> None:
    registry = aggregate(folder)
    metrics = shared("smtp-0")
    metrics.connections_open.labels("inbound").set(9)
    metrics.connections.labels("inbound", "accepted").inc(9)
    metrics.flush()
    forget_process(folder, "smtp-0")
    assert registry.get_sample_value("mailgw_connections_open", {"listener": "inbound"}) is None
    accepted = {"listener": "inbound", "result": "accepted"}
    assert registry.get_sample_value("mailgw_connections_total", accepted) == 9
    again = shared("smtp-0")
    again.connections_open.labels("inbound").inc()
    again.flush()
    assert registry.get_sample_value("mailgw_connections_open", {"listener": "inbound"}) == 1


def _count_and_wait(folder: Path, ready: multiprocessing.synchronize.Event) -> None:
    metrics = Metrics.shared(folder, "smtp-0")
    metrics.transactions.labels("inbound", "relayed").inc()
    metrics.flush()
    ready.set()
    signal.pause()


def test_what_was_flushed_survives_kill_9(folder: Path, shared: Shared) -> None:
    context = multiprocessing.get_context("spawn")
    for lives in (1, 2):
        ready = context.Event()
        process = context.Process(target=_count_and_wait, args=(folder, ready))
        process.start()
        assert ready.wait(60)
        process.kill()
        process.join()
        relayed = {"listener": "inbound", "result": "relayed"}
        assert aggregate(folder).get_sample_value("mailgw_transactions_total", relayed) == lives


def test_a_new_service_starts_from_zero(folder: Path, shared: Shared) -> None:
    metrics = shared("smtp-0")
    metrics.decide_errors.inc()
    metrics.close()
    prepare(folder)
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_supervisor_is_flushed_at_a_scrape(folder: Path, shared: Shared) -> None:
    own = shared("supervisor")
    own.disk_free_bytes.set_function(lambda: 123.0)
    own.process_restarts.labels("smtp-0").inc()
    registry = aggregate(folder, own)
    assert registry.get_sample_value("mailgw_disk_free_bytes") == 123
    assert registry.get_sample_value("mailgw_process_restarts_total", {"process": "smtp-0"}) == 1


async def test_the_loop_flushes_and_does_so_once_more_at_its_end(folder: Path, shared: Shared) -> None:
    metrics = shared("smtp-0")
    task = asyncio.create_task(metrics.keep_flushed(interval=3600))
    await asyncio.sleep(0)
    metrics.decide_errors.inc()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert aggregate(folder).get_sample_value("mailgw_decide_errors_total") == 1


def test_updates_after_the_end_are_harmless(folder: Path, shared: Shared) -> None:
    metrics = shared("smtp-0")
    metrics.close()
    metrics.decide_errors.inc()
    metrics.flush()
    metrics.close()


@pytest.mark.parametrize("name", ["", "smtp_0", "../smtp", "SMTP", "9"])
def test_a_process_name_is_safe_as_a_file_name(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="process name"):
        Store(folder, name)


def test_a_file_half_made_does_not_stop_a_scrape_of_a_process_that_is_killed(
    folder: Path, shared: Shared
) -> None:
    metrics = shared("smtp-0")
    metrics.flush()
    (folder / "counter_smtp-1.db").write_bytes(bytes(1 << 16))  # sized, nothing in it yet
    assert aggregate(folder).get_sample_value("mailgw_decide_errors_total") == 0


def test_an_unreadable_file_is_an_error_that_names_the_folder(folder: Path) -> None:
    (folder / "counter_smtp-1.db").write_bytes(b"")
    with pytest.raises(OSError, match="metrics cannot be read"):
        merged(folder)


@pytest.mark.parametrize("state", ["fresh", "touched"])
def test_every_family_is_exported(folder: Path, shared: Shared, touched: Touched, state: str) -> None:
    metrics = shared("smtp-0")
    if state == "touched":
        touched(metrics)
    metrics.flush()
    text = generate_latest(aggregate(folder)).decode()
    headers = [line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE")]
    assert headers == [[series.name, str(series.kind)] for series in TABLE]
    assert "_created" not in text


def test_promtool_finds_no_fault(
    folder: Path, shared: Shared, touched: Touched, needs: Callable[[str], Path]
) -> None:
    touched(shared("smtp-0")).flush()
    touched(Metrics(alone := CollectorRegistry()))
    for registry in (aggregate(folder), alone):
        run = subprocess.run(
            [needs("promtool"), "check", "metrics"],
            input=generate_latest(registry),
            capture_output=True,
            check=False,
        )
        assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")


def test_the_environment_plays_no_part(folder: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    shared("smtp-0").flush()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    assert aggregate(folder).get_sample_value("mailgw_decide_errors_total") == 0


async def test_a_series_that_cannot_be_carried_is_told_once_and_tried_again(
    folder: Path, shared: Shared
) -> None:
    metrics = shared("smtp-0")
    metrics.decide_errors.inc()
    metrics.flush()
    away = folder.with_name("away")
    os.rename(folder, away)  # noqa: PTH104
    metrics.decide_errors.inc()  # into a file that is open
    metrics.directory_people.set(5)  # into one that cannot be made now
    with capture_logs() as logged:
        task = asyncio.create_task(metrics.keep_flushed(interval=0))
        for _ in range(10):
            await asyncio.sleep(0)
        os.rename(away, folder)  # noqa: PTH104
        metrics.flush()
        get = aggregate(folder).get_sample_value
        assert (get("mailgw_decide_errors_total"), get("mailgw_directory_people")) == (2, 5)
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    told = [row for row in logged if row["series"] == "mailgw_directory_people"]
    assert [row["event"] for row in told] == ["metrics.unwritten"]


FULL_DISK = """
import sys
from pathlib import Path
from gateway.telemetry.metrics import Metrics

folder = Path(sys.argv[1])
metrics = Metrics.shared(folder / "metrics", "smtp-0")
metrics.replies.labels("inbound", "250").inc()
metrics.flush()
with (folder / "filler").open("wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
for number in range(400):  # many pages of values
    metrics.replies.labels("inbound", f"{number:03}").inc()
metrics.archive_commit_seconds.labels().observe(1)  # a file that is not there yet
metrics.flush()
print("alive")
"""


def test_a_full_disk_kills_no_process(tmp_path: Path, needs: Callable[[str], Path]) -> None:
    mount, unmount = needs("mount"), needs("umount")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path],
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    try:
        (tmp_path / "metrics").mkdir()
        process = subprocess.run(
            [sys.executable, "-c", FULL_DISK, tmp_path],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
    finally:
        subprocess.run([unmount, "--lazy", tmp_path], check=True)
    assert (process.returncode, process.stdout.splitlines()[-1:]) == (0, ["alive"]), process.stderr
