"""Step by step: a copy is made, something is done to it, and `verify` looks at it.

What each look must find is written beside it, to the number of the entry; a step in which something else is found, or
nothing, is not right. So this shows that `verify` works, and cannot show it of one that does not.

Fails with OSError, ArchiveUnavailable and apsw.Error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.archive import Problem, Reader
from gateway.demo.tamper import forgeries
from gateway.demo.tamper.original import ORIGIN, Copy, Original
from gateway.records.proof import gather, write
from gateway.records.verification.run import Subject, Summary, Verification

Forgery = Callable[[Copy, int], None]
Found = Sequence[tuple[int | None, str]]  # numbers of entries with the kinds of problems

NOTHING: Found = ()
_SHOWN = 3  # lines of one kind
_STEP = re.compile(r"\d+\. .*: (?P<result>[A-Z ]+)")
_CHECKER_TAKES = 120.0  # seconds at most

# What is done in each step; the names are those of the copies' folders.
FORGERIES: Mapping[str, Forgery] = {
    "one-byte": forgeries.one_byte,
    "mended": forgeries.one_letter_mended,
    "taken-out": forgeries.taken_out,
    "tree-as-well": forgeries.tree_as_well,
    "stolen-key": forgeries.signed_anew,
}


@dataclass(frozen=True, slots=True)
class Look:
    """One look of a checker. `command`: how to look by hand, in the folder of the copies."""

    command: tuple[str, ...]
    lines: tuple[str, ...]  # what it says
    expected: str  # what it must find, in words
    right: bool  # whether it did


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done, and what was found of it."""

    name: str
    title: str
    done: str
    looks: tuple[Look, ...]
    means: str

    @property
    def right(self) -> bool:
        return all(look.right for look in self.looks)


def steps(original: Original, folder: Path, forging: Mapping[str, Forgery] = FORGERIES) -> Iterator[Step]:
    """Every step, as it is done; copies are made in `folder`."""
    for make in (_untouched, _one_byte, _mended, _taken_out, _tree_as_well, _stolen_key):
        yield make(original, folder, forging)
    yield _rolled_back(original, folder)
    yield _proof(original, folder)


# --- the steps -------------------------------------------------------------------------------------------


def _untouched(original: Original, folder: Path, _: Mapping[str, Forgery]) -> Step:
    copy = original.copy.to(folder / "untouched")
    return Step(
        "untouched",
        "An untouched copy",
        f"Archive and ledger are copied and left alone: {original.entries} entries, of which "
        f"{len(original.sizes)} checkpoints attest {original.sizes[-1]}.",
        (_verify(copy, NOTHING, "nothing"), _with_kept(original, copy, NOTHING, "nothing")),
        "Every message has its digest, every entry its place in the tree, every checkpoint its signature.",
    )


def _one_byte(original: Original, folder: Path, forging: Mapping[str, Forgery]) -> Step:
    seq = original.target.seq
    copy = _forged(original, folder, "one-byte", forging)
    found, look = _looked(copy, ())
    of_message = [number for number, kind in found if kind == "message"]
    right = of_message == [seq] and {kind for _, kind in found} == {"message", "pages"}
    return Step(
        "one-byte",
        "One byte is changed in the file",
        f"One bit of one byte of message {seq} ({_subject(original)}) is changed in the volume, as by a "
        "failing disk, or by somebody with an editor for files.",
        (_told(look, f"message {seq}, and the page of the file that it is on", right=right),),
        f"Message {seq} is not the one that was received. Take it from a backup; the digest and the ledger "
        "tell whether the backup's is the right one. An entry that only shares the page is named as `pages` "
        "only: its own digests hold.",
    )


def _mended(original: Original, folder: Path, forging: Mapping[str, Forgery]) -> Step:
    seq = original.target.seq
    copy = _forged(original, folder, "mended", forging)
    expected = [(seq, "altered")]
    return Step(
        "mended",
        "One letter is changed by somebody who mends the rest",
        f"One letter of message {seq} is changed through SQLite; its digest is worked out anew, the page has "
        "the right checksum, and the triggers that forbid it are back in their place.",
        (_verify(copy, expected, f"entry {seq}, altered"),),
        "The archive by itself looks sound. The ledger's tree has the hash of the entry as it was, and the "
        "tree has the root that was signed: so it is the entry that was changed.",
    )


