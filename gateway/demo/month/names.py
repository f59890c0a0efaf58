"""Scenarios of the month in which nothing but a name, a reply address or a thread tells who wrote.

The writer uses an address that is registered nowhere. `_from_home` scenarios are truly staff; the others are people
who are only called alike, and no accusation of a staff member is right in them, whatever the ladder can know.
Where an honest ladder must err (a stranger with a teacher's name who writes to this teacher's pupils), the
scenario is rare, as it is in life, and counts against precision.
"""

from __future__ import annotations

from gateway.demo.census import ascii_name
from gateway.demo.district import DOMAIN, Person
from gateway.demo.letter import OFF_CHANNEL_GUARDIAN, OFF_CHANNEL_STUDENT, ONE_TO_ONE, PARTIAL_TEAM, Party
from gateway.demo.month.accounts import to_colleague
from gateway.demo.month.desk import Desk, Scenario, local_part, pick
from gateway.demo.month.label import (
    IMPERSONATION,
    OFF_CHANNEL_STAFF,
    STUDENT_ALONE,
    SUSPECTED,
    Piece,
    wanted,
)
from gateway.demo.month.town import NICKNAMES
from gateway.policy.identify import Step

_WIVES = ("Margaret", "Henrietta", "Philippa", "Anneliese")  # of the teachers who are known by name
_RELATED = (OFF_CHANNEL_STUDENT, STUDENT_ALONE)


def _to_pupil(desk: Desk, teacher: Person, name: str, local: str = "") -> list[Piece]:
    """A teacher writes to one of their pupils from an address that nobody has registered."""
    want = wanted(teacher.id, Step.CONTEXT, *_RELATED)
    return [
        desk.write(
            teacher, [desk.pupil(teacher)], want, account=desk.webmail(local), name=name,
            left_open=[SUSPECTED],  # instead of the finding it is no error, but the finding is missed
        )
    ]  # fmt: skip


# --- step 3: the name, and a pupil -----------------------------------------------------------------------


def full_name_to_pupil_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    return _to_pupil(desk, teacher, f"{teacher.given} {teacher.family}")


def full_name_to_pupils_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    first = desk.pupil(teacher)
    second = pick(iter(lambda: desk.pupil(teacher), None), lambda p: p.id != first.id)
    want = wanted(teacher.id, Step.CONTEXT, OFF_CHANNEL_STUDENT)
    return [desk.write(teacher, [first, second], want, account=desk.webmail(), left_open=[SUSPECTED])]


def full_name_to_guardian_from_home(desk: Desk) -> list[Piece]:
    """The guardian's mailbox is elsewhere; a colleague's copy passes the gateway."""
    teacher = next(desk.named)
    guardian, _ = desk.guardian_of_pupil(teacher)
    want = (*wanted(teacher.id, Step.CONTEXT, OFF_CHANNEL_GUARDIAN), *to_colleague(teacher, Step.CONTEXT))
    return [
        desk.write(
            teacher, [guardian], want, cc=[desk.colleague(teacher)], account=desk.webmail(),
            left_open=[OFF_CHANNEL_STAFF, SUSPECTED],
        )
    ]  # fmt: skip


def family_name_first_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    return _to_pupil(desk, teacher, f"{teacher.family}, {teacher.given}")


def nickname_from_home(desk: Desk) -> list[Piece]:
    """Robert writes as Bob; the roster does not know it."""
    teacher = next(desk.nicknamed)
    return _to_pupil(desk, teacher, f"{NICKNAMES[teacher.given]} {teacher.family}")


def preferred_name_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.preferring)
    return _to_pupil(desk, teacher, f"{teacher.preferred} {teacher.family}")


def name_without_accents_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.accented)
    plain = f"{ascii_name(teacher.given).title()} {ascii_name(teacher.family).title()}"
    return _to_pupil(desk, teacher, plain)


def initial_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    return _to_pupil(desk, teacher, f"{teacher.given[0]}. {teacher.family}")


