"""Scenarios of the month about the account: registered personal addresses, school accounts, private copies.

"Staff is required to use their school-issued accounts, not personal accounts, for all communication with
students, and parents/guardians; such accounts must be used with other staff members when conducting school
business."
"""

from __future__ import annotations

from gateway.demo.census import ascii_name
from gateway.demo.district import DOMAIN, Person
from gateway.demo.letter import OFF_CHANNEL_GUARDIAN, OFF_CHANNEL_STUDENT, ONE_TO_ONE, Party
from gateway.demo.month.desk import Desk, Scenario, pick, undecided, with_from
from gateway.demo.month.label import (
    OFF_CHANNEL_ADDRESSED,
    OFF_CHANNEL_STAFF,
    STUDENT_ALONE,
    Piece,
    Wanted,
    wanted,
)
from gateway.policy.identify import Step
from gateway.policy.model import Confidence


def _home(person: Person) -> str:
    return person.personal[0]


def _registered(person: Person, *rules: str) -> tuple[Wanted, ...]:
    return wanted(person.id, Step.REGISTERED, *rules)


def to_colleague(person: Person, step: Step = Step.REGISTERED) -> tuple[Wanted, ...]:
    """The sentence binds colleagues "when conducting school business" only, which an address cannot show.

    The rule has no such condition, so all such mail is labelled with it, were it about lunch: what share of it is
    private, and so wrongly found, cannot be measured here.
    """
    sureness = Confidence.POSSIBLE if step is Step.NAME_ALONE else Confidence.LIKELY
    return wanted(person.id, step, OFF_CHANNEL_STAFF, confidence=sureness)


# --- students ------------------------------------------------------------------------------------------


def teacher_writes_to_one_student_from_home(desk: Desk) -> list[Piece]:
    """The wrong account, and one-to-one."""
    teacher = desk.home_teacher()
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    return [desk.write(teacher, [next(desk.cast.students)], want, account=_home(teacher))]


def teacher_writes_to_students_from_home(desk: Desk) -> list[Piece]:
    teacher = desk.home_teacher()
    students = [next(desk.cast.students) for _ in range(3)]
    return [desk.write(teacher, students, _registered(teacher, OFF_CHANNEL_STUDENT), account=_home(teacher))]


def teacher_uses_plus_tag(desk: Desk) -> list[Piece]:
    """`name+school@` is the registered `name@`."""
    teacher = desk.home_teacher()
    local, _, domain = _home(teacher).rpartition("@")
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    return [
        desk.write(teacher, [next(desk.cast.students)], want, account=f"{local}+school@{domain}", name="")
    ]


def teacher_moves_gmail_dots(desk: Desk) -> list[Piece]:
    teacher = pick(desk.cast.teachers_with_gmail, lambda p: p.id not in desk.town.apart)
    local = _home(teacher).partition("@")[0].replace(".", "")
    account = f"{local[0].upper()}{local[1:4]}.{local[4:]}@googlemail.com"
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    return [desk.write(teacher, [next(desk.cast.students)], want, account=account)]


def home_account_under_another_name(desk: Desk) -> list[Piece]:
    """The address is registered, whatever name stands beside it."""
    teacher = desk.home_teacher()
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    return [
        desk.write(teacher, [next(desk.cast.students)], want, account=_home(teacher), name="Music 4 ever")
    ]


def home_account_answers_to_school(desk: Desk) -> list[Piece]:
    """A Reply-To: at the district does not make a registered personal account a school one."""
    teacher = desk.home_teacher()
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    headers = [("Reply-To", teacher.email)]
    return [desk.write(teacher, [next(desk.cast.students)], want, account=_home(teacher), headers=headers)]


def teacher_hides_student_in_bcc(desk: Desk) -> list[Piece]:
    """The header names a stranger; the envelope tells."""
    teacher = desk.home_teacher()
    friend = Party("Renata Kowalczyk", "renata@hill-and-hollow.example")
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    return [desk.write(teacher, [friend], want, account=_home(teacher), bcc=[next(desk.cast.students)])]


def home_mail_through_the_districts_list(desk: Desk) -> list[Piece]:
    """List-Id of the district's own: judged like everything."""
    teacher = desk.home_teacher()
    students = [next(desk.cast.students) for _ in range(2)]
    return [
        desk.write(
            teacher, students, _registered(teacher, OFF_CHANNEL_STUDENT), account=_home(teacher),
            headers=[("List-Id", f"<seniors.{DOMAIN}>")],
        )
    ]  # fmt: skip


