"""Messages that a mail server hands over in several SMTP transactions, each judged by itself.

The policy judges a message as a whole. While the engine judges transactions singly, Bcc recipients of the other
part are unknown to it; so these scenarios are counted apart, and not in the aims.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.demo.letter import ONE_TO_ONE, PARTIAL_TEAM, PRIVACY_COPY
from gateway.demo.month.desk import Desk, Scenario
from gateway.demo.month.label import STUDENT_ALONE, Piece, wanted
from gateway.policy.identify import Step


def _split(piece: Piece, at: int) -> Piece:
    """The same message in two transactions."""
    recipients = piece.message.recipients
    return replace(piece, parts=(recipients[:at], recipients[at:]))


def whole_team_in_bcc_split_in_two(desk: Desk) -> list[Piece]:
    """All are written to: compliant as a whole."""
    lead = desk.coach(director=True)
    team = desk.whole(lead.group)
    return [_split(desk.write(lead.leader, [lead.leader], bcc=team), len(team) // 2)]


def administrator_in_bcc_split_off(desk: Desk) -> list[Piece]:
    """The copy went another way."""
    lead = desk.coach(director=True)
    want = wanted(lead.leader.id, Step.SCHOOL_ACCOUNT, PRIVACY_COPY)
    administrator = desk.cast.administrator(lead.group)
    return [_split(desk.write(lead.leader, desk.players(lead, 1), want, bcc=[administrator]), 1)]


def four_players_in_bcc_split_in_two(desk: Desk) -> list[Piece]:
    """Partial in each half, and as a whole."""
    lead = desk.coach(director=True)
    want = wanted(lead.leader.id, Step.SCHOOL_ACCOUNT, PARTIAL_TEAM)
    return [_split(desk.write(lead.leader, [lead.leader], want, bcc=desk.players(lead, 4)), 3)]


def two_players_in_bcc_split_in_two(desk: Desk) -> list[Piece]:
    """One player in each half; two as a whole."""
    lead = desk.coach(director=True)
    want = wanted(lead.leader.id, Step.SCHOOL_ACCOUNT, PARTIAL_TEAM)
    return [_split(desk.write(lead.leader, [lead.leader], want, bcc=desk.players(lead, 2)), 2)]


def player_in_to_split_by_recipient(desk: Desk) -> list[Piece]:
    """The header names both; nothing is lost by the split."""
    lead = desk.coach()
    want = wanted(lead.leader.id, Step.SCHOOL_ACCOUNT, ONE_TO_ONE)
    return [_split(desk.write(lead.leader, desk.players(lead, 1), want, cc=[desk.colleague()]), 1)]


def second_adult_in_bcc_split_off(desk: Desk) -> list[Piece]:
    """A colleague takes part, in the other transaction."""
    teacher = desk.colleague()
    colleague = desk.colleague(teacher)
    return [_split(desk.write(teacher, [next(desk.cast.students)], bcc=[colleague]), 1)]


def two_students_in_bcc_split_in_two(desk: Desk) -> list[Piece]:
    """Not one-to-one as a whole."""
    teacher = desk.colleague()
    students = [next(desk.cast.students) for _ in range(2)]
    return [_split(desk.write(teacher, [teacher], bcc=students), 2)]


def lone_student_split_from_stranger(desk: Desk) -> list[Piece]:
    teacher = desk.colleague()
    want = wanted(teacher.id, Step.SCHOOL_ACCOUNT, STUDENT_ALONE)
    return [_split(desk.write(teacher, [teacher, next(desk.cast.students)], want), 1)]


SCENES: dict[Scenario, float] = {
    whole_team_in_bcc_split_in_two: 2,
    administrator_in_bcc_split_off: 2,
    four_players_in_bcc_split_in_two: 2,
    two_players_in_bcc_split_in_two: 1,
    player_in_to_split_by_recipient: 2,
    second_adult_in_bcc_split_off: 2,
    two_students_in_bcc_split_in_two: 1,
    lone_student_split_from_stranger: 1,
}
