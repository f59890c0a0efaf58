"""What cannot be read: the place, drawn as a caret under the query, and what is said."""

from __future__ import annotations

import pytest

from gateway.search.query import FIELDS, MAX_DEPTH, MAX_OPEN, MAX_QUERY, MAX_TERMS, QueryError, drawn
from gateway.search.query.matches import MAX_PHRASE
from tests.search.query.trees import parse

# The query, the caret under its place, what the error says.
ROWS = [
    # fields
    ("form:alice",
     "^", "unknown field 'form:' (did you mean from:?); expected one of from:, to:,"),
    ("bus Re:practice",
     "    ^", "unknown field 're:'"),
    ("docket:3",
     "^", "unknown field 'docket:'; expected one of from:"),
    ("group:*",
     "      ^", "nothing to look for in '*'; expected at least one letter or digit"),
    ("request:2026*17",
     "            ^", "a \"*\" within a name or id; expected the whole of it, its beginning with a *, or quotes"),
    ("hold:doe~1",
     "        ^", "a \"~\" within a name or id"),
    ("mailto:a@b",
     "^", "or the text in quotes"),
    ("from:",
     "     ^", "nothing after 'from:'; expected a value right after the colon"),
    ("from: alice",
     "     ^", "nothing after 'from:'"),
    ("(from:) a",
     "      ^", "nothing after 'from:'"),
    ("from:|a",
     "     ^", "nothing after 'from:'"),
    ("subject:(late from:bob)",
     "              ^", "a field 'from:' within a field; expected the value alone"),
    ("subject:()",
     "        ^", "empty parentheses"),
    # who
    ("from:@",
     "     ^", "'@' has no domain; expected user@domain, @domain or a name"),
    ("from:bob@",
     "     ^", "'bob@' has no domain"),
    ("from:smi*@x.org",
     "        ^", "an address is compared as a whole; expected user@domain, @domain or a name such as smith*"),
    ("from:a@x*",
     "        ^", "an address is compared as a whole"),
    ('from:"a@x"*',
     "          ^", "an address is compared as a whole"),
    ("from:*@x*",
     "        ^", "an address is compared as a whole"),
    ("from:,",
     "     ^", "nothing to look for in ','"),
    ('from:"@hop:@x"',
     "     ^", "'@hop:@x' is no address"),
    ("domain:a@b",
     "       ^", "'a@b' is no domain; expected a domain such as school.example; those below it are included"),
    ("domain:*.b",
     "       ^", "'*.b' is no domain"),
    # quotes
    ('a "late bus',
     "  ^", 'a quote that is never closed; expected a closing "'),
    ("a “late bus",
     "  ^", "a quote that is never closed"),
    ('"late bus”',
     "^", "a quote that is never closed"),
    ('"late\\"',
     "^", "a quote that is never closed"),
    ('subject:"late"bus',
     "              ^", "text right after a closing quote; expected a blank"),
    ('late"bus"',
     "    ^", "a quote within a word; expected a blank before it, or quotes around the whole value"),
    ('5"',
     " ^", "a quote within a word"),
    ('""',
     "^", "nothing to look for in ''"),
    ('subject:""',
     "        ^", "nothing to look for in ''"),
    ('a OR "  "',
     "     ^", "nothing to look for in '  '"),
    # negation, AND, OR
    ("a - b",
     "  ^", 'a "-" that negates nothing; expected a word or field right after it'),
    ("--a",
     "^", 'a "-" that negates nothing'),
    ("-",
     "^", 'a "-" that negates nothing'),
    ("a —",
     "  ^", 'a "-" that negates nothing'),
    ("NOT",
     "^", "nothing after NOT; expected a word, a field or a parenthesis"),
    ("(a NOT)",
     "   ^", "nothing after NOT"),
    ("NOT OR a",
     "^", "nothing after NOT"),
    ("OR a",
     "^", "nothing before OR"),
    ("AND a",
     "^", "nothing before AND"),
    ("a OR",
     "  ^", "nothing after OR"),
    ("a AND",
     "  ^", "nothing after AND"),
    ("a OR OR b",
     "  ^", "nothing after OR"),
    ("a AND OR b",
     "  ^", "nothing after AND"),
    ("a ||| b",
     "  ^", "nothing after ||"),
    ("| a",
     "^", "nothing before |"),
    ("(a |) b",
     "   ^", "nothing after |"),
    # parentheses
    ("(a",
     "^", 'a parenthesis that is never closed; expected a closing ")"'),
    ("a (b (c d) e",
     "  ^", "a parenthesis that is never closed"),
    ("(",
     "^", "a parenthesis that is never closed"),
    ("a)",
     " ^", 'a parenthesis that was never opened; expected a "(" before it, or quotes'),
    (")",
     "^", "nothing to look for here"),
    ("()",
     "^", "empty parentheses; expected something to look for in them"),
    ("practice(s)",
     "        ^", "a parenthesis right after a word; expected a blank before it, or quotes around the whole"),
    ("(a)b",
     "   ^", "text right after a closing parenthesis; expected a blank"),
    ("(a)(b)",
     "   ^", "text right after a closing parenthesis"),
    ("{late early}",
     "^", "braces mean nothing here; expected parentheses, such as (late OR early)"),
    # words and their endings
    ("!!!",
     "^", "nothing to look for in '!!!'; expected at least one letter or digit"),
    ("parks & recreation",
     "      ^", "nothing to look for in '&'"),
    ("*",
     "^", "nothing to look for in '*'"),
    ("*ball",
     "^", 'a "*" that is not at the end of a word; expected the beginning of a word, as pract*'),
    ("pr*ctice",
     "  ^", 'a "*" that is not at the end of a word'),
    ("late.*bus",
     "     ^", 'a "*" that is not at the end of a word'),
    ('"pr* time"',
     "   ^", 'a "*" that is not at the end of a word'),
    (r'"\"a\" b*c"',
     "        ^", 'a "*" that is not at the end of a word'),
    ("filename:*.pdf x*y",
     "                ^", 'a "*" that is not at the end of a word'),
    ("pract*~1",
     "     ^", 'a "*" that is not at the end of a word'),
    ("practice~3",
     "         ^", "a word cannot differ by '3'; expected 1 or 2 letters"),
    ("practice~0",
     "         ^", "a word cannot differ by '0'"),
    ("practice~99999999999999999999",
     "         ^", "a word cannot differ by '99999999999999999999'"),
    ("e-mail~1",
     "      ^", 'a "~" after several words; expected one word, as practice~1'),
    ("cat dog~2",
     "    ^", "'dog' is too short to differ by 2; expected a word of at least 5 letters"),
    ('"late bus"~',
     "          ^", 'a "~" without a number; expected how many words may stand between, as "a b"~5'),
    ('"late bus"~51',
     "           ^", "the words are too far apart; expected a number from 0 to 50"),
    ('"practice"~1',
     "          ^", "one word alone has no words between; expected two words in quotes, or word~1"),
    # times
    ("after:someday",
     "      ^", "'someday' is no date; expected a date such as 2026-11-05"),
    ("after:11/05/2026",
     "      ^", "'11/05/2026' is no date"),
    ("after:2026-02-30",
     "      ^", "'2026-02-30' is no date (day is out of range for month)"),
    ("after:2026-13",
     "      ^", "'2026-13' is no date"),
    ("after:2026-11/05",
     "      ^", "'2026-11/05' is no date"),
    ("after:0001-01-01",
     "      ^", "expected a date such as"),
    ("after:2200",
     "      ^", "a year from 1970 to 2199"),
    ("after:99999w",
     "      ^", "'99999w' is out of range; expected a year from 1970 to 2199"),
    ("after:99999d",
     "      ^", "'99999d' is out of range; expected a year from 1970 to 2199"),
    ("after:2026-11-05T25:00",
     "      ^", "'2026-11-05T25:00' is no date"),
    ("after:9999-12-31T23:59:59-12:00",
     "      ^", "is no date"),
    ("after:2026-01..2026-02",
     "             ^", "a range where one value belongs; expected one value; on: and date: take ranges"),
    ("on:2026-12..2026-11",
     "            ^", "the range ends before it begins; expected the smaller end first"),
    ("on:2026-12..x",
     "            ^", "'x' is no date"),
    ("on:..",
     "   ^", "a range without ends; expected at least one end"),
    ('on:"today"*',
     "   ^", "'today*' is no date"),
    ('on:""', "   ^", "'' is no date"),
    ('size:" "', "     ^", "'' is no size"),
    ('after:""', "      ^", "'' is no date"),
    # sizes
    ("larger:big",
     "       ^", "'big' is no size; expected a size such as 5000, 200KB, 5MB or 1.5GB"),
    ("larger:5XB",
     "       ^", "'5XB' is no size"),
    ("larger:-5",
     "       ^", "'-5' is no size"),
    ("larger:9999999999GB",
     "       ^", "out of range"),
    ("smaller:0",
     "        ^", "nothing is smaller than 0"),
    ("size:2MB..1MB",
     "          ^", "the range ends before it begins"),
    ("larger:1MB..2MB",
     "          ^", "expected one value; size: takes ranges"),
    # facts
    ("outcome:delivered",
     "        ^", "unknown value 'delivered'; expected one of pending, relayed"),
    ("severity:bad",
     "         ^", "expected one of violation, advisory, notice"),
    ("has:cheese",
     "    ^", "expected one of attachment, finding, defect, unreadable, calendar, image"),
    ("has:attach*",
     "    ^", "unknown value 'attach*'"),
    ("role:journal",
     "     ^", "expected one of student, guardian, staff, coach"),
    ("status:opne",
     "       ^", "expected one of open, superseded"),
    ("direction:sideways",
     "          ^", "expected one of in, out, internal"),
    ("rule:coach/one/two",
     "     ^", "is no rule id; expected a rule such as coach/one-to-one"),
    ("listener:?",
     "         ^", "is no listener"),
    ("label:student_record",
     "      ^", "is no label; expected a label of lower case letters, digits and dashes, such as student-record"),
    ("lang:spanish",
     "     ^", "'spanish' is no language; expected the two letters of one, such as en, es or pt"),
    ("sha256:abcd",
     "       ^", "'abcd' is no SHA-256; expected 64 hexadecimal digits, or at least 4 of them and a *"),
    ("thread:*",
     "       ^", "nothing to look for in '*'"),
    ('person:"ann smith"~2',
     "                  ^", 'a "~" after what is compared as a whole'),
    ("type:/",
     "     ^", "is no type"),
    (
        "person:smith~1",
        "            ^",
        'a "~" within a name or id; expected the whole of it, its beginning with a *, or quotes',
    ),
    ("group:va*ity", "        ^", 'a "*" within a name or id'),
    # what nobody types
    ("a\0b",
     " ^", "unreadable character '\\x00'; expected text"),
    ("a \udcff",
     "  ^", "unreadable character '\\udcff'"),
    ("a\x9bb",
     " ^", "unreadable character '\\x9b'"),
    ("数学 (课",
     "     ^", "a parenthesis that is never closed"),
    ("x" * (MAX_PHRASE + 1),
     "^", f"the words are too long; expected at most {MAX_PHRASE} characters"),
    ("person:" + "x" * 1001,
     "       ^", "the value is too long"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "caret", "says"), ROWS, ids=range(len(ROWS)))
