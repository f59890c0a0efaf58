"""A rebuild gives what following gave, however the entries came."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.indexer import projecting
from gateway.indexer.batch import Limits
from gateway.indexer.follower import Follower
from gateway.indexer.rebuild import Helpers

Dump = Callable[[Path], dict[str, list[tuple[Any, ...]]]]

# What happens: a message with findings (by number) and people, an event about an earlier message, a bad
# entry, or a step of the follower.
step = st.just(("step",))
happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("message"), st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), max_size=2)
        ),
        st.tuples(st.just("event"), st.integers(0, 5), st.sampled_from(["relayed", "deferred", "refused"])),
        st.tuples(st.just("bad")),
        step,
    ),
    max_size=25,
)


@given(happenings=happenings, size=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_a_rebuild_equals_what_was_followed(
    fresh_archive: Any, dump: Dump, happenings: list[tuple[Any, ...]], size: int
) -> None:
    archive, ids = fresh_archive(), []
    with tempfile.TemporaryDirectory() as name:
        followed, rebuilt = Path(name) / "followed", Path(name) / "rebuilt"
        follower = Follower(archive, followed, limits=Limits(entries=size))
        for happening in [*happenings, ("message", []), ("step",)]:
            match happening:
                case ("message", found):
                    findings = [archive.finding(f"f{number}", who) for number, who in found]
                    ids.append(archive.message(verdict=archive.verdict(*findings)))
                case ("event", number, kind):
                    archive.event(ids[number] if number < len(ids) else "unknown", kind)
                case ("bad",):
                    archive.add("message", f"bad-{len(archive.entries)}", "", {})
                case ("step",):
                    follower.step()
        while follower.step().entries:
            pass
        follower.close()
        other = Follower(archive, rebuilt, limits=Limits(entries=100))
        other.rebuild()
        other.close()
        assert dump(rebuilt) == dump(followed)
        Follower(archive, followed).rebuild()
        assert dump(followed) == dump(rebuilt)


def test_what_arrives_during_a_rebuild_is_in_it(archive: Any, dump: Dump, tmp_path: Path) -> None:
    archive.message()
    late = iter([True, True])

    def progress(done: int, _total: int) -> None:
        if done and next(late, False):
            archive.message()

    Follower(archive, tmp_path).rebuild(progress)
    assert len(dump(tmp_path)["messages"]) == 3


def test_a_rebuild_ends_though_mail_never_does(archive: Any, dump: Dump, tmp_path: Path) -> None:
    archive.message()
    Follower(archive, tmp_path).rebuild(lambda _done, _total: archive.message() and None)
    assert len(dump(tmp_path)["messages"]) >= 10


def test_an_archive_that_holds_less_than_it_said(archive: Any, tmp_path: Path, monkeypatch: Any) -> None:
    archive.message()
    monkeypatch.setattr(archive, "last_seq", lambda: 5)
    mark = Follower(archive, tmp_path).rebuild()
    assert mark is not None
    assert mark.position == 1


def test_files_are_not_for_others_to_read(archive: Any, tmp_path: Path) -> None:
    archive.message()
    Follower(archive, tmp_path / "catalog").rebuild()
    for path in [tmp_path / "catalog", *(tmp_path / "catalog").iterdir()]:
        assert path.stat().st_mode & 0o007 == 0


def itself(archive: Any) -> Any:
    """How another process gets the archive: in the pickle."""
    return archive


def test_several_processes_make_the_same_catalog(
    archive: Any, dump: Dump, watcher: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "BATCH", 4)
    ids = []
    for number in range(30):
        found = [archive.finding(f"f{number}", "bob")] if number % 7 == 0 else []
        ids.append(archive.message(verdict=archive.verdict(*found)))
        if number % 3:
            archive.event(ids[number // 2])
    archive.add("message", "bad", "", {})
    archive.raws[9] = ValueError("does not have the SHA-256 that was recorded")
    alone, together = tmp_path / "alone", tmp_path / "together"
    Follower(archive, alone).rebuild()
    told: list[tuple[int, int]] = []
    follower = Follower(archive, together, observer=watcher)
    mark = follower.rebuild(lambda done, of: told.append((done, of)), Helpers(partial(itself, archive), 2))
    assert dump(together) == dump(alone)
    assert mark is not None and mark.unindexed == 2
    assert watcher.failures == ["entry", "entry"]  # each told once
    assert told == sorted(told)
    assert told[-1] == (len(archive.entries), len(archive.entries))


def test_a_catalog_comes_of_it_though_the_processes_die(
    archive: Any, dump: Dump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projecting, "BATCH", 4)
    for _ in range(30):
        archive.message()
    alone, together = tmp_path / "alone", tmp_path / "together"
    Follower(archive, alone).rebuild()
    mark = Follower(archive, together).rebuild(helpers=Helpers(partial(os._exit, 9), 2))
    assert mark is not None and mark.messages == 30
    assert dump(together) == dump(alone)
