"""Settings and rosters that do not fit the rules, in words for whoever edits them.

`problems` is for `mailgw check`: settings that name rules, people or groups which are not there. `gaps` is for
`mailgw directory check`: what the roster lacks, every group without its administrator among it, whether or not
mail was sent. Nothing here stops mail: a setting that names nobody has no effect, and that is what is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from gateway.config import Policy
from gateway.directory.coverage import CoverageLine, coverage
from gateway.directory.snapshot import Directory
from gateway.policy.capacity import is_staff
from gateway.policy.groups import attending, means_school, resolve_person
from gateway.policy.rules.table import RULES


def problems(settings: Policy, directory: Directory, today: date) -> tuple[str, ...]:
    """Each problem as "key: what is wrong; what was expected"."""
    return (*_rules(settings, directory, today), *_administrators(settings, directory, today))


def unknown_schools(key: str, names: Iterable[str], directory: Directory) -> Iterator[str]:
    """What is wrong with names that a setting has for schools; the same form."""
    schools = {*directory.schools, *(group.school for group in directory.groups.values() if group.school)}
    for name in names:
        meant = sum(means_school(directory, name, school) for school in schools)
        if not meant:
            yield f'{key}."{name}": no school in the directory is {name!r}; expected a sourcedId or name'
        elif meant > 1:
            yield f'{key}."{name}": {meant} schools have this name, and all are meant; expected a sourcedId'


def gaps(settings: Policy, directory: Directory, today: date) -> tuple[CoverageLine, ...]:
    """Everything that the roster lacks, by the rules' own notion of a group without administrator."""
    return coverage(directory, lambda group: attending(directory, group, frozenset(), settings, today))


def _rules(settings: Policy, directory: Directory, today: date) -> Iterator[str]:
    known = {rule.id for rule in RULES}
    for rule_id, chosen in settings.rules.items():
        key = f'policy.rules."{rule_id}"'
        if rule_id not in known:
            yield f"{key}: no such rule; expected one of {', '.join(sorted(known))}"
        for index, exemption in enumerate(chosen.exemptions):
            where = f"{key}.exemptions[{index}]"
            if exemption.expires < today:
                yield f"{where}: expired on {exemption.expires} and has no effect; renew or remove it"
            for text in exemption.people:
                if resolve_person(directory, text) is None:
                    yield f"{where}.people: {text!r} is nobody in the directory; expected an id or address"
            for group in exemption.groups:
                if group not in directory.groups:
                    yield f"{where}.groups: no group in the directory is {group!r}; expected a group_id"


def _administrators(settings: Policy, directory: Directory, today: date) -> Iterator[str]:
    for kind, chosen in settings.fallback_administrators.items():
        key = f"policy.fallback_administrators.{kind}"
        yield from _answering(f"{key}.people", chosen.people, directory, today)
        yield from unknown_schools(f"{key}.schools", chosen.schools, directory)
        for name, people in chosen.schools.items():
            yield from _answering(f'{key}.schools."{name}"', people, directory, today)


def _answering(key: str, people: tuple[str, ...], directory: Directory, today: date) -> Iterator[str]:
    """What is wrong with people who are to answer for groups."""
    for text in people:
        who = resolve_person(directory, text)
        if who is None:
            yield f"{key}: {text!r} is nobody in the directory; expected an id or address"
        elif not is_staff(directory.people[who], today):
            yield f"{key}: {text!r} is not on the staff; expected an administrator"
