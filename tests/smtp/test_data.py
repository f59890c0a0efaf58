"""The end of data, byte for byte: nothing ends a message but CRLF.CRLF, however it is cut into chunks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smtp.data import END, Data, DataReader, has_long_line, stuff, unstuff

# What some server somewhere takes for the end of data (peers.md; CVE-2023-51764 and its kin).
LOOK_ALIKES = [
    b"\n.\n", b"\r.\r", b"\r.\n", b"\n.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\r\n.\r\n",
]  # fmt: skip

hostile = st.text(alphabet="\r\n.a\0", max_size=24).map(str.encode)
lines = st.lists(st.text(alphabet="ab.\x7f ", max_size=6).map(str.encode), max_size=6)


def read(data: bytes, cuts: list[int], limit: int = 10**6) -> tuple[Data, bytes, bool]:
    """The message and the rest, with the octets arriving in chunks that end at `cuts`."""
    reader = DataReader(limit)
    edges = sorted({cut for cut in cuts if 0 < cut < len(data)} | {len(data)})
    start = 0
    for edge in edges:
        rest = reader.feed(data[start:edge])
        if rest is not None:
            return reader.finish(), rest + data[edge:], reader.overflow
        start = edge
    raise AssertionError("no end of data")


def by_definition(data: bytes) -> tuple[bytes, bytes]:
    """RFC 5321 §4.1.1.4: the message ends at the first CRLF.CRLF; the line end before it belongs to it."""
    end = (b"\r\n" + data).index(END)
    return data[:end], data[end + 3 :]


@given(hostile, hostile)
def test_only_crlf_dot_crlf_ends_a_message(before: bytes, after: bytes) -> None:
    data = before + END + after
    message, rest, _ = read(data, [])
    assert (bytes(message.wire), rest) == by_definition(data)


@given(hostile, hostile, st.lists(st.integers(1, 60), max_size=8))
def test_chunks_do_not_matter(before: bytes, after: bytes, cuts: list[int]) -> None:
    data = before + END + after
    whole, rest, _ = read(data, [])
    parts, rest_of_parts, _ = read(data, cuts)
    assert (bytes(parts.wire), parts.clean, rest_of_parts) == (bytes(whole.wire), whole.clean, rest)


@given(hostile)
def test_clean_means_no_bare_line_end(before: bytes) -> None:
    message, _, _ = read(before + END, list(range(1, 40)))
    assert message.clean == (re.search(rb"\r(?!\n)|(?<!\r)\n", bytes(message.wire)) is None)


@given(lines)
def test_stuffing_is_undone_by_unstuffing(content: list[bytes]) -> None:
    raw = b"".join(line + b"\r\n" for line in content)
    message, rest, _ = read(stuff(raw) + b".\r\n", [])
    assert message.raw == raw
    assert message.outgoing() == stuff(raw)
    assert rest == b""


@given(hostile)
def test_what_goes_out_has_one_end_only(before: bytes) -> None:
    """Whatever came in: mended and stuffed, no reader of any persuasion sees an end inside it."""
    message, _, _ = read(before + END, [])
    if message.look_alike:
        return
    out = bytes(message.outgoing())
    assert END not in b"\r\n" + out[:-2] if out else True
    assert re.search(rb"\r(?!\n)|(?<!\r)\n", out) is None
    normal = re.sub(rb"\r\n|\r|\n", b"\r\n", bytes(message.raw))
    assert unstuff(out) == normal


@pytest.mark.parametrize("look_alike", LOOK_ALIKES, ids=repr)
def test_look_alikes_are_seen_at_every_cut(look_alike: bytes) -> None:
    data = b"Subject: a\r\n\r\nbody" + look_alike + b"MAIL FROM:<evil@x.example>\r\nmore" + END
    for cut in range(1, len(data)):
        message, _, _ = read(data, [cut])
        assert message.look_alike, cut


@pytest.mark.parametrize(
    "harmless",
    [b"a\r\n..\r\nb", b"..", b"a. \r\n.b", b"a\nb", b"a\rb", b"a\0b", b"...\r\n", b"a.\r\n.b\r\n"],
    ids=repr,
)
def test_harmless_text_is_no_look_alike(harmless: bytes) -> None:
    assert not read(b"x\r\n" + harmless + END, [])[0].look_alike


def test_a_dot_at_the_very_start_ends_an_empty_message() -> None:
    for cut in (1, 2, 3):
        message, rest, _ = read(b".\r\nQUIT\r\n", [cut])
        assert (message.wire, rest) == (b"", b"QUIT\r\n")


def test_too_much_is_dropped_but_the_end_is_still_found() -> None:
    reader = DataReader(100)
    rest = None
    for _ in range(50):
        rest = reader.feed(b"x" * 50 + b"\r\n")
        assert reader.held <= 156
    assert rest is None
    assert reader.feed(b".\r\nQUIT\r\n") == b"QUIT\r\n"
    assert reader.overflow


def test_a_message_of_exactly_the_limit_fits() -> None:
    body = b"x" * 98 + b"\r\n"
    assert not read(body + b".\r\n", [], limit=100)[2]
    assert read(b"y" + body + b".\r\n", [], limit=100)[2]


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 20))
def test_long_lines(lengths: list[int], limit: int) -> None:
    data = b"".join(b"x" * length + b"\r\n" for length in lengths)
    assert has_long_line(data, limit) == any(length > limit for length in lengths)


# --- over real sockets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("look_alike", LOOK_ALIKES, ids=repr)
async def test_nothing_is_smuggled_through(look_alike: bytes, start: Any, dial: Any, hop: Any) -> None:
    """One message downstream, or a 5xx and the end of the connection; never the smuggled one."""
    gateway = await start(hop.address)
    client = await dial(gateway.ports["inbound"])
    await client.ask("EHLO x.example")
    await client.ask("MAIL FROM:<a@x.example>")
    await client.ask("RCPT TO:<b@district.example>")
    assert (await client.ask("DATA")).startswith("354")
    smuggled = (
        b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<b@district.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nevil"
    )
    await client.send(b"Subject: a\r\n\r\nbody" + look_alike + smuggled + END)
    assert (await client.reply()).startswith("550 5.6.11")
    assert await client.reply() == ""  # the connection has ended
    assert hop.messages == []
    assert "MAIL FROM:<evil@x.example>" not in hop.lines
