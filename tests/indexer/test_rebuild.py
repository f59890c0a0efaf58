"""A rebuild gives what following gave, however the entries came."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.indexer.batch import Limits
from gateway.indexer.follower import Follower

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
