"""Facets and histograms: hits counted by what they are and when they came.

Tantivy's histogram has bars of equal width in UTC; days and months of a place are neither, so each bar is asked for
as a range of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from tantivy import Query, Searcher

from gateway.search.engine import Bar, Facet, FacetValue, Histogram, Step, Wanted
from gateway.search.tantivy import schema as fields

# A segment tells only its most frequent values; with all of them, counts are exact.
_ALL = 2**31 - 1
_BARS_AT_ONCE = 10_000  # Tantivy gives up at 65,000 buckets


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted."""

    facets: Mapping[Facet, tuple[FacetValue, ...]]
    histogram: tuple[Bar, ...] = ()


def counted(searcher: Searcher, query: Query, wanted: Wanted) -> Counted:
    """The facets and the histogram that are wanted."""
    none: dict[Facet, tuple[FacetValue, ...]] = dict.fromkeys(wanted.facets, ())
    asked: dict[str, Any] = {}
    if wanted.facet_values > 0:
        asked |= {facet.value: _terms(facet, wanted.facet_values) for facet in wanted.facets}
    if wanted.histogram is not None:
        asked |= {"first": {"min": {"field": fields.RECEIVED}}, "last": {"max": {"field": fields.RECEIVED}}}
    if not asked:
        return Counted(none)
    told = searcher.aggregate(query, asked)
    found = none | {facet: _values(told[facet.value]["buckets"]) for facet in none if facet.value in told}
    if wanted.histogram is None or told["first"]["value"] is None:
        return Counted(found)
    first, last = (fields.moment(int(told[end]["value"])) for end in ("first", "last"))
    edges = list(_edges(first, last, wanted.histogram))
    bars: list[Bar] = []
    for start in range(0, len(edges) - 1, _BARS_AT_ONCE):
        bars += _bars(searcher, query, edges[start : start + _BARS_AT_ONCE + 1])
    return Counted(found, tuple(bars))


def _terms(facet: Facet, values: int) -> dict[str, Any]:
    return {"terms": {"field": fields.FACETS[facet], "size": values, "segment_size": _ALL}}


def _values(buckets: Sequence[Mapping[str, Any]]) -> tuple[FacetValue, ...]:
    found = [FacetValue(bucket["key"], bucket["doc_count"]) for bucket in buckets]
    return tuple(sorted(found, key=lambda each: (-each.count, each.value)))


def _bars(searcher: Searcher, query: Query, edges: Sequence[datetime]) -> Iterator[Bar]:
    numbers = [fields.microseconds(edge) for edge in edges]
    ranges = [{"from": low, "to": high} for low, high in pairwise(numbers)]
    told = searcher.aggregate(query, {"bars": {"range": {"field": fields.RECEIVED, "ranges": ranges}}})
    counts = {
        int(bucket["from"]): bucket["doc_count"] for bucket in told["bars"]["buckets"] if "from" in bucket
    }
    for start, end, number in zip(edges, edges[1:], numbers, strict=False):
        yield Bar(start, end, counts[number])


def _edges(low: datetime, high: datetime, wanted: Histogram) -> Iterator[datetime]:
    """The beginning of each bar from that of `low` on, and the end of the last one."""
    day = _first(low.astimezone(wanted.zone).date(), wanted.step)
    while (edge := _midnight(day, wanted.zone)) <= high:
        yield edge
        day = _next(day, wanted.step)
    yield edge


def _midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins in a zone; where clocks skip midnight, by the clock before."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _first(day: date, step: Step) -> date:
    match step:
        case Step.DAY:
            return day
        case Step.WEEK:
            return day - timedelta(days=day.weekday())
        case Step.MONTH:
            return day.replace(day=1)
        case Step.YEAR:
            return day.replace(month=1, day=1)


def _next(day: date, step: Step) -> date:
    match step:
        case Step.DAY:
            return day + timedelta(days=1)
        case Step.WEEK:
            return day + timedelta(days=7)
        case Step.MONTH:
            return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        case Step.YEAR:
            return day.replace(year=day.year + 1)
