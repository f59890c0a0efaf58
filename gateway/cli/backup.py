"""`mailgw backup` and `mailgw restore`: an installation copied while it runs, and put together again elsewhere."""

from __future__ import annotations

import os
import pwd
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from gateway.archive import Problem
from gateway.backup import BackupFailed
from gateway.backup.checking import damages
from gateway.backup.copying import Tell
from gateway.backup.restoring import Restored, restore_in_place, restore_to
from gateway.backup.run import Outcome
from gateway.backup.run import backup as make_backup
from gateway.backup.store import Store
from gateway.backup.taking import Wanted
from gateway.cli import reindex as reindexing
from gateway.cli.options import (
    FOUND_WRONG,
    WRONG_USAGE,
    ConfigOption,
    JsonOption,
    fail,
    load_config,
    print_json,
)
from gateway.config import ConfigError, EncryptionSettings, load
from gateway.records.verification.run import Subject, Verification, VerificationFailed

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's folder, on another disk.")]
ProcessesOption = Annotated[
    int, typer.Option(min=0, max=256, help="That check and index at once; 0: one for each core.")
]
_FILE, _INDEX = "file", "index"  # kinds of problems that `mailgw verify` has not


def backup(
    folder: FolderArgument,
    check: Annotated[
        bool, typer.Option("--verify", help="Make none; check the one that is there. Needs no configuration.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Compare octets, not times and sizes: reads everything.")
    ] = False,
    without_secrets: Annotated[
        bool, typer.Option("--without-secrets", help="Leave private keys and files of passwords out.")
    ] = False,
    without_ledger_key: Annotated[
        bool, typer.Option("--without-ledger-key", help="Leave the key out that signs checkpoints.")
    ] = False,
    processes: ProcessesOption = 0,
    config: ConfigOption = Path("config/gateway.toml"),
    json: JsonOption = False,
) -> None:
    """Bring the backup in DIR up to date while mail flows, or begin one; with --verify, check one.

    Only what is new is copied, and read back. A run that is broken off leaves the state before it. `mailgw restore`
    makes an installation of it. docs/backup.md has the drill.
    """
    if check:
        _check(folder, processes, json=json)
        return
    settings = load_config(config)
    wanted = Wanted(full=full, secrets=not without_secrets, ledger_key=not without_ledger_key)
    started = monotonic()
    try:
        with _progress("Copying") as tell:
            done = make_backup(
                settings, config, folder, wanted, now=datetime.now(UTC), tell=tell, point=lambda _: None
            )
    except BackupFailed as error:
        raise fail(f"{error}\nno backup was made; what {folder} had can be restored as before") from None
    except OSError as error:
        raise fail(
            f"{error.filename or folder}: {error.strerror or error}\n"
            f"no backup was made; what {folder} had can be restored as before"
        ) from None
    _tell_made(done, monotonic() - started, json=json)
    raise typer.Exit(FOUND_WRONG if done.problems else 0)


def restore(
    folder: FolderArgument,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Put everything below this folder, which must be empty."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            help="Put everything in its original places; the configuration here, if not there.",
        ),
    ] = None,
    processes: ProcessesOption = 0,
    json: JsonOption = False,
) -> None:
    """Make an installation of the backup in DIR: files, then `mailgw verify`, then `mailgw reindex`.

    Nothing that is there is overwritten. Exit 1 if anything was not as it was when it was copied.
    """
    if (to is None) == (config is None):
        raise fail("expected either --to FOLDER or --config FILE", WRONG_USAGE)
    started = monotonic()
    try:
        with _progress("Copying") as tell:
            if to is not None:
                done = restore_to(folder, to, tell)
            else:
                assert config is not None
                done = restore_in_place(folder, config, tell)
    except BackupFailed as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(f"{error.filename or folder}: {error.strerror or error}") from None
    by_hand = [*done.by_hand, *_given(done, to)]
    problems = [Problem("", None, _FILE, text) for text in done.problems]
    archive, ledger = done.storage / "archive", done.storage / "ledger"
    problems += _verified(archive, ledger, done.manifest.origin, processes, _encryption(done.config))
    typer.echo(
        f"files are in place and were checked, {len(problems)} problems; mail could flow from now on. "
        "Making catalog and search index",
        err=True,
    )
    problems += _made_anew(done, processes)
    deque(_given(done, to), maxlen=0)  # what was made by now
    _tell_restored(done, problems, by_hand, monotonic() - started, json=json)
    raise typer.Exit(FOUND_WRONG if problems else 0)


# --- checking ---


def _check(folder: Path, processes: int, *, json: bool) -> None:
    """Compare files with the list, then entries with digests and ledger; ends the command."""
    store = Store(folder)
    started = monotonic()
    try:
        manifest = store.known()
        if any(store.where(each) != folder / each.path for each in manifest.files):
            with store.locked():  # a run was broken off while it gave files their names
                store.settle(manifest)
        with store.locked(for_reading=True), _progress("Files") as tell:
            problems = [Problem("", None, _FILE, text) for text in damages(store, manifest, tell)]
            problems += _verified(folder / "archive", folder / "ledger", manifest.origin, processes)
            _tidy(folder / "archive")
    except BackupFailed as error:
        raise fail(str(error)) from None
    except OSError as error:
        raise fail(f"{error.filename or folder}: {error.strerror or error}") from None
    _tell_problems(problems, json=json)
    last = max((each.last or 0 for each in manifest.volumes.values()), default=0)
    seconds = monotonic() - started
    megabytes = manifest.octets / 1e6
    typer.echo(
        f"backup of {manifest.made}: {len(manifest.files)} files, {megabytes:.1f} MB, entries up to {last}; "
        f"{len(problems)} problems, {seconds:.1f} s",
        err=True,
    )
    raise typer.Exit(FOUND_WRONG if problems else 0)


