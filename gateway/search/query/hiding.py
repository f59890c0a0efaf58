"""Where a hit may hide: a query without what an unreadable part could say.

A message whose attachment nobody could read is no hit for `heron` as long as nothing else in it says so, and might be
one. `may_hide` finds every such message: what a query asks of people, dates and other facts must hold, and what it asks
of words may as well stand in the part that was not read. A word that was found stays found, whatever else there is: so
what a query excludes by a word stays excluded where the word was seen.

Pure. Promises: if a query would hold for a message, were all its parts readable, then `may_hide` holds for the message
as it is; `tests/search/query/test_hiding.py` holds it to that.
"""

from __future__ import annotations

from gateway.search.query.tree import And, Is, Keyword, Node, Not, Or, Text, TextField
from gateway.search.query.unparse import plain

UNREADABLE = Is(Keyword.HAS, "unreadable")

_ALWAYS, _NEVER = And(()), Or(())
_ENCRYPTED = Is(Keyword.DEFECT, "encrypted")
_OF_PARTS = frozenset({Keyword.TYPE, Keyword.DEFECT})
_KNOWN = frozenset({"finding", "unreadable"})  # of has: what more text does not change


def may_hide(node: Node) -> Node:
    """Messages with unreadable parts for which `node` holds, or would hold if the right thing stood in them."""
    return plain(And((_can_hold(node), UNREADABLE)))


def _can_hold(node: Node) -> Node:
    """For which messages it may hold."""
    match node:
        case And(nodes):
            return _all(*map(_can_hold, nodes))
        case Or(nodes):
            return _any(*map(_can_hold, nodes))
        case Not(inner):
            return _not(_must_hold(inner))
        case Text(field=TextField.SUBJECT):
            # Who encrypts a message may put another subject inside (RFC 9788); the one outside stays to be found.
            return _any(node, _ENCRYPTED)
        case Text() | Is(Keyword.LANGUAGE):
            return _ALWAYS
        case Is(field) if field in _OF_PARTS or (field is Keyword.HAS and node.value not in _KNOWN):
            return _ALWAYS  # in an archive or an encrypted message
        case _:
            return node


def _must_hold(node: Node) -> Node:
    """For which messages it holds, whatever the unreadable parts say."""
    match node:
        case And(nodes):
            return _all(*map(_must_hold, nodes))
        case Or(nodes):
            return _any(*map(_must_hold, nodes))
        case Not(inner):
            return _not(_can_hold(inner))
        case Is(Keyword.LANGUAGE):
            return _NEVER  # more text may turn out to be in another one
        case _:
            return node


def _all(*nodes: Node) -> Node:
    left = [node for node in nodes if node != _ALWAYS]
    if _NEVER in left:
        return _NEVER
    return left[0] if len(left) == 1 else And(tuple(left))


def _any(*nodes: Node) -> Node:
    left = [node for node in nodes if node != _NEVER]
    if _ALWAYS in left:
        return _ALWAYS
    return left[0] if len(left) == 1 else Or(tuple(left))


def _not(node: Node) -> Node:
    if node == _ALWAYS:
        return _NEVER
    return _ALWAYS if node == _NEVER else Not(node)
