"""Scenarios of the day in which coaches and advisors write to their groups.

The sentence: "All contact and messages by coaches and faculty advisors with team members shall be sent to all
team members, except for messages concerning medical or academic privacy matters, in which case the messages
will be copied to the appropriate administrator." Each function says why it is, or is not, a finding.
"""

from __future__ import annotations

from gateway.demo.letter import OFF_CHANNEL_STUDENT, ONE_TO_ONE, PARTIAL_TEAM, PRIVACY_COPY, Message
from gateway.demo.stage import Scenario, Stage

# --- coach/one-to-one ---------------------------------------------------------------------------


def coach_writes_to_one_player(stage: Stage) -> list[Message]:
    """One member, nobody else."""
    lead = next(stage.cast.coaches)
    (player,) = stage.cast.some(lead.group, 1)
    text = f"{player.given}, come by a bit earlier tomorrow, I want to talk about your position.\n\nCoach"
    return [stage.send(lead.leader, [player], "tomorrow", text, expect=[ONE_TO_ONE])]


def coach_answers_a_player(stage: Stage) -> list[Message]:
    """The player's own message is no finding; the answer to the player alone is."""
    lead = next(stage.cast.coaches)
    (player,) = stage.cast.some(lead.group, 1)
    asked = stage.send(
        player, [lead.leader], "playing time", "Coach, why was I on the bench for all of Saturday?"
    )
    text = f"Let's sort that out between the two of us.\n\n> {asked.subject}\n\nCoach {lead.leader.family}"
    answer = stage.send(lead.leader, [player], "Re: playing time", text, answers=asked, expect=[ONE_TO_ONE])
    return [asked, answer]


def coach_copies_the_mother(stage: Stage) -> list[Message]:
    """A guardian is welcome, but does not stand in for the administrator. (Two next hops, one message.)"""
    lead = next(stage.cast.coaches)
    player = next(p for p in stage.cast.players(lead.group) if stage.cast.parent_of(p))
    text = (
        "Still no physical on file. No physical, no practice, those are the rules.\n\nCoach "
        + lead.leader.family
    )
    return [
        stage.send(
            lead.leader, [player], "Missing physical", text,
            cc=[stage.cast.parent_of(player)[0]], expect=[ONE_TO_ONE],
        )
    ]  # fmt: skip


def coach_copies_a_colleague(stage: Stage) -> list[Message]:
    """A second adult on the staff does not stand in for the administrator either."""
    lead, colleague = next(stage.cast.coaches), next(stage.cast.colleagues)
    (player,) = stage.cast.some(lead.group, 1)
    text = f"{colleague.given} tells me you are behind in class. Grades first!\n\nCoach {lead.leader.family}"
    return [stage.send(lead.leader, [player], "Grades", text, cc=[colleague], expect=[ONE_TO_ONE])]


def coach_copies_the_wrong_principal(stage: Stage) -> list[Message]:
    """The principal of the middle school does not answer for a high school team."""
    lead = next(stage.cast.coaches_with_director)
    (player,) = stage.cast.some(lead.group, 1)
    principal = stage.district.principal("srms")
    text = "Thanks for helping with the middle school clinic. I need your hours.\n\nCoach"
    return [stage.send(lead.leader, [player], "Clinic hours", text, cc=[principal], expect=[ONE_TO_ONE])]


def coach_declares_but_does_not_copy(stage: Stage) -> list[Message]:
    """The subject claims the exception, but no administrator is copied."""
    lead = next(stage.cast.coaches)
    (player,) = stage.cast.some(lead.group, 1)
    text = "The trainer cleared you for light running. Not a word to the others.\n\nCoach"
    return [stage.send(lead.leader, [player], "[PRIVATE-MEDICAL] Your ankle", text, expect=[ONE_TO_ONE])]


def teacher_who_coaches_writes_to_pupil_on_team(stage: Stage) -> list[Message]:
    """A lone recipient who is both pupil and player: found, with less confidence."""
    lead = next(stage.cast.teacher_coaches)
    player = next(p for p in stage.cast.players(lead.group) if p.id in stage.district.pupils(lead.leader))
    text = f"Good work today, {player.given}. Can you stay ten minutes longer tomorrow?\n\n{lead.leader.name}"
    return [stage.send(lead.leader, [player], "Good work", text, expect=[ONE_TO_ONE])]


