"""How many messages each series covers, and how they stand: what `mailgw retention report` tells.

Counted by the search engine, but for mail of series that wait until students have left: there each message that may be
ready is looked at. A message that several series cover counts in each. Fails as `finding` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from gateway.records.retention.eligible import eligible, past_ceiling, waiting
from gateway.records.retention.finding import Looked, Sources, looked_at
from gateway.records.retention.periods import Period
from gateway.records.retention.schedule import Schedule
from gateway.records.retention.standing import State, standing
from gateway.search.engine import Searcher
from gateway.search.query.parser import one_of
from gateway.search.query.tree import And, Node, Not
from gateway.search.query.unparse import plain

_YEAR = Period(years=1)
Progress = Callable[[int, int], None]  # messages looked at, and how many there are to look at


@dataclass(frozen=True, slots=True)
class Count:
    """One series: messages that it covers."""

    messages: int = 0
    eligible: int = 0  # may be disposed of today
    within_year: int = 0  # will be eligible a year from today, and are not yet
    past_ceiling: int = 0  # ought to be gone by this series, kept by another one or not

    def plus(self, *, eligible: bool, within_year: bool, past_ceiling: bool) -> Count:
        """With one message more that was looked at."""
        return replace(
            self,
            eligible=self.eligible + eligible,
            within_year=self.within_year + within_year,
            past_ceiling=self.past_ceiling + past_ceiling,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """All series by name, and all messages together, each counted once."""

    series: dict[str, Count]
    together: Count


def report(sources: Sources, schedule: Schedule, today: date, progress: Progress) -> Report:
    """How the archive stands on a day."""
    return _looked(sources, schedule, today, _asked(sources.searcher, schedule, today), progress)


def _asked(searcher: Searcher, schedule: Schedule, today: date) -> Report:
    """What the search engine knows: everything but how mail stands that waits for students."""
    soon = _YEAR.after(today)
    left = waiting(schedule)

    def count(node: Node, among: Node) -> int:
        return searcher.count(plain(And((node, among, Not(left)))))

    def counted(among: Node, ceiling: Node | None) -> Count:
        now = count(eligible(schedule, today), among)
        return Count(
            messages=searcher.count(among),
            eligible=now,
            within_year=count(eligible(schedule, soon), among) - now,
            past_ceiling=0 if ceiling is None else count(ceiling, among),
        )

    ceilings = {each.name: past_ceiling(schedule, each, today) for each in schedule}
    each_one = {each.name: counted(plain(schedule.covered(each)), ceilings[each.name]) for each in schedule}
    some = [node for node in ceilings.values() if node is not None]
    return Report(each_one, counted(And(()), one_of(some)))


def _looked(sources: Sources, schedule: Schedule, today: date, before: Report, progress: Progress) -> Report:
    """With the messages that wait for students, each looked at."""
    node = _may_be_ready(schedule, today)
    total = sources.searcher.count(node)
    series, together = dict(before.series), before.together
    soon = _YEAR.after(today)
    for number, looked in enumerate(looked_at(sources, schedule, node, today), 1):
        ready = looked.standing.state is not State.KEPT
        later = not ready and standing(looked.facts, schedule, soon).state is not State.KEPT
        late = _past_ceilings(looked, today)
        together = together.plus(eligible=ready, within_year=later, past_ceiling=bool(late))
        for term in looked.standing.terms:
            name = term.series.name
            if term.certain:
                series[name] = series[name].plus(eligible=ready, within_year=later, past_ceiling=name in late)
        progress(number, total)
    return Report(series, together)


def _may_be_ready(schedule: Schedule, today: date) -> Node:
    """Messages that wait for students, and may be eligible within a year or past a ceiling."""
    soon = _YEAR.after(today)
    ripe = [eligible(schedule, soon)]
    ripe += [node for each in schedule if (node := past_ceiling(schedule, each, today)) is not None]
    return plain(And((waiting(schedule), one_of(ripe))))


def _past_ceilings(looked: Looked, today: date) -> frozenset[str]:
    """Names of the series that ask a message to be gone."""
    return frozenset(
        term.series.name
        for term in looked.standing.terms
        if term.certain and term.ceiling_at is not None and term.ceiling_at < today
    )
