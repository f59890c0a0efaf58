"""`mailgw check`: is this installation fit to take mail? `mailgw directory check`: is the roster?

Each line is ok, warning or error, and says what to do. Nothing is changed; next hops are greeted and
left again. Exit 1 where there is an error.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.archive.encryption.settings import source_of
from gateway.archive.encryption.state import findings
from gateway.cli.options import BAD_CONFIG, FOUND_WRONG, ConfigOption, JsonOption, fail, print_json
from gateway.cli.retention import schedule_of
from gateway.config import Config, ConfigError, Route, TlsMode, load
from gateway.directory.importer import Import, RosterError, read_roster
from gateway.directory.problems import RowProblem
from gateway.extraction.extractor import Extractor
from gateway.ledger.keys import KeyFileError, load_private, read_public
from gateway.ledger.ledger import KEYS
from gateway.ledger.timestamp import TimestampError, load_roots, stamp
from gateway.policy.check import gaps, problems, unknown_schools
from gateway.records.retention.reading import ScheduleError
from gateway.smtp.auth import Users
from gateway.smtp.mx import MxResolver
from gateway.smtp.reply import Refusal
from gateway.smtp.stream import Streams
from gateway.smtp.tls import ServerTls, certificate_expiry, client_context
from gateway.smtp.upstream import NextHopFailure, Target, connect

DEFAULT = Path("config/gateway.toml")
SHOWN_ALIKE = 3  # rows with the same problem that a person is shown one by one
CERTIFICATE_WARNING = timedelta(days=21)
_STAMP = 10.0  # seconds that a time stamping authority has

directory_app = typer.Typer(help="The roster: people, groups, and what is wrong with the files.")


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Line:
    """One result: what was looked at, how it is, and what to do about it."""

    grade: Grade
    subject: str
    text: str


def check(config: ConfigOption = DEFAULT, json: JsonOption = False) -> None:
    """Check configuration, certificates, next hops, DNS, directory, permissions, and the keys of ledger and archive."""
    try:
        settings = load(config)
    except ConfigError as error:
        _report([Line(Grade.ERROR, "configuration", line) for line in str(error).splitlines()], json)
        raise typer.Exit(BAD_CONFIG) from None
    lines = [Line(Grade.OK, "configuration", f"{config} is valid")]
    lines += [
        *_limits(settings),
        *_storage(settings),
        *_certificates(settings),
        *_users(settings),
        *_reload_sources(settings),
        *_walls(),
        *_ledger(settings),
        *_retention(settings),
        *_encryption(settings),
    ]
    lines += asyncio.run(_next_hops(settings))
    lines += _directory(settings)
    _report(lines, json)
    raise typer.Exit(FOUND_WRONG if any(line.grade is Grade.ERROR for line in lines) else 0)


def _report(lines: list[Line], json: bool) -> None:
    colours = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.ERROR: "red"}
    for line in lines:
        if json:
            print_json({"grade": line.grade, "subject": line.subject, "text": line.text})
        else:
            grade = typer.style(f"{line.grade:8}", fg=colours[line.grade])
            typer.echo(f"{grade} {line.subject}: {line.text}")


def _limits(config: Config) -> Iterator[Line]:
    """Limits under which honest mail would never pass."""
    limits = config.limits
    if limits.in_flight < limits.message_size:
        yield Line(Grade.ERROR, "limits.in_flight", "less than limits.message_size: such mail never passes")
    if limits.message_size < 2**16:
        yield Line(
            Grade.WARNING, "limits.message_size", "less than 64 KiB, which RFC 5321 §4.5.3.1.7 asks for"
        )
    if limits.line_length < 998:
        yield Line(Grade.WARNING, "limits.line_length", "less than 998, which RFC 5322 §2.1.1 allows")


# --- the machine ---------------------------------------------------------------------------------------

# Without these an attachment that takes over its reader could do harm, or take the machine's memory.
_NEEDED_WALLS = frozenset({"memory limited", "no network", "child process"})


def _walls() -> Iterator[Line]:
    """What stands around the child that reads attachments, on this kernel and for this user."""
    with Extractor() as extractor:
        for wall in extractor.protections():
            missing = Grade.ERROR if wall.name in _NEEDED_WALLS else Grade.WARNING
            grade = Grade.OK if wall.holds else missing
            yield Line(grade, "attachments", f"{wall.name}: {wall.detail or ('yes' if wall.holds else 'no')}")


def _storage(config: Config) -> Iterator[Line]:
    path = config.storage.path
    nearest = next(parent for parent in (path, *path.parents) if parent.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield Line(
            Grade.ERROR, "storage.path", f"{nearest} cannot be written; make it the service user's: chown it"
        )
        return
    free = shutil.disk_usage(nearest).free
    text = f"{path}: {free / 2**30:.1f} GiB free"
    if free < config.storage.min_free:
        yield Line(Grade.ERROR, "storage.min_free", f"{text}, less than storage.min_free; mail is deferred")
    elif free < 10 * config.storage.min_free:
        yield Line(Grade.WARNING, "storage.path", f"{text}; plan more space soon")
    else:
        yield Line(Grade.OK, "storage.path", text)
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
        yield Line(
            Grade.WARNING, "storage.path", f"{path} is open to every user of this machine; chmod 750 it"
        )


# --- the ledger -----------------------------------------------------------------------------------------


def _ledger(config: Config) -> Iterator[Line]:
    """Whether checkpoints can be signed, and whether anybody else will have them."""
    yield _signing_key(config)
    settings = config.ledger
    if not settings.publish and not settings.witnesses:
        text = "nobody else keeps checkpoints, so a history that was rewritten with the key does not show"
        yield Line(Grade.WARNING, "ledger", f"{text}; set ledger.publish or ledger.witnesses")
    for folder in settings.publish:
        fit = os.access(folder, os.W_OK | os.X_OK)
        text = "can be written" if fit else "is not there or cannot be written; checkpoints do not get there"
        yield Line(Grade.OK if fit else Grade.WARNING, "ledger.publish", f"{folder} {text}")
    if settings.timestamp_url and settings.timestamp_roots is not None:
        try:
            stamp(settings.timestamp_url, b"mailgw check", load_roots(settings.timestamp_roots), _STAMP)
        except TimestampError as error:
            yield Line(Grade.ERROR, "ledger.timestamp_url", str(error))
        else:
            yield Line(Grade.OK, "ledger.timestamp_url", f"{settings.timestamp_url} stamps")


def _signing_key(config: Config) -> Line:
    path, subject = config.ledger_key, "ledger.key_file"
    try:
        if not path.exists():
            if read_public(config.storage.ledger / KEYS):
                text = f"{path} is gone; put it back, or begin anew with `mailgw ledger new-key --lost`"
                return Line(Grade.ERROR, subject, text)
            return Line(Grade.OK, subject, f"{path} is made at the first start; keep a copy of it elsewhere")
        load_private(path, config.ledger_origin)
    except (KeyFileError, OSError) as error:
        return Line(Grade.ERROR, subject, str(error))
    if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return Line(Grade.ERROR, subject, f"{path} can be read by others, who can sign with it; chmod 600 it")
    return Line(Grade.OK, subject, f"{path} signs as {config.ledger_origin}")


def _encryption(config: Config) -> Iterator[Line]:
    """Whether the archive's keys can be had, open everything, and are backed up."""
    settings = config.encryption
    for each in findings(config.storage.archive, source_of(settings), sealing=settings.enabled):
        yield Line(Grade(each.grade), each.subject, each.text)


