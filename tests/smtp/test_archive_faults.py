"""Bad luck at the archive: the sender is asked to come again, and nothing is delivered that is not archived."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from gateway.archive.errors import ArchiveUnavailable, Reason
from tests.smtp.hops import RudeHop, serving
from tests.smtp.steps import PLAIN, greet, mail

SMALL = PLAIN
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 3000  # sent on while the archive still writes


class BrokenAppender:
    """An archive that cannot take anything, for a reason of its own, until it is mended."""

    def __init__(self, failure: Exception | None, delay: float = 0) -> None:
        self.failure = failure
        self.delay = delay
        self.notes: list[bytes] = []
        self.appended = 0

    async def append(self, *, id: UUID, received: datetime, document: bytes, raw: Any) -> int:
        await asyncio.sleep(self.delay)
        if self.failure is not None:
            raise self.failure
        self.appended += 1
        return self.appended

    def note(self, *, message_id: UUID, received: datetime, document: bytes) -> None:
        self.notes.append(document)


async def ended(hop: RudeHop) -> None:
    """Wait until the connection to the next hop has ended."""
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(hop.writers[-1].wait_closed(), 20)


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("failure", "reply"),
    [
        (ArchiveUnavailable(Reason.FULL, "no space"), "452 4.3.1"),
        (ArchiveUnavailable(Reason.IO, "gone"), "452 4.3.1"),
        (ArchiveUnavailable(Reason.CLOSED, "closing"), "452 4.3.1"),
        (ValueError("unforeseen"), "451 4.3.0"),
    ],
    ids=["full", "io", "closed", "unforeseen"],
)
async def test_an_archive_that_fails(
    failure: Exception, reply: str, raw: bytes, start: Any, dial: Any
) -> None:
    async with serving(RudeHop()) as hop:
        archive = BrokenAppender(failure)
        gateway = await start(hop.address, archive=archive)
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        with capture_logs() as logs:
            answer = await mail(client, raw=raw)
        assert answer.startswith(reply)
        assert "unforeseen" not in answer
        unforeseen = isinstance(failure, ValueError)
        assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == (
            ["delivery_failed"] if unforeseen else []
        )
        await ended(hop)
        assert hop.messages == []  # the final dot was never sent
        assert archive.notes == []
        assert (await client.ask("NOOP")).startswith("250")
        archive.failure = None
        assert (await mail(client, raw=raw)).startswith("250")
        assert len(hop.messages) == archive.appended == 1


@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["small", "large"])
async def test_an_archive_slower_than_the_deadline(raw: bytes, start: Any, dial: Any) -> None:
    async with serving(RudeHop()) as hop:
        archive = BrokenAppender(None, delay=60)
        gateway = await start(hop.address, archive=archive, timeouts={"commit": 0.3})
        client = await dial(gateway.ports["inbound"])
        await greet(client)
        assert (await mail(client, raw=raw)).startswith("451 4.4.1")
        await ended(hop)
        assert hop.messages == []
        assert (await client.ask("NOOP")).startswith("250")


async def test_a_journal_says_the_same(start: Any, dial: Any) -> None:
    archive = BrokenAppender(ArchiveUnavailable(Reason.FULL, "no space"))
    gateway = await start(archive=archive)
    client = await dial(gateway.ports["journal"])
    await greet(client)
    assert (await mail(client)).startswith("452 4.3.1")


async def test_events_that_cannot_be_written_cost_no_mail(start: Any, dial: Any, hop: Any) -> None:
    """The event comes after the delivery: the client must get the next hop's reply."""

    class Forgetful(BrokenAppender):
        def note(self, *, message_id: UUID, received: datetime, document: bytes) -> None:
            raise RuntimeError("unforeseen")

    gateway = await start(hop.address, archive=Forgetful(None))
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert await mail(client) == "250 2.0.0 hop took it"


# --- a real folder ------------------------------------------------------------------------------------------


async def spoil_and_mend(
    gateway: Any, client: Any, hop: Any, spoil: Callable[[], None], mend: Callable[[], None]
) -> None:
    """Mail flows, then is deferred, then flows again; each delivered message is in the archive, intact."""
    await greet(client)
    assert (await mail(client)).startswith("250")
    spoil()
    try:
        reply = await mail(client)
        assert reply.startswith("452 4.3.1"), reply
    finally:
        mend()
    assert (await until_taken(client)).startswith("250")
    assert len(hop.messages) == len(gateway.messages()) == 2
    assert gateway.raws() == [PLAIN] * 2


async def until_taken(client: Any) -> str:
    """Send until the archive takes mail again, which it looks for about every second."""
    async with asyncio.timeout(20):
        while not (reply := await mail(client)).startswith("250"):
            assert reply.startswith("452 4.3.1"), reply
            await asyncio.sleep(0.05)
    return reply


async def test_a_folder_that_vanishes_and_comes_back(start: Any, dial: Any, hop: Any, tmp_path: Path) -> None:
    gateway = await start(hop.address)
    folder = gateway.config.storage.archive
    away = tmp_path / "away"

    def spoil() -> None:
        folder.rename(away)
        folder.write_text("something else lies here")

    def mend() -> None:
        folder.unlink()
        away.rename(folder)

    await spoil_and_mend(gateway, await dial(gateway.ports["inbound"]), hop, spoil, mend)


async def test_files_that_cannot_be_written(start: Any, dial: Any, hop: Any, needs: Any) -> None:
    """Immutable for root too, unlike a mode. (The -shm file is left out: it is memory, and SQLite's to lose.)"""
    chattr = needs("chattr")
    gateway = await start(hop.address)
    folder: Path = gateway.config.storage.archive
    frozen: list[Path] = []

    def spoil() -> None:
        frozen.extend(path for path in folder.iterdir() if not path.name.endswith("-shm"))
        done = subprocess.run([chattr, "+i", *frozen, folder], capture_output=True, check=False, text=True)
        if done.returncode:
            pytest.skip(f"chattr +i does not work here: {done.stderr.strip()}")

    def mend() -> None:
        subprocess.run([chattr, "-i", folder, *frozen], capture_output=True, check=False)

    await spoil_and_mend(gateway, await dial(gateway.ports["inbound"]), hop, spoil, mend)


@pytest.fixture
def tiny_disk(tmp_path: Path, needs: Any) -> Iterator[Path]:
    """A file system of 2 MB where the gateway keeps its data."""
    mount, unmount = needs("mount"), needs("umount")
    folder = tmp_path / "data"
    folder.mkdir()
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False, text=True
    )
    if done.returncode:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run([unmount, "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    return filler


async def test_a_full_disk(tiny_disk: Path, start: Any, dial: Any, hop: Any) -> None:
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client)).startswith("250")
    filler = fill(tiny_disk)
    raw = b"Subject: big\r\n\r\n" + os.urandom(150_000).hex().encode() + b"\r\n"
    reply = await mail(client, raw=raw)
    assert reply.startswith("452 4.3.1")
    filler.unlink()
    assert (await until_taken(client)).startswith("250")
    assert len(hop.messages) == len(gateway.messages()) == 2


async def test_less_room_than_is_to_be_kept(start: Any, dial: Any, hop: Any, tmp_path: Path) -> None:
    storage = {"path": tmp_path / "data", "min_free": 2**60}
    gateway = await start(hop.address, storage=storage)
    client = await dial(gateway.ports["inbound"])
    await greet(client)
    assert (await mail(client)).startswith("452 4.3.1")
    assert hop.messages == []
