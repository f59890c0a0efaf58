"""Who is behind the author's address: the identification ladder of policy.md, one small function a step.

A step looks at one sighting of an author and answers with an Identity or None; `LADDER` is tried from the
surest step down and the first answer holds. `Step` names what an answer rests on:

- `certain`: the school account, or an address on record
- `strong`: answers go to the school account (Reply-To, Sender), or the message answers one in which the school
  account took part, and the sender's name agrees
- `likely`: the quoted history names the school account, or a recipient is a student of theirs (or a guardian of
  one), and the sender's name agrees
- `possible`: the name alone, or a look-alike of name or address

Promises: an address that several people share identifies nobody, unless the display name tells which
of them wrote (then the finding is at most `likely`), and never anybody where a student shares it; a name never
identifies an address of the district or on anybody's record, a student, or one of several staff members whom
it fits equally; where a student or guardian bears the name, it weighs one step less; an answer says in words why.
Never raises for any address or name. A stranger whose surname no staff member has costs some 20 µs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cached_property

from gateway.directory.model import AddressKind, Person, PersonAddress, Role
from gateway.directory.names import (
    LONGEST,
    Fit,
    Written,
    addresses_in,
    family_keys,
    family_words,
    first_letters,
    fit,
    is_service,
    is_through_service,
    may_begin_with,
    mixes_alphabets,
    roster_names,
    skeleton,
    surname_keys,
    written,
    written_in,
)
from gateway.directory.snapshot import Directory
from gateway.message.canonical import canonical_address
from gateway.message.quotes import quoted_mailboxes
from gateway.policy.audience import audience
from gateway.policy.capacity import SCHOOL_KINDS, enrolled_children, is_staff, is_student, teaches_or_leads
from gateway.policy.model import Confidence, Transaction, weakest
from gateway.policy.wording import display_name, possessive


class Account(StrEnum):
    """Through which kind of account somebody writes."""

    DISTRICT = "district"
    OUTSIDE = "outside"


class Step(StrEnum):
    """What an identity rests on, surest first."""

    SCHOOL_ACCOUNT = "school account"
    REGISTERED = "registered address"
    REPLY_TO = "reply-to"
    THREAD = "thread"
    QUOTED = "quoted"
    CONTEXT = "name with context"
    NAME_ALONE = "name alone"
    LOOK_ALIKE = "look-alike"  # an imitation of a name or address; never more than possible


class Field(StrEnum):
    """Where an author was named."""

    FROM = "From"
    SENDER = "Sender"
    MAIL_FROM = "MAIL FROM"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An author as the message names one."""

    name: str  # display name, may be ""
    address: str
    field: Field


@dataclass(frozen=True, slots=True)
class Identity:
    """The person whom a step of the ladder takes for the author."""

    person: Person
    address: str  # as the message has it
    account: Account
    confidence: Confidence
    why: str  # a clause; names people and never addresses
    step: Step = Step.REGISTERED


Rung = Callable[[Sighting, Transaction, Directory, date], Identity | None]

# Nobody writes as this many people. The bound keeps a hostile From line from buying hours of judging.
_MOST_AUTHORS = 20


def authors(transaction: Transaction, directory: Directory, day: date) -> tuple[Identity, ...]:
    """Everybody whom the ladder recognises as an author, each once, in the order they are named.

    Somebody named with a school account and an outside one together counts as writing from the school
    account.
    """
    found: dict[str, Identity] = {}
    for number, sighting in enumerate(sightings(transaction)):
        ladder = LADDER if number < _MOST_AUTHORS else _REGISTRY
        identity = climb(sighting, transaction, directory, day, ladder)
        if identity is None:
            continue
        known = found.get(identity.person.id)
        if known is None and len(found) == _MOST_AUTHORS:
            break
        if known is None or _is_better(identity, known):
            found[identity.person.id] = identity
    return tuple(found.values())


def _is_better(identity: Identity, known: Identity) -> bool:
    """Whether somebody named twice is better known by the second: the school account first, then the surest."""
    if identity.account is not known.account:
        return identity.account is Account.DISTRICT
    return identity.confidence is not known.confidence is weakest(identity.confidence, known.confidence)


