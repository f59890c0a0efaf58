"""What the person at the terminal sees: one line a message, a paragraph a finding, a table at the end.

Coloured and cut to width on a terminal; plain and whole in a pipe.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.demo.letter import Entry
from gateway.demo.place import HOST, Place, Ports
from gateway.demo.proof import Score
from gateway.demo.sending import Fate, Sent

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

    def ready(self, ports: Ports, place: Place) -> None:
        """Where everything is."""
        self.heading("The gateway is up")
        self._facts(
            ("inbound, from the internet", f"smtp://{HOST}:{ports.inbound}"),
            ("outbound, from the district", f"smtp://{HOST}:{ports.outbound}"),
            ("metrics", f"http://{HOST}:{ports.metrics}/metrics"),
            ("health", f"http://{HOST}:{ports.metrics}/readyz"),
            ("data, configuration, logs", str(place.folder)),
        )

    def where_to_look(self, place: Place, command: str, example: str) -> None:
        """Commands to paste; `example` is the archive's id of a flagged message."""
        config = f"--config {shlex.quote(short(place.config))}"
        self.heading("Where to look")
        self._facts(
            ("what is flagged", f"{command} findings {config}"),
            ("mail of a rule", f"{command} search 'rule:coach/one-to-one' {config}"),
            ("mail with a word", f"{command} search 'subject:practice' {config}"),
            ("a flagged message", f"{command} show {example} {config}"),
            ("its bytes", f"{command} show {example} --raw {config}"),
            ("the roster", f"{command} directory check {config}"),
            ("the district's mailboxes", f"ls {shlex.quote(short(place.maildir('district') / 'new'))}"),
        )

    def while_it_runs(self, place: Place, ports: Ports, command: str, offence: Sent | None) -> None:
        """What can be done with a gateway that is up; `offence` is a message to break a rule with once more."""
        self.heading("The gateway stays up")
        rows = [
            ("live numbers", f"curl -s http://{HOST}:{ports.metrics}/metrics | grep ^mailgw_findings"),
            ("the set-up", f"{command} check --config {shlex.quote(short(place.config))}"),
        ]
        if offence is not None:
            author, recipient = offence.message.mail_from, offence.message.recipients[0]
            mail = f"From: {author}\\r\\nTo: {recipient}\\r\\nSubject: hello\\r\\n\\r\\nCan we talk?\\r\\n"
            send = f"curl -s smtp://{HOST}:{ports.inbound} --mail-from {author} --mail-rcpt {recipient} -T -"
            rows.append(("break a rule yourself", f"printf '{mail}' | {send}"))
        self._facts(*rows)
        self.heading("Findings go on appearing here. Press Ctrl-C to stop.")

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


def short(path: Path) -> str:
    """Relative to here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