def _taken_out(original: Original, folder: Path, forging: Mapping[str, Forgery]) -> Step:
    seq, last = original.target.seq, original.sizes[-1]
    copy = _forged(original, folder, "taken-out", forging)
    expected = [(each, "altered") for each in range(seq, last + 1)]
    return Step(
        "taken-out",
        "One entry is taken out, and all behind it are renumbered",
        f"Entry {seq} is deleted, and each one behind it gets the number before, so that no number is missing.",
        (_verify(copy, expected, f"every entry from {seq} to {last}, altered"),),
        f"The first number that is named, {seq}, is where something was taken out or put in. Each entry "
        "behind it is another one than was attested under its number.",
    )


def _tree_as_well(original: Original, folder: Path, forging: Mapping[str, Forgery]) -> Step:
    seq = original.target.seq
    before = max(size for size in original.sizes if size < seq)
    behind = sum(size >= seq for size in original.sizes)
    copy = _forged(original, folder, "tree-as-well", forging)
    expected = [(before + 1, "fork")] * behind
    return Step(
        "tree-as-well",
        "Archive and tree are rewritten by somebody who cannot sign",
        f"A letter of message {seq} is changed as before, and the ledger's tree is made anew, so that both agree. The "
        "checkpoints stay as they are: there is no key to sign others.",
        (_verify(copy, expected, f"a fork behind entry {before}"),),
        f"The first {before} entries are what was signed; those behind them are not, and neither archive nor "
        "tree can tell which. A copy of the ledger's file `level-00` from a backup names the entry.",
    )


def _stolen_key(original: Original, folder: Path, forging: Mapping[str, Forgery]) -> Step:
    seq = original.target.seq
    copy = _forged(original, folder, "stolen-key", forging)
    found, look = _looked(copy, (original.elsewhere,))
    right = [kind for _, kind in found] == ["fork"] and (found[0][0] or 0) <= seq
    return Step(
        "stolen-key",
        "Everything is rewritten, and signed anew with the stolen key",
        f"A letter of message {seq} is changed, the tree is made anew, and the thief signs every checkpoint again with "
        "the ledger's own key.",
        (
            _verify(copy, NOTHING, "nothing: this history is whole, and it is false"),
            _told(
                look, f"a fork up to entry {original.kept}, entry {seq} among those in question", right=right
            ),
        ),
        "What lies on this machine cannot tell. The checkpoint that somebody else kept does: it is signed "
        "with the same key, over another history.",
    )


def _rolled_back(original: Original, folder: Path) -> Step:
    copy = original.older.to(folder / "rolled-back")
    first = original.older_entries + 1
    return Step(
        "rolled-back",
        "An older state is put back",
        f"Archive and ledger are replaced by a backup from earlier that day, with {original.older_entries} entries.",
        (
            _verify(copy, NOTHING, "nothing: the backup is sound, and it is old"),
            _with_kept(original, copy, [(first, "rollback")], f"a rollback at entry {first}"),
        ),
        f"Somebody else has a signed statement that there were {original.kept} entries. "
        f"Entries {first} to {original.kept} were there and are gone.",
    )