def _retention(config: Config) -> Iterator[Line]:
    """Whether the retention schedule can be used; without one mail flows, and nothing can be disposed of."""
    path, subject = config.retention.schedule, "retention.schedule"
    if not path.exists():
        text = f"{path} is not there, so nothing can be disposed of; begin with config/retention.toml"
        yield Line(Grade.WARNING, subject, text)
        return
    try:
        schedule = schedule_of(config)
    except ScheduleError as error:
        yield from (Line(Grade.ERROR, subject, line) for line in str(error).splitlines())
        return
    yield Line(Grade.OK, subject, f"{path}: {len(list(schedule))} series, version {schedule.version}")


def _certificates(config: Config) -> Iterator[Line]:
    if config.tls is None:
        if any(listener.tls == TlsMode.OFF for listener in config.listener):
            yield Line(
                Grade.WARNING, "tls", "no certificate: clients send in plain text; add a [tls] section"
            )
        return
    try:
        ServerTls(config)
        expiry = certificate_expiry(config.tls.certificate)
    except ConfigError as error:
        yield Line(Grade.ERROR, "tls", str(error))
        return
    left = expiry - datetime.now(UTC)
    grade = Grade.ERROR if left < timedelta() else Grade.WARNING if left < CERTIFICATE_WARNING else Grade.OK
    advice = "" if grade is Grade.OK else "; renew it, then send the service SIGHUP"
    yield Line(grade, "tls.certificate", f"valid until {expiry:%Y-%m-%d}{advice}")
    if stat.S_IMODE(config.tls.key.stat().st_mode) & (stat.S_IRWXO | stat.S_IWGRP):
        yield Line(Grade.WARNING, "tls.key", f"{config.tls.key} is open to others; chmod 640 it")


