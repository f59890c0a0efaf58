"""What rosters call people, read as the roles of the policy.

One table for each place in which a role stands, because the same word means different things: an
`administrator` of a person's record is staff, an `administrator` of a group answers for it. Words are
compared without case, spaces and punctuation.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from gateway.directory.model import GroupKind, Role

_NOT_WORD = re.compile(r"[\W_]+")
_SEVERAL = re.compile(r"[,;|]")


def folded(word: str) -> str:
    """`Assistant-Coach`, `assistant coach` and `assistantCoach` alike."""
    return _NOT_WORD.sub("", word).lower()


def _words(**table: str) -> dict[str, str]:
    return {word: key for key, words in table.items() for word in words.split()}


# OneRoster 1.1 and 1.2 role enumerations, SDS v2.1 list of values, and what exports write besides.
# A coach of teachers is no coach in the policy's sense; an assistant principal is no principal.
_PERSON = {
    word: Role(role)
    for word, role in _words(
        student="student students learner pupil",
        guardian="guardian guardians parent parents parentguardian relative mother father stepmother stepfather "
        "stepparent fosterparent grandparent grandmother grandfather aunt uncle legalguardian caregiver",
        staff="staff teacher faculty professor instructor lecturer adjunct chair researcher affiliate aide "
        "teacheraide teachersaide instructionalaide teachingassistant paraprofessional para paraeducator proctor "
        "counselor guidancecounselor schoolcounselor adjustmentcounselor nurse schoolnurse librarian "
        "schoollibrarian substitute substituteteacher longtermsubstitute teacheroffrecord primaryteacher "
        "secondaryteacher specialist specialservices specialeducation specialeducator psychologist "
        "schoolpsychologist socialworker therapist occupationaltherapist physicaltherapist speechtherapist "
        "visiontherapist interventionist instructionalcoach literacycoach mathcoach readingcoach officestaff "
        "secretary clerk clericalstaff support itstaff technician custodian security officer employee personnel "
        "registrar tutor busdriver foodservice otherstaff nonteachingstaff",
        coach="coach headcoach assistantcoach athleticcoach volunteercoach varsitycoach",
        advisor="advisor adviser clubadvisor clubadviser classadvisor facultyadvisor",
        administrator="administrator admin siteadministrator schooladministrator districtadministrator "
        "systemadministrator assistantprincipal viceprincipal associateprincipal deputyprincipal dean "
        "superintendent assistantsuperintendent athleticdirector director departmenthead headmaster",
        principal="principal interimprincipal actingprincipal coprincipal",
    ).items()
}

# Guardianship in relationships.csv; the other values of the format make nobody a guardian.
_RELATIONSHIP = _words(
    guardian="guardian parent relative mother father stepmother stepfather stepparent fosterparent grandparent "
    "grandmother grandfather aunt uncle legalguardian caregiver parentguardian",
    none="other doctor aide child sibling brother sister spouse administrator emergencycontact emergency contact "
    "caseworker socialworker counselor self student",
)


class Part(StrEnum):
    """What somebody is in a group."""

    LEADER = "leader"
    MEMBER = "member"
    ADMINISTRATOR = "administrator"
    GUARDIAN = "guardian"


# group_members.csv: the part, and the role that leading the group gives.
_GROUP = {
    word: Part(part)
    for word, part in _words(
        leader="coach headcoach assistantcoach volunteercoach advisor adviser clubadvisor assistantadvisor leader "
        "teacher director sponsor moderator conductor",
        member="member student player athlete participant captain cocaptain manager president vicepresident "
        "secretary treasurer",
        administrator="administrator admin principal assistantprincipal athleticdirector siteadministrator",
        guardian="guardian parent parentguardian",
    ).items()
}
_COACHES = {"coach", "headcoach", "assistantcoach", "volunteercoach"}
_ADVISES = {"advisor", "adviser", "clubadvisor", "assistantadvisor", "leader", "sponsor", "moderator"}

_KINDS = {
    word: GroupKind(kind)
    for word, kind in _words(
        team="team teams sport sports athletics athleticteam",
        club="club clubs activity extracurricular",
        **{"class": "class course section homeroom advisory"},
        organization="organization organisation org council government ensemble band chorus",
    ).items()
}


@lru_cache(maxsize=1024)  # a roster says a handful of words in hundreds of thousands of rows
def person_roles(text: str) -> tuple[frozenset[Role], bool]:
    """The roles named in a cell (one, or several with commas between), and whether all were known."""
    words = [folded(word) for word in _SEVERAL.split(text)]
    found = [_PERSON.get(word) for word in words if word]
    return frozenset(role for role in found if role is not None), None not in found


def makes_guardian(text: str) -> bool | None:
    """Whether a relationship makes a guardian; None where the word is not known."""
    known = _RELATIONSHIP.get(folded(text))
    return None if known is None else known == "guardian"


def group_part(text: str, kind: GroupKind) -> tuple[Part | None, Role | None]:
    """The part that a word of group_members.csv names in a group of `kind`, and the role it gives."""
    word = folded(text)
    part = _GROUP.get(word)
    if part != Part.LEADER or word == "teacher":
        return part, None
    if word in _COACHES or (kind == GroupKind.TEAM and word not in _ADVISES):
        return part, Role.COACH
    return part, Role.ADVISOR


@lru_cache(maxsize=1024)
def class_part(text: str) -> tuple[Part | None, Role | None]:
    """The part that a word of enrollments.csv names in a class, and the role it shows.

    Whoever works with the class (teacher, aide, proctor) leads it; a role of the school's office
    answers for it.
    """
    roles, known = person_roles(text)
    if len(roles) != 1 or not known:
        return None, None
    (role,) = roles
    if role == Role.STUDENT:
        return Part.MEMBER, role
    if role == Role.GUARDIAN:
        return Part.GUARDIAN, None
    if role in (Role.ADMINISTRATOR, Role.PRINCIPAL):
        return Part.ADMINISTRATOR, None
    return Part.LEADER, Role.STAFF


def group_kind(text: str) -> GroupKind | None:
    """The kind that a word of groups.csv names."""
    return _KINDS.get(folded(text))
