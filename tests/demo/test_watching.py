"""What the demo says when the gateway's findings or stores cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.demo.district import District
from gateway.demo.maildir import Maildir
from gateway.demo.place import Ports, furnish, taken, write_config
from gateway.demo.watching import Watch, WatchError, examine


async def test_command_that_fails(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "no such.toml", lambda finding: None)
    with pytest.raises(WatchError, match=r"findings --json ended with [1-9].*no such\.toml"):
        await watch.findings()


def test_empty_stores_are_empty(tmp_path: Path, district: District) -> None:
    with taken(tmp_path / "d") as place:
        furnish(place, district)
        write_config(place, district, Ports(), 1, 2)
        Maildir(place.maildir("district"))
        report = examine(place.config, [place.maildir("district")], [])
    assert (report.records, report.deliveries) == (0, 0)
    assert not (report.replies or report.delivered or report.archived)


def test_missing_maildir(tmp_path: Path, district: District) -> None:
    with taken(tmp_path / "d") as place:
        write_config(place, district, Ports(), 1, 2)
        with pytest.raises(WatchError, match="No such file"):
            examine(place.config, [place.maildir("district")], [])
