"""What waits to be written is handed out alone at once, and together where several come."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.archive import inbox as inboxes
from gateway.archive.entry import Kind
from gateway.archive.inbox import Inbox, Pending

NEVER = 600.0  # seconds: a test that waited for it would be ended


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """An inbox in which a batch waits for others without an end."""
    monkeypatch.setattr(inboxes, "_GATHER", NEVER)
    return Inbox()


def message() -> Pending:
    pending = Pending(Kind.MESSAGE, b"", b"", 0, "{}", raw=b"x")
    pending.future = asyncio.get_running_loop().create_future()
    return pending


def event() -> Pending:
    return Pending(Kind.EVENT, b"", b"", 0, "{}")  # due since long ago


async def test_a_lone_message_waits_for_nobody(inbox: Inbox) -> None:
    for _ in range(3):
        inbox.put(message())
        assert len(inbox.take() or ()) == 1


async def test_a_batch_waits_for_as_many_as_the_last_one_had(inbox: Inbox) -> None:
    inbox.put(message())
    inbox.put(message())
    assert len(inbox.take() or ()) == 2
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(inbox.take)
        inbox.put(message())
        inbox.put(event())  # nobody waits for it: it counts for nothing
        inbox.put(message())
        assert len(taking.result() or ()) == 3


async def test_a_batch_does_not_wait_for_more_than_it_expects(inbox: Inbox) -> None:
    for _ in range(5):
        inbox.put(message())
    assert len(inbox.take() or ()) == 5
    for _ in range(7):
        inbox.put(message())
    assert len(inbox.take() or ()) == 7


async def test_a_batch_waits_not_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "_GATHER", 0.001)
    inbox = Inbox()
    inbox.put(message())
    inbox.put(message())
    assert len(inbox.take() or ()) == 2
    inbox.put(message())
    assert len(inbox.take() or ()) == 1


async def test_closing_ends_the_wait(inbox: Inbox) -> None:
    inbox.put(message())
    inbox.put(message())
    assert len(inbox.take() or ()) == 2
    inbox.put(message())
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(inbox.take)
        inbox.close()
        assert len(taking.result() or ()) == 1
    assert inbox.take() is None
    assert not inbox.put(message())