def initial_that_others_share_from_home(desk: Desk) -> list[Piece]:
    """A parent in the district has the initial and surname too: a notice, or a likely finding, will both do."""
    author, _ = desk.town.mothers_teacher, desk.town.mother
    return [
        desk.write(
            author, [desk.pupil(author)], account=desk.webmail(), name=f"{author.given[0]}. {author.family}",
            left_open=[*_RELATED, SUSPECTED],
        )
    ]  # fmt: skip


def title_and_full_name_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    return _to_pupil(desk, teacher, f"Ms. {teacher.given} {teacher.family}")


def slip_in_surname_from_home(desk: Desk) -> list[Piece]:
    """One letter too few in a long surname."""
    teacher = next(desk.long_named)
    return _to_pupil(desk, teacher, f"{teacher.given} {teacher.family[:4]}{teacher.family[5:]}")


def local_part_only_from_home(desk: Desk) -> list[Piece]:
    """No display name; the address says it."""
    teacher = next(desk.named)
    return _to_pupil(desk, teacher, "", local_part(teacher, "{given}.{family}"))


def local_part_with_initial_from_home(desk: Desk) -> list[Piece]:
    """The address's local part is a name too, and an initial matches."""
    teacher = next(desk.named)
    return _to_pupil(desk, teacher, "", local_part(teacher, "{initial}.{family}"))


def honorific_and_surname_from_home(desk: Desk) -> list[Piece]:
    """Names match by surname and given name; there is no given name here, so the policy leaves it open."""
    teacher = next(desk.named)
    name = f"{desk.rng.choice(('Mr.', 'Ms.', 'Mrs.'))} {teacher.family}"
    return [
        desk.write(
            teacher, [desk.pupil(teacher)], account=desk.webmail(), name=name,
            left_open=[*_RELATED, SUSPECTED],
        )
    ]  # fmt: skip


def title_in_local_part_from_home(desk: Desk) -> list[Piece]:
    """coach.smith@ without display name: the same, by the address."""
    lead = desk.coach(director=True)
    return [
        desk.write(
            lead.leader, desk.players(lead, 1), name="",
            account=desk.webmail(local_part(lead.leader, "coach.{family}")),
            left_open=[OFF_CHANNEL_STUDENT, ONE_TO_ONE, STUDENT_ALONE, SUSPECTED],
        )
    ]  # fmt: skip


def coach_by_name_to_some_players_from_home(desk: Desk) -> list[Piece]:
    """Who coaches them need not teach them."""
    lead = pick(desk.cast.coaches, lambda x: x.leader.id in desk.town.coaches)
    want = wanted(lead.leader.id, Step.CONTEXT, OFF_CHANNEL_STUDENT, PARTIAL_TEAM)
    players = desk.players(lead, 3)
    return [desk.write(lead.leader, players, want, account=desk.webmail(), left_open=[SUSPECTED])]


def one_of_two_namesakes_from_home(desk: Desk) -> list[Piece]:
    """Two teachers have the name; one of them teaches the student."""
    author, other = desk.town.twins
    known = desk.district.pupils(other)
    pupil = pick(iter(lambda: desk.pupil(author), None), lambda p: p.id not in known)
    want = wanted(author.id, Step.CONTEXT, *_RELATED)
    return [desk.write(author, [pupil], want, account=desk.webmail(), left_open=[SUSPECTED])]


def one_of_two_namesakes_to_stranger_from_home(desk: Desk) -> list[Piece]:
    """Neither teaches the student, so nothing tells which of the two it is."""
    author, other = desk.town.twins
    known = desk.district.pupils(other)
    student = pick(iter(lambda: desk.stranger_to(author), None), lambda p: p.id not in known)
    return [desk.write(author, [student], account=desk.webmail(), left_open=[SUSPECTED])]


def half_of_a_double_surname_from_home(desk: Desk) -> list[Piece]:
    """Not the surname of the roster, though it is hers: the policy does not say whether that is a match."""
    teacher = pick(desk.named, lambda p: "-" in p.family)
    name = f"{teacher.given} {teacher.family.partition('-')[0]}"
    return [
        desk.write(
            teacher, [desk.pupil(teacher)], account=desk.webmail(), name=name,
            left_open=[*_RELATED, SUSPECTED],
        )
    ]  # fmt: skip


