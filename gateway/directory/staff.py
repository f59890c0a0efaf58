"""Staff by surname, and whose name somebody else in the directory bears: what identification by name asks.

Only staff are indexed; of everybody else it is kept whether they share a staff member's name. A look-up takes
constant time. Students are never staff here, whatever else the roster says of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.directory.given import nicknames
from gateway.directory.model import Person, Role
from gateway.directory.names import family_keys, family_words, given_words

_STAFF = frozenset({Role.STAFF, Role.COACH, Role.ADVISOR, Role.ADMINISTRATOR, Role.PRINCIPAL})

_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, repr=False)
class StaffNames:
    """The index. The sets hold ids of staff members."""

    by_surname: Mapping[str, tuple[Person, ...]]  # by `names.family_keys`
    with_namesakes: frozenset[str]  # a student or guardian may be called the same
    with_shared_initial: frozenset[str]  # one has the surname and the initial


def staff_names(people: Iterable[Person]) -> StaffNames:
    """The index of a directory's people."""
    people = tuple(people)
    staff = [person for person in people if is_indexed(person)]
    by_surname: dict[str, list[Person]] = {}
    keys: dict[str, frozenset[str]] = {}
    for person in staff:
        if person.family not in keys:
            keys[person.family] = family_keys(person.family)
        for key in keys[person.family]:
            by_surname.setdefault(key, []).append(person)
    alike, initials = _shared(staff, people)
    return StaffNames({key: tuple(found) for key, found in by_surname.items()}, alike, initials)


def is_indexed(person: Person) -> bool:
    """Whether somebody works for the district and is no student."""
    return not person.roles.isdisjoint(_STAFF) and Role.STUDENT not in person.roles


def _shared(staff: Iterable[Person], people: Iterable[Person]) -> tuple[frozenset[str], frozenset[str]]:
    """The staff whose name, or whose surname and initial, somebody has who is no staff."""
    surname, first = _once("".join, family_words), _once(_first, given_words)
    by_name: dict[str, dict[str, set[str]]] = {}  # surname -> given name, any nickname or initial -> ids
    for person in staff:
        named = by_name.setdefault(surname(person.family), {})
        for given in filter(None, (first(person.given), first(person.preferred))):
            for form in (given, given[0], *nicknames(given)):
                named.setdefault(form, set()).add(person.id)
    alike: set[str] = set()
    initials: set[str] = set()
    for person in people:
        known = by_name.get(surname(person.family))
        if known is None or not person.roles or is_indexed(person):
            continue
        for given in filter(None, (first(person.given), first(person.preferred))):
            alike |= known.get(given, _NOBODY)
            initials |= known.get(given[0], _NOBODY)
    return frozenset(alike), frozenset(initials | alike)


def _first(words: tuple[str, ...]) -> str:
    return words[0] if words else ""


def _once(
    join: Callable[[tuple[str, ...]], str], fold: Callable[[str], tuple[str, ...]]
) -> Callable[[str], str]:
    """Folding that does each text once: a hundred thousand people have a few thousand names."""
    known: dict[str, str] = {}

    def folded(text: str) -> str:
        found = known.get(text)
        if found is None:
            found = known[text] = join(fold(text))
        return found

    return folded
