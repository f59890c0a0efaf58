"""Scenarios of the month about coaches and advisors, and about groups without an administrator.

"All contact and messages by coaches and faculty advisors with team members shall be sent to all team members,
except for messages concerning medical or academic privacy matters, in which case the messages will be copied to
the appropriate administrator." "All groups must include the appropriate administrator as a member."
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateway.demo.cast import Leadership
from gateway.demo.district import Group, Person
from gateway.demo.letter import ONE_TO_ONE, PARTIAL_TEAM, PRIVACY_COPY, Party
from gateway.demo.month.desk import Desk, Scenario, pick
from gateway.demo.month.label import (
    NO_ADMINISTRATOR,
    OFF_CHANNEL_ADDRESSED,
    STUDENT_ALONE,
    Piece,
    Wanted,
    wanted,
)
from gateway.demo.stage import as_party
from gateway.policy.identify import Step
from gateway.policy.model import Confidence


def _school(person: Person, *rules: str) -> tuple[Wanted, ...]:
    return wanted(person.id, Step.SCHOOL_ACCOUNT, *rules)


# --- some of the group ---------------------------------------------------------------------------------


def coach_writes_to_one_player(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    return [desk.write(lead.leader, desk.players(lead, 1), _school(lead.leader, ONE_TO_ONE))]


def coach_answers_a_player(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    (player,) = desk.players(lead, 1)
    asked = desk.write(player, [lead.leader])
    want = _school(lead.leader, ONE_TO_ONE)
    return [asked, desk.write(lead.leader, [player], want, answers=asked.message)]


def coach_copies_guardian(desk: Desk) -> list[Piece]:
    """A guardian does not stand in for the administrator."""
    lead = desk.coach()
    player = next(p for p in desk.players(lead, 8) if desk.cast.parent_of(p))
    want = _school(lead.leader, ONE_TO_ONE)
    return [desk.write(lead.leader, [player], want, cc=desk.cast.parent_of(player)[:1])]


def coach_copies_colleague(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    want = _school(lead.leader, ONE_TO_ONE)
    return [desk.write(lead.leader, desk.players(lead, 1), want, cc=[desk.colleague()])]


def coach_copies_wrong_principal(desk: Desk) -> list[Piece]:
    lead = desk.coach(director=True)
    want = _school(lead.leader, ONE_TO_ONE)
    principal = desk.district.principal("srms")
    return [desk.write(lead.leader, desk.players(lead, 1), want, cc=[principal])]


def coach_declares_and_copies_nobody(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    want = _school(lead.leader, ONE_TO_ONE)
    return [desk.write(lead.leader, desk.players(lead, 1), want, subject="[PRIVATE-MEDICAL] Your ankle")]


def coach_declares_emergency(desk: Desk) -> list[Piece]:
    """Still a finding, as a notice that says so."""
    lead = desk.coach()
    want = [replace(one, mark="emergency-declared") for one in _school(lead.leader, ONE_TO_ONE)]
    return [desk.write(lead.leader, desk.players(lead, 1), want, subject="[EMERGENCY] Call home")]


def coach_writes_to_three_players(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    return [desk.write(lead.leader, desk.players(lead, 3), _school(lead.leader, PARTIAL_TEAM))]


def coach_forgets_one_player(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    return [desk.write(lead.leader, desk.whole(lead.group)[:-1], _school(lead.leader, PARTIAL_TEAM))]


def coach_hides_players_in_bcc(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    want = _school(lead.leader, PARTIAL_TEAM)
    return [desk.write(lead.leader, [lead.leader], want, bcc=desk.players(lead, 4))]


def coach_writes_to_guardian_and_player(desk: Desk) -> list[Piece]:
    """From the school account to a family: the guardian is no member, the player is one of many."""
    lead = desk.coach()
    player = next(p for p in desk.players(lead, 8) if desk.cast.parent_of(p))
    want = _school(lead.leader, ONE_TO_ONE)
    return [desk.write(lead.leader, desk.cast.parent_of(player)[:1], want, bcc=[player])]


def advisor_writes_to_one_member(desk: Desk) -> list[Piece]:
    lead = desk.advisor()
    return [desk.write(lead.leader, desk.players(lead, 1), _school(lead.leader, ONE_TO_ONE))]


def advisor_writes_to_some_members(desk: Desk) -> list[Piece]:
    lead = desk.advisor()
    return [desk.write(lead.leader, desk.players(lead, 4), _school(lead.leader, PARTIAL_TEAM))]


def coach_of_two_teams_adds_one_of_the_other(desk: Desk) -> list[Piece]:
    """One team as a whole, of the other a single player."""
    coach, whole, other = next(desk.cast.two_teams)
    players = [*desk.whole(whole), *desk.cast.some(other, 1)]
    want = _school(coach, ONE_TO_ONE)
    return [desk.write(coach, players, (*want, *_without_administrator(coach, [whole])))]


def coach_of_two_teams_takes_some_of_each(desk: Desk) -> list[Piece]:
    coach, first, second = next(desk.cast.two_teams)
    players = [*desk.cast.some(first, 2), *desk.cast.some(second, 2)]
    return [desk.write(coach, players, _school(coach, PARTIAL_TEAM))]


# --- teacher and coach in one ---------------------------------------------------------------------------


def _teacher_coach(desk: Desk) -> Leadership:
    children = desk.district.children
    return pick(
        desk.cast.teacher_coaches,
        lambda x: x.leader.id not in children and len(desk.district.led[x.leader.id]) == 1,
    )


def teacher_writes_to_pupil_who_plays(desk: Desk) -> list[Piece]:
    """Pupil and player in one: likely."""
    lead = _teacher_coach(desk)
    pupils = desk.district.pupils(lead.leader)
    player = next(p for p in desk.cast.players(lead.group) if p.id in pupils)
    want = wanted(lead.leader.id, Step.SCHOOL_ACCOUNT, ONE_TO_ONE, confidence=Confidence.LIKELY)
    return [desk.write(lead.leader, [player], want)]


def teacher_writes_to_class_with_players(desk: Desk) -> list[Piece]:
    """The whole class: as a teacher."""
    lead = _teacher_coach(desk)
    _, pupils = desk.cast.course_with(lead.leader, lead.group)
    return [desk.write(lead.leader, pupils, left_open=[NO_ADMINISTRATOR])]


def teacher_writes_to_player_and_other_pupil(desk: Desk) -> list[Piece]:
    """With a pupil who does not play: as a teacher."""
    lead = _teacher_coach(desk)
    _, pupils = desk.cast.course_with(lead.leader, lead.group)
    player = next(p for p in pupils if p.id in lead.group.members)
    other = next(p for p in pupils if p.id not in lead.group.members)
    return [desk.write(lead.leader, [player, other])]


def teacher_who_coaches_writes_to_player_only(desk: Desk) -> list[Piece]:
    """A player who is no pupil: as a coach."""
    lead = _teacher_coach(desk)
    return [desk.write(lead.leader, desk.players(lead, 1), _school(lead.leader, ONE_TO_ONE))]


# --- the exception ---------------------------------------------------------------------------------------


def _private(desk: Desk, number: int, mark: str = "", **rest: Any) -> list[Piece]:
    lead = desk.coach(director=True)
    want = [replace(one, mark=mark) for one in _school(lead.leader, PRIVACY_COPY)]
    copied: dict[str, Any] = {} if "bcc" in rest else {"cc": [desk.cast.administrator(lead.group)]}
    if "bcc" in rest:
        rest["bcc"] = [desk.cast.administrator(lead.group)]
    return [desk.write(lead.leader, desk.players(lead, number), want, **copied, **rest)]


def coach_declares_medical_matter(desk: Desk) -> list[Piece]:
    return _private(desk, 1, "privacy-medical", subject="[PRIVATE-MEDICAL] Return to play")


def coach_declares_academic_matter_in_header(desk: Desk) -> list[Piece]:
    return _private(desk, 1, "privacy-academic", headers=[("X-Privacy-Matter", "academic")])


def coach_copies_director_undeclared(desk: Desk) -> list[Piece]:
    return _private(desk, 2)


def coach_copies_director_blindly(desk: Desk) -> list[Piece]:
    return _private(desk, 1, bcc=True)


def coach_copies_principal_where_nobody_is_named(desk: Desk) -> list[Piece]:
    """The settings say who answers."""
    lead = desk.coach_without_director()
    want = _school(lead.leader, PRIVACY_COPY)
    principal = desk.district.principal(lead.group.school)
    return [desk.write(lead.leader, desk.players(lead, 1), want, cc=[principal])]


# --- the whole group -------------------------------------------------------------------------------------


def coach_writes_to_whole_team(desk: Desk) -> list[Piece]:
    """The administrator is a member of the group."""
    lead = desk.coach(director=True)
    return [desk.write(lead.leader, desk.whole(lead.group))]


def coach_writes_to_whole_team_and_principal(desk: Desk) -> list[Piece]:
    """No administrator is a member, but one takes part."""
    lead = desk.coach_without_director()
    principal = desk.district.principal(lead.group.school)
    return [desk.write(lead.leader, desk.whole(lead.group), cc=[principal])]


def coach_writes_to_team_without_administrator(desk: Desk) -> list[Piece]:
    """Everybody is reached, nobody answers for the group."""
    lead = desk.coach_without_director()
    return [desk.write(lead.leader, desk.whole(lead.group), _school(lead.leader, NO_ADMINISTRATOR))]


def coach_writes_to_team_and_families(desk: Desk) -> list[Piece]:
    lead = desk.coach(director=True)
    players = desk.whole(lead.group)
    homes = dict.fromkeys(guardian for player in players for guardian in desk.cast.parent_of(player))
    return [desk.write(lead.leader, players, bcc=list(homes))]


def coach_copies_volunteer_at_home(desk: Desk) -> list[Piece]:
    """The team as a whole, and the assistant at a personal account, for want of another."""
    lead = desk.volunteer()
    head = pick(
        iter(lambda: desk.coach(director=True), None),
        lambda x: bool(x.leader.email) and x.leader.id not in lead.group.leaders,
    )
    home = Party(lead.leader.name, lead.leader.personal[0])
    want = wanted(head.leader.id, Step.SCHOOL_ACCOUNT, OFF_CHANNEL_ADDRESSED, confidence=Confidence.LIKELY)
    return [desk.write(head.leader, desk.whole(head.group), want, cc=[home])]


def coach_writes_to_whole_team_in_bcc(desk: Desk) -> list[Piece]:
    lead = desk.coach(director=True)
    return [desk.write(lead.leader, [lead.leader], bcc=desk.whole(lead.group))]


def coach_writes_to_list_address(desk: Desk) -> list[Piece]:
    """One player beside it changes nothing."""
    lead = pick(iter(lambda: desk.coach(director=True), None), lambda x: bool(x.group.address))
    team = Party(lead.group.name, lead.group.address)
    return [desk.write(lead.leader, [team, *desk.players(lead, 1)])]


def coach_reaches_player_by_second_address(desk: Desk) -> list[Piece]:
    """Everybody counts through any of their addresses."""
    lead = desk.cast.group(2)
    players = [Party(p.name, p.aliases[0]) if p.aliases else as_party(p) for p in desk.whole(lead.group)]
    return [desk.write(lead.leader, players)]


def team_with_player_who_moved_away(desk: Desk) -> list[Piece]:
    """Who has left need not be written to; who has no address cannot be."""
    lead = desk.cast.group(desk.rng.choice((0, 1)))
    return [desk.write(lead.leader, desk.whole(lead.group))]


def coach_of_two_teams_writes_to_one(desk: Desk) -> list[Piece]:
    coach, first, _ = next(desk.cast.two_teams)
    return [desk.write(coach, desk.whole(first), _without_administrator(coach, [first]))]


def coach_of_two_teams_writes_to_both(desk: Desk) -> list[Piece]:
    coach, first, second = next(desk.cast.two_teams)
    players = [*desk.whole(first), *desk.whole(second)]
    return [desk.write(coach, players, _without_administrator(coach, [first, second]))]


def _without_administrator(author: Person, groups: Sequence[Group]) -> tuple[Wanted, ...]:
    """The label where one of the groups written to names nobody, and nobody was copied."""
    lacking = any(not group.administrators for group in groups)
    return _school(author, NO_ADMINISTRATOR) if lacking else ()


def advisor_writes_to_whole_club(desk: Desk) -> list[Piece]:
    lead = desk.advisor()
    return [desk.write(lead.leader, desk.whole(lead.group), cc=[desk.cast.administrator(lead.group)])]


# --- groups of groups --------------------------------------------------------------------------------------


def _council(desk: Desk) -> tuple[Person, Party]:
    council = desk.town.council
    return desk.district.people[council.leaders[0]], Party(council.name, council.address)


def council_is_written_to_by_its_list(desk: Desk) -> list[Piece]:
    """Two teams in one group; the principal takes part."""
    leader, address = _council(desk)
    return [desk.write(leader, [address], cc=[desk.district.principal(desk.town.council.school)])]


def council_has_no_administrator(desk: Desk) -> list[Piece]:
    leader, address = _council(desk)
    return [desk.write(leader, [address], _school(leader, NO_ADMINISTRATOR))]


def council_leader_writes_to_one_athlete(desk: Desk) -> list[Piece]:
    """A member of a team in the group is a member of the group."""
    leader, _ = _council(desk)
    athlete = desk.rng.choice(desk.whole(desk.town.council))
    return [desk.write(leader, [athlete], _school(leader, ONE_TO_ONE))]


def council_leader_writes_to_some_athletes(desk: Desk) -> list[Piece]:
    leader, _ = _council(desk)
    athletes = desk.rng.sample(desk.whole(desk.town.council), 3)
    return [desk.write(leader, athletes, _school(leader, PARTIAL_TEAM))]


# --- season ----------------------------------------------------------------------------------------------


def coach_at_the_end_of_season(desk: Desk) -> list[Piece]:
    """The last day belongs to the season; on the next one the coach is staff like any other."""
    return [_at_the_edge(desk, desk.town.ending.id)]


def coach_at_the_beginning_of_season(desk: Desk) -> list[Piece]:
    return [_at_the_edge(desk, desk.town.beginning.id)]


def _at_the_edge(desk: Desk, team: str) -> Piece:
    group = next(g for g in desk.district.groups if g.id == team)
    coach = desk.district.people[group.leaders[0]]
    rule = ONE_TO_ONE if desk.district.in_season(group) else STUDENT_ALONE
    return desk.write(coach, [desk.rng.choice(desk.whole(group))], _school(coach, rule))


def coach_out_of_season_writes_to_some(desk: Desk) -> list[Piece]:
    """Out of season there is no team."""
    lead = pick(desk.cast.resting_coaches, lambda x: x.leader.id not in desk.town.apart)
    return [desk.write(lead.leader, desk.players(lead, 2))]


# --- others ----------------------------------------------------------------------------------------------


def player_writes_to_coach(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    return [desk.write(desk.players(lead, 1)[0], [lead.leader])]


def captain_writes_to_teammates(desk: Desk) -> list[Piece]:
    lead = desk.coach()
    captain, *mates = desk.players(lead, 3)
    return [desk.write(captain, mates)]


def coach_writes_to_players_guardian(desk: Desk) -> list[Piece]:
    """The school account, and a guardian, who is no member."""
    lead = desk.coach()
    player = next(p for p in desk.players(lead, 8) if desk.cast.parent_of(p))
    return [desk.write(lead.leader, desk.cast.parent_of(player)[:1])]


def director_writes_to_a_player(desk: Desk) -> list[Piece]:
    """The athletic director leads no team; the coach takes part."""
    lead = desk.coach()
    return [desk.write(desk.district.athletic_director, desk.players(lead, 1), cc=[lead.leader])]


SCENES: dict[Scenario, float] = {
    coach_writes_to_one_player: 14,
    coach_answers_a_player: 8,
    coach_copies_guardian: 5,
    coach_copies_colleague: 4,
    coach_copies_wrong_principal: 2,
    coach_declares_and_copies_nobody: 2,
    coach_declares_emergency: 2,
    coach_writes_to_three_players: 8,
    coach_forgets_one_player: 5,
    coach_hides_players_in_bcc: 3,
    coach_writes_to_guardian_and_player: 2,
    advisor_writes_to_one_member: 8,
    advisor_writes_to_some_members: 6,
    coach_of_two_teams_adds_one_of_the_other: 2,
    coach_of_two_teams_takes_some_of_each: 2,
    teacher_writes_to_pupil_who_plays: 5,
    teacher_writes_to_class_with_players: 8,
    teacher_writes_to_player_and_other_pupil: 6,
    teacher_who_coaches_writes_to_player_only: 4,
    coach_declares_medical_matter: 5,
    coach_declares_academic_matter_in_header: 3,
    coach_copies_director_undeclared: 4,
    coach_copies_director_blindly: 3,
    coach_copies_principal_where_nobody_is_named: 3,
    coach_writes_to_whole_team: 30,
    coach_writes_to_whole_team_and_principal: 6,
    coach_writes_to_team_without_administrator: 5,
    coach_writes_to_team_and_families: 5,
    coach_copies_volunteer_at_home: 4,
    coach_writes_to_whole_team_in_bcc: 6,
    coach_writes_to_list_address: 12,
    coach_reaches_player_by_second_address: 4,
    team_with_player_who_moved_away: 6,
    coach_of_two_teams_writes_to_one: 6,
    coach_of_two_teams_writes_to_both: 3,
    advisor_writes_to_whole_club: 12,
    council_is_written_to_by_its_list: 3,
    council_has_no_administrator: 2,
    council_leader_writes_to_one_athlete: 2,
    council_leader_writes_to_some_athletes: 2,
    coach_at_the_end_of_season: 3,
    coach_at_the_beginning_of_season: 3,
    coach_out_of_season_writes_to_some: 4,
    player_writes_to_coach: 20,
    captain_writes_to_teammates: 10,
    coach_writes_to_players_guardian: 10,
    director_writes_to_a_player: 3,
}