def quoted_school_account_from_home(desk: Desk) -> list[Piece]:
    """The answer quotes a mail that the archive does not know: no step of the policy, but more than a name."""
    teacher = next(desk.named)
    student = desk.stranger_to(teacher)
    text = f"Yes, at three.\n\nOn Oct 14, 2026, <{teacher.email}> wrote:\n\n> At three?"
    return [
        desk.write(
            teacher, [student], account=desk.webmail(), text=text, left_open=[*_RELATED, SUSPECTED]
        )
    ]  # fmt: skip


# --- step 2: a reply address, a sender, a thread ----------------------------------------------------------


def reply_address_at_school_from_home(desk: Desk) -> list[Piece]:
    """Not a name in sight, but answers go to the teacher's school account."""
    teacher = next(desk.named)
    want = wanted(teacher.id, Step.REPLY_TO, *_RELATED)
    headers = [("Reply-To", teacher.email)]
    student = desk.stranger_to(teacher)
    return [desk.write(teacher, [student], want, account=desk.webmail(), headers=headers)]


def nameless_with_reply_address_at_school_from_home(desk: Desk) -> list[Piece]:
    """No name at all; the address that answers go to is enough."""
    teacher = next(desk.named)
    want = wanted(teacher.id, Step.REPLY_TO, *_RELATED)
    headers = [("Reply-To", teacher.email)]
    student = desk.stranger_to(teacher)
    return [desk.write(teacher, [student], want, account=desk.webmail(), name="", headers=headers)]


def sender_field_at_school_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    want = wanted(teacher.id, Step.REPLY_TO, *_RELATED)
    headers = [("Sender", f"{ascii_name(teacher.given)} <{teacher.email}>")]
    student = desk.stranger_to(teacher)
    return [desk.write(teacher, [student], want, account=desk.webmail(), headers=headers)]


def answer_in_thread_from_home(desk: Desk) -> list[Piece]:
    """A student wrote to the teacher at school; the answer comes from the teacher's own address."""
    teacher = next(desk.named)
    student = desk.stranger_to(teacher)
    asked = desk.write(student, [teacher])
    want = wanted(teacher.id, Step.THREAD, *_RELATED)
    answer = desk.write(
        teacher, [student], want, account=desk.webmail(), answers=asked.message, thread=[student, teacher]
    )
    return [asked, answer]


def answer_in_thread_by_local_part_from_home(desk: Desk) -> list[Piece]:
    """ "from an address with their name": no display name, the name is in the address."""
    teacher = next(desk.named)
    student = desk.stranger_to(teacher)
    asked = desk.write(student, [teacher])
    account = desk.webmail(local_part(teacher, "{given}.{family}"))
    answer = desk.write(
        teacher, [student], wanted(teacher.id, Step.THREAD, *_RELATED), account=account, name="",
        answers=asked.message, thread=[student, teacher],
    )  # fmt: skip
    return [asked, answer]


def _strangers_in_thread(desk: Desk, name: str | None) -> list[Piece]:
    """A guardian answers a teacher's mail from an unregistered address, with the child in copy."""
    teacher = next(desk.named)
    guardian, child = desk.guardian_unknown_to(teacher)
    asked = desk.write(teacher, [guardian])
    return [
        asked,
        desk.write(
            guardian, [teacher], cc=[child], account=desk.webmail(), name=name,
            answers=asked.message, thread=[guardian, teacher],
        ),
    ]  # fmt: skip


def mother_answers_the_teacher_of_her_name(desk: Desk) -> list[Piece]:
    """From an address that is not on record, her child in copy. She writes to the teacher, so she is not her."""
    town = desk.town
    asked = desk.write(town.mothers_teacher, [town.mother])
    thread = [town.mother, town.mothers_teacher]
    return [
        asked,
        desk.write(
            town.mother, [town.mothers_teacher], cc=[town.mothers_child], account=desk.webmail(),
            answers=asked.message, thread=thread, left_open=[SUSPECTED],
        ),
    ]  # fmt: skip


