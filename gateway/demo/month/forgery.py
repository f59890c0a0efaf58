"""Scenarios of the month with senders whom nothing vouches for.

"Where the message fails DMARC (or has no SPF/DKIM alignment at all) it may be a forgery, and nobody is accused":
a notice for IT names the staff member whose name or address was used, and no other rule says anything.
"""

from __future__ import annotations

from gateway.demo.district import DOMAIN, Person
from gateway.demo.letter import Party
from gateway.demo.month.desk import Desk, Scenario, forged, local_part, unvouched
from gateway.demo.month.label import IMPERSONATION, Piece, Wanted, wanted
from gateway.policy.identify import Step


def _notice(person: Person, step: Step) -> tuple[Wanted, ...]:
    return wanted(person.id, step, IMPERSONATION)


def registered_account_fails_authentication(desk: Desk) -> list[Piece]:
    """It may be the teacher after all; a notice, no accusation."""
    teacher = desk.home_teacher()
    want = _notice(teacher, Step.REGISTERED)
    return [desk.write(teacher, [next(desk.cast.students)], want, account=teacher.personal[0], origin=forged)]


def registered_account_is_vouched_for_by_nobody(desk: Desk) -> list[Piece]:
    """A domain without policy, and nothing aligned with it."""
    teacher = desk.home_teacher()
    want = _notice(teacher, Step.REGISTERED)
    students = [next(desk.cast.students) for _ in range(2)]
    return [desk.write(teacher, students, want, account=teacher.personal[0], origin=unvouched)]


def school_account_is_forged(desk: Desk) -> list[Piece]:
    """The teacher's own school address, from the internet."""
    teacher = desk.colleague()
    want = _notice(teacher, Step.SCHOOL_ACCOUNT)
    return [desk.write(teacher, [next(desk.cast.students)], want, origin=forged)]


def principal_asks_for_gift_cards(desk: Desk) -> list[Piece]:
    """A name, an outside address, and staff who read it."""
    principal = desk.town.principal
    readers = [desk.colleague() for _ in range(3)]
    want = _notice(principal, Step.NAME_ALONE)
    return [desk.write(principal, readers, want, account=desk.webmail(), origin=forged)]


def teachers_name_is_forged_to_pupil(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    want = _notice(teacher, Step.CONTEXT)
    return [desk.write(teacher, [desk.pupil(teacher)], want, account=desk.webmail(), origin=forged)]


def teachers_name_is_forged_to_guardian(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    guardian, child = desk.guardian_of_pupil(teacher)
    want = _notice(teacher, Step.CONTEXT)
    return [desk.write(teacher, [guardian, child], want, account=desk.webmail(), origin=unvouched)]


def coachs_school_account_is_forged_to_a_player(desk: Desk) -> list[Piece]:
    """No finding about the coach, who wrote nothing."""
    lead = desk.coach()
    want = _notice(lead.leader, Step.SCHOOL_ACCOUNT)
    return [desk.write(lead.leader, desk.players(lead, 1), want, origin=forged)]


def teachers_name_is_forged_to_an_office_box(desk: Desk) -> list[Piece]:
    """To nobody in the directory."""
    teacher = next(desk.named)
    box = Party("Help desk", f"helpdesk@{DOMAIN}")
    return [desk.write(teacher, [box], account=desk.webmail(), origin=forged)]


def guardian_is_forged(desk: Desk) -> list[Piece]:
    """A guardian's address; the rule is about staff."""
    guardian, _ = next(desk.cast.guardians)
    return [desk.write(guardian, [desk.colleague()], origin=forged)]


def parents_own_mail_fails_authentication(desk: Desk) -> list[Piece]:
    """A parent on the staff to the own child, from a mail server that signs nothing. IT will find it harmless."""
    family = next(desk.families)
    want = _notice(family.parent, Step.REGISTERED)
    return [
        desk.write(
            family.parent, [family.child, desk.colleague(family.parent)], want,
            account=family.parent.personal[0], origin=unvouched,
        )
    ]  # fmt: skip


def look_alike_domain_fails_authentication(desk: Desk) -> list[Piece]:
    teacher = next(desk.named)
    account = local_part(teacher, "{given}.{family}") + "@quabbinva1ley.example"
    want = _notice(teacher, Step.NAME_ALONE)
    return [desk.write(teacher, [desk.stranger_to(teacher)], want, account=account, origin=forged)]


SCENES: dict[Scenario, float] = {
    registered_account_fails_authentication: 4,
    registered_account_is_vouched_for_by_nobody: 3,
    school_account_is_forged: 4,
    principal_asks_for_gift_cards: 6,
    teachers_name_is_forged_to_pupil: 3,
    teachers_name_is_forged_to_guardian: 2,
    coachs_school_account_is_forged_to_a_player: 2,
    teachers_name_is_forged_to_an_office_box: 3,
    guardian_is_forged: 4,
    parents_own_mail_fails_authentication: 2,
    look_alike_domain_fails_authentication: 2,
}
