"""Every scenario of the month, and how often it is met.

The numbers are messages in ten thousand: a few hundred are near-misses and a few hundred wrong in some way; all
others are ordinary mail. They are guesses at what a district sees, not measurements, and precision depends on
them: twice as many strangers with a teacher's name are twice as many false findings.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.demo.month import accounts, everyday, forgery, names, parents, split, teams
from gateway.demo.month.desk import Scenario
from gateway.demo.month.town import EXEMPTION_ENDS, LEAVES, SEASON_BEGINS, SEASON_ENDS

SPLIT: Mapping[Scenario, float] = split.SCENES
COUNTED: Mapping[Scenario, float] = {
    **everyday.QUIET,
    **accounts.SCENES,
    **names.SCENES,
    **parents.SCENES,
    **teams.SCENES,
    **forgery.SCENES,
}
ORDINARY: Mapping[Scenario, int] = everyday.ORDINARY

UNAVOIDABLE = names.UNAVOIDABLE
DISPUTED = names.DISPUTED

# Scenarios at the edge of a date are played on both of its sides, whatever else chance decides.
EDGES: Mapping[Scenario, tuple[int, int]] = {
    accounts.teacher_on_the_last_day: (LEAVES, LEAVES + 1),
    accounts.exemption_runs_out: (EXEMPTION_ENDS, EXEMPTION_ENDS + 1),
    teams.coach_at_the_end_of_season: (SEASON_ENDS, SEASON_ENDS + 1),
    teams.coach_at_the_beginning_of_season: (SEASON_BEGINS - 1, SEASON_BEGINS),
}


def name_of(scenario: Scenario) -> str:
    return scenario.__name__.replace("_", "-")
