"""The demo: a district, its mail server, the internet, the gateway between them, and a day of mail.

`run` sets everything up in one folder, sends the day over real SMTP, tells what flows and what is flagged, and
then holds the gateway to its promises: everything that was accepted is delivered and archived byte for byte, and
the findings are exactly the labels. With `once` it ends there; otherwise the gateway stays up until Ctrl-C.

Exit code 0: all promises kept (or, without `once`, ended by the person at the terminal). 1: a promise broken, a
child process died, or the folder cannot be used; the reason is told. 130: `once` was interrupted.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway.demo.children import Child, ChildError, first_death, start_gateway, start_server
from gateway.demo.district import DOMAIN, NAME, District
from gateway.demo.founding import found
from gateway.demo.hints import short, where_to_look, while_it_runs
from gateway.demo.letter import LABELLED_RULES, Entry, Message
from gateway.demo.mail import day
from gateway.demo.place import HOST, Place, PlaceError, Ports, free_ports, furnish, taken, write_config
from gateway.demo.proof import flag, score
from gateway.demo.sending import Courier, Sent, send_day
from gateway.demo.stage import ZONE
from gateway.demo.view import Opening, Turn, Verdict, View
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


async def run(options: Options, view: View) -> int:
    """Run the demo; the exit code. Tells everything to `view`."""
    temporary = _temporary(options)
    folder = Path(tempfile.mkdtemp(prefix="mailgw-demo-")) if temporary else options.data or Path("demo-data")
    code = 1
    try:
        with taken(folder) as place:
            code = await _interruptible(_demo(options, place, view), options, view)
    except BrokenPipeError:
        return 1  # nobody reads any more, and everything was stopped on the way here
    except (PlaceError, ChildError, WatchError, OSError) as error:
        view.failed(str(error))
    if temporary and not options.keep and code != 1:
        shutil.rmtree(folder, ignore_errors=True)
    elif temporary:
        view.kept(folder)
    return code


def _temporary(options: Options) -> bool:
    """Whether the data go to a temporary folder."""
    return options.once and options.data is None


async def _interruptible(demo: Coroutine[None, None, int], options: Options, view: View) -> int:
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
        view.turn(Turn.STOPPED)
        return _INTERRUPTED if options.once else 0
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _demo(options: Options, place: Place, view: View) -> int:
    """Set up, play, and make sure that a child's death is noticed at once."""
    today = datetime.now(ZONE).date()
    district = found(options.seed, today)
    messages = day(district, options.seed, options.messages)
    view.opening(_opening(place, district, messages, today))
    furnish(place, district)
    async with _scene(options, place, district, view) as scene:
        playing = asyncio.create_task(_play(options, scene, messages, view))
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


def _opening(place: Place, district: District, messages: Sequence[Message], today: date) -> Opening:
    return Opening(
        name=NAME,
        day=today,
        people=len(district.people),
        students=len(district.students),
        staff=len(district.staff),
        schools=len(district.schools),
        classes=len(district.courses),
        groups=len(district.groups),
        messages=len(messages),
        labelled=sum(bool(message.expected) for message in messages),
        begins_anew=place.folder if place.anew else None,
    )


@asynccontextmanager
async def _scene(options: Options, place: Place, district: District, view: View) -> AsyncIterator[_Scene]:
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
        view.ready(ports, place)
        try:
            yield _Scene(place, ports, (gateway, inside, outside))
        finally:
            view.turn(Turn.STOPPING)


async def _play(options: Options, scene: _Scene, messages: Sequence[Message], view: View) -> int:
    """Send the day, tell of it, reckon; then, unless `once`, go on watching."""
    watch = Watch(scene.place.config, view.flagged)
    sent: list[Sent] = []

    def tell(one: Sent) -> None:
        sent.append(one)
        view.flows(one)

    view.turn(Turn.SENDING)
    ports = {Entry.INBOUND: scene.ports.inbound, Entry.OUTBOUND: scene.ports.outbound}
    couriers = [Courier(ports) for _ in range(_COURIERS)]
    following = asyncio.create_task(watch.follow())
    try:
        await send_day(messages, couriers, tell, 0.0 if options.once else _PACE)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    kept, findings = await _reckon(scene.place, watch, sent, view)
    if findings and (not _temporary(options) or options.keep):
        view.where_to_look(where_to_look(scene.place, _command(), findings[-1]["archive_id"]))
    if options.once:
        return 0 if kept else 1
    offences = (one for one in sent if one.message.expected and one.message.entry == Entry.INBOUND)
    view.while_it_runs(while_it_runs(scene.place, scene.ports, _command(), next(offences, None)))
    view.turn(Turn.WAITING)
    await watch.follow()
    return 0


async def _reckon(
    place: Place, watch: Watch, sent: Sequence[Sent], view: View
) -> tuple[bool, Sequence[Finding]]:
    """Whether every promise was kept, and all findings; says so, or what went wrong."""
    await watch.catch_up()
    findings = await watch.findings()
    maildirs = (place.maildir("district"), place.maildir("internet"))
    report = await asyncio.to_thread(examine, place.config, maildirs, sent)
    scores, differences = score(sent, map(flag, findings))
    recipients = sum(len(one.outcomes) for one in sent)
    verdicts = (
        Verdict(
            "replies",
            f"{len(sent)} messages to {recipients} recipients, each answered as it should be",
            report.replies,
        ),
        Verdict(
            "deliveries",
            f"{report.deliveries} deliveries, byte for byte below the gateway's own lines",
            report.delivered,
        ),
        Verdict(
            "archive", f"{report.records} archive records, byte for byte, digests right", report.archived
        ),
        Verdict("findings", _counted(findings), differences),
    )
    view.report(verdicts, scores)
    return not any(verdict.problems for verdict in verdicts), findings


def _counted(findings: Sequence[Mapping[str, Any]]) -> str:
    """How many findings of the rules that the demo labels, and how many of others, which nothing is known of."""
    labelled = sum(finding["rule"] in LABELLED_RULES for finding in findings)
    text = f"{labelled} findings of {len(LABELLED_RULES)} rules, exactly those that were put in"
    others = len(findings) - labelled
    return f"{text}; {others} of other rules, which the demo does not label" if others else text


def _command() -> str:
    """`mailgw` as it can be pasted into a shell here."""
    beside = Path(sys.executable).with_name("mailgw")
    return shlex.quote(short(beside)) if beside.exists() else "mailgw"
