"""SMTP dialogues that anyone can read: each file in `dialogues/` is one test.

A file's lines:

    # comment                        the first one is the test's title
    listener outbound                which listener the client talks to (default: inbound)
    config limits.recipients = 2     a setting, as JSON (a [limits] key, a [timeouts] key)
    offer PIPELINING 8BITMIME        what the next hop offers (default: everything)
    hop RCPT TO:<x@..> => 550 no     what the next hop answers to a line that starts so ("." is the final dot,
                                     "banner" its greeting); " | " separates lines of one reply; DROP, SILENCE;
                                     a second such line is the next answer
    C: MAIL FROM:<a@b.example>       the client sends a line; \\r \\n \\0 \\xNN are escapes; C. sends without CRLF
    S: 250 2.1.0                     the reply starts so; S= it is exactly this; S~ it matches this pattern;
                                     further lines of the same reply stand in S lines of their own
    S* 250                           a whole reply, every line of which starts so
    S! closed                        the connection is closed
    saw MAIL FROM:<a@b.example>      the next hop got exactly this line (in this order among `saw` lines)
    sawnot RCPT                      it never got a line that starts so
    got 1                            so many messages arrived at the next hop
    archived 1                       so many are in the archive
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

DIALOGUES = {
    path.stem: path.read_text("utf-8").splitlines()
    for path in sorted((Path(__file__).parent / "dialogues").glob("*.txt"))
}


def _unescape(text: str) -> bytes:
    raw = text.encode("utf-8")
    known = {b"r": b"\r", b"n": b"\n", b"0": b"\0", b"\\": b"\\"}
    return re.sub(
        rb"\\(x[0-9a-fA-F]{2}|[rn0\\])",
        lambda m: bytes([int(m[1][1:], 16)]) if m[1].startswith(b"x") else known[m[1]],
        raw,
    )


@pytest.mark.parametrize("name", DIALOGUES)
async def test_dialogue(name: str, start: Any, dial: Any, hop: Any) -> None:
    steps = [line for line in DIALOGUES[name] if line.strip() and line[0] != "#"]
    listener, sections = "inbound", {}
    script = []
    for line in steps:
        word, _, rest = line.partition(" ")
        if word == "listener":
            listener = rest
        elif word == "config":
            key, _, value = rest.partition("=")
            section, _, name = key.strip().partition(".")
            sections.setdefault(section, {})[name] = json.loads(value)
        elif word == "offer":
            hop.offer = rest.split()
        elif word == "hop":
            command, _, answer = rest.partition(" => ")
            answers = hop.answers.setdefault(command, [])
            answers.append(answer.replace(" | ", "\r\n"))
        else:
            script.append((word, rest))
    gateway = await start(hop.address, **sections)
    client = await dial(gateway.ports[listener])
    await _play(script, client, hop, gateway)


async def _play(script: list[tuple[str, str]], client: Any, hop: Any, gateway: Any) -> None:
    pending: list[str] = []
    position = 0
    for word, rest in script:
        where = f"{word} {rest}"
        if word in ("C:", "C."):
            assert not pending, f"the client has not looked at {pending} before {where!r}"
            await client.send(_unescape(rest) + (b"\r\n" if word == "C:" else b""))
        elif word in ("S:", "S=", "S~"):
            pending = pending or (await client.reply()).split("\n")
            line = pending.pop(0)
            matches = {
                "S:": line.startswith(rest),
                "S=": line == rest,
                "S~": re.search(rest, line) is not None,
            }[word]
            assert matches, f"expected {where!r}, got {line!r}"
        elif word == "S*":
            lines = (await client.reply()).split("\n")
            assert not pending and all(line.startswith(rest) for line in lines), f"{where!r}, got {lines}"
        elif word == "S!":
            assert await client.reply() == "", where
        elif word == "saw":
            assert rest in hop.lines[position:], f"{where!r} not in {hop.lines[position:]}"
            position += hop.lines[position:].index(rest) + 1
        elif word == "sawnot":
            assert not any(line.startswith(rest) for line in hop.lines), f"{where!r}: {hop.lines}"
        elif word == "got":
            assert len(hop.messages) == int(rest), f"{where}: {hop.messages}"
        elif word == "archived":
            assert len(gateway.messages()) == int(rest), where
        else:
            raise AssertionError(f"unknown word in dialogue: {where}")
    assert not pending, f"more of the reply than expected: {pending}"