def coach_writes_to_a_team_and_one_of_another(stage: Stage) -> list[Message]:
    """Two teams: one is reached as a whole, of the other a single player."""
    coach, whole, other = next(stage.cast.two_teams)
    (extra,) = stage.cast.some(other, 1)
    text = f"Practice moves to the upper field. {extra.given}, you play with us on Saturday.\n\nCoach"
    players = [*stage.cast.players(whole), extra]
    return [stage.send(coach, players, "Upper field", text, expect=[ONE_TO_ONE])]


def advisor_writes_to_one_member(stage: Stage) -> list[Message]:
    """What holds for coaches holds for faculty advisors."""
    lead = next(stage.cast.advisors)
    (member,) = stage.cast.some(lead.group, 1)
    text = f"Could you take over as treasurer from next month?\n\n{lead.leader.name}"
    return [stage.send(lead.leader, [member], lead.group.name, text, expect=[ONE_TO_ONE])]


def volunteer_writes_to_one_player_from_gmail(stage: Stage) -> list[Message]:
    """The wrong account and the wrong number of recipients: two findings."""
    lead = next(stage.cast.volunteers)
    (player,) = stage.cast.some(lead.group, 1)
    text = "I have a video of your serve that you should see. Text me."
    return [
        stage.send(
            lead.leader, [player], "video", text,
            account=lead.leader.personal[0], expect=[OFF_CHANNEL_STUDENT, ONE_TO_ONE],
        )
    ]  # fmt: skip


# --- coach/partial-team -------------------------------------------------------------------------


def coach_writes_to_three_players(stage: Stage) -> list[Message]:
    """Three of a team."""
    lead = next(stage.cast.coaches)
    text = "You three are captains for the rest of the season. Let's keep it to ourselves for now.\n\nCoach"
    players = stage.cast.some(lead.group, 3)
    return [stage.send(lead.leader, players, "Captains", text, expect=[PARTIAL_TEAM])]


def coach_forgets_one_player(stage: Stage) -> list[Message]:
    """All but one is not all."""
    lead = next(stage.cast.coaches)
    players = stage.cast.players(lead.group)[:-1]
    text = "Team photo on Thursday at 3 by the flag pole, white jerseys.\n\nCoach " + lead.leader.family
    return [stage.send(lead.leader, players, "Team photo", text, html=True, expect=[PARTIAL_TEAM])]


def coach_hides_some_players_in_bcc(stage: Stage) -> list[Message]:
    """The header names only the coach; the envelope tells."""
    lead = next(stage.cast.coaches)
    text = "Extra session for those who want to start on Saturday: 6 a.m., side entrance.\n\nCoach"
    return [
        stage.send(
            lead.leader, [lead.leader], "Extra session", text,
            bcc=stage.cast.some(lead.group, 4), expect=[PARTIAL_TEAM],
        )
    ]  # fmt: skip


def coach_writes_to_parts_of_two_teams(stage: Stage) -> list[Message]:
    """Some of each team: neither is reached as a whole."""
    coach, first, second = next(stage.cast.two_teams)
    players = [*stage.cast.some(first, 3), *stage.cast.some(second, 3)]
    text = "Tournament squad for Saturday. Meet at the bus at 7.\n\nCoach"
    return [stage.send(coach, players, "Tournament squad", text, expect=[PARTIAL_TEAM])]


def advisor_writes_to_some_members(stage: Stage) -> list[Message]:
    """Five of a club."""
    lead = next(stage.cast.advisors)
    text = f"You are nominated for the regional round. Please keep the date free.\n\n{lead.leader.name}"
    members = stage.cast.some(lead.group, 5)
    return [stage.send(lead.leader, members, "Regional round", text, expect=[PARTIAL_TEAM])]


# --- coach/privacy-copy -------------------------------------------------------------------------


