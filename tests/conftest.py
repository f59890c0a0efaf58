"""What all tests share: the programs they need, the mail corpus, and what a skip means.

A test that needs a program of the system asks for it with `needs("postfix")` and is skipped, with the
reason, where it is not installed. With CI=true such a skip is a failure, so that nothing stays
untested unnoticed; only mail that is not there may be skipped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import pytest
import uvloop

# Debian's daemons are not on an ordinary user's PATH.
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
NO_CORPUS = "no mail corpus:"
CI = os.environ.get("CI", "").lower() in ("true", "1")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): skip where one of these programs is not installed")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the service runs on, so that its own ways are tested."""
    return {"uvloop": uvloop.new_event_loop}


def _find(program: str) -> Path:
    found = shutil.which(program, path=PLACES)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return Path(found)


@pytest.fixture(scope="session")
def needs() -> Callable[[str], Path]:
    """`needs("smtp-sink")` is the program's path; skips the test where it is not installed."""
    return _find


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            _find(program)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real-world mail: MAILGW_CORPUS, by default `../shared/corpus` beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "corpus"
    folder = Path(os.environ.get("MAILGW_CORPUS", default))
    if not folder.is_dir():
        pytest.skip(f"{NO_CORPUS} set MAILGW_CORPUS to a folder that holds it")
    return folder


def _strict(report: pytest.TestReport | pytest.CollectReport) -> None:
    """With CI=true, turn a skip into a failure, but for mail that is not there."""
    if not CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if NO_CORPUS not in reason:
        report.outcome = "failed"
        report.longrepr = f"With CI=true a skip is a failure. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _strict(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _strict(report)
    return report