def _proof(original: Original, folder: Path) -> Step:
    copy = original.copy.to(folder / "proof")
    package = copy.folder / "package"
    with closing(Reader(copy.archive)) as reader:
        write(package, gather(reader, copy.ledger, original.target.id, 0.0).files)
    key = original.public.read_text().strip()
    looks = [_checker(package, key, 0, "that everything holds", folder)]
    changed = folder / "proof" / "package-changed"
    shutil.copytree(package, changed)
    message = changed / "message.eml"
    forgeries.flip(message, len(message.read_bytes()) // 2)
    looks.append(_checker(changed, key, 1, "that the message is another one", folder))
    return Step(
        "proof",
        "A proof of one message, for somebody who has neither archive nor gateway",
        f"`mailgw prove` makes a folder with message {original.target.seq} and what is needed to check it; the "
        "script in it checks it. Then one bit of message.eml is changed in a copy of the folder.",
        tuple(looks),
        "An outsider needs the folder, Python and the public key, and trusts nobody's program: docs/proof.md "
        "has every step to do by hand.",
    )


# --- looking ---------------------------------------------------------------------------------------------


def _forged(original: Original, folder: Path, name: str, forging: Mapping[str, Forgery]) -> Copy:
    copy = original.copy.to(folder / name)
    forging[name](copy, original.target.seq)
    return copy


def _verify(copy: Copy, expected: Found, text: str) -> Look:
    """Without anything but what lies on the machine."""
    found, look = _looked(copy, ())
    return _told(look, text, right=found == [*expected])


def _with_kept(original: Original, copy: Copy, expected: Found, text: str) -> Look:
    """With the checkpoint that somebody else kept."""
    found, look = _looked(copy, (original.elsewhere,))
    return _told(look, text, right=found == [*expected])


def _looked(copy: Copy, kept: Sequence[Path]) -> tuple[list[tuple[int | None, str]], Look]:
    """What `mailgw verify` finds, and what it says."""
    verification = Verification(
        Subject(copy.archive, copy.ledger, ORIGIN, None, kept), copy.folder / "storage" / "verify.json"
    )
    problems = [each for each in verification.run() if each is not None]
    home = copy.folder.parent
    command = ["mailgw", "verify", "--no-catalog", "-c", str(copy.config.relative_to(home))]
    for path in kept:
        command += ["--checkpoint", str(path.relative_to(home))]
    said = [_line(each).replace(f"{home}/", "") for each in problems]
    lines = (*_shortened([each.kind for each in problems], said), *_summary(verification.summary))
    return [(each.seq, each.kind) for each in problems], Look(tuple(command), lines, "", right=False)


def _told(look: Look, expected: str, *, right: bool) -> Look:
    return Look(look.command, look.lines, expected, right)


def _checker(package: Path, key: str, code: int, expected: str, folder: Path) -> Look:
    """What the script in a proof package says, and whether it ends as it must."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "verify.py", "--key", key],
        cwd=package, capture_output=True, text=True, timeout=_CHECKER_TAKES,
    )  # fmt: skip
    script = str((package / "verify.py").relative_to(folder))
    lines = tuple(_verdicts(done.stdout.splitlines())) or tuple(done.stderr.splitlines())
    return Look(("python3", script, "--key", key), lines, expected, done.returncode == code)


# --- what is shown of much -------------------------------------------------------------------------------


def _shortened(kinds: Sequence[str], said: Sequence[str]) -> Iterator[str]:
    """Lines, of each kind the first and the last."""
    of_kind: dict[str, list[str]] = {}
    for kind, line in zip(kinds, said, strict=True):
        of_kind.setdefault(kind, []).append(line)
    for lines in of_kind.values():
        if len(lines) <= _SHOWN + 1:
            yield from lines
        else:
            yield from lines[: _SHOWN - 1]
            yield f"… {len(lines) - _SHOWN} more of this kind …"
            yield lines[-1]


def _line(problem: Problem) -> str:
    """As `mailgw verify` writes it."""
    place = f"{problem.volume}: " if problem.volume else ""
    entry = f"entry {problem.seq}: " if problem.seq is not None else ""
    return f"{place}{entry}{problem.kind}: {problem.text}"


def _summary(summary: Summary) -> Iterator[str]:
    yield from summary.notes
    yield f"{summary.attested} entries attested by {summary.checkpoints} checkpoints"
    yield f"{summary.entries} entries, {summary.problems} problems"


def _verdicts(lines: Iterable[str]) -> Iterator[str]:
    """Of the script's paragraphs only the headings, those of a failure whole, and the conclusion."""
    whole = False
    for line in lines:
        heading = _STEP.fullmatch(line)
        if heading:
            whole = heading["result"] == "FAILED"
        if heading or line.startswith(("OK:", "FAILED:", "NOT ")) or (whole and line.startswith(" ")):
            yield line


def _subject(original: Original) -> str:
    return f"“{original.target.message.subject}”"