def sightings(transaction: Transaction) -> Iterator[Sighting]:
    """The mailboxes of From; where there are none, those of Sender; then MAIL FROM (policy.md: Author)."""
    reading = transaction.reading
    if reading.from_:
        return (Sighting(box.name, box.address, Field.FROM) for box in reading.from_)
    if reading.sender:
        return (Sighting(box.name, box.address, Field.SENDER) for box in reading.sender)
    return iter((Sighting("", transaction.mail_from, Field.MAIL_FROM),))


def climb(
    sighting: Sighting,
    transaction: Transaction,
    directory: Directory,
    day: date,
    ladder: Iterable[Rung] | None = None,
) -> Identity | None:
    """The answer of the surest step that has one; `ladder` is `LADDER` where none is given."""
    for step in LADDER if ladder is None else ladder:
        identity = step(sighting, transaction, directory, day)
        if identity is None:
            continue
        if sighting.field is Field.MAIL_FROM:
            # The envelope sender names a mailbox for bounces, not a writer: weaker evidence.
            return replace(
                identity,
                confidence=weakest(identity.confidence, Confidence.STRONG),
                why=f"{identity.why} (the message itself names no sender; this is its return address)",
            )
        return identity
    return None


# --- the steps -----------------------------------------------------------------------------------


def school_account(
    sighting: Sighting, transaction: Transaction, directory: Directory, day: date
) -> Identity | None:
    """A school account: an address in the district's domains, or a registered alias, of one person."""
    owner = _owner(sighting, directory)
    if owner is None or not _at_school(owner, sighting, directory):
        return None
    name = display_name(owner.person)
    return owner.identity(
        sighting, Account.DISTRICT, f"the message came from {possessive(name)} school account"
    )


def registered_address(
    sighting: Sighting, transaction: Transaction, directory: Directory, day: date
) -> Identity | None:
    """Step 1: the canonical address is a registered personal address, or a registered guardian address."""
    owner = _owner(sighting, directory)
    if owner is None or _at_school(owner, sighting, directory):
        return None
    name = display_name(owner.person)
    if AddressKind.PERSONAL in owner.kinds:
        why = f"the sending address is on record as a personal account of {name}"
    else:
        why = f"the sending address is the one that {name} gave the district as a parent or guardian"
    return owner.identity(sighting, Account.OUTSIDE, why)


# --- by name and evidence --------------------------------------------------------------------------
#
# These steps are about outside addresses that are on nobody's record. They ask for a name of a staff member
# first, because a name costs a look-up and what supports it may cost much more.


@dataclass(frozen=True)
class _Sender:
    """What somebody calls themselves: by display name, or without one by the local part of the address."""

    shown: tuple[Written, ...]
    address: str

    @cached_property
    def local(self) -> tuple[Written, ...]:
        """The local part as a name; most senders are dismissed before anybody asks."""
        return written_in(self.address)

    def is_disguise(self, person: Person) -> bool:
        """Whether it takes letters that only look alike to be the name of a person."""
        readings = self.shown or self.local
        plain = [reading for reading in readings if not reading.disguised]
        if len(plain) == len(readings):
            return False
        names = roster_names(person.given, person.family, person.middle, person.preferred)
        return not plain or fit(plain, names) < fit(readings, names)

    def fit(self, person: Person) -> Fit:
        """How well that is the name of a person. A local part that agrees completes a display name."""
        names = roster_names(person.given, person.family, person.middle, person.preferred)
        if not self.shown:
            return fit(self.local, names)
        found = fit(self.shown, names)
        if found is Fit.NONE or found is Fit.FULL:
            return found
        local = fit(self.local, names)
        if local is Fit.FULL:
            return Fit.FULL
        return Fit.LOOSE if found is Fit.PART and local > Fit.PART else found

    def is_weak(self, found: Fit) -> bool:
        """Whether a fit rests on an initial in an address: jsmith is James, and John, and Jane."""
        return not self.shown and found is Fit.INITIAL


