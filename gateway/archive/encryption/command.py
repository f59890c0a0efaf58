"""The output of a command that may hang, fail, or print without an end.

No shell, no input, a session of its own, which is killed as a whole. What it writes to standard error goes where ours
goes: it is the command's own word to the administrator. Fails with CommandFailed, whose text has none of the output.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence


class CommandFailed(Exception):
    """The command has no output that could be used."""


def output_of(command: Sequence[str], *, seconds: float, largest: int) -> bytes:
    """What a command prints; at most `largest` octets. Raises CommandFailed."""
    deadline = time.monotonic() + seconds
    try:
        process = subprocess.Popen(  # noqa: S603 -- the administrator's own command
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in it
        raise CommandFailed(f"cannot be run: {getattr(error, 'strerror', None) or error}") from None
    assert process.stdout is not None
    with process.stdout as pipe:
        try:
            octets = _read(pipe.fileno(), deadline, largest)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise CommandFailed(f"did not end within {seconds:g} s") from None
        finally:
            _end(process)
    if code:
        raise CommandFailed(f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}")
    return octets


def _read(descriptor: int, deadline: float, largest: int) -> bytes:
    """All of a pipe. Raises TimeoutError and CommandFailed."""
    octets = b""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while len(octets) <= largest:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        block = os.read(descriptor, largest + 1 - len(octets))
        if not block:
            return octets
        octets += block
    raise CommandFailed(f"prints more than {largest} octets")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command with all that it started, if it has not ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
