"""Findings in words: names, lists of names and the sentences that every explanation shares.

Promises: people are called by name where a name is known, never by address; a list of names reads well with
one, two or ten thousand of them; nothing of the message's content appears.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.directory.model import Person

# A list this long is read; a longer one is counted.
_MOST_NAMES = 4


def display_name(person: Person) -> str:
    """A person's name; without one their first address, then their id."""
    if person.given.strip() or person.family.strip():
        return person.name
    return person.addresses[0].address if person.addresses else f"person {person.id}"


def by_name(people: Iterable[Person]) -> list[Person]:
    """People in the order of a class list, the same whatever order they come in."""
    return sorted(people, key=lambda person: (person.family.lower(), person.given.lower(), person.id))


def series(words: Sequence[str], conjunction: str = "and") -> str:
    """ "A", "A and B", "A, B and C"; all of them."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def names(people: Sequence[Person]) -> str:
    """The names of people: all of a few, else the first three and how many others."""
    if len(people) <= _MOST_NAMES:
        return series([display_name(person) for person in people])
    shown = [display_name(person) for person in people[: _MOST_NAMES - 1]]
    return series([*shown, f"{len(people) - len(shown)} others"])


def people_called(people: Sequence[Person], one: str, many: str) -> str:
    """ "the student Ana Silva", "the students Ana Silva and Ben Cole", "25 students (Ana Silva, ...)"."""
    if len(people) == 1:
        return f"the {one} {names(people)}"
    if len(people) <= _MOST_NAMES:
        return f"the {many} {names(people)}"
    return f"{len(people)} {many} ({names(people)})"


def quoted(sentence: str) -> str:
    """The policy's own words."""
    return f"The policy says: “{sentence}”"


def how_sure(confidence: str, reasons: Iterable[str], genuine: str) -> str:
    """How sure a finding is, and what that rests on; reasons are clauses, without capital and full stop.

    `genuine` is the sentence on forgery (`Context.genuine`).
    """
    return paragraph(
        f"How sure: {confidence}.",
        *(f"{reason[:1].upper()}{reason[1:]}." for reason in reasons),
        genuine,
    )


def possessive(name: str) -> str:
    """ "Dana Reed's", "Sam James'"."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def paragraph(*sentences: str) -> str:
    """Sentences as one paragraph; empty ones are left out."""
    return " ".join(sentence for sentence in sentences if sentence)
