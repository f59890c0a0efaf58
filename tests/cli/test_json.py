"""`--json` of the commands that run for a while: `serve`, `demo` and `reindex`, run as people run them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

MAILGW = [sys.executable, "-m", "gateway"]
MINUTE = 60.0  # seconds

CONFIG = """
hostname = "gateway.district.example"
[district]
name = "Test District"
domains = ["district.example"]
[storage]
path = "data"
min_free = 0
[processes]
smtp_workers = 2
[[listener]]
name = "inbound"
role = "inbound"
bind = ["127.0.0.1:0"]
[[route]]
domains = ["district.example"]
next_hop = "127.0.0.1:1"
[timeouts]
drain = 5
[telemetry]
bind = "127.0.0.1:0"
"""


def objects(text: str) -> list[dict[str, Any]]:
    """Every line of the text; fails where one is no JSON object."""
    rows = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(row, dict) for row in rows)
    return rows


def mailgw(*arguments: str, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAILGW, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=2 * MINUTE
    )


# --- serve ----------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(CONFIG, "utf-8")
    return path


@contextmanager
def serving(*options: str) -> Iterator[subprocess.Popen[str]]:
    """`mailgw serve`, which is ended after a minute at the latest, so that a reader of its output never hangs."""
    with subprocess.Popen(
        [*MAILGW, "serve", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = Timer(MINUTE, process.kill)
        deadline.start()
        try:
            yield process
        finally:
            deadline.cancel()
            process.kill()


def read_until(process: subprocess.Popen[str], output: Any, event: str, name: str) -> list[dict[str, Any]]:
    """Objects up to the first with this event of this process; then the service is told to stop."""
    rows = []
    for line in output:
        rows.append(json.loads(line))
        if (rows[-1]["event"], rows[-1]["process"]) == (event, name):
            process.send_signal(signal.SIGTERM)
            return rows
    raise AssertionError(f"no {event} of {name}: {rows}")


def test_serve_writes_all_it_says_to_standard_output(config: Path) -> None:
    with serving("--json", "--config", str(config)) as process:
        rows = read_until(process, process.stdout, "ready", "supervisor")
        output, errors = process.communicate(timeout=MINUTE)
    rows += objects(output)
    assert (process.returncode, errors) == (0, "")
    first, last = rows[0], rows[-1]
    assert first["event"] == "starting"
    assert first["listeners"] == {"inbound": ["127.0.0.1:0"]}
    assert (first["telemetry"], first["workers"]) == ("127.0.0.1:0", 2)
    assert (last["event"], last["process"], last["code"]) == ("stopped", "supervisor", 0)
    assert {row["process"] for row in rows} == {
        "supervisor",
        "smtp-0",
        "smtp-1",
        "indexer",
        "search",
        "office",
    }
    assert first["pid"] == last["pid"] == process.pid


def test_serve_without_it_leaves_standard_output_empty(config: Path) -> None:
    with serving("--config", str(config)) as process:
        read_until(process, process.stderr, "ready", "supervisor")
        output, errors = process.communicate(timeout=MINUTE)
    assert (process.returncode, output) == (0, "")
    assert objects(errors)[-1]["event"] == "stopped"


def test_serve_says_why_it_cannot_start(config: Path) -> None:
    """A wrong file; with `--json` as a line of the log, else in plain text."""
    config.write_text(CONFIG.replace("[district]", "[distrct]"), "utf-8")
    done = mailgw("serve", "--json", "--config", str(config))
    (refusal,) = objects(done.stdout)
    assert (done.returncode, done.stderr) == (3, "")
    assert (refusal["event"], refusal["level"]) == ("configuration_refused", "error")
    assert any("distrct: unknown key" in problem for problem in refusal["problems"])
    plain = mailgw("serve", "--config", str(config))
    assert (plain.returncode, plain.stdout) == (3, "")
    assert plain.stderr.splitlines() == [f"mailgw: {problem}" for problem in refusal["problems"]]


def test_serve_says_that_an_address_is_in_use(config: Path) -> None:
    """What only the supervisor finds out."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write_text(CONFIG.replace('bind = ["127.0.0.1:0"]', f'bind = ["127.0.0.1:{port}"]'), "utf-8")
        done = mailgw("serve", "--json", "--config", str(config))
    assert (done.returncode, done.stderr) == (3, "")
    starting, refusal = objects(done.stdout)
    assert starting["listeners"] == {"inbound": [f"127.0.0.1:{port}"]}
    assert refusal["event"] == "configuration_refused"
    assert f"cannot bind 127.0.0.1:{port}" in refusal["problems"][0]


