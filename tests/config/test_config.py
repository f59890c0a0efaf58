"""Configurations that are refused, as people write them, and what they are told: file, key and what was expected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, load

HOST = 'hostname = "gateway.district.example"'
DISTRICT = """
[district]
name = "Test District"
domains = ["district.example"]
"""
INBOUND = """
[[listener]]
name = "mx"
role = "inbound"
bind = ["0.0.0.0:25"]
"""
ROUTE = """
[[route]]
domains = ["district.example"]
next_hop = "mail.district.example:25"
"""
USERS = """
[auth]
users_file = "users"
"""
CERTIFICATE = """
[tls]
certificate = "gateway.pem"
key = "gateway.key"
"""


def outbound(*more: str) -> str:
    """An outbound listener with these further lines."""
    return "\n".join(["[[listener]]", 'name = "out"', 'role = "outbound"', 'bind = ["0.0.0.0:587"]', *more])


def behind_proxy(*more: str) -> str:
    """An inbound listener behind a load balancer."""
    return INBOUND + "\n".join(["proxy_protocol = true", *more])


# The parts of a file, and how each line of the refusal begins after the file's name.
BROKEN: dict[str, tuple[list[str], list[str]]] = {
    # who is told, and who decides
    "mail is held, and nobody would know": (
        [HOST, DISTRICT, '[policy.rules."coach/one-to-one"]\naction = "hold"', INBOUND, ROUTE],
        ["notices.reviewers: expected addresses, for coach/one-to-one has an action that tells reviewers"],
    ),
    "reviewers outside of the district": (
        [HOST, DISTRICT, '[notices]\nreviewers = ["me@gmail.com"]', INBOUND, ROUTE],
        ["notices, hold: me@gmail.com is not in a domain of the district; notices name students"],
    ),
    "a reviewer's address that is none": (
        [HOST, DISTRICT, '[notices]\nreviewers = ["me at district.example"]', INBOUND, ROUTE],
        ["notices.reviewers[0]: expected an e-mail address, got 'me at district.example'"],
    ),
    "a school's reviewers, who are none": (
        [HOST, DISTRICT, '[notices.schools]\n"North School" = []', INBOUND, ROUTE],
        ["notices.schools.North School: "],
    ),
    "held mail is escalated to nobody": (
        [HOST, DISTRICT, '[hold]\nthen = "escalate"', INBOUND, ROUTE],
        ['hold.escalate_to: expected addresses, for hold.then is "escalate"'],
    ),
    # what would make an open relay
    "a balancer as wide as half the internet": (
        [HOST, DISTRICT, behind_proxy('proxy_networks = ["0.0.0.0/1"]'), ROUTE],
        ["listener[0] (mx).proxy_networks: 0.0.0.0/1 would believe anybody"],
    ),
    "a balancer as wide as the internet, in two halves": (
        [HOST, DISTRICT, behind_proxy('proxy_networks = ["0.0.0.0/1", "128.0.0.0/1", "10.0.0.1/32"]'), ROUTE],
        [
            "listener[0] (mx).proxy_networks: 0.0.0.0/1 would believe anybody",
            "listener[0] (mx).proxy_networks: 128.0.0.0/1 would believe anybody",
        ],
    ),
    "a balancer as wide as half of IPv6": (
        [HOST, DISTRICT, behind_proxy('proxy_networks = ["8000::/1"]'), ROUTE],
        ["listener[0] (mx).proxy_networks: 8000::/1 would believe anybody"],
    ),
    "PROXY headers of anybody": (
        [HOST, DISTRICT, behind_proxy(), ROUTE],
        ["listener[0] (mx).proxy_networks: expected the load balancers"],
    ),
    "outbound from two eighths": (
        [HOST, DISTRICT, outbound('networks = ["10.0.0.0/7"]'), ROUTE],
        ["listener[0] (out).networks: 10.0.0.0/7 is wide enough to make an open relay"],
    ),
    "outbound from all public IPv6": (
        [HOST, DISTRICT, outbound('networks = ["2000::/3"]'), ROUTE],
        ["listener[0] (out).networks: 2000::/3 is wide enough to make an open relay"],
    ),
    "outbound from anywhere": (
        [HOST, DISTRICT, outbound(), ROUTE],
        ["listener[0] (out).networks: expected the networks (or auth = true)"],
    ),
    "a journal from anywhere": (
        [HOST, DISTRICT, outbound().replace("outbound", "journal"), ROUTE],
        ["listener[0] (out).networks: expected the networks (or auth = true)"],
    ),
    "inbound with networks": (
        [HOST, DISTRICT, INBOUND + 'networks = ["10.0.0.0/8"]', ROUTE],
        ["listener[0] (mx).networks/auth: an inbound listener takes mail from anywhere"],
    ),
    "a district that is a top-level domain": (
        [HOST, DISTRICT.replace("district.example", "example"), INBOUND, ROUTE],
        ["district: domains: 'example' is a top-level name"],
    ),
    # passwords
    "passwords in plain text": (
        [HOST, DISTRICT, outbound("auth = true"), ROUTE, USERS],
        ['listener[0] (out).auth: expected tls = "opportunistic" or "required"; passwords need it'],
    ),
    "nobody to sign in, and no certificate": (
        [HOST, DISTRICT, outbound("auth = true", 'tls = "required"'), ROUTE],
        [
            "listener[0] (out).tls: expected a [tls] section with certificate and key",
            "listener[0] (out).auth: expected an [auth] section with users_file",
        ],
    ),
    "signing in to send to the district": (
        [HOST, DISTRICT, INBOUND + 'auth = true\ntls = "required"', ROUTE, USERS, CERTIFICATE],
        [
            "listener[0] (mx).networks/auth: an inbound listener takes mail from anywhere",
            "listener[0] (mx).auth: only outbound listeners offer AUTH",
        ],
    ),
    # listeners and routes that contradict each other
    "two listeners on one address": (
        [HOST, DISTRICT, INBOUND, outbound('networks = ["10.0.0.0/8"]').replace(":587", ":25"), ROUTE],
        [
            "listener[0] (mx).bind: 0.0.0.0:25 stands in another listener too",
            "listener[1] (out).bind: 0.0.0.0:25 stands in another listener too",
        ],
    ),
    "two listeners of one name": (
        [HOST, DISTRICT, INBOUND, INBOUND.replace(":25", ":26"), ROUTE],
        ["listener[0] (mx).name: expected names", "listener[1] (mx).name: expected names"],
    ),
    "no route for the district's own mail": (
        [HOST, DISTRICT, INBOUND],
        ["route: expected a route for the district's domain 'district.example'"],
    ),
    "a route to elsewhere only": (
        [HOST, DISTRICT, INBOUND, ROUTE.replace("district.example", "notdistrict.example")],
        ["route: expected a route for the district's domain 'district.example'"],
    ),
    "one domain in two routes": (
        [HOST, DISTRICT, INBOUND, ROUTE, ROUTE],
        ["route[1].domains: 'district.example' stands in route[0] already"],
    ),
    "a route to nowhere": (
        [HOST, DISTRICT, INBOUND, ROUTE.replace('"mail.district.example:25"', "[]")],
        ["route[0]: next_hop: expected at least one host"],
    ),
    # words and types
    "an empty file": (
        [""],
        ["hostname: missing", "district: missing", "listener: missing"],
    ),
    "misspelt words": (
        [HOST, DISTRICT, INBOUND + "tsl = true", ROUTE + "ports = 25", "[limit]\nconnections = 1"],
        ["listener[0].tsl: unknown key", "route[0].ports: unknown key", "limit: unknown key"],
    ),
    "everything at once": (
        [
            'hostname = "gate way"\nlisten = 25',
            DISTRICT.replace('"Test District"', "1"),
            INBOUND.replace('"inbound"', '"open"').replace("0.0.0.0:25", "25"),
            ROUTE.replace("mail.district.example:25", "mail.district.example"),
            '[limits]\nmessage_size = "50 apples"\nrecipients = 10\nconnections = "many"',
            "[timeouts]\ncommit = 0\ndrain = []",
            '[telemetry]\nlog_level = "loud"',
        ],
        [
            "hostname: expected a domain name, got 'gate way'",
            "district.name: Input should be a valid string (got 1)",
            "listener[0].role: Input should be 'inbound', 'outbound' or 'journal' (got 'open')",
            'listener[0].bind[0]: expected "host:port" or "[IPv6]:port", got \'25\'',
            "route[0].next_hop",
            'limits.message_size: expected bytes as a number or a size such as "50 MiB"',
            "limits.connections: Input should be a valid integer",
            "limits.recipients: Input should be greater than or equal to 100 (got 10)",
            "timeouts.commit: Input should be greater than 0 (got 0)",
            "timeouts.drain: Input should be a valid number",
            "telemetry.log_level: Input should be 'debug', 'info', 'warning' or 'error' (got 'loud')",
            "listen: unknown key",
        ],
    ),
}


def written(folder: Path, parts: list[str]) -> Path:
    path = folder / "gateway.toml"
    path.write_text("\n".join(parts), "utf-8")
    return path


@pytest.mark.parametrize(("parts", "expected"), BROKEN.values(), ids=list(BROKEN))
def test_a_broken_configuration_is_told_by_file_and_key(
    parts: list[str], expected: list[str], tmp_path: Path
) -> None:
    path = written(tmp_path, parts)
    with pytest.raises(ConfigError) as caught:
        load(path)
    told = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in told), told
    told = [line.removeprefix(f"{path}: ") for line in told]
    for start in expected:
        assert [line for line in told if line.startswith(start)], f"{start!r} is not in {told}"
    surplus = [line for line in told if not line.startswith(tuple(expected))]
    assert surplus == []


GOOD: dict[str, list[str]] = {
    "the least": [HOST, DISTRICT, INBOUND, ROUTE],
    "a balancer in the widest network": [
        HOST, DISTRICT, behind_proxy('proxy_networks = ["10.0.0.0/8", "fd00::/16"]'), ROUTE,
    ],
    "outbound from the widest network": [
        HOST, DISTRICT, outbound('networks = ["10.0.0.0/8", "2001::/16"]'), ROUTE,
    ],
    "passwords under TLS": [
        HOST, DISTRICT, outbound("auth = true", 'tls = "opportunistic"'), ROUTE, USERS, CERTIFICATE,
    ],
    "one port on two addresses": [
        HOST, DISTRICT, INBOUND.replace("0.0.0.0", "192.0.2.1"),
        outbound('networks = ["10.0.0.0/8"]').replace("0.0.0.0:587", "192.0.2.2:25"), ROUTE,
    ],
    "two free ports": [
        HOST, DISTRICT, INBOUND.replace(":25", ":0"),
        outbound('networks = ["10.0.0.0/8"]').replace(":587", ":0"), ROUTE,
    ],
    "a route for everything": [HOST, DISTRICT, INBOUND, ROUTE.replace("district.example", "*", 1)],
    "a journal needs no route": [
        HOST, DISTRICT, outbound('networks = ["10.0.0.0/8"]').replace("outbound", "journal"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("parts", GOOD.values(), ids=list(GOOD))
def test_a_good_configuration_is_taken(parts: list[str], tmp_path: Path) -> None:
    config = load(written(tmp_path, parts))
    assert config.district.domains == ("district.example",)
    assert Config.model_validate_json(config.model_dump_json()) == config  # how the service keeps it


def test_relative_paths_start_from_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(
        tmp_path, [HOST, DISTRICT, outbound("auth = true", 'tls = "required"'), ROUTE, USERS, CERTIFICATE]
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = load(Path(os.pardir) / "gateway.toml")
    assert config.tls is not None
    assert config.auth is not None
    assert (config.tls.certificate, config.auth.users_file) == (tmp_path / "gateway.pem", tmp_path / "users")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"[[listener]", "not valid TOML"),
        (b'hostname = "caf\xe9.example"', "not valid TOML"),
        (None, "cannot be read: No such file or directory"),
    ],
    ids=["half a bracket", "Latin-1", "no file"],
)
def test_a_file_that_cannot_be_read(content: bytes | None, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
