from __future__ import annotations

import pytest

from gateway.directory.model import GroupKind, Role
from gateway.directory.roles import Part, class_part, group_kind, group_part, makes_guardian, person_roles

S, G, T = Role.STUDENT, Role.GUARDIAN, Role.STAFF


@pytest.mark.parametrize(
    ("word", "roles"),
    [
        ("student", {S}), ("Student", {S}), ("parent", {G}), ("guardian", {G}), ("relative", {G}), ("Mother", {G}),
        ("teacher", {T}), ("aide", {T}), ("proctor", {T}), ("counselor", {T}), ("Professor", {T}), ("staff", {T}),
        ("coach", {Role.COACH}), ("Head Coach", {Role.COACH}), ("advisor", {Role.ADVISOR}), ("adviser", {Role.ADVISOR}),
        ("Instructional Coach", {T}),  # coaches teachers
        ("administrator", {Role.ADMINISTRATOR}), ("siteAdministrator", {Role.ADMINISTRATOR}),
        ("districtAdministrator", {Role.ADMINISTRATOR}), ("systemAdministrator", {Role.ADMINISTRATOR}),
        ("principal", {Role.PRINCIPAL}), ("Interim-Principal", {Role.PRINCIPAL}),
        ("assistant principal", {Role.ADMINISTRATOR}), ("Vice_Principal", {Role.ADMINISTRATOR}),
        ("teacher,coach", {T, Role.COACH}), ("parent; teacher", {G, T}),
    ],
)  # fmt: skip
def test_words_for_roles(word: str, roles: set[Role]) -> None:
    assert person_roles(word) == (frozenset(roles), True)


@pytest.mark.parametrize(
    ("word", "roles"), [("wizard", set()), ("volunteer", set()), ("teacher,wizard", {T}), ("alumni", set())]
)
def test_unknown_words_are_told(word: str, roles: set[Role]) -> None:
    assert person_roles(word) == (frozenset(roles), False)


@pytest.mark.parametrize(
    ("word", "guardian"),
    [("guardian", True), ("Parent", True), ("relative", True), ("other", False), ("doctor", False),
     ("emergencyContact", False), ("sibling", False), ("", None), ("wizard", None)],
)  # fmt: skip
def test_who_becomes_a_guardian(word: str, guardian: bool | None) -> None:
    assert makes_guardian(word) is guardian


@pytest.mark.parametrize(
    ("word", "kind", "part", "role"),
    [
        ("coach", GroupKind.TEAM, Part.LEADER, Role.COACH),
        ("assistant coach", GroupKind.TEAM, Part.LEADER, Role.COACH),
        ("leader", GroupKind.TEAM, Part.LEADER, Role.ADVISOR),
        ("director", GroupKind.TEAM, Part.LEADER, Role.COACH),
        ("advisor", GroupKind.CLUB, Part.LEADER, Role.ADVISOR),
        ("director", GroupKind.ORGANIZATION, Part.LEADER, Role.ADVISOR),
        ("teacher", GroupKind.CLASS, Part.LEADER, None),
        ("Player", GroupKind.TEAM, Part.MEMBER, None),
        ("athletic director", GroupKind.TEAM, Part.ADMINISTRATOR, None),
        ("parent", GroupKind.TEAM, Part.GUARDIAN, None),
        ("wizard", GroupKind.TEAM, None, None),
    ],
)
def test_parts_in_a_group(word: str, kind: GroupKind, part: Part | None, role: Role | None) -> None:
    assert group_part(word, kind) == (part, role)


@pytest.mark.parametrize(
    ("word", "part", "role"),
    [
        ("student", Part.MEMBER, S),
        ("teacher", Part.LEADER, T),
        ("aide", Part.LEADER, T),
        ("professor", Part.LEADER, T),
        ("administrator", Part.ADMINISTRATOR, None),
        ("parent", Part.GUARDIAN, None),
        ("wizard", None, None),
        ("", None, None),
        ("student,teacher", None, None),
    ],
)
def test_parts_in_a_class(word: str, part: Part | None, role: Role | None) -> None:
    assert class_part(word) == (part, role)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("team", GroupKind.TEAM), ("Sports", GroupKind.TEAM), ("CLUB", GroupKind.CLUB), ("section", GroupKind.CLASS),
     ("organisation", GroupKind.ORGANIZATION), ("guild", None), ("", None)],
)  # fmt: skip
def test_kinds_of_groups(word: str, kind: GroupKind | None) -> None:
    assert group_kind(word) is kind