def _sender(sighting: Sighting) -> _Sender | None:
    """How the sender is called; None for services, for several people, and where nobody is named.

    A service that writes in a teacher's name (a booking page, a class app, a list that rewrites senders) is no
    personal account of theirs: the school may well have chosen it. The gateway leaves such mail alone.
    """
    if is_service(sighting.address):
        return None
    display = sighting.name.strip().strip("'\"<>").strip()
    if not display or display.lower() == sighting.address.lower():
        nameless = _Sender((), sighting.address)
        return nameless if nameless.local else None
    shown = written(display)
    return _Sender(shown, sighting.address) if shown else None


def named(sighting: Sighting, transaction: Transaction, directory: Directory, day: date) -> Identity | None:
    """Steps 2 to 4: who an unknown outside address is by its name and what supports it, surest first."""
    if sighting.field is not Field.FROM or not _is_on_no_record(sighting.address, directory):
        return None
    imitated = _imitated(sighting, directory, day)
    if imitated is not None:
        return imitated
    if directory.is_district(sighting.address) and not _is_doubtful(transaction):
        return None  # an account that the roster does not have yet
    sender = _sender(sighting)
    if sender is not None:
        case = _Case(sighting, sender, transaction, directory, day)
        found = _reply_to(case) or _thread(case) or _by_name(case)
        if found is not None:
            return found
    return _in_an_imitated_domain(sighting, directory)


def _is_on_no_record(address: str, directory: Directory) -> bool:
    """Whether an address is nobody's: a guardian who is named like a teacher is that guardian."""
    return "@" in address and not directory.matches(address) and directory.group_at(address) is None


def _is_doubtful(transaction: Transaction) -> bool:
    return transaction.authentication is not None and transaction.authentication.doubtful


@dataclass(frozen=True, slots=True)
class _Case:
    """An unknown sender of one message."""

    sighting: Sighting
    sender: _Sender
    transaction: Transaction
    directory: Directory
    day: date

    def identity(self, person: Person, confidence: Confidence, step: Step, why: str) -> Identity:
        why = f"the sending address is on no record, but {why}"
        # Nobody writes their own name or address in two alphabets at once: somebody may want to pass for them.
        if self.sender.is_disguise(person):
            confidence, step = Confidence.POSSIBLE, Step.LOOK_ALIKE
            why += "; letters that only look like those of the name stand in the sender's name"
        elif _is_disguised(self.sighting.address, self.directory):
            confidence, step = Confidence.POSSIBLE, Step.LOOK_ALIKE
            why += "; letters that only look like others stand in the sending address"
        return Identity(person, self.sighting.address, Account.OUTSIDE, confidence, why, step)

    def owners(self, addresses: Iterable[str]) -> list[Person]:
        """The staff whose school accounts are among some addresses, each once."""
        found: dict[str, Person] = {}
        for address in addresses:
            for match in self.directory.matches(address):
                at_school = match.address.kind in SCHOOL_KINDS or self.directory.is_district(address)
                if at_school and is_staff(match.person, self.day):
                    found[match.person.id] = match.person
        return list(found.values())

    def is_written_to(self, person: Person, weak: bool) -> bool:
        """Whether the message goes to the person it seems to come from, as the answer of a namesake does.

        People copy themselves, and address themselves when all others are blind copies; so only To counts,
        and Cc as well where the name itself is weak evidence.
        """
        reading = self.transaction.reading
        shown = len(reading.to) + len(reading.cc)
        if shown == 1 and len(self.transaction.recipients) > 1:
            return False
        boxes = (*reading.to, *reading.cc) if weak else reading.to
        own = {address.canonical for address in person.addresses}
        return any(canonical_address(box.address) in own for box in boxes[:_MOST_LOOKED_AT])


# Recipients, participants and quoted mailboxes looked at for one person; honest mail has far fewer.
_MOST_LOOKED_AT = 200


