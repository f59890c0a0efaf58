"""`mailgw policy test`: what would be found about a message, and why, without sending or storing anything."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gateway.cli.options import WRONG_USAGE, ConfigOption, JsonOption, fail, load_config, print_json
from gateway.cli.policy.today import read_directory
from gateway.config import Config
from gateway.directory.snapshot import Directory
from gateway.message.authentication import Authentication
from gateway.message.canonical import canonical_address, domain_of
from gateway.message.content import content_id
from gateway.message.reading import Reading, read_message
from gateway.policy.engine import Engine
from gateway.policy.explain import Answer, Author, Explanation, explain
from gateway.policy.model import Transaction

_MOST_SHOWN = 20  # people listed one by one


@dataclass(frozen=True, slots=True)
class _Case:
    """What the message itself does not say."""

    mail_from: str | None
    to: tuple[str, ...]
    at: datetime | None
    thread: tuple[str, ...]
    vouched: str | None


def test(
    files: Annotated[list[Path], typer.Argument(help="Messages as files; - is standard input.")],
    mail_from: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Envelope sender; by default the address of From.")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS", help="Envelope recipient, beside To and Cc: a blind copy. Repeatable."
        ),
    ] = None,
    at: Annotated[
        datetime | None, typer.Option(help="When it is received, in the district's time; by default now.")
    ] = None,
    thread: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Who took part in what the message answers. Repeatable."),
    ] = None,
    authentication: Annotated[
        Literal["pass", "fail"] | None,
        typer.Option(help="Whether the sender's domain vouches for it; by default not asked."),
    ] = None,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Tell what the rules would find about a message, and why, step by step. Nothing is sent or stored.

    Exit 0 with and without findings; 1 where a file cannot be read or a rule fails.
    """
    settings = load_config(config)
    zone = settings.district.zone
    when = None if at is None else (at if at.tzinfo else at.replace(tzinfo=zone))
    case = _Case(mail_from, tuple(to or ()), when, tuple(thread or ()), authentication)
    for address in (*case.to, *case.thread):
        if "@" not in address:
            raise fail(f"{address}: expected an address", WRONG_USAGE)
    directory = read_directory(settings)
    engine = Engine(settings.policy, settings.district)
    failed = False
    for path in files:
        try:
            raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        except OSError as error:
            typer.echo(f"mailgw: {path}: {error.strerror}", err=True)
            failed = True
            continue
        transaction = _transaction(raw, case)
        told = explain(engine, settings.district, transaction, directory)
        failed = failed or bool(told.verdict.errors)
        if json:
            print_json(_json(path, transaction, told))
        else:
            _print(path, transaction, told, directory, settings)
    if failed:
        raise typer.Exit(1)


def _transaction(raw: bytes, case: _Case) -> Transaction:
    """The message as the gateway would see it: recipients are those of the header unless more are given."""
    reading = read_message(raw)
    named = [box.address for box in (*reading.to, *reading.cc)]
    author = reading.from_[0].address if reading.from_ else ""
    return Transaction(
        reading=reading,
        mail_from=author if case.mail_from is None else case.mail_from,
        recipients=tuple(dict.fromkeys((*named, *case.to))),
        received=case.at or datetime.now(UTC),
        content_id=content_id(reading, raw),
        authentication=_vouched(case.vouched, domain_of(author)),
        thread=frozenset(canonical_address(address) for address in case.thread),
        raw=raw,
    )


def _vouched(answer: str | None, domain: str) -> Authentication | None:
    if answer is None:
        return None
    return Authentication(domain, answer, answer, answer, aligned=answer == "pass", source="command line")


# --- JSON ----------------------------------------------------------------------------------------------


def _json(path: Path, transaction: Transaction, told: Explanation) -> dict[str, Any]:
    return {
        "file": str(path),
        "message_id": transaction.reading.message_id,
        "day": told.day.isoformat(),
        "not_judged": told.verdict.not_judged,
        "authors": [_author_json(author) for author in told.authors],
        "recipients": [
            {"person_id": one.person.id, "name": one.person.name, "roles": one.roles, "why": one.why}
            for one in told.reached
        ],
        "lists": told.lists,
        "unknown_recipients": len(told.unknown),
        "rules": {rule: answer.value for rule, answer in told.rules},
        **told.verdict.to_json(),
    }


