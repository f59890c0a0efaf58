"""Every rule, in the order in which findings are listed."""

from __future__ import annotations

from gateway.policy.context import Rule
from gateway.policy.rules import addressed, coach, group, identity, off_channel, safesport, staff, student

RULES: tuple[Rule, ...] = (
    off_channel.STUDENT,
    off_channel.GUARDIAN,
    off_channel.STAFF,
    addressed.ADDRESSED,
    coach.ONE_TO_ONE,
    coach.PARTIAL_TEAM,
    coach.PRIVACY_COPY,
    group.NO_ADMINISTRATOR,
    student.SINGLE_ADULT,
    student.ONE_TO_ONE,
    staff.FORM_UNSIGNED,
    identity.SUSPECTED_STAFF,
    identity.POSSIBLE_IMPERSONATION,
    safesport.ONE_TO_ONE,
    safesport.REPLY,
    safesport.TEAM,
    safesport.OPT_OUT,
    safesport.QUIET_HOURS,
)
