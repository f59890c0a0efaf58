"""Facts that are compared as a whole: ids, codes, and values of which there is a list.

The lists stand here once. What is not of the list is refused, because a misspelt value would be found nowhere
and look like an answer.

Fails only with `QueryError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from gateway.search.query.errors import QueryError, quoted
from gateway.search.query.tokens import Token
from gateway.search.query.tree import Is, Keyword

Reader = Callable[[Token], Is]

HAS = ("attachment", "finding", "defect", "unreadable", "calendar", "image")
ROLES = ("student", "guardian", "staff", "coach", "advisor", "administrator", "principal")
DIRECTIONS = ("in", "out", "internal")
SEVERITIES = ("violation", "advisory", "notice")
STATUSES = ("open", "superseded")
OUTCOMES = (
    "pending", "relayed", "refused", "rejected", "deferred", "failed", "abandoned", "journaled", "held",
    "hold-released", "hold-refused", "returned", "imported",
)  # fmt: skip

_RULE = re.compile(r"[a-z0-9-]{1,60}(?:/[a-z0-9-]{0,60})?")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9./+-]{0,100}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_HEX = re.compile(r"[0-9a-f]{4,64}")
_UUID = re.compile(r"[0-9a-fA-F-]{1,36}")
LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
LABEL_WANTED = "a label of lower case letters, digits and dashes, such as student-record"
MAX_VALUE = 1_000  # characters of an id or a name


def _split(term: Token) -> tuple[str, bool]:
    """A value, and whether only its beginning is given; a quoted `*` is one where ids have none."""
    if term.quoted and term.suffix:
        _refuse_near(term)
        return term.text.strip(), True
    text = term.text.strip()
    return (text[:-1], True) if text.endswith("*") else (text, False)


def _refuse_near(term: Token) -> None:
    if term.suffix.startswith("~"):
        place = term.at(len(term.text)) + 1
        raise QueryError(
            place, 'a "~" after what is compared as a whole', "the value, or its beginning with a *"
        )


def _one_of(field: Keyword, allowed: tuple[str, ...], more: str = "") -> Reader:
    def read(term: Token) -> Is:
        value = term.text.strip().lower()
        if value not in allowed or term.suffix:
            expected = f"one of {', '.join(allowed)}{more}"
            raise QueryError(term.position, f"unknown value {quoted(term.text + term.suffix)}", expected)
        return Is(field, value)

    return read


def _code(field: Keyword, shape: re.Pattern[str], what: str, expected: str) -> Reader:
    def read(term: Token) -> Is:
        value, prefix = _split(term)
        if not shape.fullmatch(value.lower()):
            raise QueryError(term.position, f"{quoted(term.text)} is no {what}", expected)
        return Is(field, value.lower(), prefix)

    return read


def _rule(term: Token) -> Is:
    """`coach/one-to-one`; `coach/*`, `coach/` and `coach` are every rule of that family."""
    value, prefix = _split(term)
    value = value.lower()
    if not _RULE.fullmatch(value):
        expected = "a rule such as coach/one-to-one or coach/*"
        raise QueryError(term.position, f"{quoted(term.text)} is no rule id", expected)
    if "/" not in value and not prefix:
        return Is(Keyword.RULE, f"{value}/", prefix=True)
    return Is(Keyword.RULE, value, prefix or value.endswith("/"))


def _sha256(term: Token) -> Is:
    value, prefix = _split(term)
    value = value.lower()
    if not _HEX.fullmatch(value) or (len(value) < 64 and not prefix):
        expected = "64 hexadecimal digits, or at least 4 of them and a *"
        raise QueryError(term.position, f"{quoted(term.text)} is no SHA-256", expected)
    return Is(Keyword.SHA256, value, prefix)


def _identifier(field: Keyword) -> Reader:
    """An id as it is written; a `*` in quotes is part of it, one after it or without quotes ends a beginning."""

    def read(term: Token) -> Is:
        _refuse_near(term)
        prefix = term.suffix == "*" or (not term.quoted and term.text.endswith("*"))
        text = term.text if term.quoted or not prefix else term.text[:-1]
        return Is(field, _whole(term, text.strip("<> \t\r\n")), prefix)

    return read


def _id(term: Token) -> Is:
    """The archive's id; what has an @ or angle brackets is a Message-ID."""
    field = Keyword.MESSAGE_ID if "@" in term.text or term.text.startswith("<") else Keyword.ID
    found = _identifier(field)(term)
    if field is Keyword.ID and _UUID.fullmatch(found.value):
        return Is(field, found.value.lower(), found.prefix)
    return found


def _named(field: Keyword) -> Reader:
    """An id, or words of a name, as typed: whoever knows the names decides which (see `people`)."""

    def read(term: Token) -> Is:
        _refuse_near(term)
        value, prefix = _split(term)
        place = -1 if term.quoted else min(filter(lambda each: each >= 0, map(value.find, "*~")), default=-1)
        if place >= 0:
            problem = f'a "{value[place]}" within a name or id'
            raise QueryError(term.at(place), problem, "the whole of it, its beginning with a *, or quotes")
        return Is(field, _whole(term, " ".join(value.split())), prefix)

    return read


def _matter(term: Token) -> Is:
    """A legal matter by its name; a star alone is any of them."""
    if term.text.strip() == "*" and not term.quoted:
        return Is(Keyword.HOLD, "", prefix=True)
    return _named(Keyword.HOLD)(term)


def _whole(term: Token, value: str) -> str:
    if not any(map(str.isalnum, value)):
        raise QueryError(
            term.position, f"nothing to look for in {quoted(term.text)}", "at least one letter or digit"
        )
    if len(value) > MAX_VALUE:
        raise QueryError(term.position, "the value is too long", f"at most {MAX_VALUE} characters")
    return value


_ROLE_HINT = "; listener: and direction: tell how a message came"

KEYWORDS: Mapping[str, Reader] = {
    "has": _one_of(Keyword.HAS, HAS),
    "person": _named(Keyword.PERSON),
    "role": _one_of(Keyword.ROLE, ROLES, _ROLE_HINT),
    "group": _named(Keyword.GROUP),
    "school": _named(Keyword.SCHOOL),
    "direction": _one_of(Keyword.DIRECTION, DIRECTIONS),
    "rule": _rule,
    "severity": _one_of(Keyword.SEVERITY, SEVERITIES),
    "status": _one_of(Keyword.STATUS, STATUSES),
    "outcome": _one_of(Keyword.OUTCOME, OUTCOMES),
    "hold": _matter,
    "request": _named(Keyword.REQUEST),
    "label": _code(Keyword.LABEL, LABEL, "label", LABEL_WANTED),
    "thread": _identifier(Keyword.THREAD),
    "id": _id,
    "message-id": _identifier(Keyword.MESSAGE_ID),
    "content": _identifier(Keyword.CONTENT),
    "sha256": _sha256,
    "defect": _code(Keyword.DEFECT, _NAME, "defect", "the name of one, such as no-from"),
    "lang": _code(Keyword.LANGUAGE, _LANGUAGE, "language", "the two letters of one, such as en, es or pt"),
    "listener": _code(Keyword.LISTENER, _NAME, "listener", "a listener's name, such as inbound"),
    "type": _code(Keyword.TYPE, _TYPE, "type", "a type of file, such as pdf, docx or image"),
}