def _author_json(author: Author) -> dict[str, Any]:
    identity = author.identity
    return {
        "field": author.sighting.field.value,
        "name": author.sighting.name,
        "address": author.sighting.address,
        "person_id": identity.person.id if identity else None,
        "person": identity.person.name if identity else None,
        "account": identity.account.value if identity else None,
        "step": identity.step.value if identity else None,
        "confidence": identity.confidence.value if identity else None,
        "why": identity.why if identity else None,
        "roles": author.roles,
        "standing": author.standing or None,
    }


# --- for people ----------------------------------------------------------------------------------------


def _print(
    path: Path, transaction: Transaction, told: Explanation, directory: Directory, settings: Config
) -> None:
    typer.secho(f"{path}: {_subject(transaction.reading)}", bold=True)
    typer.echo(f"  roster of {len(directory.people)} people, rules as on {told.day.isoformat()}")
    typer.echo("1. Who wrote it?")
    for author in told.authors:
        for line in _author_lines(author):
            typer.echo(f"   {line}")
    typer.echo("2. Whom does it reach?")
    for line in _reached_lines(told):
        typer.echo(f"   {line}")
    typer.echo("3. What do the rules say?")
    if told.verdict.not_judged is not None:
        typer.echo(f"   It is not judged: {told.verdict.not_judged}.")
    for line in _rule_lines(told):
        typer.echo(f"   {line}")
    typer.echo("4. What is found?")
    if not told.verdict.findings:
        typer.echo("   Nothing.")
    for finding in told.verdict.findings:
        typer.secho(f"   {finding.severity.value} {finding.rule} ({finding.confidence.value})", bold=True)
        typer.echo(f"     {finding.explanation}")
        for person in finding.people[:_MOST_SHOWN]:
            typer.echo(f"     - {person.name}, {person.role}: {person.why}")
    typer.echo(f"   What would be done: {told.verdict.action.value}.")


def _subject(reading: Reading) -> str:
    return reading.subject or "(no subject)"


def _author_lines(author: Author) -> list[str]:
    sighting, identity = author.sighting, author.identity
    shown = f"{sighting.name} <{sighting.address}>".strip()
    if identity is None:
        return [f"{sighting.field.value}: {shown}: nobody whom the directory knows."]
    roles = ", ".join(author.roles) or "nobody of the district on that day"
    lines = [
        f"{sighting.field.value}: {shown}: {identity.person.name} ({roles}), {identity.confidence.value}",
        f"  by {identity.step.value}: {identity.why}",
    ]
    if not author.standing:
        lines.append("  neither staff nor a parent on that day: the rules do not judge this author")
    return lines


def _reached_lines(told: Explanation) -> list[str]:
    lines = [
        f"{one.person.name} ({', '.join(one.roles) or 'no role on that day'}): {one.why}"
        for one in told.reached[:_MOST_SHOWN]
    ]
    if len(told.reached) > _MOST_SHOWN:
        lines.append(f"and {len(told.reached) - _MOST_SHOWN} more people of the district")
    if told.lists:
        lines.append(f"lists: {', '.join(told.lists)}")
    if told.unknown:
        lines.append(f"addresses that the directory does not know: {len(told.unknown)}")
    return lines or ["nobody whom the directory knows"]


def _rule_lines(told: Explanation) -> list[str]:
    by_answer: dict[Answer, list[str]] = {}
    for rule, answer in told.rules:
        by_answer.setdefault(answer, []).append(rule)
    words = {
        Answer.FOUND: "found something",
        Answer.NOTHING: "found nothing",
        Answer.NOT_ASKED: "were not asked, for no author is one they judge",
        Answer.OFF: "are off",
        Answer.FAILED: "FAILED",
    }
    return [f"{words[answer]}: {', '.join(by_answer[answer])}" for answer in words if answer in by_answer]