def coach_declares_medical_matter(stage: Stage) -> list[Message]:
    """The exception as it should be: declared in the subject, administrator copied."""
    lead = next(stage.cast.coaches_with_director)
    (player,) = stage.cast.some(lead.group, 1)
    text = "Your concussion protocol starts today. The trainer will see you at 2:30 on each of the next five days."
    return [
        stage.send(
            lead.leader, [player], "[PRIVATE-MEDICAL] Return to play", text,
            cc=[stage.cast.administrator(lead.group)], expect=[PRIVACY_COPY],
        )
    ]  # fmt: skip


def coach_declares_academic_matter_in_header(stage: Stage) -> list[Message]:
    """The same, declared by the header field that a mail program's template sets."""
    lead = next(stage.cast.coaches_with_director)
    (player,) = stage.cast.some(lead.group, 1)
    text = f"You are two points short of eligibility. Let's make a plan, {player.given}."
    return [
        stage.send(
            lead.leader, [player], "Eligibility", text, cc=[stage.cast.administrator(lead.group)],
            headers=[("X-Privacy-Matter", "academic")], expect=[PRIVACY_COPY],
        )
    ]  # fmt: skip


def coach_copies_director_on_two_players(stage: Stage) -> list[Message]:
    """Two of the team, undeclared, the administrator copied: compliant, and recorded."""
    lead = next(stage.cast.coaches_with_director)
    text = "I have spoken with both of your families. You sit out one game each. This stays between us."
    return [
        stage.send(
            lead.leader, stage.cast.some(lead.group, 2), "Saturday", text,
            cc=[stage.cast.administrator(lead.group)], expect=[PRIVACY_COPY],
        )
    ]  # fmt: skip


def coach_copies_director_blindly(stage: Stage) -> list[Message]:
    """A blind copy is a copy: the administrator stands in the envelope only."""
    lead = next(stage.cast.coaches_with_director)
    (player,) = stage.cast.some(lead.group, 1)
    text = "Please bring the note from your doctor to the athletic office, not to practice."
    return [
        stage.send(
            lead.leader, [player], "Doctor's note", text,
            bcc=[stage.cast.administrator(lead.group)], expect=[PRIVACY_COPY],
        )
    ]  # fmt: skip


def coach_copies_principal_of_team_without_director(stage: Stage) -> list[Message]:
    """Where a team names nobody, the principal of its school answers for it (by the settings)."""
    lead = next(stage.cast.coaches_without_director)
    (player,) = stage.cast.some(lead.group, 1)
    text = "The nurse says your new inhaler may stay in the team's bag. Show me where you keep it."
    return [
        stage.send(
            lead.leader, [player], "[PRIVATE-MEDICAL] inhaler", text,
            cc=[stage.district.principal(lead.group.school)], expect=[PRIVACY_COPY],
        )
    ]  # fmt: skip


def coach_writes_from_home_with_copy(stage: Stage) -> list[Message]:
    """The copy is right, the account is not: a notice and a violation."""
    lead = next(stage.cast.coaches_with_director)
    (player,) = stage.cast.some(lead.group, 1)
    text = "How did the appointment go? Sent from my kitchen, school mail is down again."
    return [
        stage.send(
            lead.leader, [player], "[PRIVATE-MEDICAL] appointment", text,
            cc=[stage.cast.administrator(lead.group)], account=lead.leader.personal[0],
            expect=[OFF_CHANNEL_STUDENT, PRIVACY_COPY],
        )
    ]  # fmt: skip


FINDINGS: tuple[Scenario, ...] = (
    coach_writes_to_one_player,
    coach_answers_a_player,
    coach_copies_the_mother,
    coach_copies_a_colleague,
    coach_copies_the_wrong_principal,
    coach_declares_but_does_not_copy,
    teacher_who_coaches_writes_to_pupil_on_team,
    coach_writes_to_a_team_and_one_of_another,
    advisor_writes_to_one_member,
    volunteer_writes_to_one_player_from_gmail,
    coach_writes_to_three_players,
    coach_forgets_one_player,
    coach_hides_some_players_in_bcc,
    coach_writes_to_parts_of_two_teams,
    advisor_writes_to_some_members,
    coach_declares_medical_matter,
    coach_declares_academic_matter_in_header,
    coach_copies_director_on_two_players,
    coach_copies_director_blindly,
    coach_copies_principal_of_team_without_director,
    coach_writes_from_home_with_copy,
)
