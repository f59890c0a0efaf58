"""/metrics, /healthz and /readyz over real HTTP, and scraped by a real Prometheus."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from gateway.telemetry.exposition import REQUESTS, Exposition, Health
from gateway.telemetry.metrics import Aggregate, Metrics
from gateway.telemetry.table import TABLE

Shared = Callable[[str], Metrics]


def broken() -> str | None:
    raise LookupError("ada@school.example")


HEALTH = Health(
    live={"processes": lambda: None},
    ready={"archive": lambda: "disk full", "directory": lambda: None},
)


def ask(
    server: Exposition, path: str, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    host, port = server.address
    connection = HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.fixture
def server(folder: Path, shared: Shared) -> Iterator[Exposition]:
    own = shared("supervisor")
    own.disk_free_bytes.set_function(lambda: 5.0)
    with Exposition("127.0.0.1", 0, Aggregate(folder, own), HEALTH) as running:
        yield running


def test_metrics_are_the_text_that_prometheus_reads(server: Exposition) -> None:
    status, headers, body = ask(server, "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    assert {family.name for family in read_text(body.decode())} == {series.family for series in TABLE}
    assert b"mailgw_disk_free_bytes 5.0\n" in body


def test_metrics_are_openmetrics_where_that_is_asked_for(server: Exposition) -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    status, headers, body = ask(server, "/metrics", Accept=accept)
    assert (status, headers["content-type"].partition(";")[0]) == (200, "application/openmetrics-text")
    assert {family.name for family in read_openmetrics(body.decode())} == {series.family for series in TABLE}


@pytest.mark.parametrize("path", ["/metrics", "/metrics?", "/metrics?name=x", "/healthz"])
def test_a_query_changes_nothing_and_head_has_no_body(server: Exposition, path: str) -> None:
    status, headers, body = ask(server, path)
    assert (status, len(body)) == (200, int(headers["content-length"]))
    status, headers, body = ask(server, path, "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("health", "path", "status", "checks"),
    [
        (HEALTH, "/healthz", 200, {"processes": "ok"}),
        (HEALTH, "/readyz", 503, {"processes": "ok", "archive": "disk full", "directory": "ok"}),
        (Health(), "/healthz", 200, {}),
        (Health(live={"x": lambda: "dead"}), "/readyz", 503, {"x": "dead"}),
        (Health(live={"x": broken}), "/healthz", 503, {"x": "the check itself failed: LookupError"}),
    ],
    ids=["alive", "not ready", "no checks", "dead is not ready", "check fails"],
)
def test_health_names_each_check(
    folder: Path, health: Health, path: str, status: int, checks: dict[str, str]
) -> None:
    with Exposition("127.0.0.1", 0, Aggregate(folder), health) as server:
        got, headers, body = ask(server, path)
    assert (got, headers["content-type"]) == (status, "application/json")
    assert json.loads(body) == {"status": "ok" if status == 200 else "failed", "checks": checks}


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metricsx", "/../etc/passwd", "/%00"])
def test_other_paths_are_not_there(server: Exposition, path: str) -> None:
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods_are_not_allowed(server: Exposition, method: str) -> None:
    status, headers, body = ask(server, "/metrics", method)
    assert (status, headers["allow"], body) == (405, "GET, HEAD", b"GET and HEAD only\n")


@pytest.mark.parametrize(
    "request_bytes",
    [b"\r\n\r\n", b"\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000],
)
def test_what_is_no_http_gets_an_answer_or_an_end_and_hurts_nobody(
    server: Exposition, request_bytes: bytes
) -> None:
    with socket.create_connection(server.address, timeout=10) as client, suppress(ConnectionError):
        client.sendall(request_bytes)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
    assert ask(server, "/healthz")[0] == 200


def test_silent_clients_cannot_take_all_the_threads_there_are(server: Exposition) -> None:
    silent = [socket.create_connection(server.address, timeout=10) for _ in range(REQUESTS)]
    with socket.create_connection(server.address, timeout=10) as one_too_many, suppress(ConnectionError):
        assert one_too_many.recv(1) == b""  # closed at once, no thread for it
    for client in silent:
        client.close()


class Broken(Collector):
    def collect(self) -> list[Metric]:
        raise RuntimeError("ada@school.example")


def test_metrics_that_cannot_be_read_are_an_error_and_the_next_scrape_works(folder: Path) -> None:
    with capture_logs() as logged, Exposition("127.0.0.1", 0, Broken(), HEALTH) as server:
        for _ in range(2):
            status, _, body = ask(server, "/metrics")
            assert (status, body) == (500, b"The metrics cannot be read; see the log\n")
    assert [entry["event"] for entry in logged] == ["metrics.unreadable"] * 2
    assert "ada@" not in str(logged)


def test_an_address_in_use_is_an_error_at_start(server: Exposition, folder: Path) -> None:
    with pytest.raises(OSError, match="in use"):
        Exposition(*server.address, Aggregate(folder), HEALTH)


def test_ipv6(folder: Path) -> None:
    try:
        server = Exposition("::1", 0, Aggregate(folder), HEALTH)
    except OSError as error:
        pytest.skip(f"no IPv6 on loopback: {error.strerror}")
    with server:
        assert server.address[0] == "::1"
        assert ask(server, "/healthz")[0] == 200


# --- a real Prometheus ---------------------------------------------------------------------------


@contextmanager
def prometheus(program: Path, folder: Path, target: str) -> Iterator[str]:
    """A Prometheus that scrapes `target` every 100 ms; the URL of its API."""
    folder.mkdir()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\n"
        f"scrape_configs: [{{job_name: mailgw, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield f"http://{address}/api/v1"
        finally:
            process.terminate()
            process.wait(30)


def until(url: str, wanted: Callable[[Any], bool], log: Path, seconds: float = 60) -> Any:
    """Ask an API until its answer is as wanted; fails with the last answer when it never is."""
    end = time.monotonic() + seconds
    answer: Any = None
    while time.monotonic() < end:
        with suppress(OSError):
            with urllib.request.urlopen(url, timeout=5) as response:
                answer = json.load(response)["data"]
            if wanted(answer):
                return answer
        time.sleep(0.05)
    raise AssertionError(f"{url}: {answer}\n{log.read_text()}")


def test_prometheus_scrapes_every_series(
    folder: Path,
    shared: Shared,
    touched: Callable[[Metrics], Metrics],
    tmp_path: Path,
    needs: Callable[[str], Path],
) -> None:
    program = needs("prometheus")
    for process in ("smtp-0", "smtp-1"):
        touched(shared(process)).flush()
    with Exposition("127.0.0.1", 0, Aggregate(folder), HEALTH) as server:
        host, port = server.address
        work = tmp_path / "prometheus"
        with prometheus(program, work, f"{host}:{port}") as api:
            series = api + "/query?query=mailgw_transactions_total"
            found = until(series, lambda data: bool(data["result"]), work / "log")
            one = found["result"][0]
            assert one["metric"]["result"] == "relayed"
            assert one["value"][1] == "2"
            names = until(api + "/label/__name__/values", lambda data: len(data) > 10, work / "log")
            targets = until(api + "/targets", lambda data: bool(data["activeTargets"]), work / "log")
            assert targets["activeTargets"][0]["lastError"] == ""
            metadata = until(api + "/metadata", lambda data: "mailgw_processes" in data, work / "log")
    expected = {
        series.name + suffix
        for series in TABLE
        for suffix in (("_bucket", "_sum", "_count") if series.buckets else ("",))
    }
    assert {name for name in names if name.startswith("mailgw_")} == expected
    types = {name.removesuffix("_total"): entries[0]["type"] for name, entries in metadata.items()}
    assert {series.family: str(series.kind) for series in TABLE}.items() <= types.items()


def test_an_own_registry_can_be_served_too() -> None:
    metrics = Metrics(registry := CollectorRegistry())
    metrics.decide_errors.inc()
    with Exposition("127.0.0.1", 0, registry, Health()) as server:
        assert b"mailgw_decide_errors_total 1.0" in ask(server, "/metrics")[2]


def test_what_the_ledger_publishes(tmp_path: Path) -> None:
    """And nothing else of that folder, or of any other."""
    folder = tmp_path / "public"
    folder.mkdir()
    for name in ("checkpoint", "checkpoint-2026-11-22", "keys", "other", ".checkpoint.new"):
        (folder / name).write_text(name)
    (tmp_path / "keys").write_text("outside")
    with Exposition("127.0.0.1", 0, Broken(), HEALTH, folder) as server:
        for name in ("checkpoint", "checkpoint-2026-11-22", "keys"):
            assert ask(server, f"/ledger/{name}")[::2] == (200, name.encode())
        for name in (
            "checkpoint-2026-11-21",
            "other",
            ".checkpoint.new",
            "../keys",
            "%2e%2e/keys",
            "",
            "checkpoint/",
        ):
            assert ask(server, f"/ledger/{name}")[0] == 404
