"""Mail of the month in which nothing is to be found: most of it is the demo's ordinary mail.

Left out of that are the two scenarios with big attachments, which no rule looks at and which would cost minutes.
"""

from __future__ import annotations

from gateway.demo import ordinary
from gateway.demo.letter import Party
from gateway.demo.month.desk import Desk, Scenario, forged, inbound, pick, undecided
from gateway.demo.month.label import NO_ADMINISTRATOR, Piece
from gateway.demo.stage import Scenario as DemoScenario
from gateway.demo.stage import Stage

_BIG = {ordinary.teacher_sends_worksheet, ordinary.scanner}


def _borrow(scenario: DemoScenario) -> Scenario:
    # Whether a class is a group whose every message an administrator must see is not said by the sentence on groups.
    left_open = frozenset({NO_ADMINISTRATOR}) if scenario is ordinary.teacher_to_class else frozenset[str]()

    def borrowed(desk: Desk) -> list[Piece]:
        pieces = [desk.borrowed(message) for message in scenario(_as_stage(desk))]
        return [
            Piece(piece.message, piece.wanted, left_open, piece.authentication) if left_open else piece
            for piece in pieces
        ]

    borrowed.__name__ = scenario.__name__
    return borrowed


def _as_stage(desk: Desk) -> Stage:
    return desk


# Weights of the demo's day.
ORDINARY: dict[Scenario, int] = {
    _borrow(scenario): weight for scenario, weight in ordinary.ORDINARY.items() if scenario not in _BIG
}


# --- not judged ---------------------------------------------------------------------------------------


def teacher_posts_to_outside_list_from_home(desk: Desk) -> list[Piece]:
    """A post to somebody else's list, which a student reads, is not judged."""
    teacher, pupil = desk.home_teacher(), next(desk.cast.students)
    birders = Party("Valley Birders", "birders@lists.valley-naturalists.example")
    return [
        desk.write(
            teacher, [birders], account=teacher.personal[0], bcc=[pupil], subject="[birders] Snowy owls",
            headers=[("List-Id", "Valley Birders <birders.lists.valley-naturalists.example>")],
            mail_from="birders-bounces@lists.valley-naturalists.example",
        )
    ]  # fmt: skip


def home_account_answers_automatically(desk: Desk) -> list[Piece]:
    """An automatic reply from a registered personal account to a student (RFC 3834)."""
    teacher, pupil = desk.home_teacher(), next(desk.cast.students)
    return [
        desk.write(
            teacher, [pupil], account=teacher.personal[0], subject="Automatic reply",
            headers=[("Auto-Submitted", "auto-replied")],
        )
    ]  # fmt: skip


def home_account_returns_a_bounce(desk: Desk) -> list[Piece]:
    """The null sender, whatever From: says."""
    teacher, pupil = desk.home_teacher(), next(desk.cast.students)
    return [desk.write(teacher, [pupil], account=teacher.personal[0], subject="Undeliverable", mail_from="")]


def coach_is_out_of_office(desk: Desk) -> list[Piece]:
    """An automatic reply to one player."""
    lead = desk.coach()
    (player,) = desk.players(lead, 1)
    return [
        desk.write(
            lead.leader, [player], subject="Automatic reply",
            headers=[("Auto-Submitted", "auto-replied")], mail_from="",
        )
    ]  # fmt: skip


# --- strangers ----------------------------------------------------------------------------------------


def bulk_mail_fails_authentication(desk: Desk) -> list[Piece]:
    """It bears nobody's name."""
    reader = desk.colleague()
    shop = Party("Toner Outlet", "deals@toner-outlet.example")
    return [desk.write(shop, [reader], origin=forged)]


def guardians_provider_does_not_answer(desk: Desk) -> list[Piece]:
    guardian, _ = next(desk.cast.guardians)
    return [desk.write(guardian, [desk.colleague()], origin=undecided)]


def look_alike_domain_of_a_shop(desk: Desk) -> list[Piece]:
    """The district's domain in front of another; nobody's name."""
    shop = Party("Class Rings Direct", "orders@quabbinvalley.example.class-rings.example")
    return [desk.write(shop, [next(desk.cast.students)])]


def student_forges_a_classmate(desk: Desk) -> list[Piece]:
    """Forged, but with no staff member's name."""
    classmate, reader = next(desk.cast.students), next(desk.cast.students)
    message = desk.send(classmate, [reader], "lol", "guess who")
    return [Piece(inbound(message), authentication=forged(classmate.email))]


# --- personal use -------------------------------------------------------------------------------------


def teacher_writes_to_plumber(desk: Desk) -> list[Piece]:
    """Personal use of the school account is allowed."""
    return [desk.write(desk.colleague(), [Party("Route 9 Plumbing", "service@route9-plumbing.example")])]


def teacher_sends_photos_to_self(desk: Desk) -> list[Piece]:
    """From home to one's own school account."""
    teacher = desk.home_teacher()
    return [desk.write(teacher, [teacher], account=teacher.personal[0])]


def retired_teacher_writes_to_student(desk: Desk) -> list[Piece]:
    """Who has left is not staff."""
    teacher = pick(desk.cast.retired, lambda p: p.id not in desk.town.apart)
    return [desk.write(teacher, [next(desk.cast.students)], account=teacher.personal[0])]


def retired_teacher_writes_from_new_address(desk: Desk) -> list[Piece]:
    """The name of somebody who has left is not a staff member's name."""
    teacher = pick(desk.cast.retired, lambda p: p.id not in desk.town.apart)
    return [desk.write(teacher, [next(desk.cast.students)], account=desk.webmail())]


# --- students -----------------------------------------------------------------------------------------


def student_writes_to_teacher(desk: Desk) -> list[Piece]:
    """A student who is the author never causes a finding."""
    return [desk.write(next(desk.cast.students), [desk.colleague()])]


def player_writes_to_coach_at_home(desk: Desk) -> list[Piece]:
    """Also not where the coach reads it in a personal account."""
    lead = desk.coach(director=True)
    (player,) = desk.players(lead, 1)
    home = Party(lead.leader.name, lead.leader.personal[0])
    return [desk.write(player, [home], cc=[desk.cast.administrator(lead.group)])]


def captain_writes_to_whole_team(desk: Desk) -> list[Piece]:
    """A team that names no administrator; but the author is a student."""
    lead = desk.coach_without_director()
    captain, *mates = desk.whole(lead.group)
    return [desk.write(captain, mates)]


QUIET: dict[Scenario, float] = {
    teacher_posts_to_outside_list_from_home: 5,
    home_account_answers_automatically: 5,
    home_account_returns_a_bounce: 2,
    coach_is_out_of_office: 5,
    bulk_mail_fails_authentication: 40,
    guardians_provider_does_not_answer: 10,
    look_alike_domain_of_a_shop: 3,
    student_forges_a_classmate: 1,
    teacher_writes_to_plumber: 40,
    teacher_sends_photos_to_self: 20,
    retired_teacher_writes_to_student: 2,
    retired_teacher_writes_from_new_address: 1,
    student_writes_to_teacher: 40,
    player_writes_to_coach_at_home: 5,
    captain_writes_to_whole_team: 5,
}
