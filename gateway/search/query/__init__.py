"""The query language, without any engine: what people type becomes a tree.

    parser     text to tree; `tokens`, `matches`, `addresses`, `keywords`, `dates`, `sizes` and `fields` are its parts
    people     who is meant by `person:`, asked of somebody who knows the roster
    unparse    tree to its canonical text
    explain    tree to an English sentence
    hiding     a query without what an unreadable part could say
    errors     what is wrong with a query, where, and that drawn for a terminal

The page for those who search is docs/search.md.
"""

from gateway.search.query.errors import QueryError, drawn
from gateway.search.query.explain import explain
from gateway.search.query.fields import FIELDS
from gateway.search.query.parser import MAX_CANONICAL, MAX_DEPTH, MAX_OPEN, MAX_QUERY, MAX_TERMS, parse
from gateway.search.query.people import People, resolve
from gateway.search.query.unparse import unparse

__all__ = [
    "FIELDS",
    "MAX_CANONICAL",
    "MAX_DEPTH",
    "MAX_OPEN",
    "MAX_QUERY",
    "MAX_TERMS",
    "People",
    "QueryError",
    "drawn",
    "explain",
    "parse",
    "resolve",
    "unparse",
]