def _reply_to(case: _Case) -> Identity | None:
    """Step 2: Reply-To or Sender is the school account of a staff member whose name this is.

    The name has to agree, because a parent who sends round the class newsletter, a booking page and a form on
    a web site all direct answers to the teacher. An address that names nobody at all (without display name,
    and not of the form first.last) leaves the school account as the only name in the message: `likely`.
    """
    reading = case.transaction.reading
    boxes = (*reading.reply_to, *reading.sender)
    if not boxes:
        return None
    owners = case.owners(box.address for box in boxes[:_MOST_LOOKED_AT])
    fits = [(person, found) for person in owners if (found := case.sender.fit(person)) is not Fit.NONE]
    if len(fits) == 1:
        ((person, found),) = fits
        confidence = Confidence.LIKELY if found is Fit.PART else Confidence.STRONG
        name = display_name(person)
        why = f"answers to it go to {possessive(name)} school account, and the sender's name fits {name}"
        return case.identity(person, confidence, Step.REPLY_TO, why)
    nameless = not case.sender.shown and len(case.sender.local[0].words) == 1
    if nameless and not fits and len(owners) == len(boxes) == 1:
        name = display_name(owners[0])
        why = f"answers to it go to {possessive(name)} school account, and the sender gives no name"
        return case.identity(owners[0], Confidence.LIKELY, Step.REPLY_TO, why)
    return None


def _thread(case: _Case) -> Identity | None:
    """Step 2: the message answers one that a staff member of this name took part in from the school account."""
    thread = case.transaction.thread
    if not thread:
        return None
    fits = []
    for person in case.owners(sorted(thread)[:_MOST_LOOKED_AT]):
        found = case.sender.fit(person)
        if found >= Fit.TITLED and not case.is_written_to(person, found is not Fit.FULL):
            fits.append((person, found))
    if len(fits) != 1:
        return None
    ((person, found),) = fits
    sure = found is not Fit.INITIAL and not _has_namesake(case, person, found)
    name = display_name(person)
    why = f"it answers a message in which {possessive(name)} school account took part, and the sender's name fits"
    return case.identity(
        person, Confidence.STRONG if sure else Confidence.LIKELY, Step.THREAD, f"{why} {name}"
    )


def _has_namesake(case: _Case, person: Person, found: Fit) -> bool:
    return case.directory.has_namesake(person.id, by_initial=found in (Fit.INITIAL, Fit.TITLED))


def _by_name(case: _Case) -> Identity | None:
    """Steps 3 and 4: the staff of this name, and what speaks for one of them."""
    candidates = _candidates(case)
    if not candidates:
        return None
    best = max(candidates.values())
    people = [case.directory.people[key] for key, found in candidates.items() if found is best]
    people = [person for person in people if not case.is_written_to(person, best is not Fit.FULL)]
    if not people:
        return None
    return _quoted(case, people, best) or _context(case, people, best) or _alone(case, people, best)


def _candidates(case: _Case) -> dict[str, Fit]:
    """The staff whom the name fits, by id: more than a bare given name or surname."""
    readings = case.sender.shown or case.sender.local
    if case.sender.shown and all(len(reading.words) == 1 for reading in readings):
        readings += case.sender.local  # "Dana" beside dana.reed
    found: dict[str, Fit] = {}
    letters: str | None = None
    for key in surname_keys(readings):
        for person in case.directory.staff_of_surname(key):
            if letters is None:
                letters = first_letters(readings)
            if person.id in found or not may_begin_with(letters, person) or not is_staff(person, case.day):
                continue
            found[person.id] = case.sender.fit(person)
    return {person_id: fits for person_id, fits in found.items() if fits > Fit.PART}


def _quoted(case: _Case, people: list[Person], found: Fit) -> Identity | None:
    """Step 3: the quoted history names the school account of one of them.

    The sender typed it, or could have: weaker than what the archive knows of the thread.
    """
    if not case.transaction.raw or case.sender.is_weak(found):
        return None
    quoted = {canonical_address(box.address) for box in quoted_mailboxes(case.transaction.raw)}
    if not quoted:
        return None
    there = {person.id for person in case.owners(sorted(quoted)[:_MOST_LOOKED_AT])}
    people = [person for person in people if person.id in there]
    if len(people) != 1:
        return None
    (person,) = people
    doubt = found is Fit.TITLED or _has_namesake(case, person, found)
    name = display_name(person)
    why = f"it quotes a message with {possessive(name)} school account, and the sender's name fits {name}"
    return case.identity(person, Confidence.POSSIBLE if doubt else Confidence.LIKELY, Step.QUOTED, why)


