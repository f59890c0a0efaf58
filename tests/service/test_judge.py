"""The judge of a process: a look at the roster that finds nothing new costs nothing that lasts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import Config
from gateway.service.judge import Judge
from gateway.telemetry.metrics import Metrics

USERS = "sourcedId,role,givenName,familyName,email\n" + "".join(
    f"u{n},teacher,Ann,Lee,u{n}@district.example\n" for n in range(10)
)


@pytest.fixture
def thawed() -> Iterator[None]:
    """What the judge keeps from the garbage collector is given back after the test."""
    gc.unfreeze()
    yield
    gc.unfreeze()


def judge(folder: Path | None) -> tuple[Judge, Metrics]:
    config = Config.model_validate(
        {
            "hostname": "gateway.district.example",
            "district": {"name": "Test District", "domains": ["district.example"]},
            "listener": [{"name": "mx", "role": "inbound", "bind": ["127.0.0.1:0"]}],
            "route": [{"domains": ["*"], "next_hop": "mx"}],
            "directory": {"path": folder},
        }
    )
    metrics = Metrics()
    return Judge(config, metrics), metrics


@pytest.mark.usefixtures("thawed")
def test_only_a_roster_that_was_read_is_frozen(tmp_path: Path) -> None:
    """Freezing at each look would keep a minute's garbage for ever."""
    (tmp_path / "users.csv").write_text(USERS)
    judging, metrics = judge(tmp_path)
    judging.start()
    assert metrics.directory_people.labels().read() == 10
    frozen = gc.get_freeze_count()
    assert frozen > 0
    gc.unfreeze()
    for _ in range(3):
        judging.refresh()
        assert gc.get_freeze_count() == 0
    assert gc.isenabled()


@pytest.mark.usefixtures("thawed")
def test_a_roster_that_is_refused_is_not_frozen(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("sourcedId,role\n")
    judging, metrics = judge(tmp_path)
    judging.start()
    assert metrics.directory_reloads.labels("refused").value == 1
    assert gc.get_freeze_count() == 0
    assert gc.isenabled()


@pytest.mark.usefixtures("thawed")
def test_without_a_roster_nothing_is_frozen() -> None:
    judging, _ = judge(None)
    judging.start()
    judging.refresh()
    assert gc.get_freeze_count() == 0