def mother_hands_on_the_teachers_mail(desk: Desk) -> list[Piece]:
    """The same to her child alone: the thread, the name and the pupil all speak for the teacher, who is not it."""
    town = desk.town
    asked = desk.write(town.mothers_teacher, [town.mother])
    thread = [town.mother, town.mothers_teacher]
    return [
        asked,
        desk.write(
            town.mother, [town.mothers_child], account=desk.webmail(), answers=asked.message, thread=thread,
            left_open=[SUSPECTED],
        ),
    ]  # fmt: skip


def guardian_answers_from_other_address(desk: Desk) -> list[Piece]:
    """The teacher took part in the thread, but it is not the teacher's name."""
    return _strangers_in_thread(desk, None)


def guardian_answers_without_a_name(desk: Desk) -> list[Piece]:
    return _strangers_in_thread(desk, "")


def form_on_the_web_answers_to_guardian(desk: Desk) -> list[Piece]:
    """A form service writes to a teacher and a colleague; answers go to the guardian who filled it in."""
    guardian, _ = next(desk.cast.guardians)
    teacher = desk.colleague()
    service = Party("Sign-up forms", "noreply@sign-up-forms.example")
    headers = [("Reply-To", guardian.email)]
    return [desk.write(service, [teacher], cc=[desk.colleague(teacher)], headers=headers)]


# --- step 4: the name alone -------------------------------------------------------------------------------


def full_name_to_stranger_from_home(desk: Desk) -> list[Piece]:
    """The teacher does not teach the student, so there is nothing but the name."""
    teacher = next(desk.named)
    return [_suspected(desk, teacher, [desk.stranger_to(teacher)])]


def stranger_has_a_teachers_name_writes_to_student(desk: Desk) -> list[Piece]:
    """Not the teacher, as it happens; the notice is the same, and accuses nobody."""
    teacher = next(desk.named)
    return [_suspected(desk, teacher, [desk.stranger_to(teacher), desk.stranger_to(teacher)])]