def test_an_error_points_at_the_place(query: str, caret: str, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    lines = drawn(query, caught.value).split("\n")
    assert says in str(caught.value)
    assert lines[1] == caret
    assert lines[2] == str(caught.value)


BOUNDS = [
    ("x" * (MAX_QUERY + 1), MAX_QUERY, "the query is too long; expected at most 10000 characters"),
    ("x " * (MAX_TERMS + 1), 2 * MAX_TERMS, "too many words and fields; expected at most 1000"),
    ("abc* " * (MAX_OPEN + 1), 5 * MAX_OPEN, "too many words with a star or a tilde; expected at most 100"),
    (
        "-abcd~ " * (MAX_OPEN + 1),
        7 * MAX_OPEN + 1,
        "too many words with a star or a tilde; expected at most 100",
    ),
    (
        "rule:(" + "a* " * (MAX_OPEN + 1) + ")",
        6 + 3 * MAX_OPEN,
        "too many words with a star or a tilde; expected at most 100",
    ),
    ("(" * (MAX_DEPTH + 1) + "a" + ")" * (MAX_DEPTH + 1), MAX_DEPTH + 1, "too many within each other"),
    ("NOT " * 2000 + "a", 4 * (MAX_DEPTH + 1), "too many within each other; expected at most 50 levels"),
    ("-(" * 4000, MAX_DEPTH + 1, "too many within each other"),
    ("(" * MAX_QUERY, MAX_DEPTH + 1, "too many within each other"),
    ('"' * MAX_QUERY, 2, "text right after a closing quote"),
    ("(a+)+" * 2000, 4, "text right after a closing parenthesis"),
    ("\\" * MAX_PHRASE, 0, "nothing to look for"),
    ('"' + "\\" * (MAX_QUERY - 1), 0, "a quote that is never closed"),
    ("a" + "\u0301\u0323" * 4999, 0, "the words are too long"),
    ("-" * MAX_QUERY, 0, 'a "-" that negates nothing'),
    ("*" * MAX_PHRASE, 0, "nothing to look for"),
    ("from:@" + "a." * 4990, 5, "the address is too long"),
    ("~" * MAX_PHRASE, 0, "nothing to look for"),
    ("on:" + "1" * 9990, 3, "is no date"),
    ("on:" + "." * 9990, 5, "is no date"),
    ("larger:" + "1" * 9990, 7, "is no size"),
]


@pytest.mark.parametrize(("query", "position", "says"), BOUNDS, ids=range(len(BOUNDS)))
def test_what_is_too_much_is_refused_in_a_word(query: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert says in str(caught.value)
    assert caught.value.position == position
    assert max(map(len, drawn(query, caught.value).split("\n"))) < 400


def test_as_much_as_is_allowed_is_read() -> None:
    parse("x " * MAX_TERMS)
    parse("abc* " * MAX_OPEN + "x " * (MAX_TERMS - MAX_OPEN))
    parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH)
    parse(" " * MAX_QUERY)
    parse(("x" * (MAX_PHRASE - 1) + " ") * 5)


def test_an_unknown_field_is_answered_with_every_known_one() -> None:
    with pytest.raises(QueryError) as caught:
        parse("nothing:x")
    assert all(f"{field}:" in caught.value.expected for field in FIELDS)


def test_a_long_query_is_drawn_around_the_place() -> None:
    query = "bus " * 100 + "(late" + " bus" * 100
    with pytest.raises(QueryError) as caught:
        parse(query)
    line, caret, _ = drawn(query, caught.value).split("\n")
    assert line[caret.index("^") :].startswith("(late bus")
    assert line.startswith("…")
    assert line.endswith("…")
    assert len(line) < 130


def test_what_would_act_upon_a_terminal_is_not_drawn() -> None:
    query = "a\tb\x1b[2J\u202e)"
    line, caret, _ = drawn(query, QueryError(4, "x", "y")).split("\n")
    assert line == "a b\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER})"
    assert caret == "    ^"
