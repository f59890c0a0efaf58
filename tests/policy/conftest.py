"""The invented district of `district.toml`, and messages written in its people's names."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.config import District, Policy
from gateway.directory.model import AddressKind, Group, GroupKind, Person, PersonAddress, Role, SignedForm
from gateway.directory.snapshot import Directory
from gateway.message.addresses import Mailbox
from gateway.message.canonical import canonical_address
from gateway.message.reading import Reading
from gateway.policy.engine import Engine
from gateway.policy.model import Transaction, Verdict
from gateway.policy.rules.table import RULES

DOMAIN = "harbor.example"
NOON = datetime(2026, 10, 14, 12, 0, tzinfo=ZoneInfo("America/New_York"))
LONG_AGO = date(2020, 9, 1)

BLANK = Reading(
    message_id="1@test.example",
    subject="",
    date=None,
    from_=(),
    sender=(),
    reply_to=(),
    to=(),
    cc=(),
    in_reply_to=(),
    references=(),
    auto_submitted=None,
    list_id=None,
    privacy_matter=None,
    received_count=1,
    defects=(),
    header_size=100,
)

# What the district set up itself: the athletic director or the principal for teams, the principal for clubs.
SETTINGS: Mapping[str, Any] = {"fallback_administrators": {"team": {"people": ["Pat Kim"]}}}


def _address(text: str, kind: AddressKind) -> PersonAddress:
    return PersonAddress(text, canonical_address(text), kind, "test", None)


def _school_account(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@{DOMAIN}"


def make_person(name: str, facts: Mapping[str, Any]) -> Person:
    """A person of district.toml; the name is the id as well."""
    roles = frozenset(Role(role) for role in facts["roles"])
    addresses = []
    if facts.get("school_account", Role.GUARDIAN not in roles or Role.STAFF in roles):
        addresses.append(_address(_school_account(name), AddressKind.DISTRICT))
    for key, kind in (("alias", "alias"), ("home", "personal"), ("guardian", "guardian")):
        if key in facts:
            addresses.append(_address(facts[key], AddressKind(kind)))
    given, _, family = name.partition(" ")
    return Person(
        id=name,
        given=given,
        family=family,
        roles=roles,
        schools=frozenset({"high"}),
        addresses=tuple(addresses),
        start=facts.get("first_day"),
        end=facts.get("last_day"),
    )


def forms_of(facts: Mapping[str, Any]) -> tuple[SignedForm, ...]:
    """The digital use form of a person of district.toml: long since signed, unless `form` says otherwise."""
    signed_on = facts.get("form", LONG_AGO)
    return (SignedForm("digital use", signed_on),) if signed_on else ()


def make_group(name: str, facts: Mapping[str, Any]) -> Group:
    """A group of district.toml; the name is the id as well."""
    first, last = facts.get("season", (None, None))
    address = facts.get("list")
    return Group(
        id=name,
        name=name,
        kind=GroupKind(facts["kind"]),
        school=facts.get("school", "high"),
        address=address,
        canonical_address=canonical_address(address) if address else None,
        start=first,
        end=last,
        leaders=frozenset(facts.get("leaders", ())),
        members=frozenset(facts.get("members", ())),
        administrators=frozenset(facts.get("administrators", ())),
        guardians=frozenset(facts.get("guardians", ())),
        groups=frozenset(facts.get("groups", ())),
    )


def make_directory(facts: Mapping[str, Any]) -> Directory:
    """A snapshot of people, groups and guardians as district.toml writes them."""
    return Directory(
        version="d1rec70ry000",
        loaded_at=datetime(2026, 10, 14, 5, 0, tzinfo=UTC),
        as_of=date(2026, 10, 14),
        people={name: make_person(name, who) for name, who in facts["people"].items()},
        groups={name: make_group(name, group) for name, group in facts.get("groups", {}).items()},
        domains=tuple(facts["domains"]),
        schools=facts.get("schools", {}),
        guardians={child: frozenset(names) for child, names in facts.get("guardians", {}).items()},
        forms={name: forms for name, who in facts["people"].items() if (forms := forms_of(who))},
        forms_loaded=facts.get("forms_loaded", False),
    )


def with_forms(directory: Directory, rows: Sequence[Mapping[str, Any]]) -> Directory:
    """The same directory with further signed forms: `{ user, form, signed_on }` each."""
    if not rows:
        return directory
    forms = dict(directory.forms)
    for row in rows:
        forms[row["user"]] = (*forms.get(row["user"], ()), SignedForm(row["form"], row["signed_on"]))
    return replace(directory, forms=forms)


@dataclass(frozen=True)
class Harbor:
    """The district, and a pen to write mail in it."""

    directory: Directory
    district: District

    def address(self, who: str) -> str:
        """The address behind "Maria Lopez", "... at home", "... as guardian", "... by alias", a list or a mailbox."""
        if "@" in who:
            return who
        for suffix, kind in (
            (" at home", AddressKind.PERSONAL),
            (" as guardian", AddressKind.GUARDIAN),
            (" by alias", AddressKind.ALIAS),
            ("", AddressKind.DISTRICT),
        ):
            person = self.directory.people.get(who.removesuffix(suffix)) if who.endswith(suffix) else None
            if person is not None:
                return next(item.address for item in person.addresses if item.kind is kind)
        group = self.directory.groups[who.removeprefix("list of ")]
        assert group.address is not None
        return group.address

    def mailbox(self, who: str) -> Mailbox:
        """`who`, or `Display Name <who>`."""
        name, _, rest = who.rpartition("<")
        address = self.address(rest.removesuffix(">"))
        return Mailbox(name=name.strip(), address=address, raw=f"{name}<{address}>")

    def transaction(
        self,
        author: str | Iterable[str],
        to: Iterable[str] = (),
        cc: Iterable[str] = (),
        bcc: Iterable[str] = (),
        *,
        mail_from: str | None = None,
        received: datetime = NOON,
        content_id: str = "c0ffee",
        **reading: Any,
    ) -> Transaction:
        """A message; its envelope names To, Cc and Bcc. `reading` replaces fields of the reading."""
        from_ = tuple(self.mailbox(who) for who in ([author] if isinstance(author, str) else author))
        to_boxes, cc_boxes = (tuple(self.mailbox(who) for who in part) for part in (to, cc))
        envelope = [*(box.address for box in (*to_boxes, *cc_boxes)), *(self.address(who) for who in bcc)]
        fields = {"from_": from_, "to": to_boxes, "cc": cc_boxes, **reading}
        if mail_from is None:
            mail_from = from_[0].address if from_ else "bounce@elsewhere.example"
        return Transaction(
            reading=replace(BLANK, **fields),
            mail_from=mail_from,
            recipients=tuple(dict.fromkeys(envelope)),
            received=received,
            content_id=content_id,
        )

    def engine(self, **settings: Any) -> Engine:
        """An engine with the district's settings, some of them replaced."""
        return Engine(Policy.model_validate({**SETTINGS, **settings}), self.district)

    def engine_of(self, family: str, settings: Mapping[str, Any]) -> Engine:
        """An engine with one family of rules, each turned on unless the settings say otherwise."""
        rules = [rule for rule in RULES if rule.id.startswith(family)]
        given = settings.get("rules", {})
        chosen = {rule.id: {"enabled": True, **given.get(rule.id, {})} for rule in rules}
        policy = Policy.model_validate({**SETTINGS, **settings, "rules": chosen})
        return Engine(policy, self.district, rules=rules)

    def judge(
        self,
        author: str | Iterable[str],
        to: Iterable[str] = (),
        settings: Any = None,
        signed: Sequence[Mapping[str, Any]] = (),
        only: str = "",
        **rest: Any,
    ) -> Verdict:
        """The verdict on one message.

        `signed` are rows of forms.csv beside the district's own. `only` is a family of rules, such as
        "safesport/", that judges by itself, turned on.
        """
        transaction = self.transaction(author, to, **rest)
        engine = self.engine_of(only, settings or {}) if only else self.engine(**(settings or {}))
        return engine.judge(transaction, with_forms(self.directory, signed))


@pytest.fixture(scope="session")
def harbor() -> Harbor:
    text = Path(__file__).with_name("district.toml").read_text(encoding="utf-8")
    directory = make_directory(tomllib.loads(text))
    district = District(name="Harbor Point", domains=(DOMAIN,), time_zone="America/New_York")
    return Harbor(directory, district)


@pytest.fixture(scope="session")
def directory_of() -> Any:
    """`make_directory`, for tests with a district of their own."""
    return make_directory
