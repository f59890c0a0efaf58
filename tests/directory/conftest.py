"""A small invented district, written as OneRoster files into a folder or a zip."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.directory.importer import Import, read_roster

DOMAINS = ("harbor.example",)
NOW = datetime(2026, 10, 14, 6, 0, tzinfo=UTC)
Files = Mapping[str, str | bytes]

ORGS = """\
sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
high,active,,Harbor High School,school,0501,district
middle,active,,Harbor Middle School,school,0502,district
district,active,,Harbor Point,district,05,
"""

# OneRoster 1.1: role, schools and agents stand in users.csv.
USERS_1_1 = """\
sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,\
middleName,identifier,email,sms,phone,agentSourcedIds,grades,password
s1,active,,true,high,student,alee,,Ann,Lee,Q,,ann.lee@students.harbor.example,,,g1,10,Hunter2!
s2,active,,true,high,student,blee,,Bo,Lee,,,bo.lee@students.harbor.example,,,"g1,g2",11,Hunter2!
s3,active,,true,middle,student,cfox,,Cy,Fox,,,cy.fox@gmail.com,,,t2,7,Hunter2!
g1,active,,true,high,parent,,,Gil,Lee,,,gil@lee.example,,,,,
g2,active,,true,high,relative,,,Gia,Lee,,,Gia.Lee@GoogleMail.com,,,,,
t1,active,,true,high,teacher,tkay,,Tim,Kay,,,tim.kay@harbor.example,,,,,Hunter2!
t2,active,,true,"high,middle",teacher,tfox,,Tia,Fox,,,tia.fox@harbor.example,,,,,Hunter2!
p1,active,,true,high,principal,ppom,,Pam,Pom,,,pam.pom@harbor.example,,,,,Hunter2!
a1,active,,true,high,assistant principal,aash,,Al,Ash,,,al.ash@harbor.example,,,,,Hunter2!
"""

CLASSES = """\
sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds
c1,active,,Biology,,,,scheduled,,high,
"""

ENROLLMENTS = """\
sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate
e1,active,,c1,high,s1,student,,2026-08-26,2027-06-20
e2,active,,c1,high,s2,student,,8/26/2026,6/20/2027
e3,active,,c1,high,t1,teacher,true,,
"""

VERSION_1_1: Files = {
    "orgs.csv": ORGS,
    "users.csv": USERS_1_1,
    "classes.csv": CLASSES,
    "enrollments.csv": ENROLLMENTS,
}

# OneRoster 1.2: the same people, with roles in roles.csv.
USERS_1_2 = """\
sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,\
sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,preferredGivenName,\
preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns
s1,active,,true,alee,,Ann,Lee,Q,,ann.lee@students.harbor.example,,,g1,10,Hunter2!,,,Annie,,,high,
s2,active,,true,blee,,Bo,Lee,,,bo.lee@students.harbor.example,,,"g1,g2",11,Hunter2!,,,,,,high,
s3,active,,true,cfox,,Cy,Fox,,,cy.fox@gmail.com,,,t2,7,Hunter2!,,,,,,middle,
g1,active,,true,,,Gil,Lee,,,gil@lee.example,,,,,,,,,,,,
g2,active,,true,,,Gia,Lee,,,Gia.Lee@GoogleMail.com,,,,,,,,,,,,
t1,active,,true,tkay,,Tim,Kay,,,tim.kay@harbor.example,,,,,Hunter2!,,,,,,high,
t2,active,,true,tfox,,Tia,Fox,,,tia.fox@harbor.example,,,,,Hunter2!,,,,,,,
p1,active,,true,ppom,,Pam,Pom,,,pam.pom@harbor.example,,,,,Hunter2!,,,,,,,
a1,active,,true,aash,,Al,Ash,,,al.ash@harbor.example,,,,,Hunter2!,,,,,,,
"""

ROLES_1_2 = """\
sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId
r1,active,,s1,primary,student,2026-08-26,2027-06-20,high,
r2,active,,s2,primary,student,2026-08-26,2027-06-20,high,
r3,active,,s3,primary,student,2026-08-26,2027-06-20,middle,
r4,active,,g1,primary,parent,,,high,
r5,active,,g2,primary,relative,,,high,
r6,active,,t1,primary,teacher,2020-08-26,,high,
r7,active,,t2,primary,teacher,2020-08-26,,high,
r8,active,,t2,secondary,teacher,2020-08-26,,middle,
r9,active,,p1,primary,principal,,,high,
r10,active,,a1,primary,siteAdministrator,,,high,
"""

MANIFEST = """\
propertyName,value
manifest.version,1.0
oneroster.version,1.2
file.academicSessions,absent
file.orgs,bulk
file.users,bulk
file.roles,bulk
file.classes,bulk
file.enrollments,bulk
"""

VERSION_1_2: Files = {
    "manifest.csv": MANIFEST,
    "orgs.csv": ORGS,
    "users.csv": USERS_1_2,
    "roles.csv": ROLES_1_2,
    "classes.csv": CLASSES,
    "enrollments.csv": ENROLLMENTS,
}


class Rosters:
    """Writes rosters and reads them."""

    one_one = VERSION_1_1
    one_two = VERSION_1_2

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def folder(self, files: Files) -> Path:
        self._made += 1
        folder = self._folder / f"roster-{self._made}"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    def zip(self, files: Files, prefix: str = "") -> Path:
        self._made += 1
        path = self._folder / f"roster-{self._made}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(prefix + name, text)
        return path

    def load(self, files: Files | Path, **options: Any) -> Import:
        """Read files (or what stands at a path) with the district's settings, some of them replaced."""
        path = files if isinstance(files, Path) else self.folder(files)
        settings = {"now": NOW, "previous": None, "max_shrink": 0.2, **options}
        return read_roster(path, settings.pop("domains", DOMAINS), **settings)

    def with_rows(self, name: str, *rows: str, base: Files = VERSION_1_1) -> Files:
        """The base roster with rows put under those of one file."""
        before = base[name]
        assert isinstance(before, str)
        return {**base, name: before + "".join(f"{row}\n" for row in rows)}


@pytest.fixture
def rosters(tmp_path: Path) -> Rosters:
    return Rosters(tmp_path)


@pytest.fixture
def problems_of(rosters: Rosters) -> Callable[[Files], list[str]]:
    """`problems_of(files)` is the report of an import as text, one line a problem."""
    return lambda files: [str(problem) for problem in rosters.load(files).problems]
