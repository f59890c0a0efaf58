"""Who is meant by `person:`: asked of the roster as it is today, which is read only where a query needs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from gateway.config import Config
from gateway.directory.model import AddressKind, Person
from gateway.directory.snapshot import Directory
from gateway.message.words import fold, words

_TOLD = 5  # people named in one line


class Roster:
    """`query.People` of the configured roster. Remembers who was meant, so that it can be told.

    An id of the roster is that person; an address is everybody behind it; words are everybody whose name has them. A
    text that names nobody today is looked for as an id, so that people who have left are found by theirs.
    """

    def __init__(self, settings: Config) -> None:
        self._settings = settings
        self._meant: dict[str, tuple[str, ...]] = {}

    def __call__(self, text: str, prefix: bool) -> tuple[str, ...]:
        found = tuple(sorted(self._found(text, prefix)))
        self._meant[f"{text}*" if prefix else text] = found
        return found or (() if prefix else (text,))

    def has(self, id: str) -> bool:
        """Whether somebody in today's roster has this id."""
        return id in self._directory.people

    def known(self, text: str) -> tuple[str, ...]:
        """The ids of those in today's roster whom a text means."""
        return tuple(sorted(self._found(text, prefix=False)))

    def groups(self, text: str, prefix: bool) -> Iterator[str]:
        """The ids of the groups that have a text for their name, or, with `prefix`, whose name begins with it."""
        named = ((group.id, group.name) for group in self._directory.groups.values())
        return _called(named, text, prefix)

    def schools(self, text: str, prefix: bool) -> Iterator[str]:
        """The ids of schools, likewise."""
        return _called(self._directory.schools.items(), text, prefix)

    def owners(self, address: str) -> tuple[str, ...]:
        """The ids of those in today's roster who have an address."""
        return tuple(match.person.id for match in self._directory.matches(address))

    def accounts(self, id: str) -> int:
        """How many personal addresses are registered of somebody; no kept roster has them, and so no index."""
        person = self._directory.people.get(id)
        kinds = [address.kind for address in person.addresses] if person is not None else []
        return kinds.count(AddressKind.PERSONAL)

    def called(self, id: str) -> str:
        """Somebody in today's roster: id and name."""
        return f"{id} ({self._directory.people[id].name})"

    def told(self) -> Iterator[str]:
        """Who was meant, a line for each text."""
        for text, ids in self._meant.items():
            if not ids:
                yield f"“{text}” is nobody in today's roster" + (
                    "" if text.endswith("*") else "; taken as an id"
                )
            elif ids != (text,):
                more = f" and {len(ids) - _TOLD} more" if len(ids) > _TOLD else ""
                named = map(self.called, ids[:_TOLD])
                yield f"“{text}” is {', '.join(named)}{more}"

    def _found(self, text: str, prefix: bool) -> set[str]:
        people = self._directory.people
        if prefix:
            named = {each.id for each in people.values() if _is_named(each, text, prefix=True)}
            return named | {id for id in people if id.startswith(text)}
        if text in people:
            return {text}
        if "@" in text:
            return {match.person.id for match in self._directory.matches(text)}
        return {each.id for each in people.values() if _is_named(each, text, prefix=False)}

    @cached_property
    def _directory(self) -> Directory:
        from gateway.cli.policy.today import read_directory

        return read_directory(self._settings)


def _called(named: Iterable[tuple[str, str]], text: str, prefix: bool) -> Iterator[str]:
    """The ids of those whose name, without case and accents, is a text or begins with it."""
    wanted = fold(text)
    for id, name in named:
        folded = fold(" ".join(name.split()))
        if folded == wanted or (prefix and folded.startswith(wanted)):
            yield id


def _is_named(person: Person, text: str, *, prefix: bool) -> bool:
    """Whether every word of the text is one of the name; with `prefix` the last one begins one."""
    asked = list(words(text))
    name = set(words(f"{person.given} {person.preferred} {person.middle} {person.family}"))
    if not asked:
        return False
    *whole, last = asked
    ends = any(each.startswith(last) for each in name) if prefix else last in name
    return ends and name.issuperset(whole)
