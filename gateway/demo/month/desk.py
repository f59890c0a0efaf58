"""Where a message of the month is written: a stage that also knows what the gateway learns of a message's origin.

Promises: whoever is cast here by name (`pupil_of`, `named`, ...) is plainly what the scenario needs, so that its
label can be said without looking at the directory; nobody with a part of their own in `town` is cast for another.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cached_property
from itertools import count, islice
from typing import Any, TypeVar

from gateway.demo.cast import Cast, Family, Leadership
from gateway.demo.census import ascii_name
from gateway.demo.district import Group, Person
from gateway.demo.letter import Entry, Message, Party
from gateway.demo.month.label import UNSIGNED, Piece, Wanted, wanted
from gateway.demo.month.town import Town, folded
from gateway.demo.stage import Stage, Who, as_party, is_district
from gateway.message.authentication import Authentication
from gateway.policy.identify import Step

T = TypeVar("T")

_PATIENCE = 10_000  # more than any round has people
# Mail homes that no roster of the demo has: what is written from there is registered nowhere.
UNREGISTERED = ("webpost.example", "quickmail.example", "lakeside-mail.example")
# What people call a mailbox that is not called after them.
_NICKS = ("bluejay", "riverbend", "snowshoes", "lighthouse", "cranberry", "maplegrove")
_ALIKE = 0.8  # share of letters in which two surnames may agree and still be told apart in spite of a slip

_TOPICS = (
    ("Thursday", "About Thursday: room 114 is free after all, so we can meet there."),
    ("Quick question", "Could you tell me by tomorrow whether this works for you?"),
    ("As discussed", "As discussed, here is what I said I would send along."),
    ("Form", "The form is still missing. A photo of it is good enough."),
    ("Schedule", "The schedule has changed once more; the new one starts on Monday."),
    ("Thank you", "Thank you for today. That was a great help."),
)


def vouched(address: str) -> Authentication:
    """The author's domain vouches for the message."""
    return Authentication(_domain(address), "pass", "pass", "pass", True, "gateway")


def forged(address: str) -> Authentication:
    """It fails DMARC."""
    return Authentication(_domain(address), "fail", "none", "fail", False, "gateway")


def unvouched(address: str) -> Authentication:
    """Nothing is aligned with the author's domain, which publishes no policy."""
    return Authentication(_domain(address), "pass", "none", "none", False, "gateway")


def undecided(address: str) -> Authentication:
    """A look-up failed that could have vouched for it."""
    return Authentication(_domain(address), "temperror", "none", "temperror", False, "gateway")


def _domain(address: str) -> str:
    return address.rpartition("@")[2].encode("idna").decode()


