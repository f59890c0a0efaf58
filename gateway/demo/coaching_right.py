"""Scenarios in which coaches and advisors, and those around them, do it right: nothing may be found in them.

They are near the line on purpose; each function says on which side and why.
"""

from __future__ import annotations

from gateway.demo.letter import Message, Party
from gateway.demo.stage import Scenario, Stage


def coach_writes_to_whole_team(stage: Stage) -> list[Message]:
    """Everybody, with the administrator."""
    lead = next(stage.cast.coaches)
    text = "Great fight on Saturday. Film on Monday at 2:30, then a light practice. Bring water.\n\nCoach"
    return [
        stage.send(
            lead.leader, stage.cast.players(lead.group), f"{lead.group.name}: Monday", text,
            cc=[stage.cast.administrator(lead.group)],
        )
    ]  # fmt: skip


def coach_writes_to_list_address(stage: Stage) -> list[Message]:
    """The list address is the whole team; one player beside it changes nothing."""
    lead = next(lead for lead in stage.cast.coaches if lead.group.address)
    (player,) = stage.cast.some(lead.group, 1)
    text = f"{player.given} has the lost-and-found box. Claim your water bottles!\n\nCoach"
    to = (Party(lead.group.name, lead.group.address), player)
    return [stage.send(lead.leader, to, "Lost and found", text)]


def coach_writes_to_whole_team_in_bcc(stage: Stage) -> list[Message]:
    """Nobody in the header, everybody in the envelope."""
    lead = next(stage.cast.coaches)
    text = "Reminder: fundraiser forms are due. No names, you know who you are.\n\nCoach"
    return [stage.send(lead.leader, [lead.leader], "Forms", text, bcc=stage.cast.players(lead.group))]


def player_has_moved_away(stage: Stage) -> list[Message]:
    """Who has left the district need not be written to."""
    lead = stage.cast.group(0)
    text = "New lineup for the tournament is attached.\n\nCoach"
    pdf = stage.pdf("lineup.pdf", 38_000)
    return [stage.send(lead.leader, stage.cast.players(lead.group), "Lineup", text, attachments=[pdf])]


def player_has_no_account_yet(stage: Stage) -> list[Message]:
    """Who has no known address cannot be written to."""
    lead = stage.cast.group(1)
    text = "Bus times for the week: Monday 2:45, Thursday 3:10. Tell the new kid.\n\nCoach"
    return [stage.send(lead.leader, stage.cast.players(lead.group), "Bus times", text)]


def player_is_reached_by_second_address(stage: Stage) -> list[Message]:
    """Everybody counts through any of the own addresses."""
    lead = stage.cast.group(2)
    players = [Party(p.name, p.aliases[0] if p.aliases else p.email) for p in stage.cast.players(lead.group)]
    return [stage.send(lead.leader, players, "Spirit day", "Orange on Friday, everybody!", html=True)]


def coach_of_two_teams_writes_to_one(stage: Stage) -> list[Message]:
    """Each student written to is on a team that was written to as a whole."""
    coach, first, _ = next(stage.cast.two_teams)
    text = "Only us today: the other team has the gym. Meet in the weight room.\n\nCoach"
    return [stage.send(coach, stage.cast.players(first), "Weight room", text)]


def coach_of_two_teams_writes_to_both(stage: Stage) -> list[Message]:
    """Both as a whole."""
    coach, first, second = next(stage.cast.two_teams)
    players = [*stage.cast.players(first), *stage.cast.players(second)]
    return [
        stage.send(coach, players, "Banquet", "The banquet is on the 12th. Families are welcome.\n\nCoach")
    ]


def coach_out_of_season_writes_to_one(stage: Stage) -> list[Message]:
    """Out of season there is no team."""
    lead = next(stage.cast.resting_coaches)
    (player,) = stage.cast.some(lead.group, 1)
    text = "I found your sweatshirt in the van. It is in the athletic office.\n\nCoach"
    return [stage.send(lead.leader, [player], "Sweatshirt", text)]


def teacher_writes_to_lone_pupil(stage: Stage) -> list[Message]:
    """A teacher who leads no group may (a later rule, student/one-to-one, advises against it)."""
    teacher = next(stage.cast.teachers)
    _, pupils = stage.cast.course(teacher)
    text = f"Please check question 4 again, I think you dropped a sign.\n\n{teacher.name}"
    return [stage.send(teacher, [stage.rng.choice(pupils)], "Question 4", text)]


def teacher_who_coaches_writes_to_class(stage: Stage) -> list[Message]:
    """The whole class, players in it or not: written as a teacher."""
    lead = next(stage.cast.teacher_coaches)
    course, pupils = stage.cast.course_with(lead.leader, lead.group)
    text = f"Chapter 6 is on the test after all. Sorry!\n\n{lead.leader.name}"
    return [stage.send(lead.leader, pupils, f"{course.title}: test", text)]