def _encryption(config: Path) -> EncryptionSettings | None:
    """How the archive is encrypted; None where a configuration still lacks what is to be put in place by hand."""
    try:
        return load(config).encryption
    except ConfigError:
        return None


def _verified(
    archive: Path, ledger: Path, origin: str, processes: int, encryption: EncryptionSettings | None = None
) -> list[Problem]:
    """What `mailgw verify` finds in an archive with its ledger. That a key is not there is told, and no problem."""
    if not archive.is_dir():
        return []
    published = sorted((ledger / "public").glob("checkpoint*"))
    with TemporaryDirectory(prefix="mailgw-") as state:
        run = Verification(
            Subject(
                archive,
                ledger,
                origin,
                catalog=None,
                published=published,
                encryption=encryption or EncryptionSettings(),
            ),
            state=Path(state) / "verify.json",
            processes=processes or len(os.sched_getaffinity(0)),
        )
        try:
            found: list[Problem] = []
            with _progress("Entries") as tell:
                for problem in run.run():
                    tell("", 0)
                    found += [problem] if problem else []
        except VerificationFailed as error:
            raise fail(str(error)) from None
    if run.summary.unopened:
        typer.echo(
            f"{run.summary.unopened} entries are encrypted, and were not opened: no key. Digests, ledger and pages "
            "were checked; `mailgw verify` checks the rest where the master key is",
            err=True,
        )
    return [problem for problem in found if problem.kind != "keys"]


def _tidy(archive: Path) -> None:
    """Remove what SQLite left beside the newest volume, which nobody writes to here."""
    for path in archive.glob("*"):
        if path.name.endswith("-shm") or (path.name.endswith("-wal") and not path.stat().st_size):
            with suppress(OSError):
                path.unlink()


# --- after a restore ---


def _made_anew(done: Restored, processes: int) -> Iterator[Problem]:
    """Make catalog and search index."""
    try:
        reindexing.reindex(processes=processes, config=done.config)
    except typer.Exit:
        text = f"catalog and search index could not be made: mailgw reindex --config {done.config}"
        yield Problem("", None, _INDEX, text)


def _given(done: Restored, to: Path | None) -> Iterator[str]:
    """As root, give the files to whom they belonged; what is to be done where there is no such user."""
    folder = to or done.storage
    if os.geteuid() != 0 or done.manifest.owner in (None, "root"):
        return
    try:
        owner = pwd.getpwnam(str(done.manifest.owner))
    except KeyError:
        yield f"the files belong to root now: chown -R USER {folder}, for the user that the service runs as"
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)


# --- telling ---


@contextmanager
def _progress(what: str) -> Iterator[Tell]:
    """A bar on a terminal, nothing in a pipe."""
    columns = (
        TextColumn("{task.description}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda name, octets: progress.update(bar, description=f"{what} {name}", advance=octets)


def _tell_made(done: Outcome, seconds: float, *, json: bool) -> None:
    manifest = done.manifest
    last = max((each.last or 0 for each in manifest.volumes.values()), default=0)
    secrets = [each.path for each in manifest.files if each.secret]
    if json:
        print_json({
            "run": manifest.run,
            "files": len(manifest.files),
            "octets": manifest.octets,
            "copied_files": done.files,
            "copied_octets": done.octets,
            "removed_files": done.removed,
            "last_entry": last,
            "secrets": secrets,
            "problems": done.problems,
            "left_out": done.notes,
            "seconds": round(seconds, 3),
        })  # fmt: skip
        return
    for problem in done.problems:
        typer.echo(problem)
    for note in done.notes:
        typer.echo(f"left out: {note}", err=True)
    if secrets:
        typer.echo(
            f"SECRETS ARE IN THIS BACKUP: {', '.join(secrets)}. Keep it where only those may read it who may run the "
            "gateway, encrypted off the premises; or use --without-secrets",
            err=True,
        )
    typer.echo(
        f"backup {manifest.run}: {len(manifest.files)} files, {manifest.octets / 1e6:.1f} MB, entries up to {last}; "
        f"copied {done.files} files, {done.octets / 1e6:.1f} MB, {seconds:.1f} s",
        err=True,
    )


def _tell_problems(problems: list[Problem], *, json: bool) -> None:
    for problem in problems:
        if json:
            print_json(asdict(problem))
            continue
        place = f"{problem.volume}: " if problem.volume else ""
        entry = f"entry {problem.seq}: " if problem.seq is not None else ""
        typer.echo(f"{place}{entry}{problem.kind}: {problem.text}")


def _tell_restored(
    done: Restored, problems: list[Problem], by_hand: list[str], seconds: float, *, json: bool
) -> None:
    if json:
        print_json({
            "config": str(done.config),
            "storage": str(done.storage),
            "made": done.manifest.made,
            "problems": [asdict(each) for each in problems],
            "by_hand": by_hand,
            "seconds": round(seconds, 3),
        })  # fmt: skip
        return
    _tell_problems(problems, json=False)
    typer.echo(
        f"restored the backup of {done.manifest.made} to {done.storage}: {len(problems)} problems, {seconds:.1f} s",
        err=True,
    )
    typer.echo("to be done by hand:", err=True)
    for each in (
        *by_hand,
        "the program, the service's user and unit (docs/install.md), the certificate and its renewal",
        "the address: DNS and MX records, firewall, and the mail servers that know the gateway by its address",
        f"mailgw check --config {done.config}; start the service only when the old machine is off",
    ):
        typer.echo(f"- {each}", err=True)
