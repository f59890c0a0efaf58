"""When students left: by the last day that the roster gives for them, or by the first roster without them as such.

Rosters are the directories that the service kept, one for each day and version, and today's. Where they leave a choice
the later day counts, so that nothing goes too early: a student who left between two kept rosters had left by the
second. One who came back has not left. Where today's roster names far fewer students than the last one that was kept,
or none at all, nobody is known to have left: that is a roster that was cut short, or lost.

Students concerned by a message are those who take part in it. Where none does, they are the children of the guardians
who do, by all rosters: what a teacher and a mother write each other about a child is the child's record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import groupby
from typing import Protocol

from gateway.directory.history import History, Kept
from gateway.directory.model import Person, Role
from gateway.directory.snapshot import Directory


class Leaving(Protocol):
    """Who knows when students left."""

    def of(self, persons: Iterable[str]) -> tuple[date | None, ...]:
        """For each student whom some people are, or are guardians of: the day by which they had left.

        None: they have not, or nobody knows. Empty: no student is among them.
        """


@dataclass(slots=True)
class _Student:
    """What the rosters up to a day say of one student."""

    last: date  # of which roster they were a student
    end: date | None  # the last day that this roster gives
    left: date | None = None  # None: they have not


@dataclass(slots=True)
class Followed:
    """What rosters say, one after the other in the order of their days."""

    students: dict[str, _Student] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)  # ids of people who were something else, and no student
    children: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # by guardian

    def take(self, directory: Directory) -> None:
        """One more roster."""
        for id, student in self.students.items():
            person = directory.people.get(id)
            if student.left is None and (person is None or not person.is_a(Role.STUDENT)):
                student.left = _left(student, person, directory.as_of)
        for person in directory.people.values():
            self._add(person, directory.as_of)
        for child, guardians in directory.guardians.items():
            for guardian in guardians:
                self.children[guardian].add(child)

    def _add(self, person: Person, as_of: date) -> None:
        if person.is_a(Role.STUDENT):
            self.students[person.id] = _Student(as_of, person.end)
            self.others.discard(person.id)
        elif person.roles and person.id not in self.students:
            self.others.add(person.id)
        elif person.id not in self.students and person.id not in self.others:
            # Somebody who has left, and whom no kept roster has as anything: it may have been a student.
            end = person.end if person.end is not None and person.end <= as_of else as_of
            self.students[person.id] = _Student(end, end, end)

    def leaving(self, persons: Iterable[str]) -> list[date | None]:
        """For the students among some people, or else their children: the day by which they had left."""
        among = set(persons)
        found = among & self.students.keys()
        if not found:
            found = {child for each in among for child in self.children.get(each, ())} & self.students.keys()
        return [self.students[id].left for id in sorted(found)]


class Rosters:
    """`Leaving`, by the rosters that were kept and today's. Reads them all at the first question."""

    def __init__(self, today: Directory, history: History, max_shrink: float = 0.2) -> None:
        """max_shrink: share of the students of the last kept roster that today's may lack."""
        self._today = today
        self._history = history
        self._max_shrink = max_shrink
        self._followed: Followed | None = None

    @cached_property
    def is_known(self) -> bool:
        """Whether today's roster tells who is a student."""
        now = _count(self._today)
        before = self._history.of(self._today.as_of, self._today.version)
        return now > 0 and (before is None or now >= _count(before) * (1 - self._max_shrink))

    def of(self, persons: Iterable[str]) -> tuple[date | None, ...]:
        """See `Leaving`."""
        if self._followed is None:
            self._followed = Followed()
            for directory in self._directories():
                self._followed.take(directory)
        found = self._followed.leaving(persons)
        return tuple(found) if self.is_known else (None,) * len(found)

    def _directories(self) -> Iterator[Directory]:
        """All rosters that can be read, the oldest first, today's last."""
        for kept in telling(self._history.kept()):
            directory = self._history.of(kept.as_of, kept.version)
            # Instead of a file that cannot be read there comes another day's: that one has its own place.
            if directory is not None and directory.as_of == kept.as_of <= self._today.as_of:
                yield directory
        yield self._today


def telling(kept: Sequence[Kept]) -> list[Kept]:
    """Of the files of each version that stand side by side the first and the last: those between tell nothing new.

    They are of one roster, in which only dates come round, and those it names itself.
    """
    found: list[Kept] = []
    for _, run in groupby(kept, key=lambda each: each.version):
        files = list(run)
        found += files[:1] if len(files) == 1 else [files[0], files[-1]]
    return found


def _count(directory: Directory) -> int:
    return sum(person.is_a(Role.STUDENT) for person in directory.people.values())


def _left(student: _Student, person: Person | None, as_of: date) -> date:
    """The day by which somebody had left who is a student no more on `as_of`."""
    # The end of somebody who has become something else is not that of the student.
    own = person.end if person is not None and not person.roles else None
    end = own or student.end
    return max(end, student.last) if end is not None and end <= as_of else as_of