@dataclass(frozen=True)
class Desk(Stage):
    """Everything a scenario of the month needs."""

    town: Town = field(kw_only=True)

    def write(
        self,
        author: Who,
        to: Sequence[Who],
        want: Sequence[Wanted] = (),
        *,
        account: str = "",
        subject: str = "",
        text: str = "",
        name: str | None = None,
        left_open: Sequence[str] = (),
        origin: Callable[[str], Authentication] = vouched,
        thread: Sequence[Who] = (),
        hidden: bool = False,
        **rest: Any,
    ) -> Piece:
        """One message with its label. `account` and `name` are what From: shows, where not the author's own.

        A school account whose owner has not signed the digital use form is labelled so by itself.
        """
        topic = self.rng.choice(_TOPICS)
        shown = Party(author.name if name is None else name, account or as_party(author).address)
        message = self.send(shown, to, subject or topic[0], text or topic[1], **rest)
        outside = message.entry is Entry.INBOUND
        if origin is forged and not outside:  # who forges a school account sends from outside
            message = inbound(message)
            outside = True
        return Piece(
            message,
            (*want, *self.unsigned(message)),
            frozenset(left_open),
            origin(shown.address) if outside else None,
            frozenset(as_party(who).address.lower() for who in thread),
            hidden=hidden,
        )

    def unsigned(self, message: Message) -> tuple[Wanted, ...]:
        """The label of a message from the school account of somebody without signed form.

        Not where nobody in the directory reads it: personal use of the school account is no finding.
        """
        author = self.accounts.get(message.mail_from.lower())
        judged = message.mail_from and b"\r\nAuto-Submitted:" not in message.raw
        if message.entry is not Entry.OUTBOUND or author is None or author.signed or not judged:
            return ()
        own = {author.email, *author.aliases, *author.personal}
        if not any(self._is_known(address) for address in message.recipients if address not in own):
            return ()
        return wanted(author.id, Step.SCHOOL_ACCOUNT, UNSIGNED) if self.district.here(author) else ()

    def borrowed(self, message: Message) -> Piece:
        """A message of the demo's ordinary mail, in which nothing is to be found but an unsigned form."""
        origin = (
            None if message.entry is Entry.OUTBOUND else vouched(message.mail_from or "mailer@isp.example")
        )
        return Piece(message, self.unsigned(message), authentication=origin)

    def _is_known(self, address: str) -> bool:
        """Whether an address is somebody's in the roster, or a group's."""
        return address.lower() in self._addresses

    @cached_property
    def _addresses(self) -> frozenset[str]:
        people = self.district.people.values()
        groups = {group.address.lower() for group in self.district.groups}
        theirs = ({a.lower() for a in (p.email, *p.aliases, *p.personal)} for p in people)
        return frozenset(groups.union(*theirs) - {""})

    @cached_property
    def accounts(self) -> Mapping[str, Person]:
        """Staff by school account."""
        return {
            address.lower(): person
            for person in self.district.staff
            for address in (person.email, *person.aliases)
            if address
        }

    # --- who writes from home ---

    def home_teacher(self) -> Person:
        """Staff with a registered personal account, who are nothing else."""
        return self._next(self.cast.teachers_with_account)

    def colleague(self, *others: Person) -> Person:
        return pick(self.cast.colleagues, lambda p: p not in others and p.id not in self.town.apart)

    def _next(self, round_: Iterator[Person]) -> Person:
        return pick(round_, lambda p: p.id not in self.town.apart)

    @cached_property
    def families(self) -> Iterator[Family]:
        """Parents on the staff who lead nothing and are told apart by their name."""
        return self.cast._round(
            f
            for f in self.cast._families()
            if f.parent.id not in self.district.led and self.is_told_apart(f.parent) and f.parent.signed
        )

    # --- who is known by name only ---

    @cached_property
    def named(self) -> Iterator[Person]:
        """Teachers with pupils, whose name nobody else in the district has, nor any other staff one like it."""
        return self.cast._round(self._named)

    @cached_property
    def nicknamed(self) -> Iterator[Person]:
        """The same, who go by a short form that the roster does not have."""
        return self.cast._round(self._people(self.town.nicknamed))

    @cached_property
    def preferring(self) -> Iterator[Person]:
        """The same, whom the roster has with a preferred name."""
        return self.cast._round(p for p in self._named if p.preferred)

    @cached_property
    def accented(self) -> Iterator[Person]:
        """The same, whose name has an accent."""
        return self.cast._round(p for p in self._named if not f"{p.given}{p.family}".isascii())

    @cached_property
    def long_named(self) -> Iterator[Person]:
        """The same, with a surname long enough for a slip of the pen."""
        return self.cast._round(p for p in self._named if len(p.family) >= 8 and p.family.isalpha())

    @property
    def _named(self) -> list[Person]:
        return self._people(self.town.by_name)

    def _people(self, ids: Sequence[str]) -> list[Person]:
        return [self.district.people[who] for who in ids]

    def is_told_apart(self, person: Person) -> bool:
        """Whether nobody else in the district has this name, nor anybody on the staff a surname like it."""
        if self._names[folded(person.given), folded(person.family)] > 1:
            return False
        own = folded(person.family)
        alike = [
            name
            for name in self._surnames
            if name != own and SequenceMatcher(None, own, name).ratio() > _ALIKE
        ]
        return self._surnames[own] == 1 and not alike

    @cached_property
    def _names(self) -> Counter[tuple[str, str]]:
        return Counter((folded(p.given), folded(p.family)) for p in self.district.people.values())

    @cached_property
    def _surnames(self) -> Counter[str]:
        return Counter(folded(p.family) for p in self.district.staff)

    def webmail(self, local: str = "") -> str:
        """An address that is registered nowhere; without `local` it says nothing."""
        local = local or f"{self.rng.choice(_NICKS)}{self.rng.randrange(10, 9999)}"
        return f"{local}@{self.rng.choice(UNREGISTERED)}"

    # --- who reads ---

    def pupil(self, teacher: Person) -> Person:
        """Somebody whom the teacher has in class."""
        pupils = self._readers(self.district.pupils(teacher))
        return self.rng.choice(pupils)

    def stranger_to(self, adult: Person) -> Person:
        """A student whom an adult neither teaches nor leads, nor any in the family."""
        known = set(self.district.pupils(adult))
        for group in self.district.led.get(adult.id, ()):
            known.update(group.members)
        return pick(
            self.cast.students,
            lambda p: p.id not in known and p.id not in self.town.apart and not self._siblings(p) & known,
        )

    def guardian_of_pupil(self, teacher: Person) -> tuple[Person, Person]:
        """A guardian with a mailbox of their own, and the child, whom the teacher has in class."""
        pupils = self.district.pupils(teacher)
        found = [pair for pair in self._homes if pair[1].id in pupils]
        return self.rng.choice(found)

    def guardian_unknown_to(self, adult: Person) -> tuple[Person, Person]:
        """A guardian with a mailbox of their own, none of whose children the adult teaches or leads."""
        known = set(self.district.pupils(adult))
        for group in self.district.led.get(adult.id, ()):
            known.update(group.members)
        return pick(self.cast.guardians, lambda pair: not self._siblings(pair[1]) & known)

    @cached_property
    def _homes(self) -> tuple[tuple[Person, Person], ...]:
        return tuple(self.cast._guardians())

    def _siblings(self, student: Person) -> set[str]:
        children = self.district.children
        return {child.id for guardian in student.guardians for child in children[guardian]}

    def _readers(self, ids: frozenset[str]) -> list[Person]:
        people = map(self.district.people.__getitem__, sorted(ids))
        return [p for p in people if p.email and self.district.here(p) and p.id not in self.town.apart]

    # --- who leads ---

    def coach(self, *, director: bool = False) -> Leadership:
        """A coach of one team in season who teaches nobody, is nobody's parent and has no other part."""
        return self._leader(self.cast.coaches_with_director if director else self.cast.coaches)

    def coach_without_director(self) -> Leadership:
        """The same, of a team that names no administrator."""
        return self._leader(self.cast.coaches_without_director)

    def advisor(self) -> Leadership:
        """An advisor of one club."""
        return self._leader(self.cast.advisors)

    def volunteer(self) -> Leadership:
        """A volunteer coach without an account of the district's."""
        return self._leader(self.cast.volunteers)

    def _leader(self, round_: Iterator[Leadership]) -> Leadership:
        children = self.district.children
        return pick(round_, lambda x: x.leader.id not in self.town.apart and x.leader.id not in children)

    def players(self, lead: Leadership, number: int, *, outside_class: bool = True) -> list[Person]:
        """Some of a group, whom the leader does not also have in class."""
        pupils = self.district.pupils(lead.leader) if outside_class else frozenset()
        able = [p for p in self.cast.players(lead.group) if p.id not in pupils]
        return self.rng.sample(able, number)

    def whole(self, group: Group) -> list[Person]:
        return list(self.cast.players(group))


