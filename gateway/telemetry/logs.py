"""Log lines: JSON, one event a line, to standard error, where journald or a container engine takes them.

Every line has `event`, `level`, `timestamp` (UTC, ISO 8601), `process` and `pid`. Lines of several
processes to one stream never mix: each is a single write.

Promises: a line that cannot be written or encoded never costs mail (it is dropped and counted); an exception
is told by its type and the lines of code it went through, not by its text, which could quote a message;
libraries that log through the standard library come out in the same form, from "warning" on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import sys
import tempfile
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
KEY_BYTES = 32
_FRAMES = 12  # lines of code named for an exception, innermost last


class Lines:
    """Writes lines to a stream, each with one write; swallows what a broken stream raises."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = Lock()
        self.dropped = 0

    def msg(self, line: bytes) -> None:
        """Write one line (without its end)."""
        with self._lock:
            try:
                self._stream.write(line + b"\n")
                self._stream.flush()
            except (OSError, ValueError):  # a closed pipe, a full disk, a closed stream
                self.dropped += 1

    debug = info = warning = error = critical = exception = msg


def configure(
    level: str = "info",
    stream: BinaryIO | None = None,
    *,
    process: str = "main",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Lines:
    """Set up structlog (and the standard library's logging) for this whole process; call it once, first.

    `level` is the least one logged, `stream` binary (default: standard error), `process` a role such as
    "smtp-0". Raises KeyError for an unknown level.
    """
    lines = Lines(stream if stream is not None else sys.stderr.buffer)
    steps: list[Processor] = [
        structlog.processors.add_log_level,
        _stamp(process, clock),
        _exception,
        _render,
    ]
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge(lines, steps[1:])]
    root.setLevel(max(LEVELS[level], logging.WARNING))
    # aiosmtpd writes commands, so addresses, to this one below "error".
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    return lines


def _stamp(process: str, clock: Callable[[], datetime]) -> Processor:
    pid = os.getpid()

    def stamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["timestamp"] = clock().isoformat(timespec="microseconds")
        event["process"] = process
        event["pid"] = pid
        return event

    return stamp


def _exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """`exc_info` as `exception`: a list of types with their places in the code, the cause first."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = _told(error)
    return event


def _told(error: BaseException | None) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        entry: dict[str, Any] = {
            "type": type(error).__qualname__,
            "at": [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if isinstance(error, OSError) and error.strerror:
            entry["text"] = error.strerror  # the system's words, never a message's
        told.insert(0, entry)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def _place(filename: str) -> str:
    """The last parts of a path: enough to find the line, nothing of the machine."""
    return "/".join(Path(filename).parts[-3:])


def _render(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=_unknown, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # lone surrogates: SMTP text that is no UTF-8 is carried so
        return json.dumps(event, default=_unknown, skipkeys=True).encode("ascii")


def _unknown(value: object) -> str:
    """What JSON has no form for: paths as text, octets by their number, anything else by its type."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} octets"
    return type(value).__qualname__


class _Bridge(logging.Handler):
    """Brings what libraries log through the standard library into the same lines."""

    def __init__(self, lines: Lines, steps: list[Processor]) -> None:
        super().__init__()
        self._lines = lines
        self._steps = steps

    def emit(self, record: logging.LogRecord) -> None:
        event: Any = {"event": "library", "logger": record.name, "level": record.levelname.lower()}
        try:
            # The template only: its arguments may be octets of a message or addresses.
            event["text"] = str(record.msg)
            if record.exc_info:
                event["exc_info"] = record.exc_info
            for step in self._steps:
                event = step(self._lines, "msg", event)
            self._lines.msg(event)
        except Exception:  # a log line never costs mail
            self._lines.dropped += 1


def address_token(address: str, key: bytes) -> str:
    """A short stand-in for an address: the same for the same address and key, of no use without the key.

    Case does not count. Keyed BLAKE2b (RFC 7693), 64 bits: enough to tell a district's addresses apart.
    """
    text = address.strip().lower().encode("utf-8", "surrogateescape")
    return "addr:" + hashlib.blake2b(text, digest_size=8, key=key[:64]).hexdigest()


def address_writer(hashed: bool, file: Path) -> Callable[[str], str]:
    """How addresses are written to the log: as they are or as `address_token`; the null sender as "<>".

    `file` has the key. Where it cannot be used, that is logged, and a key of this process takes its place.
    """
    if not hashed:
        return lambda address: address or "<>"
    try:
        key = load_key(file)
    except (OSError, ValueError) as error:
        structlog.get_logger().error("log_key_unusable", exc_info=error)
        key = secrets.token_bytes(KEY_BYTES)
    return lambda address: address_token(address, key) if address else "<>"


def load_key(file: Path) -> bytes:
    """The key for `address_token`, made at the first call (mode 0600). Safe in several processes at once.

    Raises OSError where it can neither be read nor made, ValueError where the file is no such key.
    """
    if not file.exists():
        file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(prefix=file.name, dir=file.parent)  # mode 0600
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(KEY_BYTES))
        with contextlib.suppress(FileExistsError):  # another process was faster; its key counts
            file.hardlink_to(fresh)
        Path(fresh).unlink()
    key = file.read_bytes()
    if len(key) != KEY_BYTES:
        raise ValueError(f"{file}: expected {KEY_BYTES} octets, found {len(key)}")
    return key