def _users(config: Config) -> Iterator[Line]:
    if config.auth is None:
        return
    try:
        Users.load(config.auth.users_file)
    except ConfigError as error:
        yield Line(Grade.ERROR, "auth.users_file", str(error))
        return
    if stat.S_IMODE(config.auth.users_file.stat().st_mode) & stat.S_IRWXO:
        yield Line(Grade.WARNING, "auth.users_file", "is open to every user of this machine; chmod 640 it")
    else:
        yield Line(Grade.OK, "auth.users_file", "readable")


def _reload_sources(config: Config) -> Iterator[Line]:
    for index, route in enumerate(config.route):
        try:
            client_context(route)
        except ConfigError as error:
            yield Line(Grade.ERROR, f"route[{index}]", str(error))


# --- the network ---------------------------------------------------------------------------------------


async def _next_hops(config: Config) -> list[Line]:
    streams = Streams(asyncio.get_running_loop())
    lines = []
    for index, route in enumerate(config.route):
        subject = f"route[{index}] {route.name}"
        if route.next_hop == "mx":
            lines.append(await _dns(config, subject))
            continue
        for hop in route.next_hop:
            target = Target(hop.host, hop.port, hop.host)
            lines.append(await _greet(config, route, target, streams, subject))
    return lines


async def _greet(config: Config, route: Route, target: Target, streams: Streams, subject: str) -> Line:
    try:
        session = await connect(
            target,
            streams,
            hostname=config.hostname,
            context=client_context(route),
            tls_required=route.tls == TlsMode.REQUIRED,
            timeout=config.timeouts.connect,
        )
    except NextHopFailure as failure:
        advice = {
            "refused": "nothing listens there, or a firewall is in the way",
            "timeout": "it does not answer in time; is a firewall in the way?",
            "tls": "TLS cannot be agreed or the certificate is not trusted; see route.tls and route.ca_file",
            "greeting": "it refuses this gateway; allow it there",
        }.get(failure.reason, failure.reason)
        return Line(Grade.ERROR, subject, f"{target}: {advice}")
    except ConfigError as error:
        return Line(Grade.ERROR, subject, str(error))
    offer = session.offer
    session.write(b"QUIT\r\n")
    session.close()
    missing = [keyword for keyword in ("PIPELINING", "8BITMIME", "SMTPUTF8", "DSN") if keyword not in offer]
    if missing:
        text = f"{target} answers, but offers no {', '.join(missing)}; so the gateway does not either"
        return Line(Grade.WARNING, subject, text)
    return Line(Grade.OK, subject, f"{target} answers and offers {', '.join(offer.keywords)}")