def test_what_a_child_refuses_is_a_line_of_the_log(config: Path) -> None:
    """Only workers read the certificate; the service's log stays JSON, with and without `--json`."""
    for name in ("certificate.pem", "key.pem"):
        config.with_name(name).write_text("not PEM", "utf-8")
    config.write_text(CONFIG + '[tls]\ncertificate = "certificate.pem"\nkey = "key.pem"\n', "utf-8")
    with serving("--config", str(config)) as process:
        rows = read_until(process, process.stderr, "configuration_refused", "smtp-0")
        _, errors = process.communicate(timeout=MINUTE)
    assert objects(errors)
    assert "certificate" in rows[-1]["problems"][0]


# --- demo and reindex -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A day of the demo: its configuration, and how the command ended."""
    folder = tmp_path_factory.mktemp("day") / "demo"
    done = mailgw("demo", "--once", "--json", "--messages", "62", "--data", str(folder))
    return folder / "gateway.toml", done


def of(rows: Sequence[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [row for row in rows if row["event"] == event]


def test_demo_tells_every_event(day: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    config, done = day
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    rows = objects(done.stdout)
    assert [row["event"] for row in rows[:3]] == ["district", "ready", "sending"]
    assert rows[-1] == {"event": "stopping"}
    messages, findings, (report,) = of(rows, "message"), of(rows, "finding"), of(rows, "report")
    assert len(messages) == rows[0]["messages"]
    assert {row["event"] for row in rows} == {
        "district", "ready", "sending", "message", "finding", "report", "hint", "stopping"
    }  # fmt: skip
    kept = objects(mailgw("findings", "--json", "--config", str(config)).stdout)
    told = [{key: value for key, value in row.items() if key != "event"} for row in findings]
    assert sorted(told, key=lambda row: row["id"]) == sorted(kept, key=lambda row: row["id"])
    assert {row["message_id"] for row in findings} <= {row["message_id"] for row in messages}
    assert report["kept"] is True
    assert all(promise["kept"] and not promise["problems"] for promise in report["promises"])
    assert all(score["precision"] == score["recall"] == 1.0 for score in report["scores"])
    assert 0 < sum(score["found"] for score in report["scores"]) <= len(findings)


def test_demo_tells_why_it_fails(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    done = mailgw("demo", "--once", "--json", "--data", str(tmp_path))
    (error,) = objects(done.stdout)
    assert (done.returncode, done.stderr) == (1, "")
    assert error["event"] == "error"
    assert "holds something else" in error["text"]


def test_reindex_tells_what_was_done(day: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The numbers are those of the other commands; the progress bar goes to the terminal, not into the pipe."""
    config = str(day[0])
    messages = objects(mailgw("search", "--json", "--limit", "1000", "--config", config).stdout)
    findings = objects(mailgw("findings", "--json", "--config", config).stdout)
    entries = int(mailgw("verify", "--config", config).stderr.partition(" ")[0])
    ours, terminal = os.openpty()
    os.set_blocking(ours, False)
    try:
        # Nobody reads the terminal meanwhile, so the bar must not be drawn for long.
        done = mailgw("reindex", "--no-search", "--json", "--config", config, stderr=terminal)
        shown = os.read(ours, 65536)
    finally:
        os.close(terminal)
        os.close(ours)
    assert done.returncode == 0
    (row,) = objects(done.stdout)
    assert b"Catalog" in shown
    assert row.pop("catalog_seconds") > 0
    assert row == {
        "entries": entries,
        "messages": len(messages),
        "events": entries - len(messages),
        "findings": len(findings),
        "unindexed": 0,
    }
    assert len(messages) > 0 and len(findings) > 0


def test_reindex_in_plain_text_writes_nothing_to_standard_output(
    day: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    config = str(day[0])
    before = mailgw("search", "--json", "--limit", "1000", "--config", config).stdout
    done = mailgw("reindex", "--config", config)
    assert (done.returncode, done.stdout) == (0, "")
    catalog, index = done.stderr.splitlines()
    assert catalog.startswith("catalog rebuilt: ")
    assert index == f"search index rebuilt: {len(objects(before))} messages"
    assert mailgw("search", "--json", "--limit", "1000", "--config", config).stdout == before


def test_reindex_of_the_search_index_alone(day: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    config = str(day[0])
    done = mailgw("reindex", "--no-catalog", "--processes", "1", "--json", "--config", config)
    (row,) = objects(done.stdout)
    assert set(row) == {"searchable", "search_seconds"}
    assert row["searchable"] == int(mailgw("search", "--count", "--config", config).stdout)
