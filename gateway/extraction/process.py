"""One child process as its parent sees it: started, given one attachment at a time, watched, and killed.

Nothing that the child says is believed before it is looked at. Not thread-safe: one thread at a time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.extraction import frames
from gateway.extraction.job import clean_name
from gateway.extraction.model import Extracted, Protection, Settings, Status

_START_SECONDS: Final = 60.0
_OCTETS_A_CHARACTER: Final = 4
_DEEPEST: Final = 100  # names in a path
_LONGEST: Final = 1e6  # seconds


class Ended(Exception):
    """The child is no more; `status` and `detail` say what that means for the part in hand."""

    def __init__(self, status: Status, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Task:
    """An attachment, or what is left of it."""

    content: bytes
    type: str
    name: str
    characters: int  # of text that may still come
    deadline: float  # monotonic
    resume: int = 0  # parts below this number are known
    left_out: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """The child is reading this part now."""

    number: int
    path: tuple[str, ...]
    type: str


class ChildProcess:
    """A running child. `served` counts its attachments."""

    def __init__(self, settings: Settings) -> None:
        """Start it, and wait until its walls stand. Raises `Ended` where it does not come up."""
        self._settings = settings
        self.served = 0
        self._sock, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = _start(theirs.fileno())
        except OSError:
            self._sock.close()
            raise Ended(Status.FAILED, "its reader could not be started") from None
        self.pid = self._process.pid
        with self._watched():
            frames.write(self._sock, frames.SEED, asdict(settings))
            ready = frames.read(self._sock, 0, time.monotonic() + _START_SECONDS)
            self.protections = tuple(_protection(wall) for wall in ready.facts["protections"])

    def run(self, task: Task) -> Iterator[Begun | Extracted]:
        """What becomes of the task, as it becomes known. Raises `Ended`; the child is gone then."""
        self.served += 1
        with self._watched():
            self._give(task)
            text_limit = task.characters * _OCTETS_A_CHARACTER
            deadline = self._deadline(task)
            while (frame := frames.read(self._sock, text_limit, deadline)).kind != frames.DONE:
                deadline = self._deadline(task, ocr=frame.kind == frames.OCR)
                if frame.kind == frames.BEGIN:
                    yield _begun(frame)
                elif frame.kind == frames.RESULT:
                    yield _result(frame)

    def kill(self) -> None:
        """End the child, and all that it started. Idempotent."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._sock.close()

    def _deadline(self, task: Task, ocr: bool = False) -> float:
        patience = self._settings.part_seconds + (self._settings.ocr_seconds if ocr else 0)
        return min(task.deadline, time.monotonic() + patience)

    def _give(self, task: Task) -> None:
        """The content goes as a file without a name, which the child can read and nobody can find."""
        fd = os.memfd_create("attachment")
        with os.fdopen(fd, "wb") as file:
            file.write(task.content)
            file.flush()
            file.seek(0)
            facts = {
                "type": task.type,
                "name": task.name,
                "resume": task.resume,
                "characters": task.characters,
            }
            frames.write(self._sock, frames.JOB, {**facts, "left_out": task.left_out}, fd=file.fileno())

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Whatever goes wrong, or is left half way, ends the child; what it died of becomes `Ended`."""
        try:
            yield
        except frames.Late:
            self.kill()
            raise Ended(Status.TIMED_OUT, "took too long") from None
        except (frames.Broken, OSError):
            code = self._code()
            self.kill()
            raise _cause(code) from None
        except (LookupError, TypeError, ValueError, ArithmeticError):
            self.kill()
            raise Ended(Status.FAILED, "its reader said what cannot be") from None
        except BaseException:
            self.kill()
            raise

    def _code(self) -> int | None:
        """How it ended by itself; a child that hung up without ending has no code."""
        try:
            return self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return None


def _start(fd: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 -- a program of our own choice, no shell
        [sys.executable, "-I", "-m", "gateway.extraction.child", str(fd)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[fd],
        env={},
        cwd="/",
        start_new_session=True,
    )


def _cause(code: int | None) -> Ended:
    if code is None:
        return Ended(Status.FAILED, "its reader hung up")
    if code == -signal.SIGXCPU:
        return Ended(Status.TIMED_OUT, "took too much of the processor")
    if code < 0:
        return Ended(Status.FAILED, f"its reader died of {signal.Signals(-code).name}")
    return Ended(Status.FAILED, f"its reader ended with {code}")


def _protection(facts: dict[str, Any]) -> Protection:
    return Protection(str(facts["name"]), bool(facts["holds"]), str(facts["detail"]))


def _path(facts: dict[str, Any]) -> tuple[str, ...]:
    return tuple(clean_name(str(name)) for name in list(facts["path"])[:_DEEPEST])


def _begun(frame: frames.Frame) -> Begun:
    facts = frame.facts
    return Begun(int(facts["number"]), _path(facts), clean_name(str(facts["type"])))


def _result(frame: frames.Frame) -> Extracted:
    facts = frame.facts
    return Extracted(
        _path(facts),
        clean_name(str(facts["type"])),
        Status(facts["status"]),
        frame.text,
        clean_name(str(facts["detail"])),
        max(0.0, min(float(facts["seconds"]), _LONGEST)),
    )
