"""What the person at the terminal sees: one line a message, a paragraph a finding, a table at the end.

Coloured and cut to width on a terminal; plain and whole in a pipe.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.demo.hints import Hint, short
from gateway.demo.letter import Entry
from gateway.demo.place import Place, Ports, addresses
from gateway.demo.proof import Score
from gateway.demo.sending import Fate, Sent
from gateway.demo.view import Opening, Turn, Verdict

_SEVERITY = {"violation": "bold red", "advisory": "bold yellow", "notice": "bold cyan"}
_FATE = {Fate.ACCEPTED: "green", Fate.REFUSED: "yellow", Fate.UNSENT: "bold red"}
_WIDE = 130  # columns in which whole addresses leave room for a subject
_WRONG_LINES = 20  # of each kind of problem that are shown
_POLICY = (
    " The policy says:"  # from here on an explanation tells the rule, which the table of rules tells too
)
_PIPE_WIDTH = 110  # columns of paragraphs where there is no terminal


class _Console(Console):
    """A console that reports a reader who went away, where rich would end the process on the spot."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """Writes to one stream. Every method raises BrokenPipeError where nobody reads any more."""

    def __init__(self, out: TextIO) -> None:
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="replace")  # a terminal without UTF-8 shall not end the demo
        self._console = _Console(file=out, highlight=False, emoji=False)
        if not self._console.is_terminal:
            self._console.width = _PIPE_WIDTH

    def say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style), soft_wrap=True)

    def heading(self, text: str) -> None:
        self._console.print()
        self._console.print(Text(text, "bold"), soft_wrap=True)

    # --- the day -------------------------------------------------------------------------------

    def flows(self, sent: Sent) -> None:
        """One line: time, way, who to whom, what, how big, and what the gateway answered."""
        message = sent.message
        terminal = self._console.is_terminal
        shown = _brief if terminal and self._console.width < _WIDE else str
        way, style = ("in ", "blue") if message.entry == Entry.INBOUND else ("out", "magenta")
        first, *more = message.recipients
        line = Text.assemble(
            (f"{message.at:%H:%M:%S} ", "dim"),
            (f"{way} ", style),
            f"{shown(message.mail_from) or '<>'} → {shown(first)}",
            (f" +{len(more)}" if more else "", "dim"),
            "  ",
            (message.subject, "italic"),
            (f"  {_size(len(message.raw))}  ", "dim"),
        )
        answer = _answer(sent)
        if terminal:  # the answer stands at the right edge, whatever has to be cut
            line.truncate(max(20, self._console.width - len(answer) - 1), overflow="ellipsis", pad=True)
        line.append(answer)
        self._console.print(line, no_wrap=terminal, soft_wrap=not terminal)

    def flagged(self, finding: Mapping[str, Any]) -> None:
        """What is wrong, who did it, and why it is thought so."""
        author = finding["author"]
        people = [person for person in finding["people"] if person.get("address") != author.get("address")]
        whom = ", ".join(str(person.get("name") or person.get("address")) for person in people[:3])
        more = f" and {len(people) - 3} more" if len(people) > 3 else ""
        line = Text.assemble(
            "  ⚑ ",
            (f"{finding['severity']} ", _SEVERITY.get(finding["severity"], "bold")),
            (f"{finding['rule']} ", "bold"),
            (f"({finding['confidence']})  ", "dim"),
            f"{author.get('name') or author.get('address')} → {whom}{more}",
        )
        self._console.print(line, soft_wrap=not self._console.is_terminal)
        why = str(finding["explanation"]).partition(_POLICY)[0]
        for part in textwrap.wrap(why, self._console.width - 5, break_on_hyphens=False):
            self._console.print(Text(f"    {part}", "dim"), soft_wrap=True)

    # --- before and after ----------------------------------------------------------------------

    def opening(self, opening: Opening) -> None:
        self.heading(f"{opening.name} (invented), {opening.day:%A, %-d %B %Y}")
        self.say(
            f"  {opening.people:,} people: {opening.students:,} students, {opening.staff} staff and their families;"
            f" {opening.schools} schools, {opening.classes} classes, {opening.groups} teams and clubs"
        )
        self.say(
            f"  {opening.messages} messages; {opening.labelled} of them, and no other, should be flagged"
            " as off-channel/student, off-channel/guardian or coach/*"
        )
        if opening.begins_anew:
            self.say(
                f"  begins anew in {short(opening.begins_anew)}; what an earlier demo left there is gone"
            )

    def turn(self, turn: Turn) -> None:
        match turn:
            case Turn.SENDING:
                self.heading("A day of mail")
            case Turn.WAITING:
                self.heading("Findings go on appearing here. Press Ctrl-C to stop.")
            case Turn.STOPPING:
                self.say("Stopping the gateway, then the mail servers.", "dim")
            case Turn.STOPPED:
                self.say("Stopped.")

    def failed(self, text: str) -> None:
        self.say(f"mailgw demo: {text}", "bold red")

    def kept(self, folder: Path) -> None:
        self.say(f"The data are kept in {folder}")

    def ready(self, ports: Ports, place: Place) -> None:
        """Where everything is."""
        urls = addresses(ports)
        self.heading("The gateway is up")
        self._facts(
            ("inbound, from the internet", urls["inbound"]),
            ("outbound, from the district", urls["outbound"]),
            ("metrics", urls["metrics"]),
            ("health", urls["health"]),
            ("data, configuration, logs", str(place.folder)),
        )

    def where_to_look(self, hints: Sequence[Hint]) -> None:
        self.heading("Where to look")
        self._facts(*((hint.what, hint.command) for hint in hints))

    def while_it_runs(self, hints: Sequence[Hint]) -> None:
        self.heading("The gateway stays up")
        self._facts(*((hint.what, hint.command) for hint in hints))

    def report(self, verdicts: Sequence[Verdict], scores: Sequence[Score]) -> None:
        """The promises, and the findings against the labels."""
        self.heading("The promises")
        for verdict in verdicts:
            self.verdict(verdict.text, verdict.problems)
        self.scores(scores)

    def scores(self, scores: Sequence[Score]) -> None:
        """Findings against labels."""
        table = Table("rule", box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
        for name in ("labelled", "found", "right", "precision", "recall"):
            table.add_column(name, justify="right")
        for score in scores:
            good = score.precision == score.recall == 1.0
            rates = (
                Text(f"{rate:.3f}", "green" if good else "bold red")
                for rate in (score.precision, score.recall)
            )
            table.add_row(score.rule, str(score.expected), str(score.found), str(score.right), *rates)
        self.heading("Findings against the labels")
        self._console.print(table)

    def verdict(self, what: str, problems: Sequence[str]) -> None:
        """One line that says well done, or what is wrong."""
        if not problems:
            self.say(f"  ✓ {what}", "green")
            return
        self.say(f"  ✗ {what}: {len(problems)} wrong", "bold red")
        for problem in problems[:_WRONG_LINES]:
            self.say(f"      {problem}")
        if len(problems) > _WRONG_LINES:
            self.say(f"      … and {len(problems) - _WRONG_LINES} more")

    def _facts(self, *rows: tuple[str, str]) -> None:
        width = max(len(name) for name, _ in rows) + 2
        for name, value in rows:
            self._console.print(Text.assemble("  ", (name.ljust(width), "dim"), value), soft_wrap=True)


def _brief(address: str) -> str:
    """An address for a narrow terminal: `linh.vo@quabbinvalley…`."""
    local, at, domain = address.partition("@")
    return f"{local}{at}{domain.partition('.')[0]}{'…' if at else ''}"


def _answer(sent: Sent) -> Text:
    """The reply codes, worst last: `250`, or `250 ×3, 550 no-longer-here@…`."""
    answer = Text()
    for fate in Fate:
        outcomes = [outcome for outcome in sent.outcomes if outcome.fate == fate]
        if outcomes:
            code = outcomes[0].reply.partition(" ")[0]
            times = f"×{len(outcomes)}" if len(sent.outcomes) > 1 else ""
            answer.append(f"{', ' if answer else ''}{code}{times}", _FATE[fate])
    return answer


def _size(octets: int) -> str:
    if octets < 1000:
        return f"{octets} B"
    return f"{octets / 1000:.1f} kB" if octets < 1_000_000 else f"{octets / 1_000_000:.1f} MB"
