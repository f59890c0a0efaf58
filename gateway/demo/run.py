"""The demo: a district, its mail server, the internet, the gateway between them, and a day of mail.

`run` sets everything up in one folder, sends the day over real SMTP, shows what flows and what is flagged, and
then holds the gateway to its promises: everything that was accepted is delivered and archived byte for byte, and
the findings are exactly the labels. With `once` it ends there; otherwise the gateway stays up until Ctrl-C.

Exit code 0: all promises kept (or, without `once`, ended by the person at the terminal). 1: a promise broken, a
child process died, or the folder cannot be used; the reason is on the screen. 130: `once` was interrupted.
"""

from __future__ import annotations

import asyncio
import io
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TextIO

from gateway.demo.children import Child, ChildError, first_death, start_gateway, start_server
from gateway.demo.district import DOMAIN, NAME, District
from gateway.demo.founding import found
from gateway.demo.letter import Entry, Message
from gateway.demo.mail import day
from gateway.demo.place import HOST, Place, PlaceError, Ports, free_ports, furnish, taken, write_config
from gateway.demo.proof import flag, score
from gateway.demo.screen import Screen, short
from gateway.demo.sending import Courier, Sent, send_day
from gateway.demo.stage import ZONE
from gateway.demo.watching import Finding, Watch, WatchError, examine

_PACE = 12.0  # messages a second where somebody is to watch them
_COURIERS = 4
_UNKNOWN_ABROAD = ("no-longer-here@bayline.example",)
_INTERRUPTED = 130  # as shells report SIGINT


@dataclass(frozen=True, slots=True)
class Options:
    """What `mailgw demo` is asked for."""

    once: bool = False  # end by itself, as fast as it goes
    data: Path | None = None  # folder; default ./demo-data, or a temporary one with `once`
    seed: int = 2026
    messages: int = 400
    keep: bool = False  # keep the temporary folder of `once`
    ports: Ports = field(default_factory=Ports)  # wanted; another is taken where one is in use


@dataclass(frozen=True, slots=True)
class _Scene:
    """Everything that is up and running."""

    place: Place
    ports: Ports
    children: tuple[Child, ...]


async def run(options: Options, out: TextIO) -> int:
    """Run the demo; the exit code. Writes to `out` only."""
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="replace")  # a terminal without UTF-8 shall not end the demo
    screen = Screen(out)
    temporary = _temporary(options)
    folder = Path(tempfile.mkdtemp(prefix="mailgw-demo-")) if temporary else options.data or Path("demo-data")
    code = 1
    try:
        with taken(folder) as place:
            code = await _interruptible(_demo(options, place, screen), options, screen)
    except BrokenPipeError:
        return 1  # nobody reads any more, and everything was stopped on the way here
    except (PlaceError, ChildError, WatchError, OSError) as error:
        screen.say(f"mailgw demo: {error}", "bold red")
    if temporary and not options.keep and code != 1:
        shutil.rmtree(folder, ignore_errors=True)
    elif temporary:
        screen.say(f"The data are kept in {folder}")
    return code


def _temporary(options: Options) -> bool:
    """Whether the data go to a temporary folder."""
    return options.once and options.data is None


