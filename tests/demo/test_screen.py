"""What the terminal shows: one line a message, coloured on a terminal, plain and whole in a pipe."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest

from gateway.demo.letter import Entry, Message
from gateway.demo.proof import Score
from gateway.demo.screen import Screen
from gateway.demo.sending import Fate, Outcome, Sent

SUBJECT = (
    "A subject that is rather longer than anybody would want, [bold]marked up[/bold], with 100 % :smile:"
)
MESSAGE = Message(
    scenario="x",
    message_id="<1@x.example>",
    subject=SUBJECT,
    at=datetime(2026, 11, 22, 8, 5, 9, tzinfo=UTC),
    entry=Entry.OUTBOUND,
    mail_from="linh.vo@quabbinvalley.example",
    recipients=("a@students.quabbinvalley.example", "b@bayline.example", "c@bayline.example"),
    raw=b"x" * 12_345,
)
SENT = Sent(
    MESSAGE,
    (
        Outcome(MESSAGE.recipients[0], Fate.ACCEPTED, "250 2.0.0 ok"),
        Outcome(MESSAGE.recipients[1], Fate.ACCEPTED, "250 2.0.0 ok"),
        Outcome(MESSAGE.recipients[2], Fate.REFUSED, "550 5.1.1 who?"),
    ),
    2,
    0.1,
)
FINDING = {
    "severity": "violation",
    "rule": "coach/one-to-one",
    "confidence": "certain",
    "author": {"name": "Linh Vo", "address": "linh.vo@quabbinvalley.example"},
    "people": [{"name": f"Player {n}", "address": f"{n}@students.quabbinvalley.example"} for n in range(5)],
    "explanation": "Linh Vo wrote to one player. " * 8 + "The policy says: “All contact”.",
}


@pytest.fixture(autouse=True)
def _no_wishes_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_message_in_a_pipe_is_whole() -> None:
    out = io.StringIO()
    Screen(out).flows(SENT)
    assert out.getvalue() == (
        "08:05:09 out linh.vo@quabbinvalley.example → a@students.quabbinvalley.example +2  "
        f"{SUBJECT}  12.3 kB  250×2, 550×1\n"
    )


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_message_on_a_terminal_is_one_line(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Terminal()
    Screen(out).flows(SENT)
    (line,) = plain(out.getvalue()).splitlines()
    assert len(line) <= columns
    assert line.endswith("250×2, 550×1")
    assert "\x1b[" in out.getvalue()


def test_finding_says_who_and_why() -> None:
    out = io.StringIO()
    Screen(out).flagged(FINDING)
    first, *rest = out.getvalue().splitlines()
    assert (
        first == "  ⚑ violation coach/one-to-one (certain)  Linh Vo → Player 0, Player 1, Player 2 and 2 more"
    )
    assert " ".join(line.strip() for line in rest) == ("Linh Vo wrote to one player. " * 8).strip()
    assert all(line == line.rstrip() for line in rest)


def test_scores_and_verdicts() -> None:
    out = io.StringIO()
    screen = Screen(out)
    screen.scores([Score("coach/one-to-one", 4, 5, 3)])
    screen.verdict("good", [])
    screen.verdict("bad", [f"problem {n}" for n in range(30)])
    text = out.getvalue()
    assert re.search(r"coach/one-to-one +4 +5 +3 +0\.600 +0\.750", text)
    assert "✓ good" in text and "✗ bad: 30 wrong" in text and "and 10 more" in text
    assert "\x1b" not in text
