"""`mailgw demo tamper` as a whole: make the archive, take the steps, tell of each.

Exit code 0: every step came out as it must. 1: one did not, or the folder cannot be used; the reason is told.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import apsw

from gateway.archive import ArchiveUnavailable
from gateway.demo.screen import Screen
from gateway.demo.tamper.original import Original, make
from gateway.demo.tamper.steps import FORGERIES, Forgery, Step, steps
from gateway.records.proof import NotProvable

_WIDTH = 100
_ONE_BYTE = "printf x | dd of=untouched/storage/archive/2026-11.sqlite bs=1 seek=200000 conv=notrunc"


class View(Protocol):
    """Who is told."""

    def opening(self, original: Original) -> None: ...

    def step(self, number: int, step: Step) -> None: ...

    def conclusion(self, wrong: list[str]) -> None: ...

    def kept(self, folder: Path, commands: list[tuple[str, ...]]) -> None: ...

    def failed(self, text: str) -> None: ...


def run(keep: Path | None, view: View, forging: Mapping[str, Forgery] = FORGERIES) -> int:
    """Take every step; the exit code. keep: a folder to make, in which the copies stay."""
    try:
        with _folder(keep) as folder:
            return _take(folder, keep, view, forging)
    except BrokenPipeError:
        return 1  # nobody reads any more
    except (OSError, ArchiveUnavailable, NotProvable, apsw.Error, subprocess.TimeoutExpired) as error:
        view.failed(str(error))
        return 1


def _take(folder: Path, keep: Path | None, view: View, forging: Mapping[str, Forgery]) -> int:
    original = make(folder)
    view.opening(original)
    wrong = []
    commands = []
    for number, step in enumerate(steps(original, folder, forging), 1):
        view.step(number, step)
        commands += [look.command for look in step.looks]
        if not step.right:
            wrong.append(step.name)
    view.conclusion(wrong)
    if keep is not None:
        view.kept(folder, commands)
    return 1 if wrong else 0


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Where the copies are made. Raises OSError."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="mailgw-tamper-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise FileExistsError(f"{keep} holds something already; name a new folder with --keep")
    yield keep.resolve()


class Told:
    """For the person at the terminal."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def opening(self, original: Original) -> None:
        target = original.target
        self._screen.heading("Tampering with an archive")
        self._prose(
            f"Some hours of invented mail are archived: {original.entries} entries, each message with the event that "
            f"says what became of it. The ledger signed a checkpoint of {_listed(original.sizes)} entries. The one of "
            f"{original.kept} is kept elsewhere as well, by somebody who does not work on this machine."
        )
        self._prose(
            f"Somebody would like entry {target.seq} to be another one: “{target.message.subject}”, from "
            f"{target.message.mail_from}."
        )

    def step(self, number: int, step: Step) -> None:
        self._screen.heading(f"{number}. {step.title}")
        self._prose(step.done)
        for look in step.looks:
            self._screen.say("")
            self._screen.say(f"  $ {shlex.join(look.command)}", "bold")
            for line in look.lines:
                self._screen.say(f"    {line}", "cyan")
            does, style = ("✓", "green") if look.right else ("✗ It does not:", "bold red")
            self._screen.say(f"  {does} it must find {look.expected}", style)
        self._screen.say("")
        self._prose(step.means)

    def conclusion(self, wrong: list[str]) -> None:
        self._screen.heading("In the end")
        if wrong:
            self._screen.say(f"  Not as it must be: {', '.join(wrong)}.", "bold red")
            return
        self._prose(
            "Everything was found. Two of the forgeries, however, only by a checkpoint that was kept elsewhere: who "
            "has archive, ledger and key, or puts back an older state of them, can show a history that is whole and "
            "false. So let the gateway publish its checkpoints where its administrators cannot reach them: "
            "docs/evidence.md."
        )

    def kept(self, folder: Path, commands: list[tuple[str, ...]]) -> None:
        self._screen.heading("To try by hand")
        self._prose("The copies stay. Change whatever you like, and look:")
        self._screen.say(f"  cd {shlex.quote(str(folder))}")
        self._screen.say(f"  {_ONE_BYTE}")
        for name, *arguments in commands:
            self._screen.say(f"  {shlex.join([_program(name), *arguments])}")

    def failed(self, text: str) -> None:
        self._screen.say(f"mailgw demo tamper: {text}", "bold red")

    def _prose(self, text: str) -> None:
        self._screen.say(
            textwrap.fill(text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
        )


class Written:
    """For programs: an object a step; one that says where the copies are, or why there are none, at the end."""

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        self._write = write

    def opening(self, original: Original) -> None: ...

    def step(self, number: int, step: Step) -> None:
        looks = [
            {
                "command": shlex.join(look.command),
                "output": list(look.lines),
                "must_find": look.expected,
                "right": look.right,
            }
            for look in step.looks
        ]
        self._write(
            {
                "step": number,
                "name": step.name,
                "title": step.title,
                "done": step.done,
                "looks": looks,
                "means": step.means,
                "right": step.right,
            }
        )

    def conclusion(self, wrong: list[str]) -> None: ...

    def kept(self, folder: Path, commands: list[tuple[str, ...]]) -> None:
        self._write({"kept": str(folder)})

    def failed(self, text: str) -> None:
        self._write({"error": text})


def _program(name: str) -> str:
    """A command as it can be pasted into a shell here."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def _listed(numbers: tuple[int, ...]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}"