_FROM = re.compile(rb"\r\nFrom: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")

Scenario = Callable[[Desk], list[Piece]]


def play(scenario: Scenario, desk: Desk) -> list[Piece]:
    """The scenario's pieces, with its name on them."""
    name = scenario.__name__.replace("_", "-")
    return [replace(piece, message=replace(piece.message, scenario=name)) for piece in scenario(desk)]


def desk_on(town: Town, day: int, seed: int) -> Desk:
    """The desk of one day of the month."""
    rng = random.Random(f"month {seed} {day}")
    district = town.on(day)
    return Desk(district, rng, Cast(district, rng), count(1), town=town)


def inbound(message: Message) -> Message:
    """The same message as it comes from the internet: only the district's recipients are in the envelope."""
    ours = tuple(filter(is_district, message.recipients))
    return replace(message, entry=Entry.INBOUND, recipients=ours)


def with_from(piece: Piece, *authors: Party) -> Piece:
    """The same message with other mailboxes in From:, or without that field."""
    boxes = ", ".join(f"{author.name} <{author.address}>" for author in authors)
    field_line = f"\r\nFrom: {boxes}\r\n".encode() if authors else b"\r\n"
    raw, number = _FROM.subn(lambda _: field_line, piece.message.raw, count=1)
    assert number == 1
    return replace(piece, message=replace(piece.message, raw=raw))


def pick(round_: Iterable[T], suits: Callable[[T], bool]) -> T:
    """The next of an endless round who suits. Raises LookupError where in a long while nobody does."""
    for one in islice(round_, _PATIENCE):
        if suits(one):
            return one
    raise LookupError("the town has nobody for this scenario")


def local_part(person: Person, pattern: str) -> str:
    """`pattern` with {given}, {family} and {initial} as they stand in addresses."""
    given, family = ascii_name(person.given), ascii_name(person.family)
    return pattern.format(given=given, family=family, initial=given[0])
