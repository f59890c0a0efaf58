"""What parent and child say to each other over their socket pair: frames with a kind, facts in JSON, and text.

    kind (1 octet) | length of facts (4, big-endian) | length of text (4) | facts | text (UTF-8)

The parent believes nothing: lengths are bounded before anything is read, and a frame that is none raises `Broken`.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any, Final

READY: Final = b"R"  # child: walls stand; facts: protections
JOB: Final = b"J"  # parent: one attachment; its octets are in the file descriptor that comes along
BEGIN: Final = b"B"  # child: this part is being read now
OCR: Final = b"O"  # child: the part in hand needs OCR, which takes its own time
RESULT: Final = b"E"  # child: what came of a part
DONE: Final = b"D"  # child: the attachment is read
SEED: Final = b"S"  # parent: the settings

FACTS_LIMIT: Final = 1 << 20
_HEAD = struct.Struct(">cII")


class Broken(Exception):
    """The other side is gone, or says what is no frame."""


class Late(Exception):
    """Nothing whole was said in time."""


@dataclass(frozen=True, slots=True)
class Frame:
    kind: bytes
    facts: dict[str, Any]
    text: str = field(default="", repr=False)


def write(
    sock: socket.socket, kind: bytes, facts: dict[str, Any], text: str = "", fd: int | None = None
) -> None:
    """Send one frame; with `fd`, that descriptor goes along with its first octets."""
    encoded = json.dumps(facts).encode()
    body = text.encode("utf-8", "replace")
    whole = _HEAD.pack(kind, len(encoded), len(body)) + encoded + body
    sent = 0 if fd is None else socket.send_fds(sock, [whole], [fd])
    if sent < len(whole):  # sending nothing would fail where the other side has read all, answered and gone
        sock.sendall(memoryview(whole)[sent:])


def read(sock: socket.socket, text_limit: int, deadline: float | None = None) -> Frame:
    """The next frame; raises `Broken`, and `Late` where it is not whole at `deadline` (monotonic)."""
    frame, _ = read_with_fd(sock, text_limit, deadline, fds=0)
    return frame


def read_with_fd(
    sock: socket.socket, text_limit: int, deadline: float | None = None, fds: int = 1
) -> tuple[Frame, int | None]:
    """The next frame, and the descriptor that came along."""
    _wait(sock, deadline)
    fd = None
    try:
        if fds:
            head, received, _, _ = socket.recv_fds(sock, _HEAD.size, fds)
            fd = received[0] if received else None
        else:
            head = sock.recv(_HEAD.size)
    except OSError as error:
        raise Broken(str(error)) from None
    head += _exactly(sock, _HEAD.size - len(head), deadline, at_start=not head)
    kind, facts_size, text_size = _HEAD.unpack(head)
    if facts_size > FACTS_LIMIT or text_size > text_limit:
        raise Broken("a frame beyond its limit")
    raw = _exactly(sock, facts_size, deadline)
    text = _exactly(sock, text_size, deadline).decode("utf-8", "replace")
    try:
        facts = json.loads(raw)
    except (ValueError, RecursionError):
        raise Broken("a frame without facts") from None
    if not isinstance(facts, dict):
        raise Broken("a frame without facts")
    return Frame(kind, facts, text), fd


def _exactly(sock: socket.socket, size: int, deadline: float | None, at_start: bool = False) -> bytes:
    pieces = bytearray()
    while len(pieces) < size and not at_start:
        _wait(sock, deadline)
        try:
            piece = sock.recv(min(size - len(pieces), 1 << 20))
        except OSError as error:
            raise Broken(str(error)) from None
        if not piece:
            break
        pieces += piece
    if len(pieces) < size:
        raise Broken("closed")
    return bytes(pieces)


def _wait(sock: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        return
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise Late