async def _interruptible(demo: Coroutine[None, None, int], options: Options, screen: Screen) -> int:
    """Run until done, or until Ctrl-C, SIGTERM or SIGHUP; then everything is stopped in order, once."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(demo)
    asked = False

    def stop() -> None:
        nonlocal asked
        if not asked:  # impatience must not leave a process behind
            asked = True
            task.cancel()

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not asked:
            raise
        screen.say("Stopped.")
        return _INTERRUPTED if options.once else 0
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _demo(options: Options, place: Place, screen: Screen) -> int:
    """Set up, play, and make sure that a child's death is noticed at once."""
    today = datetime.now(ZONE).date()
    district = found(options.seed, today)
    messages = day(district, options.seed, options.messages)
    _introduce(screen, place, district, messages, today)
    furnish(place, district)
    async with _scene(options, place, district, screen) as scene:
        playing = asyncio.create_task(_play(options, scene, messages, screen))
        dying = asyncio.create_task(first_death(scene.children))
        try:
            await asyncio.wait({playing, dying}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                raise dying.result()
            return playing.result()
        finally:
            playing.cancel()
            dying.cancel()
            await asyncio.gather(playing, dying, return_exceptions=True)


def _introduce(
    screen: Screen, place: Place, district: District, messages: Sequence[Message], today: date
) -> None:
    screen.heading(f"{NAME} (invented), {today:%A, %-d %B %Y}")
    labelled = sum(bool(message.expected) for message in messages)
    screen.say(
        f"  {len(district.people):,} people: {len(district.students):,} students, {len(district.staff)} staff and"
        f" their families; {len(district.schools)} schools, {len(district.courses)} classes,"
        f" {len(district.groups)} teams and clubs"
    )
    screen.say(f"  {len(messages)} messages; {labelled} of them should be flagged, and no other")
    if place.anew:
        screen.say(f"  begins anew in {short(place.folder)}; what an earlier demo left there is gone")


@asynccontextmanager
async def _scene(options: Options, place: Place, district: District, screen: Screen) -> AsyncIterator[_Scene]:
    """The two mail servers and the gateway; stopped in the opposite order, the gateway first."""
    async with AsyncExitStack() as stack:
        inside, inside_port = await start_server(
            "the district's mail server", place.maildir("district"), place.log("district"),
            host=f"mail.{DOMAIN}", mailboxes=place.mailboxes,
        )  # fmt: skip
        stack.push_async_callback(inside.stop)
        outside, outside_port = await start_server(
            "the internet", place.maildir("internet"), place.log("internet"),
            host="mx.internet.example", unknown=_UNKNOWN_ABROAD,
        )  # fmt: skip
        stack.push_async_callback(outside.stop)
        ports = free_ports(options.ports)
        write_config(place, district, ports, inside_port, outside_port)
        ready = f"http://{HOST}:{ports.metrics}/readyz"
        gateway = await start_gateway(place.config, place.log("gateway"), ready, [place.lock])
        stack.push_async_callback(gateway.stop)
        screen.ready(ports, place)
        try:
            yield _Scene(place, ports, (gateway, inside, outside))
        finally:
            screen.say("Stopping the gateway, then the mail servers.", "dim")


async def _play(options: Options, scene: _Scene, messages: Sequence[Message], screen: Screen) -> int:
    """Send the day, show it, reckon; then, unless `once`, go on watching."""
    watch = Watch(scene.place.config, screen.flagged)
    sent: list[Sent] = []

    def tell(one: Sent) -> None:
        sent.append(one)
        screen.flows(one)

    screen.heading("A day of mail")
    ports = {Entry.INBOUND: scene.ports.inbound, Entry.OUTBOUND: scene.ports.outbound}
    couriers = [Courier(ports) for _ in range(_COURIERS)]
    following = asyncio.create_task(watch.follow())
    try:
        await send_day(messages, couriers, tell, 0.0 if options.once else _PACE)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    kept, findings = await _reckon(scene.place, watch, sent, screen)
    if findings and (not _temporary(options) or options.keep):
        screen.where_to_look(scene.place, _command(), findings[-1]["archive_id"])
    if options.once:
        return 0 if kept else 1
    offences = (one for one in sent if one.message.expected and one.message.entry == Entry.INBOUND)
    screen.while_it_runs(scene.place, scene.ports, _command(), next(offences, None))
    await watch.follow()
    return 0


async def _reckon(
    place: Place, watch: Watch, sent: Sequence[Sent], screen: Screen
) -> tuple[bool, Sequence[Finding]]:
    """Whether every promise was kept, and all findings; says so, or what went wrong."""
    await watch.catch_up()
    findings = await watch.findings()
    maildirs = (place.maildir("district"), place.maildir("internet"))
    report = await asyncio.to_thread(examine, place.config, maildirs, sent)
    scores, differences = score(sent, map(flag, findings))
    recipients = sum(len(one.outcomes) for one in sent)
    screen.heading("The promises")
    screen.verdict(
        f"{len(sent)} messages to {recipients} recipients, each answered as it should be", report.replies
    )
    screen.verdict(
        f"{report.deliveries} deliveries, byte for byte below the gateway's own lines", report.delivered
    )
    screen.verdict(f"{report.records} archive records, byte for byte, digests right", report.archived)
    screen.verdict(f"{len(findings)} findings, exactly those that were put in", differences)
    screen.scores(scores)
    return not (report.replies or report.delivered or report.archived or differences), findings


def _command() -> str:
    """`mailgw` as it can be pasted into a shell here."""
    beside = Path(sys.executable).with_name("mailgw")
    return shlex.quote(short(beside)) if beside.exists() else "mailgw"
