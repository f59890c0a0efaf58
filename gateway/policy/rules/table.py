"""Every rule, in the order in which findings are listed."""

from __future__ import annotations

from gateway.policy.context import Rule
from gateway.policy.rules import coach, off_channel

RULES: tuple[Rule, ...] = (
    off_channel.STUDENT,
    off_channel.GUARDIAN,
    coach.ONE_TO_ONE,
    coach.PARTIAL_TEAM,
    coach.PRIVACY_COPY,
)
