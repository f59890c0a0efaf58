"""Options that name rules or a severity, read as the search language reads `rule:` and `severity:`."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.catalog.queries import RulePattern
from gateway.cli.options import WRONG_USAGE, fail
from gateway.search.query import QueryError, parse
from gateway.search.query.tree import Is


def rule_named(text: str) -> RulePattern:
    """A rule, such as coach/one-to-one, or a family: coach. Ends the command where it is neither."""
    node = _fact("rule", text)
    return RulePattern(node.value, node.prefix)


def severity_named(text: str) -> str:
    """A severity. Ends the command where it is none."""
    return _fact("severity", text).value


def _fact(field: str, text: str) -> Is:
    try:
        node = parse(f'{field}:"{text}"', now=datetime.now(UTC), zone=UTC)
    except QueryError as error:
        raise fail(f"--{field} {text}: {error.problem}; expected {error.expected}", WRONG_USAGE) from None
    if not isinstance(node, Is):
        raise fail(f"--{field} {text}: expected one value", WRONG_USAGE)
    return node