def _context(case: _Case, people: list[Person], found: Fit) -> Identity | None:
    """Step 3: a recipient is a student, or a guardian of one, whom exactly one of them teaches or leads.

    A student of the same surname is no context: such a letter most likely comes from the student's family. A title
    and a surname ("Mrs. Lopez") fit a husband and a mother-in-law as well: `possible`.
    """
    students = _students_reached(case)
    leading = []
    for person in people if students else ():
        keys = family_keys(person.family)
        others = frozenset(
            student for student, surname in students.items() if surname not in keys and student != person.id
        )
        if others and teaches_or_leads(case.directory, person.id, others, case.day):
            leading.append(person)
    if len(leading) != 1:
        return None
    (person,) = leading
    doubt = case.sender.is_weak(found) or found is Fit.TITLED or _has_namesake(case, person, found)
    name = display_name(person)
    why = f"the sender's name fits {name}, who teaches or leads a student it is addressed to"
    if len(people) > 1:
        why += ", as no other staff member of this name does"
    if doubt:
        why += "; others in the directory may be called so"
    return case.identity(person, Confidence.POSSIBLE if doubt else Confidence.LIKELY, Step.CONTEXT, why)


def _students_reached(case: _Case) -> dict[str, str]:
    """The students whom the message reaches, themselves or through a guardian, with their folded surnames."""
    reached = audience(case.transaction, case.directory)
    found: dict[str, Person] = {}
    for key in reached.ids:
        person = reached.people[key]
        if is_student(person, case.day):
            found[key] = person
        found.update((child.id, child) for child in enrolled_children(case.directory, key, case.day))
    return {key: "".join(family_words(person.family)) for key, person in found.items()}


def _alone(case: _Case, people: list[Person], found: Fit) -> Identity | None:
    """Step 4: the name alone, when it is a whole one and exactly one person in the district bears it."""
    if len(people) != 1 or found < Fit.INITIAL or case.sender.is_weak(found):
        return None
    (person,) = people
    if _has_namesake(case, person, found):
        return None
    why = f"the sender's name is that of {display_name(person)}; nothing else is known of the sender"
    return case.identity(person, Confidence.POSSIBLE, Step.NAME_ALONE, why)


# --- imitations ----------------------------------------------------------------------------------------


def _imitated(sighting: Sighting, directory: Directory, day: date) -> Identity | None:
    """Whose account an outside sender imitates: by look-alike letters, or in the display name.

    Not how staff write from home, but how others pass for them: never more than `possible`.
    """
    address = sighting.address
    seen = _as_seen(address)
    # The district's own server may well know a `rené` beside a `rene`, but hardly a name in two alphabets.
    if seen is not None and (mixes_alphabets(address) or not directory.is_district(address)):
        person = _staff_at(seen, directory, day)
        if person is not None:
            how = "the sending address imitates an account of {} with letters that look alike"
            return _imitation(sighting, person, how)
    if directory.is_district(address) or is_through_service(sighting.name):
        return None
    for shown in addresses_in(sighting.name):
        for read in (shown, _as_seen(shown) or shown):
            person = _staff_at(read, directory, day) if directory.is_district(read) else None
            if person is not None:
                return _imitation(sighting, person, "the sender's name shows the school account of {}")
    return None


def _staff_at(address: str, directory: Directory, day: date) -> Person | None:
    match = directory.match(address)
    return match.person if match is not None and is_staff(match.person, day) else None


def _imitation(sighting: Sighting, person: Person, how: str) -> Identity:
    why = f"{how.format(display_name(person))}, which did not send it"
    return Identity(person, sighting.address, Account.OUTSIDE, Confidence.POSSIBLE, why, Step.LOOK_ALIKE)


