"""Master keys as people and programs hand them over: from a file, the environment, a command; right, wrong and not."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

import pytest

from gateway.archive.encryption import KeysUnavailable
from gateway.archive.encryption.command import output_of
from gateway.archive.encryption.master import MasterKey, parse
from gateway.archive.encryption.source import (
    CommandSource,
    FileSource,
    VariableSource,
    add_to_file,
    is_open_to_others,
)

ONE, TWO = MasterKey(bytes(range(32))), MasterKey(bytes(range(1, 33)))
TEXT = ONE.to_text()


def test_the_id_of_a_key() -> None:
    # sha256("district-mail-gateway master key 1\0" + octets 0 to 31), by sha256sum
    assert ONE.id == "12148b9e"
    assert ONE.id != TWO.id
    assert TEXT not in repr(ONE)
    assert repr(ONE.octets) not in repr(ONE)


@pytest.mark.parametrize(
    "text",
    [TEXT, f"{TEXT}\n", f"# remark {TEXT[:9]}\n\n  {TEXT}  \r\n", f"\n\n{TEXT}"],
    ids=["bare", "a line", "remarks and blanks", "blank lines"],
)
def test_one_key(text: str) -> None:
    assert parse(text.encode(), "here") == (ONE,)


def test_several_keys_stand_in_their_order() -> None:
    for text in (f"{TEXT}\n{TWO.to_text()}\n", f"{TEXT} {TWO.to_text()}"):
        assert parse(text.encode(), "here") == (ONE, TWO)


WRONG = {
    "nothing": ("", "here: holds no master key"),
    "remarks only": ("# nothing\n", "here: holds no master key"),
    "too short": (TEXT[4:], "here: line 1: expected a master key of 32 octets"),
    "too long": (f"AAAA{TEXT}", "here: line 1: expected"),
    "no padding": (TEXT.rstrip("="), "here: line 1: expected"),
    "not base64": (f"\n{'-' * 44}", "here: line 2: expected"),
    "bits behind the end": (TEXT[:-2] + chr(ord(TEXT[-2]) + 1) + "=", "here: line 1: expected"),
    "hexadecimal": (ONE.octets.hex(), "here: line 1: expected"),
    "a page of HTML": ("<html>403 Forbidden</html>", "here: line 1: expected"),
    "binary": ("\x00\x01\x02", "here: line 1: expected"),
    "the same twice": (f"{TEXT}\n{TEXT}", "here: line 2: master key 12148b9e stands there twice"),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=list(WRONG))
def test_what_is_no_key_is_refused_and_not_shown(text: str, expected: str) -> None:
    with pytest.raises(KeysUnavailable) as caught:
        parse(text.encode(), "here")
    told = str(caught.value)
    assert told.startswith(expected)
    assert not [word for word in text.split() if len(word) > 8 and word in told]


# --- files


def test_a_file(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "master.key")
    assert add_to_file(source, ONE, owner=tmp_path) == (ONE,)
    assert source.path.stat().st_mode & 0o777 == 0o600
    assert "LOST FOR EVER" in source.path.read_text()
    assert add_to_file(source, TWO, owner=tmp_path) == (ONE, TWO)
    assert source.read() == (ONE, TWO)
    assert source.path.stat().st_mode & 0o777 == 0o600
    assert source.name == str(source.path)


def test_a_key_is_added_below_a_line_without_an_end(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "master.key")
    source.path.write_text(TEXT)
    source.path.chmod(0o600)
    add_to_file(source, TWO, owner=tmp_path)
    assert source.read() == (ONE, TWO)


def test_nothing_is_added_to_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    source = FileSource(tmp_path / "master.key")
    source.path.write_text("what is this\n")
    source.path.chmod(0o600)
    with pytest.raises(KeysUnavailable, match="line 1"):
        add_to_file(source, TWO, owner=tmp_path)
    assert source.path.read_text() == "what is this\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o777])
def test_a_file_that_others_may_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    path.write_text(TEXT)
    path.chmod(mode)
    with pytest.raises(KeysUnavailable, match=r"master\.key: can be read by others; chmod 600 it"):
        FileSource(path).read()


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_for_its_owner(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.key"
    path.write_text(TEXT)
    path.chmod(mode)
    assert FileSource(path).read() == (ONE,)


@pytest.mark.parametrize(
    ("mode", "user", "group", "expected"),
    [
        (0o100440, 0, 0, False),  # LoadCredential= of systemd, with an access list
        (0o100440, 0, 1000, True),
        (0o100440, 1000, 0, True),
        (0o100444, 0, 0, True),
        (0o100460, 0, 0, True),
        (0o100400, 0, 0, False),
    ],
)
def test_a_file_that_systemd_hands_over(mode: int, user: int, group: int, expected: bool) -> None:
    found = os.stat_result((mode, 0, 0, 1, user, group, 45, 0, 0, 0))
    assert is_open_to_others(found) is expected


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeysUnavailable, match="is not there; put it back from its copy"):
        FileSource(tmp_path / "master.key").read()
    with pytest.raises(KeysUnavailable, match="cannot be read: Is a directory"):
        FileSource(tmp_path).read()


# --- the environment


def test_a_variable() -> None:
    assert VariableSource("KEY", {"KEY": TEXT}).read() == (ONE,)
    with pytest.raises(KeysUnavailable, match="environment variable KEY: not set"):
        VariableSource("KEY", {}).read()
    with pytest.raises(KeysUnavailable, match="environment variable KEY: line 1"):
        VariableSource("KEY", {"KEY": "\udcff"}).read()


# --- commands


def command(program: str, seconds: float = 60) -> CommandSource:
    return CommandSource((sys.executable, "-I", "-S", "-c", program), seconds)


def test_a_command() -> None:
    assert command(f"print('# from the vault'); print('{TEXT}')").read() == (ONE,)


def test_a_command_has_no_shell_and_no_input() -> None:
    program = f"import sys; assert sys.stdin.read() == ''; assert sys.argv[1] == '$(id) ;'; print('{TEXT}')"
    assert CommandSource((sys.executable, "-c", program, "$(id) ;"), 60).read() == (ONE,)


FAILING = {
    "fails": ("import sys; print('SECRET'); sys.exit(7)", "ended with exit code 7"),
    "is killed": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "was ended by signal 15"),
    "prints nothing": ("", "holds no master key"),
    "prints garbage": ("print('SECRET')", "line 1: expected a master key"),
    "prints without an end": ("while True: print('SECRET' * 1000)", "prints more than 65536 octets"),
}


@pytest.mark.parametrize(("program", "expected"), FAILING.values(), ids=list(FAILING))
def test_a_command_that(program: str, expected: str) -> None:
    with pytest.raises(KeysUnavailable) as caught:
        command(program).read()
    told = str(caught.value)
    assert told.startswith(f"command {sys.executable}: ")
    assert expected in told
    assert "SECRET" not in told


HANGING = {
    "says nothing": "hang()",
    "said all but its end": f"print('{TEXT}', flush=True); hang()",
    "closed its output": "os.close(1); hang()",
    "left a child behind, which holds the output": "subprocess.Popen([sys.executable, '-c', CHILD]); os._exit(0)",
    "left a child behind, and hangs": "subprocess.Popen([sys.executable, '-c', CHILD]); hang()",
}


@pytest.mark.parametrize("program", HANGING.values(), ids=list(HANGING))
def test_a_command_that_hangs_is_ended_with_its_children(program: str, tmp_path: Path) -> None:
    lock = tmp_path / "lock"  # falls when its holder ends
    hold = f"import fcntl, os, time\nlock = os.open({str(lock)!r}, os.O_RDWR | os.O_CREAT)\n"
    hold += "fcntl.flock(lock, fcntl.LOCK_EX)\ntime.sleep(3600)\n"
    whole = f"import os, subprocess, sys\nCHILD = {hold!r}\ndef hang(): exec(CHILD)\n{program}"
    with pytest.raises(KeysUnavailable, match=r"did not end within 1\.5 s"):
        command(whole, 1.5).read()
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits for ever where one of them is still there


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (
            ("/nonexistent/vault", "SECRET"),
            "command /nonexistent/vault: cannot be run: No such file or directory",
        ),
        (("/",), "command /: cannot be run: Permission denied"),
        (("echo", "SECRET\0"), "command echo: cannot be run: embedded null byte"),
    ],
)
def test_a_command_that_cannot_be_run(argv: tuple[str, ...], expected: str) -> None:
    with pytest.raises(KeysUnavailable) as caught:
        CommandSource(argv, 60).read()
    assert str(caught.value).startswith(expected)
    assert "SECRET" not in str(caught.value)


def test_all_that_is_allowed_is_read() -> None:
    program = "import sys; sys.stdout.write('x' * 300000)"
    assert len(output_of([sys.executable, "-c", program], seconds=60, largest=300_000)) == 300_000
