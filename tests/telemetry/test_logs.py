"""Log lines: their form, what they never hold, and that they never cost mail."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.logs import address_token, address_writer, configure, load_key

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
Read = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _unchanged() -> Iterator[None]:
    """Leaves structlog and the standard library's logging as they were."""
    root, mail = logging.getLogger(), logging.getLogger("mail.log")
    before = (list(root.handlers), root.level, mail.level)
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level, mail.level = before


@pytest.fixture
def logged() -> Read:
    stream = io.BytesIO()
    configure("info", stream, process="smtp-0", clock=lambda: NOON)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_what_when_and_where(logged: Read) -> None:
    structlog.get_logger().info("relayed", message_id="01J", seconds=0.25)
    assert logged() == [
        {
            "event": "relayed",
            "message_id": "01J",
            "seconds": 0.25,
            "level": "info",
            "timestamp": "2026-11-22T12:00:00.000000+00:00",
            "process": "smtp-0",
            "pid": os.getpid(),
        }
    ]


def test_what_is_bound_to_a_logger_is_on_its_lines(logged: Read) -> None:
    structlog.get_logger().bind(listener="inbound").info("x")
    assert logged()[0]["listener"] == "inbound"


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_least_level(level: str, expected: list[str]) -> None:
    stream = io.BytesIO()
    configure(level, stream)
    logger = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("x")
    assert [json.loads(line)["level"] for line in stream.getvalue().splitlines()] == expected


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError):
        configure("loud", io.BytesIO())


def test_an_exception_is_told_without_its_text(logged: Read) -> None:
    try:
        try:
            raise FileNotFoundError(2, "No such file or directory", "secret-path")
        except OSError as error:
            raise ValueError("Dear Ada, ada@school.example") from error
    except ValueError:
        structlog.get_logger().exception("failed")
    line = logged()[0]
    assert [entry["type"] for entry in line["exception"]] == ["FileNotFoundError", "ValueError"]
    assert line["exception"][0]["text"] == "No such file or directory"
    assert "test_an_exception_is_told_without_its_text" in line["exception"][1]["at"][-1]
    assert not {"Ada", "ada@school.example", "secret-path"} & set(json.dumps(line).replace('"', " ").split())
    assert "Dear" not in json.dumps(line)


def test_exceptions_that_go_in_circles_end(logged: Read) -> None:
    error = ValueError()
    error.__cause__ = TypeError()
    error.__cause__.__cause__ = error
    structlog.get_logger().error("failed", exc_info=error)
    assert [entry["type"] for entry in logged()[0]["exception"]] == ["TypeError", "ValueError"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("caf\udce9", "caf\udce9"),  # Latin-1 octets in SMTP, carried as surrogates
        (b"Dear Ada", "8 octets"),
        (Path("a/b"), "a/b"),
        (object(), "object"),
        (NOON, "2026-11-22T12:00:00+00:00"),
        ({1: "a"}, {"1": "a"}),
        (2**70, 2**70),
    ],
    ids=["surrogates", "octets", "path", "object", "time", "number key", "big number"],
)
def test_any_value_becomes_json(logged: Read, value: object, written: object) -> None:
    structlog.get_logger().info("x", value=value)
    assert logged()[0]["value"] == written


@given(st.text(st.characters()) | st.text(st.characters(codec="utf-8")) | st.binary().map(os.fsdecode))
def test_any_text_is_one_line(text: str) -> None:
    stream = io.BytesIO()
    configure("info", stream)
    structlog.get_logger().info("x", value=text)
    assert stream.getvalue().count(b"\n") == 1
    assert json.loads(stream.getvalue())["value"] == text


def closed() -> BinaryIO:
    stream = io.BytesIO()
    stream.close()
    return stream


def broken_pipe() -> BinaryIO:
    read, write = os.pipe()
    os.close(read)
    return os.fdopen(write, "wb", buffering=0)


@pytest.mark.parametrize("stream", [closed, broken_pipe])
def test_a_log_that_nobody_reads_costs_no_mail(stream: Callable[[], BinaryIO]) -> None:
    with closing(stream()) as opened:
        lines = configure("info", opened)
        structlog.get_logger().info("lost")
        structlog.get_logger().info("lost")
        assert lines.dropped == 2


def test_lines_of_threads_never_mix(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        configure("info", stream)
        logger = structlog.get_logger()
        threads = [
            threading.Thread(target=lambda: [logger.info("x", text="y" * 300) for _ in range(50)])
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = (tmp_path / "log").read_bytes().splitlines()
    assert len(lines) == 200
    assert {json.loads(line)["text"] for line in lines} == {"y" * 300}


def test_libraries_come_in_the_same_form_without_their_arguments(logged: Read) -> None:
    logging.getLogger("asyncio").warning("Fatal error on %s", "ada@school.example")
    logging.getLogger("asyncio").info("chatter")
    try:
        raise LookupError("ada@school.example")
    except LookupError:
        logging.getLogger("mail.log").exception("%r SMTP session exception", "ada@school.example")
    logging.getLogger("mail.log").warning("%r << %b", "session", b"RCPT TO:<ada@school.example>")
    first, second = logged()
    assert (first["event"], first["logger"], first["level"]) == ("library", "asyncio", "warning")
    assert (first["text"], first["process"]) == ("Fatal error on %s", "smtp-0")
    assert second["exception"][0]["type"] == "LookupError"
    assert "ada@" not in json.dumps([first, second])


# --- addresses -------------------------------------------------------------------------------------

KEY = bytes(range(32))


def test_a_token_stands_for_an_address() -> None:
    token = address_token("Ada@School.example", KEY)
    assert token == address_token(" ada@school.example", KEY)
    assert token != address_token("bob@school.example", KEY)
    assert token != address_token("ada@school.example", KEY[::-1])
    assert token == "addr:" + token[5:]
    assert len(token) == 5 + 16
    assert "ada" not in token


@given(st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")), st.binary(max_size=100))
def test_any_address_has_a_token(address: str, key: bytes) -> None:
    assert address_token(address, key).startswith("addr:")


@pytest.mark.parametrize(
    ("hashed", "address", "written"),
    [
        (True, "ada@school.example", address_token("ada@school.example", KEY)),
        (False, "ada@school.example", "ada@school.example"),
        (True, "", "<>"),
        (False, "", "<>"),
    ],
)
def test_addresses_are_written_as_the_setting_says(
    hashed: bool, address: str, written: str, tmp_path: Path
) -> None:
    file = tmp_path / "log.key"
    file.write_bytes(KEY)
    assert address_writer(hashed, file)(address) == written


def test_an_unusable_key_is_told_of_and_no_address_is_written(tmp_path: Path, logged: Read) -> None:
    file = tmp_path / "log.key"
    file.write_bytes(b"short")
    write = address_writer(True, file)
    assert write("ada@school.example").startswith("addr:")
    assert write("ada@school.example") != address_token("ada@school.example", b"short")
    assert [line["event"] for line in logged()] == ["log_key_unusable"]


def test_the_key_is_made_once_and_is_secret(tmp_path: Path) -> None:
    file = tmp_path / "log.key"
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(load_key(file))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys) == 8
    assert file.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.key"]


def test_a_damaged_key_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "log.key"
    file.write_bytes(b"short")
    with pytest.raises(ValueError, match=r"log\.key: expected 32 octets, found 5"):
        load_key(file)
