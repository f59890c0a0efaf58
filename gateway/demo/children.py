"""The demo's child processes: started, watched, and stopped in order.

Each child is in a session of its own, so that Ctrl-C in the terminal reaches the demo alone and the children are
stopped by it, one after the other. Only processes that were started here are ever signalled.

Fails with `ChildError`, whose text says which child and ends with the last lines of its log.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import urllib.error
import urllib.request
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

START = 60.0  # seconds until a child must be ready
STOP = 45.0  # seconds to end after SIGTERM; longer than the gateway's drain of 30
_POLL = 0.1  # seconds between looks at /readyz
_LOG_LINES = 12  # shown when a child has died


class ChildError(Exception):
    """A child ended, or did not start; the text is for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Child:
    """A running process, what people call it, and where it writes its log."""

    name: str
    process: Process
    log: Path

    async def died(self) -> ChildError:
        """Wait for the end that should not come."""
        return self.failure(f"ended by itself ({_status(await self.process.wait())})")

    def failure(self, what: str) -> ChildError:
        """An error with the end of the log."""
        try:
            tail = self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
        except OSError:
            tail = []
        lines = "".join(f"\n    {line}" for line in tail)
        return ChildError(f"{self.name} {what}; its log is {self.log}{':' if tail else ''}{lines}")

    async def stop(self) -> None:
        """SIGTERM, then wait; SIGKILL only where it does not end in time."""
        if self.process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), STOP)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


def _status(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"by {signal.Signals(-code).name}"


async def start_server(
    name: str,
    maildir: Path,
    log: Path,
    *,
    host: str,
    mailboxes: Path | None = None,
    unknown: Sequence[str] = (),
) -> tuple[Child, int]:
    """A stand-in mail server (`gateway.demo.servers`) and its port. Raises ChildError, OSError."""
    command = ["-m", "gateway.demo.servers", "--maildir", str(maildir), "--name", host]
    command += ["--mailboxes", str(mailboxes)] if mailboxes else []
    command += ["--unknown", *unknown] if unknown else []
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=PIPE, stdout=PIPE, stderr=errors, start_new_session=True
        )
    child = Child(name, process, log)
    assert process.stdout is not None
    try:
        said = (await asyncio.wait_for(process.stdout.readline(), START)).split()
    except BaseException:
        await child.stop()
        raise
    if len(said) != 2 or said[0] != b"listening":
        await child.stop()
        raise child.failure("did not start")
    return child, int(said[1])


async def start_gateway(config: Path, log: Path, ready: str, keep_open: Sequence[int] = ()) -> Child:
    """`mailgw serve`, ready to take mail when this returns. Raises ChildError, OSError.

    `ready`: the URL of /readyz. `keep_open`: file descriptors that the gateway inherits (the demo's lock, so
    that a gateway which outlived its demo still holds the folder).
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve", "--config", str(config),
            stdin=DEVNULL, stdout=output, stderr=output, start_new_session=True, pass_fds=tuple(keep_open),
        )  # fmt: skip
    child = Child("the gateway", process, log)
    try:
        async with asyncio.timeout(START):
            while not await asyncio.to_thread(_answers, ready):
                if process.returncode is not None:
                    raise child.failure(f"did not start ({_status(process.returncode)})")
                await asyncio.sleep(_POLL)
    except TimeoutError:
        await child.stop()
        raise child.failure(f"was not ready after {START:.0f} seconds") from None
    except BaseException:
        await child.stop()
        raise
    return child


def _answers(url: str) -> bool:
    """Whether a GET of a loopback URL gets 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 (an http URL made by the demo)
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


async def first_death(children: Sequence[Child]) -> ChildError:
    """Wait until one of the children ends."""
    tasks = [asyncio.create_task(child.died()) for child in children]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()


async def ask_gateway(config: Path, *arguments: str) -> tuple[int, bytes, bytes]:
    """Run a reading command of `mailgw`; its exit code, output and errors. Raises OSError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, "--config", str(config),
        stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        output, errors = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output, errors
