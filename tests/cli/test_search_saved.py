"""Searches by name: `mailgw search --save`, `--saved`, `--list-saved` and `--forget`, as people type them."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.extraction.extractor import Extractor
from tests.cli.test_search import INDEX, ends, found, received
from tests.indexer.test_searching import Searched


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    with Extractor() as extractor:
        made = Searched(tmp_path_factory.mktemp("saved"), extractor)
        received(made)
        yield made


@pytest.fixture
def here(searched: Searched) -> Iterator[Searched]:
    """Nothing is saved yet."""
    yield searched
    for path in folder(searched).glob("*"):
        path.unlink()


def folder(here: Searched) -> Path:
    return here.settings.storage.searches


def save(here: Searched, name: str, typed: str, *more: str) -> None:
    """`typed`: as it stands behind `mailgw search --save NAME ` in a shell."""
    done = here.mailgw("search", "--save", name, *shlex.split(typed), *more)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("saved", "words", "seqs"),
    [
        ("late bus", "", [2, 1]),
        ('subject:"late bus"', "", [1]),
        ("late bus", '-subject:"late bus"', [2]),
        ("'\"late bus\" OR practice'", "", [3, 1]),
        ("'\"late bus\" OR practice'", "from:carla", [3]),  # and not: late bus, or practice from Carla
        ("from:tim", "'practice OR heron'", [2, 1]),  # and not: practice from Tim, or heron
        ("'practice OR heron'", "'late OR practice'", [3, 2, 1]),
        ("heron", "-filename:heron --limit 1", [2]),
        ("has:attachment", "heron --sort oldest", [6]),
    ],
)
def test_a_saved_search_is_asked_and_narrowed(
    here: Searched, saved: str, words: str, seqs: list[int]
) -> None:
    save(here, "mine", saved)
    assert found(here, "--saved", "mine", *shlex.split(words)) == seqs


def test_a_narrowed_search_is_saved_again(here: Searched) -> None:
    save(here, "wide", "practice OR heron")
    save(here, "narrow", "--saved wide 'late OR from:carla'")
    assert found(here, "--saved", "narrow") == [3, 2, 1]
    (row,) = [row for row in here.objects("search", "--list-saved") if row["name"] == "narrow"]
    assert row["query"] == "(practice OR heron) (late OR from:carla)"


def test_a_saved_search_goes_with_what_a_search_shows(here: Searched) -> None:
    save(here, "mine", "heron")
    assert here.mailgw("search", "--saved", "mine", "--count").stdout == "3\n"
    (row,) = here.objects("search", "--saved", "mine", "--explain", "from:tim")
    assert row["query"] == "heron from:tim"
    done = here.mailgw("search", "--saved", "mine", "from:tim")
    assert "    | The heron stood still." in done.stdout.splitlines()
    assert done.stderr.startswith("Messages that contain the word “heron” and are from somebody")


def test_what_is_kept(here: Searched) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    save(here, "late-buses.2026", 'heron after:30d subject:"late bus"')
    (path,) = folder(here).iterdir()
    assert path.name == "late-buses.2026.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    kept = json.loads(path.read_text("utf-8"))
    assert before <= datetime.fromisoformat(kept.pop("at")) <= datetime.now(UTC)
    assert kept == {
        "format": 1,
        "name": "late-buses.2026",
        "query": 'heron after:30d subject:"late bus"',
        "by": os.environ.get("SUDO_USER") or getpass.getuser(),
    }


def test_the_list(here: Searched) -> None:
    assert here.objects("search", "--list-saved") == []
    save(here, "zebra", "heron after:30d")
    save(here, "Alpha", "after:2026-01-01")
    rows = here.objects("search", "--list-saved")
    assert [(row["name"], row["query"], row["moves_with_time"]) for row in rows] == [
        ("Alpha", "after:2026-01-01", False),
        ("zebra", "heron after:30d", True),
    ]
    alpha, query, zebra, other = here.mailgw("search", "--list-saved").stdout.splitlines()
    assert alpha.split()[0] == "Alpha" and "moves with time" not in alpha
    assert zebra.split()[0] == "zebra" and zebra.endswith("  moves with time")
    assert (query, other) == ("    after:2026-01-01", "    heron after:30d")


def test_none_is_replaced_unasked(here: Searched) -> None:
    save(here, "mine", "heron")
    done = here.mailgw("search", "--save", "mine", "practice")
    assert (done.returncode, done.stdout) == (1, "")
    assert "a saved search by this name already; --replace puts" in ends(done)
    assert found(here, "--saved", "mine") == [6, 2, 1]
    save(here, "mine", "practice", "--replace")
    assert found(here, "--saved", "mine") == [3]


def test_one_is_forgotten(here: Searched) -> None:
    save(here, "mine", "heron")
    assert here.mailgw("search", "--forget", "mine").returncode == 0
    assert list(folder(here).iterdir()) == []
    for option in ("--forget", "--saved"):
        done = here.mailgw("search", option, "mine")
        assert (done.returncode, done.stdout) == (1, "")
        assert ends(done) == (
            f"mailgw: {option} mine: no saved search by this name; `mailgw search --list-saved` lists them"
        )


def test_a_damaged_one_is_named_and_harms_no_other(here: Searched) -> None:
    save(here, "good", "heron")
    save(here, "bad", "heron")
    path = folder(here) / "bad.json"
    path.write_bytes(path.read_bytes()[:-9])
    done = here.mailgw("search", "--list-saved", "--json")
    assert done.returncode == 1
    assert [json.loads(line)["name"] for line in done.stdout.splitlines()] == ["good"]
    assert f"{path}: this saved search is damaged" in ends(done)
    assert found(here, "--saved", "good") == [6, 2, 1]
    done = here.mailgw("search", "--saved", "bad")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{path}: this saved search is damaged" in ends(done)
    assert here.mailgw("search", "--forget", "bad").returncode == 0
    assert here.mailgw("search", "--list-saved").returncode == 0


def test_one_that_the_language_lacks_today_is_told(here: Searched) -> None:
    """As an older version may have kept it."""
    save(here, "old", "heron")
    path = folder(here) / "old.json"
    path.write_text(path.read_text("utf-8").replace("heron", "gone:x"), "utf-8")
    done = here.mailgw("search", "--saved", "old", "bus")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[:2] == ["mailgw: --saved old: it cannot be asked any more", "mailgw: gone:x"]
    assert "cannot be asked any more" in here.mailgw("search", "--list-saved").stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            "--save x '(late'",
            ["(late", "^", "at character 1: a parenthesis that is never closed; expected a"],
        ),
        ("--save x", ["--save: expected a query to keep"]),
        ("--save ../x late", ["--save: '../x' is no name for a saved search; expected a letter or digit"]),
        ("--save x late --json", ["--save: expected without --json"]),
        ("--save x late --count --sort oldest", ["--save: expected without --sort and --count"]),
        ("--replace late", ["--replace: expected with --save NAME"]),
        ("--saved ../x", ["--saved: '../x' is no name"]),
        ("--forget /etc/passwd", ["--forget: '/etc/passwd' is no name"]),
        ("--forget x late", ["--forget: expected without a query"]),
        ("--list-saved late", ["--list-saved: expected without a query"]),
        ("--list-saved --csv", ["--list-saved: expected without --csv"]),
        ("--save x --forget y", ["--forget: expected without --save"]),
    ],
)
def test_what_cannot_be_done_is_told(here: Searched, typed: str, said: list[str]) -> None:
    done = here.mailgw("search", *shlex.split(typed))
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == len(said)
    assert all(line.startswith(f"mailgw: {start}") for line, start in zip(lines, said, strict=True))
    assert list(folder(here).glob("*")) == []


def test_a_search_is_kept_before_there_is_an_index(tmp_path: Path) -> None:
    with Extractor() as extractor:
        new = Searched(tmp_path, extractor)
    done = new.mailgw("search", "--save", "mine", "late")
    assert done.returncode == 1  # there is no storage folder yet, and none is made for this
    assert "Traceback" not in done.stderr and str(new.settings.storage.path) in done.stderr
    new.settings.storage.path.mkdir()
    save(new, "mine", "late")
    assert [row["name"] for row in new.objects("search", "--list-saved")] == ["mine"]
    assert not (tmp_path / INDEX).exists()


# --- whose files they are ------------------------------------------------------------------------


@pytest.fixture
def reachable() -> Iterator[Searched]:
    """An installation without mail, in a folder that any user can reach."""
    place = Path(tempfile.mkdtemp(prefix="mailgw-saved-"))
    place.chmod(0o755)
    with Extractor() as extractor:
        made = Searched(place, extractor)
        made.settings.storage.path.mkdir()
        yield made
    shutil.rmtree(place)


def as_nobody(here: Searched, *arguments: str) -> subprocess.CompletedProcess[str]:
    nobody = pwd.getpwnam("nobody")
    # Started by root: the interpreter may stand where only root can read.
    script = (
        "import os, sys; from gateway.cli.main import main; import gateway.cli.recording; "
        f"os.setgroups([]); os.setgid({nobody.pw_gid}); os.setuid({nobody.pw_uid}); "
        "sys.argv[0] = 'mailgw'; main()"
    )
    # Nor may it write where coverage is counted.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, "-c", script, "search", *arguments, "--config", str(here.config)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_not_is_told_how(reachable: Searched) -> None:
    save(reachable, "mine", "heron")
    for arguments in (["--saved", "mine"], ["--list-saved"], ["--save", "x", "y"], ["--forget", "mine"]):
        done = as_nobody(reachable, *arguments)
        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert "not for this user; run this with sudo" in ends(done)
    assert [path.name for path in folder(reachable).iterdir()] == ["mine.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_what_root_keeps_is_the_services(reachable: Searched) -> None:
    user = pwd.getpwnam("nobody")
    data = reachable.settings.storage.path
    os.chown(data, user.pw_uid, user.pw_gid)
    save(reachable, "mine", "late")
    assert [path.name for path in folder(reachable).iterdir()] == ["mine.json"]
    assert {path.stat().st_uid for path in data.rglob("*")} == {user.pw_uid}
    done = as_nobody(reachable, "--list-saved")
    assert (done.returncode, done.stdout.split()[0]) == (0, "mine")
