"""The demo as a whole, with real processes: it proves what it says, says what fails, and leaves nothing behind."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.demo import run as demo
from gateway.demo.children import Child
from gateway.demo.feed import Feed
from gateway.demo.place import Ports
from gateway.demo.run import Options, run
from gateway.demo.screen import Screen

ANY_PORTS = Ports(0, 0, 0)


class Listening(io.StringIO):
    """Output that does something when it first sees some words."""

    def __init__(self, words: str, react: Callable[[], None]) -> None:
        super().__init__()
        self._words, self._react, self._done = words, react, False

    def write(self, text: str) -> int:
        written = super().write(text)
        if not self._done and self._words in text:
            self._done = True
            self._react()
        return written


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Child]:
    """Every child that the demo starts, in order; the gateway is the last."""
    found: list[Child] = []
    start_server, start_gateway = demo.start_server, demo.start_gateway

    async def server(*arguments: object, **options: object) -> tuple[Child, int]:
        child, port = await start_server(*arguments, **options)  # type: ignore[arg-type]
        found.append(child)
        return child, port

    async def gateway(*arguments: object) -> Child:
        child = await start_gateway(*arguments)  # type: ignore[arg-type]
        found.append(child)
        return child

    monkeypatch.setattr(demo, "start_server", server)
    monkeypatch.setattr(demo, "start_gateway", gateway)
    return found


def all_ended(started: list[Child]) -> bool:
    return len(started) == 3 and all(child.process.returncode is not None for child in started)


def empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def test_once(tmp_path: Path, started: list[Child]) -> None:
    """Everything is delivered, archived and judged as it should be; the path has a space in it."""
    out = io.StringIO()
    options = Options(once=True, data=tmp_path / "demo data", messages=110, ports=ANY_PORTS)
    code = await run(options, Screen(out))
    assert code == 0, out.getvalue()
    assert out.getvalue().count("✓") == 4
    assert "1.000" in out.getvalue() and "mailgw findings --config" in out.getvalue()
    assert all_ended(started)
    assert all(child.process.returncode == 0 for child in started)


async def test_broken_promise_is_told_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[Child]
) -> None:
    """A finding that is missed ends `--once` with 1, and the report says which."""
    score = demo.score

    def without_one(sent: Any, flags: Any) -> Any:
        return score(sent, list(flags)[1:])

    monkeypatch.setattr(demo, "score", without_one)
    events: list[dict[str, Any]] = []
    options = Options(once=True, data=tmp_path / "d", messages=1, ports=ANY_PORTS)
    assert await run(options, Feed(events.append)) == 1
    (report,) = [event for event in events if event["event"] == "report"]
    assert report["kept"] is False
    assert [promise["promise"] for promise in report["promises"] if not promise["kept"]] == ["findings"]
    assert min(score["recall"] for score in report["scores"]) < 1.0
    assert all_ended(started)


async def test_temporary_folder_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[Child]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    out = Listening("A day of mail", lambda: os.kill(os.getpid(), signal.SIGINT))
    assert await run(Options(once=True, messages=1, ports=ANY_PORTS), Screen(out)) == 130
    assert "Stopped." in out.getvalue()
    assert empty(tmp_path)
    assert all_ended(started)


async def test_interrupted_it_stops_everything(tmp_path: Path, started: list[Child]) -> None:
    out = Listening("A day of mail", lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert await run(Options(data=tmp_path / "d", messages=1, ports=ANY_PORTS), Screen(out)) == 0
    assert "Stopping the gateway" in out.getvalue()
    assert all_ended(started)


@pytest.mark.parametrize(("index", "name"), [(0, "the district's mail server"), (2, "the gateway")])
async def test_death_of_a_child_is_told(tmp_path: Path, started: list[Child], index: int, name: str) -> None:
    out = Listening("A day of mail", lambda: started[index].process.kill())
    assert await run(Options(data=tmp_path / "d", messages=1, ports=ANY_PORTS), Screen(out)) == 1
    assert f"{name} ended by itself (by SIGKILL)" in out.getvalue()
    assert all_ended(started)


async def test_gateway_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason, which stands in the gateway's log, is on the screen."""
    write = demo.write_config

    def broken(*arguments: object) -> None:
        write(*arguments)  # type: ignore[arg-type]
        path = tmp_path / "d" / "gateway.toml"
        path.write_text(path.read_text("utf-8") + "\n[no-such-section]\n", "utf-8")

    monkeypatch.setattr(demo, "write_config", broken)
    out = io.StringIO()
    assert await run(Options(data=tmp_path / "d", messages=1, ports=ANY_PORTS), Screen(out)) == 1
    assert "the gateway did not start" in out.getvalue()
    assert "no-such-section" in out.getvalue()


async def test_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    out = io.StringIO()
    assert await run(Options(once=True, data=tmp_path), Screen(out)) == 1
    assert "holds something else" in out.getvalue()


async def test_reader_that_goes_away(tmp_path: Path, started: list[Child]) -> None:
    """`mailgw demo | head`: everything is stopped, nothing is said."""

    def gone() -> None:
        raise BrokenPipeError

    out = Listening("A day of mail", gone)
    assert await run(Options(data=tmp_path / "d", messages=1, ports=ANY_PORTS), Screen(out)) == 1
    assert all_ended(started)