def home_mail_not_yet_decided(desk: Desk) -> list[Piece]:
    """A look-up failed, which is no sign of forgery."""
    teacher = desk.home_teacher()
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    return [desk.write(teacher, [next(desk.cast.students)], want, account=_home(teacher), origin=undecided)]


def two_teachers_sign_from_home(desk: Desk) -> list[Piece]:
    """Two mailboxes in From:, both at home; a second staff member takes part, so it is not one-to-one."""
    first = desk.home_teacher()
    second = pick(iter(desk.home_teacher, None), lambda p: p.id != first.id)
    want = (*_registered(first, OFF_CHANNEL_STUDENT), *_registered(second, OFF_CHANNEL_STUDENT))
    piece = desk.write(first, [next(desk.cast.students)], want, account=_home(first))
    both = [Party(ascii_name(p.given).title(), _home(p)) for p in (first, second)]
    return [with_from(piece, *both)]


def home_mail_names_only_a_sender(desk: Desk) -> list[Piece]:
    """No From:, but a Sender: with the registered account."""
    teacher = desk.home_teacher()
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    piece = desk.write(
        teacher, [next(desk.cast.students)], want, account=_home(teacher), headers=[("Sender", _home(teacher))]
    )  # fmt: skip
    return [with_from(piece)]