def teacher_who_coaches_writes_to_two_pupils(stage: Stage) -> list[Message]:
    """A player and a pupil who is not on the team, about class: written as a teacher."""
    lead = next(stage.cast.teacher_coaches)
    _, pupils = stage.cast.course_with(lead.leader, lead.group)
    player = next(p for p in pupils if p.id in lead.group.members)
    other = next(p for p in pupils if p.id not in lead.group.members)
    text = f"You two have the poster presentation on Wednesday.\n\n{lead.leader.name}"
    return [stage.send(lead.leader, [player, other], "Poster", text)]


def captain_writes_to_teammates(stage: Stage) -> list[Message]:
    """A student is never the cause of a finding."""
    lead = next(stage.cast.coaches)
    captain, *mates = stage.cast.some(lead.group, 3)
    return [stage.send(captain, mates, "carpool??", "who can drive saturday, my mom has the late shift")]


def player_writes_to_coach(stage: Stage) -> list[Message]:
    """One-to-one from the student's side."""
    lead = next(stage.cast.coaches)
    (player,) = stage.cast.some(lead.group, 1)
    return [
        stage.send(player, [lead.leader], "Practice", "Coach, I have orthodontist at 3, will be 20 min late.")
    ]


def coach_is_out_of_office(stage: Stage) -> list[Message]:
    """An automatic reply to one player is not judged (RFC 3834)."""
    lead = next(stage.cast.coaches)
    (player,) = stage.cast.some(lead.group, 1)
    asked = stage.send(player, [lead.leader], "spikes", "Where did you order the spikes again?")
    reply = stage.send(
        lead.leader, [player], "Automatic reply: spikes", "I am away until Monday.",
        answers=asked, headers=[("Auto-Submitted", "auto-replied")], mail_from="",
    )  # fmt: skip
    return [asked, reply]


def coach_writes_to_players_guardian(stage: Stage) -> list[Message]:
    """A guardian is no member of the team, and the account is the district's."""
    lead = next(stage.cast.coaches)
    player = next(p for p in stage.cast.players(lead.group) if stage.cast.parent_of(p))
    text = f"Thank you for the oranges! {player.given} had a great game.\n\nCoach {lead.leader.family}"
    return [stage.send(lead.leader, stage.cast.parent_of(player)[:1], "Thank you", text)]


def coach_writes_to_other_schools_coach(stage: Stage) -> list[Message]:
    """Somebody outside who is not in the directory."""
    lead = next(stage.cast.coaches)
    other = Party("Coach Dufresne", "dufresne@wachusett-hills-schools.example")
    text = "Can we start at 4:30? Our bus is shared with the marching band.\n\n" + lead.leader.name
    return [stage.send(lead.leader, [other], "Thursday start", text)]


def advisor_writes_to_whole_club(stage: Stage) -> list[Message]:
    """Everybody in the club, with the principal."""
    lead = next(stage.cast.advisors)
    text = f"Next meeting is in the library. Bring your drafts and a snack to share.\n\n{lead.leader.name}"
    return [
        stage.send(
            lead.leader, stage.cast.players(lead.group), f"{lead.group.name}: next meeting", text,
            cc=[stage.cast.administrator(lead.group)], html=True,
        )
    ]  # fmt: skip


def director_writes_to_a_player(stage: Stage) -> list[Message]:
    """The athletic director leads no team."""
    lead = next(stage.cast.coaches)
    (player,) = stage.cast.some(lead.group, 1)
    director = stage.district.athletic_director
    text = f"You are this week's scholar-athlete. Congratulations!\n\n{director.name}"
    return [stage.send(director, [player], "Scholar-athlete", text, cc=[lead.leader])]


NEAR_MISSES: tuple[Scenario, ...] = (
    coach_writes_to_whole_team,
    coach_writes_to_list_address,
    coach_writes_to_whole_team_in_bcc,
    player_has_moved_away,
    player_has_no_account_yet,
    player_is_reached_by_second_address,
    coach_of_two_teams_writes_to_one,
    coach_of_two_teams_writes_to_both,
    coach_out_of_season_writes_to_one,
    teacher_writes_to_lone_pupil,
    teacher_who_coaches_writes_to_class,
    teacher_who_coaches_writes_to_two_pupils,
    captain_writes_to_teammates,
    player_writes_to_coach,
    coach_is_out_of_office,
    coach_writes_to_players_guardian,
    coach_writes_to_other_schools_coach,
    advisor_writes_to_whole_club,
    director_writes_to_a_player,
)
