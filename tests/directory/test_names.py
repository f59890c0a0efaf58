"""Names: the table of look-alike pairs in names.toml, and what holds for any text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.directory.given import given_names, nicknames, same_given
from gateway.directory.names import (
    LONGEST,
    Fit,
    Name,
    addresses_in,
    as_shown,
    compare,
    family_keys,
    fit,
    folded,
    is_service,
    is_through_service,
    mixes_alphabets,
    roster_names,
    skeleton,
    surname_keys,
    written,
    written_in,
)

TABLE = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))


def pairs(kind: str) -> list[tuple[str, str, str, str]]:
    return [
        (roster, shown, group["fit"], group["why"])
        for group in TABLE[kind]
        for roster, shown in group["names"]
    ]


def of_roster(text: str) -> tuple[Name, ...]:
    """A name as the table writes it: given | family | middle | preferred."""
    given, family, *rest = (part.strip() for part in text.split("|"))
    return roster_names(given, family, *rest)


@pytest.mark.parametrize(("roster", "shown", "expected", "why"), pairs("pairs"))
def test_display_names(roster: str, shown: str, expected: str, why: str) -> None:
    assert fit(written(shown), of_roster(roster)).name.lower() == expected, why


@pytest.mark.parametrize(("roster", "address", "expected", "why"), pairs("addresses"))
def test_addresses(roster: str, address: str, expected: str, why: str) -> None:
    assert fit(written_in(address), of_roster(roster)).name.lower() == expected, why


def test_the_table_is_long_and_repeats_nothing() -> None:
    rows = [row[:2] for kind in ("pairs", "addresses") for row in pairs(kind)]
    assert len(rows) == len(set(rows)) >= 300


@pytest.mark.parametrize(("roster", "shown", "expected", "why"), pairs("pairs"))
def test_whoever_fits_is_found_by_surname(roster: str, shown: str, expected: str, why: str) -> None:
    """The index and the comparison agree; typos alone are not found, for they count only with an address."""
    names = of_roster(roster)
    family = roster.split("|")[1].strip()
    if Fit[expected.upper()] > Fit.PART and why != TYPO:
        assert family_keys(family) & set(surname_keys(written(shown))), names


TYPO = "a letter more, less, other or exchanged in a long surname, beside the whole given name"


def test_there_are_typos_in_the_table() -> None:
    assert any(row[3] == TYPO for row in pairs("pairs"))


def test_what_is_disguised() -> None:
    (reading,) = written("Mаria Lopez")  # with a Cyrillic а
    assert reading.disguised
    assert fit([reading], roster_names("Maria", "Lopez")) is Fit.FULL
    assert not any(reading.disguised for reading in written("Мария Lopez"))
    assert not any(reading.disguised for reading in written("María López"))


def test_a_word_of_look_alike_letters_is_read_both_ways() -> None:
    """The first reads it as Cyrillic, the other by its look: the surname Pope."""
    one, other = written("Eva \u0420\u043e\u0440\u0435")
    assert (one.words, one.disguised) == (("eva", "rore"), False)
    assert (other.words, other.disguised) == (("eva", "pope"), True)


@pytest.mark.parametrize(
    ("text", "shown", "disguised"),
    [
        ("Maria Lopez", "Maria Lopez", False),
        ("María López", "María López", False),
        ("\u200eMaria Lopez\u200f", "Maria Lopez", False),
        ("\u202aMaria\u202c Lopez", "Maria Lopez", False),
        ("Maria Lopez \U0001f469\u200d\U0001f3eb", "Maria Lopez \U0001f469\U0001f3eb", False),
        ("Ma\u200bria", "Maria", True),
        ("Mar\u00adia", "Maria", True),
        ("Ma\u2060\u200dria", "Maria", True),
        ("\u202ezepoL airaM", "Maria Lopez", True),
        ("Maria \u202ezepoL\u202c!", "Maria Lopez!", True),
        ("\u202e", "", True),
        ("\u202eab\u202ecd", "badc", True),
    ],
)
def test_as_shown(text: str, shown: str, disguised: bool) -> None:
    assert as_shown(text) == (shown, disguised)


@pytest.mark.parametrize(
    ("text", "mixed"),
    [
        ("harbor", False),
        ("h\u0430rbor", True),
        ("harb\u03bfr", True),
        ("h\u0251rbor", True),
        ("K\u0254fi", False),  # as Twi is written
        ("h\u00e4fen", False),
        ("\u043c\u0438\u0440", False),
        ("\u043c\u0438\u0440.example", False),  # a word in each
        ("\u03bc\u0438", True),
        ("\u6771\u4eac Tokyo", False),
    ],
)
def test_mixed_alphabets(text: str, mixed: bool) -> None:
    assert mixes_alphabets(text) is mixed


@pytest.mark.parametrize(
    ("display", "addresses"),
    [
        ("Maria Lopez", []),
        ("maria@school.example", ["maria@school.example"]),
        ("'maria@school.example' (x@y)", ["maria@school.example", "x@y"]),
        ("maria @ school.example", ["maria@school.example"]),
        ("maria\uff20school.example", ["maria@school.example"]),
        ("ma\u200bria@school.example", ["maria@school.example"]),
        ("\u200b" * 200 + "maria@school.example", ["maria@school.example"]),
        ("x" * LONGEST + " maria@school.example", []),
        ("@", []),
    ],
)
def test_addresses_in_a_display_name(display: str, addresses: list[str]) -> None:
    assert addresses_in(display) == addresses


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("mаriа@hаrbor.example", "maria@harbor.example"),
        ("ΜARIA", "maria"),
        ("Maria", "maria"),
        ("María", "maria"),
        ("ｍaria", "maria"),
    ],
)
def test_skeleton(text: str, seen: str) -> None:
    assert skeleton(text) == seen


@pytest.mark.parametrize(
    ("address", "service"),
    [
        ("no-reply@classdojo.example", True),
        ("noreply@x.example", True),
        ("drive-shares-noreply@x.example", True),
        ("DoNotReply@x.example", True),
        ("notifications@remind.example", True),
        ("invitations+abc@x.example", True),
        ("wordpress@pto.example", True),
        ("maria.lopez@x.example", False),
        ("replyer@x.example", False),
        ("noreplyson@x.example", True),
        ("", False),
    ],
)
def test_services(address: str, service: bool) -> None:
    assert is_service(address) is service


@pytest.mark.parametrize(
    ("display", "through"),
    [
        ("Maria Lopez via ClassDojo", True),
        ("Maria Lopez (via Google Docs)", True),
        ("SignUp on behalf of Maria Lopez", True),
        ("Dana Via", False),
        ("Via Veneto", False),
        ("Olivia Lopez", False),
        ("", False),
    ],
)
def test_through_a_service(display: str, through: bool) -> None:
    assert is_through_service(display) is through


# --- given names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"), [("bob", "robert"), ("kasia", "katarzyna"), ("pepe", "jose"), ("a", "a")]
)
def test_nicknames(one: str, other: str) -> None:
    assert same_given(one, other)
    assert same_given(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("john", "joan"), ("andrea", "andrew"), ("christian", "christina"), ("", "a")]
)
def test_no_nicknames(one: str, other: str) -> None:
    assert not same_given(one, other)


def test_nicknames_go_both_ways() -> None:
    for name in given_names():
        for other in nicknames(name):
            assert name in nicknames(other)
            assert name != other


# --- whatever the text ---------------------------------------------------------------------------------

LETTERS = st.text(st.sampled_from("abcdeiklmnoprstuvxyzABCDEÁéñöşŁđаеоИв'-. "), min_size=1, max_size=12)
WORDS = st.lists(LETTERS, min_size=1, max_size=5).map(" ".join)
NAMES = st.builds(
    roster_names,
    st.sampled_from(["Maria", "Robert", "Bob", "Mary Ann", "J.", "Jürgen", "Xiao Ming", ""]) | WORDS,
    st.sampled_from(["Lopez", "Smith", "de la Cruz", "García López", "Schröder", "Petrovsky", ""]) | WORDS,
    st.sampled_from(["", "Paul", "P", "Ann"]),
    st.sampled_from(["", "Bob", "Lexi"]),
)
MAIL = st.text(max_size=40) | WORDS


@given(st.text())
@example("ŀ")
@example("ﷺ")
@example("İİß")
def test_folding_is_idempotent(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(MAIL, NAMES)
@example("\ud800 \ud800", ())
@example("x" * 10_000, ())
@example("a, " * 30, ())
def test_never_raises(text: str, names: tuple[Name, ...]) -> None:
    for readings in (written(text), written_in(f"{text}@x.example"), written_in(text)):
        assert fit(readings, names) in Fit
        for key in surname_keys(readings):
            assert " " not in key
    is_service(text)
    is_through_service(text)
    skeleton(text)


@given(NAMES, NAMES)
def test_comparing_is_symmetric(one: tuple[Name, ...], other: tuple[Name, ...]) -> None:
    for mine in one:
        for theirs in other:
            assert compare(mine, theirs) is compare(theirs, mine)


@given(NAMES)
def test_everybody_is_called_by_their_own_name(names: tuple[Name, ...]) -> None:
    for name in names:
        if name.given and len("".join(name.family)) > 1:
            assert compare(name, name) in (Fit.FULL, Fit.INITIAL)


GIVEN = st.sampled_from(["Maria", "Bob", "Xiao-Ming", "M.", "Joan", "Jürgen", "Mary Ann", "Иван"])
FAMILY = st.sampled_from(["Lopez", "Smith", "de la Cruz", "García López", "Schröder", "O'Brien", "Petrov"])


@given(
    GIVEN,
    FAMILY,
    st.sampled_from(["Dr. ", "Coach ", "MRS ", "Sra. ", "Prof. Dr. ", "Ms "]),
    st.sampled_from([" Jr.", ", Jr.", " III", ", M.Ed.", ", Ph.D.", " PhD", ", RN", ""]),
    NAMES,
)
def test_a_title_or_suffix_changes_nothing(
    given: str, family: str, title: str, suffix: str, names: tuple[Name, ...]
) -> None:
    plain = fit(written(f"{given} {family}"), names)
    assert fit(written(f"{title}{given} {family}{suffix}"), names) is plain
    assert fit(written(f"{given} {family}{suffix}"), names) is plain


@given(GIVEN, FAMILY, NAMES)
def test_case_does_not_matter(given: str, family: str, names: tuple[Name, ...]) -> None:
    plain = fit(written(f"{given} {family}"), names)
    assert fit(written(f"{given} {family}".lower()), names) is plain
    assert fit(written(f"{given} {family}".upper()), names) is plain


def test_what_is_too_long_is_no_name() -> None:
    assert written("Maria " * (LONGEST // 6) + "Lopez") == ()
    assert written("a b c d e f g h") == ()
    assert written_in("a" * (LONGEST + 1) + "@x.example") == ()