def home_mail_names_nobody(desk: Desk) -> list[Piece]:
    """No From: and no Sender:; the envelope's sender is weaker evidence."""
    teacher = desk.home_teacher()
    rules = (OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    want = wanted(teacher.id, Step.REGISTERED, *rules, confidence=Confidence.STRONG)
    return [with_from(desk.write(teacher, [next(desk.cast.students)], want, account=_home(teacher)))]


# --- guardians -----------------------------------------------------------------------------------------


def teacher_writes_to_guardian_from_home(desk: Desk) -> list[Piece]:
    """The guardian's mailbox is elsewhere; the colleague's copy passes the gateway, and To: tells."""
    teacher, (guardian, _) = desk.home_teacher(), next(desk.cast.guardians)
    return [
        desk.write(
            teacher, [guardian], (*_registered(teacher, OFF_CHANNEL_GUARDIAN), *to_colleague(teacher)),
            account=_home(teacher), cc=[desk.colleague(teacher)],
            left_open=[OFF_CHANNEL_STAFF],
        )
    ]  # fmt: skip


def teacher_writes_to_family_from_home(desk: Desk) -> list[Piece]:
    """A child and the guardian: two findings, and not one-to-one."""
    teacher, (guardian, child) = desk.home_teacher(), next(desk.cast.guardians)
    want = _registered(teacher, OFF_CHANNEL_STUDENT, OFF_CHANNEL_GUARDIAN)
    return [desk.write(teacher, [child], want, cc=[guardian], account=_home(teacher))]


def teacher_writes_to_parents_shared_mailbox(desk: Desk) -> list[Piece]:
    """Both who read it are guardians of the same child."""
    teacher = desk.home_teacher()
    people = desk.district.people
    child = next(
        s
        for s in desk.cast.students
        if len(s.guardians) == 2 and len({people[g].email for g in s.guardians}) == 1 and people[s.guardians[0]].email
    )  # fmt: skip
    want = _registered(teacher, OFF_CHANNEL_STUDENT, OFF_CHANNEL_GUARDIAN)
    return [desk.write(teacher, [child], want, cc=[people[child.guardians[0]]], account=_home(teacher))]


def teacher_writes_to_parent_at_work(desk: Desk) -> list[Piece]:
    """A colleague who is a parent, about the child in the author's class: as parent or as colleague, likely either."""
    family = pick(desk.families, lambda f: bool(f.teacher.personal) and f.teacher.id not in desk.town.apart)
    teacher = family.teacher
    want = wanted(teacher.id, Step.REGISTERED, OFF_CHANNEL_GUARDIAN, confidence=Confidence.LIKELY)
    return [desk.write(teacher, [family.parent], (*want, *to_colleague(teacher)), account=_home(teacher))]


# --- colleagues ----------------------------------------------------------------------------------------


def teacher_writes_to_colleague_from_home(desk: Desk) -> list[Piece]:
    teacher = desk.home_teacher()
    return [desk.write(teacher, [desk.colleague(teacher)], to_colleague(teacher), account=_home(teacher))]


def volunteer_writes_to_director(desk: Desk) -> list[Piece]:
    """A volunteer coach is staff, with or without an account of the district's."""
    volunteer = desk.volunteer().leader
    director = desk.district.athletic_director
    return [desk.write(volunteer, [director], to_colleague(volunteer), account=_home(volunteer))]


def office_writes_to_private_accounts(desk: Desk) -> list[Piece]:
    """A teacher's personal account among the recipients, together with another staff member."""
    teacher = desk.home_teacher()
    author = desk.colleague(teacher)
    home = Party(teacher.name, _home(teacher))
    want = wanted(author.id, Step.SCHOOL_ACCOUNT, OFF_CHANNEL_ADDRESSED, confidence=Confidence.LIKELY)
    return [desk.write(author, [home], want, cc=[desk.colleague(author, teacher)])]


def teacher_writes_to_own_private_account(desk: Desk) -> list[Piece]:
    """Together with nobody: a note to oneself."""
    teacher = desk.home_teacher()
    return [desk.write(teacher, [Party(teacher.name, _home(teacher))])]


def principal_writes_to_private_account_alone(desk: Desk) -> list[Piece]:
    """No student, guardian or other staff member beside it: the rule asks for one."""
    teacher = desk.home_teacher()
    principal = desk.district.principal(teacher.school)
    return [desk.write(principal, [Party(teacher.name, _home(teacher))], left_open=[OFF_CHANNEL_ADDRESSED])]


def guardian_writes_to_private_account(desk: Desk) -> list[Piece]:
    """To a teacher's personal account and to another staff member at school."""
    (guardian, _), teacher = next(desk.cast.guardians), desk.home_teacher()
    home = Party(teacher.name, _home(teacher))
    want = wanted(guardian.id, Step.REGISTERED, OFF_CHANNEL_ADDRESSED, confidence=Confidence.LIKELY)
    return [desk.write(guardian, [home], want, cc=[desk.colleague(teacher)])]


# --- school accounts -----------------------------------------------------------------------------------


def teacher_writes_to_one_student(desk: Desk) -> list[Piece]:
    """The right account, but nobody else takes part."""
    teacher = desk.colleague()
    want = wanted(teacher.id, Step.SCHOOL_ACCOUNT, STUDENT_ALONE)
    return [desk.write(teacher, [next(desk.cast.students)], want)]


def teacher_answers_one_student(desk: Desk) -> list[Piece]:
    """The student's mail is no finding, the answer is."""
    teacher, pupil = desk.colleague(), next(desk.cast.students)
    asked = desk.write(pupil, [teacher])
    want = wanted(teacher.id, Step.SCHOOL_ACCOUNT, STUDENT_ALONE)
    return [asked, desk.write(teacher, [pupil], want, answers=asked.message)]


def teacher_writes_to_one_student_and_colleague(desk: Desk) -> list[Piece]:
    """A second staff member takes part."""
    teacher = desk.colleague()
    return [desk.write(teacher, [next(desk.cast.students)], cc=[desk.colleague(teacher)])]


def teacher_writes_to_one_student_and_guardian(desk: Desk) -> list[Piece]:
    guardian, child = next(desk.cast.guardians)
    return [desk.write(desk.colleague(), [child], cc=[guardian])]


def teacher_writes_to_brothers_and_sisters(desk: Desk) -> list[Piece]:
    """Several members of one family are several recipients."""
    children = next(
        some
        for guardian, _ in desk.cast.guardians
        if len(some := [c for c in desk.district.children[guardian.id] if c.email and desk.district.here(c)])
        > 1
    )
    return [desk.write(desk.colleague(), children)]


def teacher_copies_a_mother_whom_the_roster_does_not_know(desk: Desk) -> list[Piece]:
    """A guardian does take part, at an address that is on no record, so the gateway cannot tell."""
    guardian, child = next(desk.cast.guardians)
    mother = Party(guardian.name, desk.webmail())
    return [desk.write(desk.colleague(), [child], cc=[mother], left_open=[STUDENT_ALONE])]


def teacher_blind_copies_counselor(desk: Desk) -> list[Piece]:
    """A blind copy takes part as well."""
    teacher = desk.colleague()
    return [desk.write(teacher, [next(desk.cast.students)], bcc=[desk.colleague(teacher)])]


def teacher_writes_from_alias(desk: Desk) -> list[Piece]:
    """A second name at the district is a school account."""
    teacher = pick(desk.cast.teachers_with_alias, lambda p: p.id not in desk.town.apart)
    students = [next(desk.cast.students) for _ in range(2)]
    return [desk.write(teacher, students, account=teacher.aliases[0])]


# --- dates and exemptions -------------------------------------------------------------------------------


def teacher_on_the_last_day(desk: Desk) -> list[Piece]:
    """The last day belongs to the service; after it nobody is staff."""
    teacher = desk.town.leaver
    here = desk.district.here(teacher)
    want = _registered(teacher, OFF_CHANNEL_STUDENT, STUDENT_ALONE) if here else ()
    return [desk.write(teacher, [next(desk.cast.students)], want, account=_home(teacher))]


def exempt_teacher_writes_from_home(desk: Desk) -> list[Piece]:
    """The exemption is from one rule only."""
    teacher = desk.town.exempt
    want = _registered(teacher, STUDENT_ALONE)
    return [desk.write(teacher, [next(desk.cast.students)], want, account=_home(teacher))]


def exemption_runs_out(desk: Desk) -> list[Piece]:
    """The last day of an exemption still counts."""
    teacher = desk.town.expired
    rules = (
        (STUDENT_ALONE,) if desk.town.is_exempt(desk.district.day) else (OFF_CHANNEL_STUDENT, STUDENT_ALONE)
    )
    return [
        desk.write(teacher, [next(desk.cast.students)], _registered(teacher, *rules), account=_home(teacher))
    ]


# --- volunteers ----------------------------------------------------------------------------------------


def volunteer_writes_to_whole_team(desk: Desk) -> list[Piece]:
    """Nobody is left out, but the account is a personal one."""
    lead = desk.volunteer()
    want = _registered(lead.leader, OFF_CHANNEL_STUDENT)
    return [desk.write(lead.leader, desk.whole(lead.group), want, account=_home(lead.leader))]


def volunteer_writes_to_list_address(desk: Desk) -> list[Piece]:
    """The players are behind the list address, and their guardians where the group has them on it."""
    lead = pick(iter(desk.volunteer, None), lambda x: bool(x.group.address and x.group.guardians))
    want = _registered(lead.leader, OFF_CHANNEL_STUDENT, OFF_CHANNEL_GUARDIAN)
    team = Party(lead.group.name, lead.group.address)
    return [
        desk.write(
            lead.leader, [team], want, account=_home(lead.leader), left_open=[OFF_CHANNEL_STAFF]
        )
    ]  # fmt: skip


def volunteer_writes_to_one_player(desk: Desk) -> list[Piece]:
    """Two sentences at once; a coach's rule has fired, so student/one-to-one has nothing to add."""
    lead = desk.volunteer()
    (player,) = desk.players(lead, 1)
    want = _registered(lead.leader, OFF_CHANNEL_STUDENT, ONE_TO_ONE)
    return [desk.write(lead.leader, [player], want, account=_home(lead.leader))]


def everybody_is_told_something(desk: Desk) -> list[Piece]:
    """A school's secretary to a whole team, which is not hers; the administrator is in the group."""
    lead = desk.coach(director=True)
    return [desk.write(desk.colleague(), desk.whole(lead.group))]


SCENES: dict[Scenario, float] = {
    teacher_writes_to_one_student_from_home: 20,
    teacher_writes_to_students_from_home: 12,
    teacher_uses_plus_tag: 4,
    teacher_moves_gmail_dots: 4,
    home_account_under_another_name: 4,
    home_account_answers_to_school: 4,
    teacher_hides_student_in_bcc: 3,
    home_mail_through_the_districts_list: 2,
    home_mail_not_yet_decided: 2,
    two_teachers_sign_from_home: 2,
    home_mail_names_only_a_sender: 1,
    home_mail_names_nobody: 1,
    teacher_writes_to_guardian_from_home: 15,
    teacher_writes_to_family_from_home: 8,
    teacher_writes_to_parents_shared_mailbox: 3,
    teacher_writes_to_parent_at_work: 3,
    teacher_writes_to_colleague_from_home: 12,
    volunteer_writes_to_director: 5,
    office_writes_to_private_accounts: 6,
    teacher_writes_to_own_private_account: 5,
    principal_writes_to_private_account_alone: 3,
    guardian_writes_to_private_account: 3,
    teacher_writes_to_one_student: 40,
    teacher_answers_one_student: 20,
    teacher_writes_to_one_student_and_colleague: 30,
    teacher_writes_to_one_student_and_guardian: 30,
    teacher_writes_to_brothers_and_sisters: 6,
    teacher_copies_a_mother_whom_the_roster_does_not_know: 6,
    teacher_blind_copies_counselor: 6,
    teacher_writes_from_alias: 10,
    teacher_on_the_last_day: 3,
    exempt_teacher_writes_from_home: 4,
    exemption_runs_out: 4,
    volunteer_writes_to_whole_team: 6,
    volunteer_writes_to_list_address: 3,
    volunteer_writes_to_one_player: 5,
    everybody_is_told_something: 6,
}
