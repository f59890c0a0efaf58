"""The section `[authentication]`: what is wrong in it is told by key, and nothing starts with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigError, load

BASE = """\
hostname = "gateway.district.example"
[district]
name = "Test District"
domains = ["district.example"]
[[listener]]
name = "inbound"
role = "inbound"
bind = ["127.0.0.1:0"]
[[route]]
domains = ["district.example"]
next_hop = "127.0.0.1:25"
"""

WRONG = [
    ("[authentication]\ncheck = 'sometimes'", "authentication.check: "),
    ("[authentication]\ntimeout = 0", "authentication.timeout: "),
    ("[authentication]\ntimeout = 100", "authentication.timeout: expected less than timeouts.commit (100 s)"),
    ("[timeouts]\ncommit = 5", "authentication.timeout: expected less than timeouts.commit (5 s)"),
    ("[[authentication.trusted]]\nauthserv_id = 'a'", "authentication.trusted[0].networks: missing"),
    ("[[authentication.trusted]]\nauthserv_id = 'a'\nnetworks = []", "authentication.trusted[0].networks: "),
    (
        "[[authentication.trusted]]\nauthserv_id = 'a b'\nnetworks = ['192.0.2.0/24']",
        "authentication.trusted[0].authserv_id: ",
    ),
    (
        "[[authentication.trusted]]\nauthserv_id = 'a'\nnetworks = ['192.0.2.0/99']",
        "authentication.trusted[0].networks[0]",
    ),
]


@pytest.mark.parametrize(("section", "told"), WRONG)
def test_what_is_wrong_is_told(section: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"{BASE}{section}\n")
    with pytest.raises(ConfigError) as error:
        load(file)
    assert told in str(error.value)


def test_short_deadlines_without_look_ups(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f"{BASE}[timeouts]\ncommit = 5\n[authentication]\ncheck = 'never'\n")
    assert load(file).authentication.check == "never"


def test_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(BASE)
    settings = load(file).authentication
    assert (settings.check, settings.timeout, settings.trusted) == ("findings", 5.0, ())
