"""Commands to paste into a shell: where to look when the day is over, what to try while the gateway is up."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.place import HOST, Place, Ports
from gateway.demo.sending import Sent


@dataclass(frozen=True, slots=True)
class Hint:
    """What is to be seen, and the command that shows it."""

    what: str
    command: str


def where_to_look(place: Place, mailgw: str, example: str) -> tuple[Hint, ...]:
    """Reading what was kept; `mailgw` is that command, `example` the archive's id of a flagged message."""
    config = f"--config {shlex.quote(short(place.config))}"
    return (
        Hint("what is flagged", f"{mailgw} findings {config}"),
        Hint("mail of a rule", f"{mailgw} search 'rule:coach/one-to-one' {config}"),
        Hint("mail with a word", f"{mailgw} search 'subject:practice' {config}"),
        Hint("a flagged message", f"{mailgw} show {example} {config}"),
        Hint("its bytes", f"{mailgw} show {example} --raw {config}"),
        Hint("the roster", f"{mailgw} directory check {config}"),
        Hint("the district's mailboxes", f"ls {shlex.quote(short(place.maildir('district') / 'new'))}"),
    )


def while_it_runs(place: Place, ports: Ports, mailgw: str, offence: Sent | None) -> tuple[Hint, ...]:
    """Using a gateway that is up; `offence` is a message to break a rule with once more."""
    hints = (
        Hint("live numbers", f"curl -s http://{HOST}:{ports.metrics}/metrics | grep ^mailgw_findings"),
        Hint("the set-up", f"{mailgw} check --config {shlex.quote(short(place.config))}"),
    )
    if offence is None:
        return hints
    author, recipient = offence.message.mail_from, offence.message.recipients[0]
    mail = f"From: {author}\\r\\nTo: {recipient}\\r\\nSubject: hello\\r\\n\\r\\nCan we talk?\\r\\n"
    send = f"curl -s smtp://{HOST}:{ports.inbound} --mail-from {author} --mail-rcpt {recipient} -T -"
    return (*hints, Hint("break a rule yourself", f"printf '{mail}' | {send}"))


def short(path: Path) -> str:
    """Relative to here, where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
