"""What a hold is to cover: from what people say to the text in the archive, and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from gateway.records.matters.covering import NotToBeHeld, Wanted, Who, question, read, written
from gateway.search.query import QueryError, explain
from gateway.search.query.tree import And, Is, Keyword, Node
from tests.search.query.test_laws import trees
from tests.search.query.trees import NOW, ZONE

PEOPLE = {"smith": ["p2", "p1"], "ann@x.org": ["p1"], "p1": ["p1"]}


def people(text: str, prefix: bool) -> Iterable[str]:
    return PEOPLE.get(text, [] if prefix else [text])


def groups(text: str, prefix: bool) -> Iterable[str]:
    return ["g1", "g2"] if text == "varsity soccer" or prefix else []


def schools(text: str, prefix: bool) -> Iterable[str]:
    return ["s1"] if text in ("Harbor", "s1") else []


def text_of(wanted: Wanted) -> str:
    node = question(wanted, Who(people, groups, schools), now=NOW, zone=ZONE)
    assert node is not None
    return written(node)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Wanted("late bus"), "late bus"),
        (Wanted(custodians=("p1",)), "person:p1"),
        (Wanted(custodians=("p1", "p2")), "person:p1 OR person:p2"),
        (Wanted(custodians=("a b",)), 'person:"a b"'),
        (Wanted(addresses=("Ann <Ann+news@X.org>",)), "participant:ann@x.org"),
        (Wanted(addresses=("@x.org",)), "domain:x.org"),
        (Wanted(addresses=("*@x.org",)), "domain:x.org"),
        (
            Wanted(custodians=("p1",), addresses=("b@x.org", "c@x.org")),
            "person:p1 OR participant:b@x.org OR participant:c@x.org",
        ),
        # days are the district's, and written out in UTC
        (Wanted(since="2026-11-05"), "after:2026-11-05T05:00:00Z"),
        (Wanted(until="2026-11-05"), "before:2026-11-06T05:00:00Z"),
        (Wanted(since="2026-07", until="2026-07-31"), "on:2026-07-01T04:00:00Z..2026-08-01T03:59:59Z"),
        # all together; what is alternative stays so
        (
            Wanted("late OR early", ("p1",), ("b@x.org",), "2026-11-05"),
            "(person:p1 OR participant:b@x.org) after:2026-11-05T05:00:00Z (late OR early)",
        ),
        # names are ids; groups and schools also by what another year called so
        (Wanted("bus person:smith"), "bus (person:p1 OR person:p2)"),
        (Wanted("-person:ann@x.org"), "-person:p1"),
        (Wanted('group:"varsity soccer"'), 'group:"varsity soccer" OR group:g1 OR group:g2'),
        (Wanted("group:var*"), "group:var* OR group:g1 OR group:g2"),
        (Wanted("group:chess"), "group:chess"),
        (Wanted("school:Harbor OR school:s1"), "school:Harbor OR school:s1 OR school:s1"),
        (Wanted("on:2026-11-05"), "on:2026-11-05T05:00:00Z..2026-11-06T04:59:59Z"),
        (Wanted("after:1970"), "after:1970-01-01T05:00:00Z"),
    ],
)
def test_what_the_archive_is_told(wanted: Wanted, text: str) -> None:
    assert text_of(wanted) == text
    assert written(read(text)) == text


def test_nothing_but_single_messages() -> None:
    assert question(Wanted(), Who(people, groups, schools), now=NOW, zone=ZONE) is None


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("bus after:30d"),
        Wanted("on:yesterday OR bus"),
        Wanted("-before:last-month"),
        Wanted(since="30d"),
        Wanted(until="today"),
    ],
)
def test_what_moves_with_time_is_refused(wanted: Wanted) -> None:
    with pytest.raises(NotToBeHeld, match="moves with time"):
        text_of(wanted)


@pytest.mark.parametrize(
    "query",
    [
        "outcome:held", "rule:coach", "severity:violation", "status:open", "has:finding", "has:unreadable",
        "hold:Doe", "request:2026-18", "label:legal", "bus OR -outcome:held", "-(bus (rule:coach OR van))",
    ],
)  # fmt: skip
def test_what_can_change_for_a_message_is_refused(query: str) -> None:
    with pytest.raises(NotToBeHeld, match="can change for a message"):
        text_of(Wanted(query))


@pytest.mark.parametrize("query", ["has:attachment", "has:image", "role:coach", "type:pdf", "direction:out"])
def test_what_a_message_is_stays(query: str) -> None:
    assert text_of(Wanted(query)) == query


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted(since="Monday"), "--since: 'Monday' is no date"),
        (Wanted(until="2026-02-30"), "--until: '2026-02-30' is no date"),
        (Wanted(since="2026-11-05", until="2026-11-04"), "not before --since"),
        (Wanted(addresses=("ann",)), "expected an address"),
        (Wanted(addresses=("a@",)), "expected an address"),
        (Wanted(addresses=("*@x*",)), "expected an address"),
        (Wanted("(" + " OR ".join(["person:smith"] * 600) + ")"), "place several"),
        (Wanted("bus -person:nobody*"), "nobody in today"),
    ],
)
def test_what_cannot_be_held(wanted: Wanted, said: str) -> None:
    with pytest.raises(NotToBeHeld, match=said.replace("(", r"\(")):
        text_of(wanted)


def test_a_query_with_a_mistake_says_where() -> None:
    with pytest.raises(QueryError) as error:
        text_of(Wanted("bus subject:"))
    assert error.value.position == 12


@given(trees)
@settings(deadline=None)
def test_what_is_written_is_read_as_the_same_in_any_zone_and_year(tree: Node) -> None:
    text = written(tree)
    if any(part in explain(tree) for part in ("legal matter",)):
        return
    assert read(text) == tree


def test_the_text_means_the_same_in_another_zone() -> None:
    text = text_of(Wanted("bus", since="2026-11-05", until="2026-11-06"))
    tokyo = Wanted(text)
    who = Who(people, groups, schools)
    again = question(tokyo, who, now=NOW + timedelta(days=3000), zone=ZoneInfo("Asia/Tokyo"))
    assert again is not None
    assert written(again) == text
    assert isinstance(again, And)
    assert Is(Keyword.PERSON, "p1") not in again.nodes
