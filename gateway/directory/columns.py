"""Column names: what the formats call a column, and what exports call it instead.

Names are compared without case, spaces and punctuation, `sourceId` is `sourcedId`, a list of ids may be
written in the singular. A name that is merely close (`familiyName`) is taken where its column would be
missing otherwise, and reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import islice

from gateway.directory.roles import folded

# Share of letters in common (difflib's ratio) from which a name counts as a misspelling: one letter in ten.
_CLOSE = 0.9
_MOST_GUESSES = 200  # columns looked at for misspellings; the widest file of the formats has 23


def _key(name: str) -> str:
    key = folded(name).replace("preffered", "preferred").replace("prefered", "preferred")
    return key.replace("sourceid", "sourcedid").replace("sourcedids", "sourcedid")


@dataclass(frozen=True)
class ColumnSet:
    """The columns of one file: those it is useless without, and every one with its other names."""

    required: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)  # column -> other names, with spaces between

    def places(self, header: Sequence[str]) -> tuple[dict[str, int], list[str]]:
        """Where each column stands in `header`, and which of them were only guessed.

        The column's own name counts before its other names, and the first of two equal names counts.
        """
        at: dict[str, int] = {}
        for index, name in enumerate(header):
            at.setdefault(_key(name), index)
        found: dict[str, int] = {}
        for column in (*self.required, *self.names):
            for key in map(_key, (column, *self.names.get(column, "").split())):
                if key in at and column not in found:
                    found[column] = at[key]
        return found, self._guess(at, found)

    def _guess(self, at: Mapping[str, int], found: dict[str, int]) -> list[str]:
        taken = set(found.values())
        unused = {key: at[key] for key in islice(at, _MOST_GUESSES) if at[key] not in taken and len(key) < 40}
        guessed = []
        for column in (*self.required, *self.names):
            if column in found:
                continue
            for key in get_close_matches(_key(column), unused, n=1, cutoff=_CLOSE):
                found[column] = unused.pop(key)
                guessed.append(column)
        return guessed


_STATUS = {"status": "recordStatus"}
_DATES = {
    "beginDate": "startDate roleStartDate roleBeginDate enrollmentStartDate enrollmentBeginDate start begin",
    "endDate": "roleEndDate enrollmentEndDate stopDate end",
}
_ROLE = {"role": "roles userRole primaryRole roleName relationshipRole relationship"}
_USER = {"userSourcedId": "user userId personSourcedId studentSourcedId"}
_SCHOOL = "schoolSourcedId school schoolId orgSourcedId"

# OneRoster CSV 1.1 §4 and 1.2 §4, Microsoft SDS v2.1.
MANIFEST = ColumnSet(("propertyName", "value"))
ORGS = ColumnSet(("sourcedId",), {**_STATUS, "name": "orgName title schoolName", "identifier": "code"})
SESSIONS = ColumnSet(("sourcedId",), {**_STATUS, **_DATES})
USERS = ColumnSet(
    ("sourcedId",),
    {
        **_STATUS,
        **_ROLE,
        **_DATES,
        "sourcedId": "userSourcedId personSourcedId id",
        "orgSourcedIds": "orgs orgIds schoolSourcedIds schools",
        "primaryOrgSourcedId": "primaryOrg primarySchoolSourcedId",
        "givenName": "firstName first given",
        "familyName": "lastName surname last family",
        "middleName": "middle middleNames",
        "preferredGivenName": "preferredFirstName preferredName preferred nickname",
        "email": "emailAddress mail primaryEmail userEmail",
        "activeDirectoryMatchId": "userPrincipalName upn",
        "username": "login userLogin",
        "agentSourcedIds": "agents agentIds guardianSourcedIds guardians",
    },
)
ROLES = ColumnSet(("userSourcedId", "role"), {**_STATUS, **_ROLE, **_USER, **_DATES, "orgSourcedId": _SCHOOL})
RELATIONSHIPS = ColumnSet(
    ("userSourcedId", "relationshipUserSourcedId"),
    {
        **_STATUS,
        **_ROLE,
        **_USER,
        "relationshipUserSourcedId": "agentSourcedId agentSourcedIds agent guardianSourcedId guardian contactSourcedId",
    },
)
CLASSES = ColumnSet(
    ("sourcedId",),
    {
        **_STATUS,
        "sourcedId": "classSourcedId sectionSourcedId",
        "title": "name className sectionName",
        "schoolSourcedId": _SCHOOL,
        "termSourcedIds": "sessionSourcedIds terms academicSessionSourcedIds",
    },
)
ENROLLMENTS = ColumnSet(
    ("classSourcedId", "userSourcedId", "role"),
    {**_STATUS, **_ROLE, **_USER, **_DATES, "classSourcedId": "class classId sectionSourcedId"},
)

# The district's own files (policy.md, "Directory files").
GROUPS = ColumnSet(
    ("group_id",),
    {
        "group_id": "id group groupSourcedId",
        "name": "group_name title",
        "kind": "type group_kind",
        "school": _SCHOOL,
        "address": "email list_address emailAddress",
        "season_start": "start startDate beginDate",
        "season_end": "end endDate",
    },
)
MEMBERS = ColumnSet(
    ("group_id", "user", "role"),
    {
        "group_id": "group groupSourcedId",
        "user": "userSourcedId sourcedId user_id member email",
        "role": "part member_role",
    },
)
ACCOUNTS = ColumnSet(
    ("user", "address"),
    {
        "user": "userSourcedId sourcedId user_id",
        "address": "email account emailAddress",
        "kind": "type account_kind",
        "source": "origin",
        "verified_on": "verified verifiedDate",
    },
)
FORMS = ColumnSet(
    ("user", "form", "signed_on"),
    {
        "user": "userSourcedId sourcedId user_id email",
        "form": "form_name name title",
        "signed_on": "signed date signedDate dateSigned",
    },
)
