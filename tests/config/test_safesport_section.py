"""`[policy.safesport]`: what is taken, and what those are told whose hours make no day."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, load

REST = """
hostname = "gateway.district.example"
[district]
name = "Test District"
domains = ["district.example"]
[[listener]]
name = "mx"
role = "inbound"
bind = ["0.0.0.0:25"]
[[route]]
domains = ["district.example"]
next_hop = "mail.district.example:25"
"""


def loaded(folder: Path, *lines: str) -> Config:
    path = folder / "gateway.toml"
    path.write_text("\n".join([REST, "[policy.safesport]", *lines]), "utf-8")
    return load(path)


@pytest.mark.parametrize(
    ("lines", "hours"),
    [
        ([], (time(8), time(20))),
        (['day_begins = "07:30"'], (time(7, 30), time(20))),
        (["day_begins = 07:30:00", "day_ends = 21:15:30"], (time(7, 30), time(21, 15, 30))),
        (['day_begins = "00:00"', 'day_ends = "23:59:59"'], (time(0), time(23, 59, 59))),
        (['day_begins = "19:59"'], (time(19, 59), time(20))),
    ],
    ids=["unset", "one as text", "both as TOML times", "the whole day", "the shortest day"],
)
def test_hours_that_are_taken(lines: list[str], hours: tuple[time, time], tmp_path: Path) -> None:
    config = loaded(tmp_path, *lines)
    chosen = config.policy.safesport
    assert (chosen.day_begins, chosen.day_ends) == hours
    assert chosen.enabled is False
    assert Config.model_validate_json(config.model_dump_json()) == config  # how the service keeps it


def test_turned_on(tmp_path: Path) -> None:
    assert loaded(tmp_path, "enabled = true").policy.safesport.enabled is True


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (['day_begins = "21:00"'], "day_ends: expected a time later than day_begins (21:00), got 20:00"),
        (['day_ends = "08:00"'], "day_ends: expected a time later than day_begins (08:00), got 08:00"),
        (['day_begins = "20:00"', 'day_ends = "08:00"'], "day_ends: expected a time later than day_begins"),
        (["day_begins = 8"], 'day_begins: expected a time of day such as "08:00", got 8'),
        (["day_ends = 20.5"], 'day_ends: expected a time of day such as "08:00", got 20.5'),
        (['day_begins = "8"'], "day_begins: expected a time of day such as \"08:00\", got '8'"),
        (['day_ends = "8pm"'], "day_ends: expected a time of day such as \"08:00\", got '8pm'"),
        (['day_ends = "20:00Z"'], "day_ends: expected a time of day"),
        (["day_ends = 20:00:00.5"], "day_ends: expected a time of day"),
        (['day_ends = "24:00"'], "day_ends: Input should be in a valid time format"),
        (["day_ends = 2026-10-14T20:00:00"], "day_ends: expected a time of day"),
        (['day_end = "20:00"'], "day_end: unknown key"),
    ],
)
def test_hours_that_are_refused(lines: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, *lines)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'gateway.toml'}: policy.safesport.{told}")
