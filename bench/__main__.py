"""`make bench`: measures the gateway beside its peers on this machine and prints tables with ratios.

    python -m bench [--quick] [--only NAME] [--candidate NAME] [--json FILE] [--gateway COMMAND]

Everything listens on loopback, on free ports; folders are made below --work and are gone at the end; only
processes started here are ended. A target that is missed is printed, no error. Exit codes: 0 measured, 1 the gateway is
missing or a candidate failed, 2 the bench cannot run here, 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.machine import Machine, look_at
from bench.peers import Candidate
from bench.peers.direct import Direct
from bench.peers.gateway import Gateway
from bench.peers.haraka import Haraka
from bench.peers.postfix import Postfix, install_postfix
from bench.processes import BenchError
from bench.scenarios import FULL, NAMES, QUICK, Measured, Messages
from bench.table import all_tables
from bench.turns import SlowFsync, Turns

UNSIGNED = "unsigned"  # without checkpoints
_USUAL = ("direct", "gateway", "postfix-proxy", "postfix-queue", "haraka")
CACHE = Path(__file__).parent / "results"
ROOM = 8 * 10**9  # bytes of disk that a turn may take: queues and archives of 10 and 20 MB messages


@dataclass(frozen=True, slots=True)
class Options:
    quick: bool
    only: tuple[str, ...]
    candidates: tuple[str, ...]
    json: Path | None
    gateway: tuple[str, ...]
    work: Path


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _bench(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted; what was started has been ended", file=sys.stderr)
        return 130


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the gateway beside its peers."
    )
    parser.add_argument("--quick", action="store_true", help="one short round (under 3 minutes)")
    parser.add_argument(
        "--only", action="append", choices=NAMES, default=[], help="only this measurement; may be repeated"
    )
    parser.add_argument(
        "--candidate",
        action="append",
        choices=[candidate.name for candidate in _all_candidates(())],
        default=[],
        help="only this candidate; may be repeated",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE as well")
    parser.add_argument(
        "--gateway",
        metavar="COMMAND",
        default=f"{shlex.quote(sys.executable)} -m gateway",
        help="the gateway's command (default: this environment's)",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("/var/tmp"),
        help="where folders are made: a real disk (default %(default)s)",
    )
    given = parser.parse_args(arguments)
    return Options(
        quick=given.quick,
        only=tuple(given.only or NAMES),
        candidates=tuple(given.candidate),
        json=given.json,
        gateway=tuple(shlex.split(given.gateway)),
        work=given.work,
    )


def _all_candidates(gateway: Sequence[str]) -> list[Candidate]:
    return [
        Direct(),
        Gateway(gateway, CACHE),
        Postfix(queued=False),
        Postfix(queued=True),
        Haraka(CACHE),
        *_variants(gateway),
    ]


def _variants(gateway: Sequence[str]) -> list[Gateway]:
    """What is measured only where it is named: the gateway without something, to see what that costs."""
    return [Gateway(gateway, CACHE, "\n[ledger]\ninterval = 1e9\nentries = 1000000000\n", UNSIGNED)]


def _bench(options: Options) -> int:
    began = time.monotonic()
    CACHE.mkdir(exist_ok=True)
    _need_generator()
    if shutil.disk_usage(options.work).free < ROOM:
        raise BenchError(
            f"{options.work} has less than {ROOM / 1e9:.0f} GB free; name another place by --work"
        )
    wanted = [one for one in _all_candidates(options.gateway) if one.name in (options.candidates or _USUAL)]
    candidates, versions, left_out = _ready(wanted)
    measured = {candidate.name: Measured() for candidate in candidates}
    with tempfile.TemporaryDirectory(
        prefix="mailgw-bench-", dir=options.work, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        folder.chmod(0o755)  # Postfix and the sink run as other users
        machine = look_at(folder)
        _say_facts(machine, versions, left_out)
        effort = QUICK if options.quick else FULL
        turns = Turns(folder, Messages(folder), effort, _progress)
        turns.rounds(candidates, options.only, measured)
        if "memory" in options.only:
            turns.footprints(candidates, measured)
        slow = None
        gateway = next((one for one in candidates if isinstance(one, Gateway)), None)
        if "fsync" in options.only and gateway is not None and not measured[gateway.name].failed:
            slow = turns.slow_fsync(gateway, measured[gateway.name])
    _report(candidates, measured, slow)
    print(f"\n{time.monotonic() - began:.0f} s in all, {effort.rounds} round(s).")
    if options.json is not None:
        _write_json(options.json, machine, versions, left_out, measured, slow)
    if slow is not None and slow.failed:
        print(f"The slower fsync was not measured: {slow.failed}")
        return 1
    gateway_lacks = any(isinstance(one, Gateway) for one in wanted) and gateway is None
    return 1 if gateway_lacks or any(one.failed for one in measured.values()) else 0


def _need_generator() -> None:
    """smtp-source and smtp-sink, which come with Postfix; installed where that is possible."""
    needed = ("smtp-source", "smtp-sink")
    if all(shutil.which(name) for name in needed):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _progress("installing postfix (generator, sink and peer), without starting it")
        install_postfix()
    if not all(shutil.which(name) for name in needed):
        raise BenchError("smtp-source and smtp-sink are missing (Debian: apt-get install postfix)")


def _ready(wanted: Sequence[Candidate]) -> tuple[list[Candidate], dict[str, str], list[str]]:
    """Those that can run here, built; their versions; and why the others cannot."""
    ready: list[Candidate] = []
    versions: dict[str, str] = {}
    left_out: list[str] = []
    for candidate in wanted:
        try:
            reason = candidate.prepare()
            if reason is None:
                versions[candidate.title] = candidate.version()
                ready.append(candidate)
        except BenchError as error:
            reason = str(error)
        if reason is not None:
            left_out.append(f"{candidate.title} is left out: {reason}")
    return ready, versions, left_out


def _say_facts(machine: Machine, versions: dict[str, str], left_out: Sequence[str]) -> None:
    for line in machine.lines():
        print(line)
    for title, version in versions.items():
        print(f"{title}: {version}")
    for line in left_out:
        print(line)
    if machine.load > 0.5:
        print("The machine was busy before the bench began; figures will be low and uneven.")
    sys.stdout.flush()


def _progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _report(candidates: Sequence[Candidate], measured: dict[str, Measured], slow: SlowFsync | None) -> None:
    names = {candidate.name: candidate.title for candidate in candidates}
    for table in all_tables(measured, names, slow):
        print(f"\n{table}")
    for name, one in measured.items():
        if one.audited:
            counts = ", ".join(f"{count:,} {what}" for what, count in one.audited.items())
            print(f"\n{names[name]}, all turns: {counts} (audited turn by turn)")
        for remark in one.remarks:
            print(f"{names[name]}: {remark}")
        if one.failed:
            print(f"{names[name]} FAILED: {one.failed}")


def _write_json(
    path: Path,
    machine: Machine,
    versions: dict[str, str],
    left_out: Sequence[str],
    measured: dict[str, Measured],
    slow: SlowFsync | None,
) -> None:
    document = {
        "machine": dataclasses.asdict(machine),
        "versions": versions,
        "left_out": list(left_out),
        "candidates": {name: dataclasses.asdict(one) for name, one in measured.items()},
        "slow_fsync": None if slow is None else dataclasses.asdict(slow),
    }
    path.write_text(json.dumps(_plain(document), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    """A value with text for every key: JSON knows no others."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    sys.exit(main())
