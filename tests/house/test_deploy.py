"""The files of the house: each checked by the tool that will read it, as far as it is here."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from importlib.metadata import metadata
from pathlib import Path

import pytest

from gateway.config import Action, Config, load

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
Needs = Callable[[str], Path]


def project() -> dict[str, list[str]]:
    """Names of the runtime and development dependencies in pyproject.toml."""
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = {"run": data["project"]["dependencies"], "dev": data["dependency-groups"]["dev"]}
    return {group: [re.split(r"[^\w-]", entry)[0] for entry in entries] for group, entries in groups.items()}


# --- the example configuration ---------------------------------------------------------------------


def test_the_example_configuration_is_valid_and_transparent() -> None:
    config = load(ROOT / "config" / "gateway.toml")
    assert {listener.role for listener in config.listener} == {"inbound", "outbound", "journal"}
    assert all(rule.action is Action.RECORD for rule in config.policy.rules.values())


def test_what_the_example_shows_commented_is_valid_and_the_default() -> None:
    """A line `#key = value` shows the default; with all of them switched on the meaning is the same."""
    text = (ROOT / "config" / "gateway.toml").read_text()
    shown = re.sub(r"^#(?=[a-z_]+ = |\[)", "", text, flags=re.MULTILINE)
    assert shown != text
    assert Config.model_validate(tomllib.loads(shown)) == Config.model_validate(tomllib.loads(text))


# --- systemd, compose, Dockerfile -------------------------------------------------------------------


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / "mailgw.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.needs("systemd-analyze")
def test_systemd_accepts_the_unit(needs: Needs, tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "mailgw.service").read_text()
    copy = tmp_path / "mailgw.service"
    # The command is not installed here; everything else is checked as it stands.
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    run = subprocess.run(
        [needs("systemd-analyze"), "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    about_this = [line for line in run.stderr.splitlines() if "mailgw.service" in line]
    assert (run.returncode, about_this) == (0, [])


def test_the_unit_allows_what_the_indexer_calls() -> None:
    """setpriority is in @resources: without it the indexer could not lower its priority."""
    filters = unit()["SystemCallFilter"]
    assert filters.index("setpriority") > filters.index("~@privileged @resources")


@pytest.mark.needs("systemd-analyze")
def test_systemd_finds_little_that_the_unit_could_still_do(needs: Needs) -> None:
    run = subprocess.run(
        [
            needs("systemd-analyze"),
            "security",
            "--offline=true",
            "--threshold=20",
            DEPLOY / "systemd" / "mailgw.service",
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    assert run.returncode == 0, run.stdout[-300:] + run.stderr


@pytest.mark.parametrize("name", ["mailgw.service", "compose.yaml"])
def test_the_service_has_longer_to_stop_than_it_drains(name: str) -> None:
    drain = load(ROOT / "config" / "gateway.toml").timeouts.drain
    if name == "mailgw.service":
        seconds = int(unit()["TimeoutStopSec"][0])
    else:
        text = (DEPLOY / "compose" / "compose.yaml").read_text()
        found = re.search(r"stop_grace_period: (\d+)s", text)
        assert found is not None
        seconds = int(found[1])
    assert seconds >= drain + 10


def test_the_container_serves_the_ports_of_the_example() -> None:
    config = load(ROOT / "config" / "gateway.toml")
    ports = {address.port for listener in config.listener for address in listener.bind}
    exposed = re.search(r"^EXPOSE (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert exposed is not None
    assert {int(port) for port in exposed[1].split()} == ports | {config.telemetry.bind.port}


def test_the_image_is_built_from_what_git_would_give() -> None:
    """Only listed paths enter the build's context; each exists, and each COPY of the checkout is listed."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    listed = {line.removeprefix("!/") for line in lines if line.startswith("!/")}
    copied = {
        word.removesuffix("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied == listed
    assert all((ROOT / path).exists() for path in listed)


# --- dependencies -----------------------------------------------------------------------------------


def test_every_dependency_is_explained_with_its_licence() -> None:
    """docs/dependencies.md has a row for each, and the licence that the installed package states."""
    text = (ROOT / "docs" / "dependencies.md").read_text()
    rows = dict(re.findall(r"^\| \[([\w-]+)\]\(\S+\) \| ([^|]+) \|", text, re.MULTILINE))
    assert sorted(rows) == sorted(name for group in project().values() for name in group)
    for name, licence in rows.items():
        about = metadata(name)
        stated = about.get("License-Expression") or about.get("License")
        if stated:  # a few state it in a classifier or a file only
            assert licence.strip() == stated.strip(), name


@pytest.mark.parametrize(
    ("lock", "groups"), [("requirements.lock", ["run"]), ("requirements-dev.lock", ["run", "dev"])]
)
def test_every_dependency_is_locked_with_hashes(lock: str, groups: list[str]) -> None:
    entries = re.findall(
        r"^([\w.-]+)==\S+(?: ; .+?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)",
        (ROOT / lock).read_text(),
        re.MULTILINE,
    )
    locked = {name for name, _ in entries}
    assert locked >= {name for group in groups for name in project()[group]}
    assert len(entries) == len(re.findall(r"^[\w.-]+==", (ROOT / lock).read_text(), re.MULTILINE))


# --- the scripts --------------------------------------------------------------------------------------


def test_make_knows_the_targets_of_the_contract(needs: Needs) -> None:
    text = subprocess.run(
        [needs("make"), "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"make (\w+)", text)) >= {"setup", "run", "test", "lint", "bench", "lock", "clean"}


@pytest.mark.parametrize("script", sorted((ROOT / ".ci").iterdir()), ids=lambda path: path.name)
def test_scripts_are_executable_and_parse(script: Path) -> None:
    assert os.access(script, os.X_OK)
    shell = script.read_text().splitlines()[0].split()[-1].rpartition("/")[2]
    subprocess.run([shell, "-n", script], check=True)