async def _dns(config: Config, subject: str) -> Line:
    """Ask for the MX of the district itself: any answer, also "none", shows that DNS works."""
    resolver = MxResolver(config.dns, config.hostname, random.Random())  # noqa: S311 -- no secret
    domain = config.district.domains[0]
    try:
        hosts = await resolver.exchangers(domain)
    except Refusal as refusal:
        if refusal.reply.permanent:
            return Line(Grade.WARNING, subject, f"DNS answers, but for {domain}: {refusal.reply.text}")
        return Line(Grade.ERROR, subject, f"DNS does not answer for {domain}; see dns.servers")
    return Line(Grade.OK, subject, f"DNS answers; mail for {domain} goes to {', '.join(hosts)}")


# --- the roster ----------------------------------------------------------------------------------------


def _read(config: Config) -> Import:
    assert config.directory.path is not None
    now = datetime.now(config.district.zone)
    return read_roster(config.directory.path, config.district.domains, now=now, previous=None, max_shrink=1.0)


def _directory(config: Config) -> Iterator[Line]:
    if config.directory.path is None:
        yield Line(
            Grade.WARNING, "directory.path", "no roster: mail is relayed and archived, nothing is flagged"
        )
        return
    try:
        result = _read(config)
    except RosterError as error:
        yield Line(Grade.ERROR, "directory.path", str(error))
        return
    directory = result.directory
    yield Line(
        Grade.WARNING if result.problems else Grade.OK,
        "directory",
        f"{len(directory.people)} people, {len(directory.groups)} groups, version {directory.version}, "
        f"{len(result.problems)} unusable rows" + ("; see mailgw directory check" if result.problems else ""),
    )
    today = datetime.now(config.district.zone).date()
    yield from (Line(Grade.WARNING, "policy", text) for text in problems(config.policy, directory, today))
    unknown = unknown_schools("notices.schools", config.notices.schools, directory)
    yield from (Line(Grade.WARNING, "notices", text) for text in unknown)


def _rows(problems: Iterable[RowProblem]) -> Iterator[Line]:
    for problem in problems:
        yield Line(Grade.WARNING, f"{problem.file}:{problem.line}", f"{problem.field}: {problem.why}")


def _rows_in_short(problems: Iterable[RowProblem]) -> Iterator[Line]:
    """The same for a person: what is wrong with many rows alike is one line."""
    alike: dict[tuple[str, str, str], list[RowProblem]] = {}
    for problem in problems:
        alike.setdefault((problem.file, problem.field, problem.why), []).append(problem)
    for (file, field, why), found in alike.items():
        if len(found) <= SHOWN_ALIKE:
            yield from _rows(found)
            continue
        first = ", ".join(str(problem.line) for problem in found[:SHOWN_ALIKE])
        yield Line(Grade.WARNING, file, f"{field}: {why}: {len(found)} rows, the first in lines {first}")


@directory_app.command("check")
def directory_check(
    config: ConfigOption = DEFAULT,
    json: JsonOption = False,
    path: Annotated[Path | None, typer.Option(help="Another roster than directory.path.")] = None,
) -> None:
    """Report every row that could not be used, and what the roster lacks for the rules."""
    try:
        settings = load(config)
    except ConfigError as error:
        raise fail(str(error), BAD_CONFIG) from None
    source = path or settings.directory.path
    if source is None:
        raise fail("directory.path: expected a roster; none is configured", BAD_CONFIG)
    now = datetime.now(settings.district.zone)
    try:
        result = read_roster(source, settings.district.domains, now=now, previous=None, max_shrink=1.0)
    except RosterError as error:
        raise fail(str(error)) from None
    lines = list(_rows(result.problems) if json else _rows_in_short(result.problems))
    today = now.date()
    lines += [
        Line(Grade.WARNING, item.code, item.text) for item in gaps(settings.policy, result.directory, today)
    ]
    counts = ", ".join(f"{count} {name}" for name, count in result.counts.items())
    lines.append(Line(Grade.OK, "directory", f"version {result.directory.version}: {counts}"))
    _report(lines, json)