def stranger_has_a_teachers_name_writes_to_guardian(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    guardian, child = desk.guardian_unknown_to(teacher)
    return [_suspected(desk, teacher, [guardian, child])]


def _suspected(desk: Desk, teacher: Person, to: list[Person]) -> Piece:
    want = wanted(teacher.id, Step.NAME_ALONE, SUSPECTED)
    return desk.write(teacher, to, want, account=desk.webmail())


def stranger_has_a_teachers_name_writes_to_staff(desk: Desk) -> list[Piece]:
    """A seller. Whether a name alone is worth a notice where no student or guardian reads it is left open."""
    teacher = next(desk.named)
    return [
        desk.write(
            teacher, [desk.colleague(teacher)], account=desk.webmail(), left_open=[SUSPECTED],
        )
    ]  # fmt: skip


def stranger_has_a_teachers_name_writes_outside(desk: Desk) -> list[Piece]:
    """To an office box of the district that is nobody in the directory."""
    teacher = next(desk.named)
    return [desk.write(teacher, [Party("Office", f"office@{DOMAIN}")], account=desk.webmail())]


def look_alike_domain_with_a_teachers_name(desk: Desk) -> list[Piece]:
    """A swindler who owns a domain much like the district's; it vouches for itself."""
    teacher = next(desk.named)
    account = local_part(teacher, "{given}.{family}") + "@quabbinva1ley.example"
    want = wanted(teacher.id, Step.NAME_ALONE, SUSPECTED)
    return [desk.write(teacher, [desk.stranger_to(teacher)], want, account=account)]


def homograph_of_a_school_address(desk: Desk) -> list[Piece]:
    """The teacher's school address with a Cyrillic letter in it, vouched for by whoever owns that domain.

    The policy speaks of impersonation only where authentication fails; a notice for IT is welcome all the same.
    """
    teacher = next(desk.named)
    local, _, domain = teacher.email.rpartition("@")
    alike = domain.replace("a", "а", 1).encode("idna").decode()
    return [
        desk.write(
            teacher, [desk.pupil(teacher)], account=f"{local}@{alike}", name="", left_open=[SUSPECTED, IMPERSONATION]
        )
    ]  # fmt: skip


def school_address_as_display_name(desk: Desk) -> list[Piece]:
    """A display name never counts as an address."""
    teacher = next(desk.named)
    return [
        desk.write(
            teacher, [desk.pupil(teacher)], account=desk.webmail(), name=teacher.email,
            left_open=[SUSPECTED, IMPERSONATION],
        )
    ]  # fmt: skip


def class_app_writes_for_a_teacher(desk: Desk) -> list[Piece]:
    """A service that the teacher uses sends in the teacher's name; whether that is a personal account is left open."""
    teacher = next(desk.named)
    name = f"{teacher.given} {teacher.family} via ClassPages"
    return [
        desk.write(
            teacher, [desk.pupil(teacher)], account="noreply@classpages.example", name=name,
            headers=[("Reply-To", teacher.email)], left_open=[*_RELATED, SUSPECTED],
        )
    ]  # fmt: skip


def class_parent_sends_round_for_the_teacher(desk: Desk) -> list[Piece]:
    """Who brings what, by a parent from an address on no record; answers go to the teacher, who wrote nothing."""
    teacher = next(desk.named)
    guardian, child = desk.guardian_of_pupil(teacher)
    other = desk.pupil(teacher)
    headers = [("Reply-To", teacher.email)]
    return [desk.write(guardian, [child, other], account=desk.webmail(), headers=headers)]


# --- people who are called alike ----------------------------------------------------------------------------


def mother_has_a_teachers_name(desk: Desk) -> list[Piece]:
    """From her registered address, to her child, whom the teacher of her name teaches."""
    return [desk.write(desk.town.mother, [desk.town.mothers_child], cc=[desk.colleague()])]


def student_has_a_teachers_name(desk: Desk) -> list[Piece]:
    others = [next(desk.cast.students) for _ in range(2)]
    return [desk.write(desk.town.student, others)]


def mother_has_a_teachers_name_and_new_address(desk: Desk) -> list[Piece]:
    """To her own child, who is the teacher's pupil, from an address that is not on record."""
    town = desk.town
    return [desk.write(town.mother, [town.mothers_child], account=desk.webmail(), left_open=[SUSPECTED])]


def student_has_a_teachers_name_and_private_address(desk: Desk) -> list[Piece]:
    """To a classmate who is the teacher's pupil: the name is that of two people, and a student is never accused."""
    teacher, student = desk.town.students_teacher, desk.town.student
    return [desk.write(student, [desk.pupil(teacher)], account=desk.webmail(), left_open=[SUSPECTED])]


def spouse_writes_to_pupil(desk: Desk) -> list[Piece]:
    """The surname is the teacher's, the given name is not."""
    teacher = next(desk.named)
    given = next(name for name in ("Wendell", "Ottilie") if name[0] != teacher.given[0])
    return [_not_them(desk, teacher, f"{given} {teacher.family}")]


def spouse_with_a_title_writes_to_pupil(desk: Desk) -> list[Piece]:
    """A piano teacher in town, married to a teacher: a title and the surname, and no given name that could match."""
    wife = pick(desk.named, lambda p: p.given in _WIVES)
    return [_not_them(desk, wife, f"Mr. {wife.family}", SUSPECTED)]


def surname_alone_writes_to_pupil(desk: Desk) -> list[Piece]:
    """A shop that is called like a teacher."""
    teacher = next(desk.named)
    return [_not_them(desk, teacher, f"{teacher.family} & Sons Hardware")]


def given_name_alone_writes_to_pupil(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    return [_not_them(desk, teacher, teacher.given)]


def _not_them(desk: Desk, teacher: Person, name: str, *left_open: str) -> Piece:
    return desk.write(teacher, [desk.pupil(teacher)], account=desk.webmail(), name=name, left_open=left_open)


def stranger_has_a_teachers_name_writes_to_pupil(desk: Desk) -> list[Piece]:
    """The error that step 3 cannot help: a likely finding about a teacher who did not write."""
    teacher = next(desk.named)
    return [_not_them(desk, teacher, teacher.name, SUSPECTED)]


def relative_has_a_teachers_initial_writes_to_pupil(desk: Desk) -> list[Piece]:
    """The same, by the initial."""
    teacher = next(desk.named)
    return [_not_them(desk, teacher, f"{teacher.given[0]}. {teacher.family}", SUSPECTED)]


# --- what nothing shows ---------------------------------------------------------------------------------------


def nameless_account_to_pupil_from_home(desk: Desk) -> list[Piece]:
    """A teacher, but no evidence."""
    teacher = next(desk.named)
    return [
        desk.write(teacher, [desk.pupil(teacher)], account=desk.webmail(), name="", hidden=True),
    ]


def invented_name_to_pupil_from_home(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    name = "The Chess Corner"
    return [desk.write(teacher, [desk.pupil(teacher)], account=desk.webmail(), name=name, hidden=True)]


# The errors that the ladder cannot help, because everything that it may look at speaks for the staff member.
UNAVOIDABLE: tuple[Scenario, ...] = (
    mother_hands_on_the_teachers_mail,
    stranger_has_a_teachers_name_writes_to_pupil,
    relative_has_a_teachers_initial_writes_to_pupil,
)

# Whether a title and a surname are a name: the policy's words on names say no, the engine says yes.
DISPUTED: tuple[Scenario, ...] = (spouse_with_a_title_writes_to_pupil,)

SCENES: dict[Scenario, float] = {
    full_name_to_pupil_from_home: 12,
    full_name_to_pupils_from_home: 6,
    full_name_to_guardian_from_home: 8,
    family_name_first_from_home: 3,
    nickname_from_home: 5,
    preferred_name_from_home: 5,
    name_without_accents_from_home: 3,
    initial_from_home: 3,
    initial_that_others_share_from_home: 1,
    title_and_full_name_from_home: 2,
    slip_in_surname_from_home: 0.5,
    local_part_only_from_home: 4,
    local_part_with_initial_from_home: 2,
    honorific_and_surname_from_home: 3,
    title_in_local_part_from_home: 2,
    coach_by_name_to_some_players_from_home: 3,
    one_of_two_namesakes_from_home: 2,
    one_of_two_namesakes_to_stranger_from_home: 1,
    half_of_a_double_surname_from_home: 1,
    quoted_school_account_from_home: 2,
    reply_address_at_school_from_home: 4,
    nameless_with_reply_address_at_school_from_home: 1,
    sender_field_at_school_from_home: 2,
    answer_in_thread_from_home: 6,
    answer_in_thread_by_local_part_from_home: 3,
    guardian_answers_from_other_address: 10,
    guardian_answers_without_a_name: 4,
    form_on_the_web_answers_to_guardian: 6,
    full_name_to_stranger_from_home: 4,
    stranger_has_a_teachers_name_writes_to_student: 2,
    stranger_has_a_teachers_name_writes_to_guardian: 2,
    stranger_has_a_teachers_name_writes_to_staff: 15,
    stranger_has_a_teachers_name_writes_outside: 2,
    look_alike_domain_with_a_teachers_name: 1,
    homograph_of_a_school_address: 1,
    school_address_as_display_name: 1,
    class_app_writes_for_a_teacher: 4,
    class_parent_sends_round_for_the_teacher: 3,
    mother_has_a_teachers_name: 4,
    student_has_a_teachers_name: 4,
    mother_answers_the_teacher_of_her_name: 1,
    mother_hands_on_the_teachers_mail: 0.1,
    mother_has_a_teachers_name_and_new_address: 1,
    student_has_a_teachers_name_and_private_address: 1,
    spouse_writes_to_pupil: 2,
    spouse_with_a_title_writes_to_pupil: 0.3,
    surname_alone_writes_to_pupil: 2,
    given_name_alone_writes_to_pupil: 2,
    stranger_has_a_teachers_name_writes_to_pupil: 0.2,
    relative_has_a_teachers_initial_writes_to_pupil: 0.1,
    nameless_account_to_pupil_from_home: 3,
    invented_name_to_pupil_from_home: 2,
}