# Who writes from a look-alike of the district's domain under nobody's name: some helpdesk or office that is none.
UNKNOWN = Person(id="", given="Unknown", family="sender", roles=frozenset({Role.STAFF}))


def _in_an_imitated_domain(sighting: Sighting, directory: Directory) -> Identity | None:
    if not _imitates_the_district(sighting.address, directory):
        return None
    why = (
        "the domain of the sending address is written like the district's, with letters that only look alike"
    )
    return Identity(UNKNOWN, sighting.address, Account.OUTSIDE, Confidence.POSSIBLE, why, Step.LOOK_ALIKE)


def _imitates_the_district(address: str, directory: Directory) -> bool:
    seen = _as_seen(address)
    return seen is not None and directory.is_district(seen) and not directory.is_district(address)


def _is_disguised(address: str, directory: Directory) -> bool:
    """Whether an address mixes alphabets, or imitates the district's domain."""
    if _as_seen(address) is None:
        return False
    local, _, domain = address.rpartition("@")
    return mixes_alphabets(f"{local} {_decoded(domain)}") or _imitates_the_district(address, directory)


def _as_seen(address: str) -> str | None:
    """An address of more than ASCII as it looks to a reader of Latin letters; None for all others."""
    if address.isascii() and "xn--" not in address.lower():
        return None
    local, _, domain = address.rpartition("@")
    return skeleton(f"{local}@{_decoded(domain)}")


def _decoded(domain: str) -> str:
    """A domain with its A-labels in the letters that they stand for."""
    return ".".join(map(_decoded_label, domain[:255].lower().split(".")))


def _decoded_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


LADDER: tuple[Rung, ...] = (school_account, registered_address, named)
# What is asked of the mailboxes of a From line that names more people than ever wrote one letter.
_REGISTRY: tuple[Rung, ...] = (school_account, registered_address)


# --- shared addresses ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Owner:
    person: Person
    kinds: frozenset[AddressKind]
    shared: bool

    def identity(self, sighting: Sighting, account: Account, why: str) -> Identity:
        if self.shared:
            why += "; others use this address too, and the sender's name in the message tells them apart"
        confidence = Confidence.LIKELY if self.shared else Confidence.CERTAIN
        step = Step.SCHOOL_ACCOUNT if account is Account.DISTRICT else Step.REGISTERED
        return Identity(self.person, sighting.address, account, confidence, why, step)


def _at_school(owner: _Owner, sighting: Sighting, directory: Directory) -> bool:
    return not owner.kinds.isdisjoint(SCHOOL_KINDS) or directory.is_district(sighting.address)


def _owner(sighting: Sighting, directory: Directory) -> _Owner | None:
    """The one person to whom an address belongs, or who is named beside a shared one."""
    matches = directory.matches(sighting.address)
    if not matches:
        return None
    addresses: dict[str, list[PersonAddress]] = {}
    for match in matches:
        addresses.setdefault(match.person.id, []).append(match.address)
    people = {match.person.id: match.person for match in matches}
    shared = len(people) > 1
    if shared:
        # A family's address: it may be the student who writes, and a student's mail is never a finding.
        if any(Role.STUDENT in person.roles for person in people.values()):
            return None
        people = {key: person for key, person in people.items() if _is_named(sighting.name, person)}
        if len(people) != 1:
            return None
    ((person_id, person),) = people.items()
    return _Owner(person, frozenset(address.kind for address in addresses[person_id]), shared)


def _is_named(display: str, person: Person) -> bool:
    """Whether a display name is a person's full name, as "Given Family" or "Family, Given"."""
    if len(display) > LONGEST:  # nobody's name; to put combining marks in order takes quadratic time
        return False
    shown = _folded(display)
    if not shown or not person.family:
        return False
    return any(
        shown in (_folded(f"{given} {person.family}"), _folded(f"{person.family} {given}"))
        for given in (person.given, person.preferred)
        if given
    )


def _folded(name: str) -> str:
    """A name without case, accents and punctuation, single spaces between its words."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in plain).casefold().split())
