"""A query in an English sentence, for a records officer to check that it asks what was meant.

    Messages that contain the word “bus” and are from somebody with the word “smith” in the name or address.

Every leaf is a verb and the rest, so that its negation reads well. A sentence within a sentence stands in brackets:
nothing is left to the reader's idea of what binds closer. Never fails, whatever the tree.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from gateway.search.query.dates import day_of
from gateway.search.query.sizes import written_size
from gateway.search.query.tree import (
    Address,
    And,
    Beginning,
    Between,
    Domain,
    Is,
    Keyword,
    Match,
    Name,
    Near,
    Node,
    Not,
    Number,
    Or,
    Phrase,
    Place,
    Text,
    TextField,
)

Said = tuple[str, str]  # a verb as in "messages that …", and what follows it


def explain(node: Node, *, zone: tzinfo = UTC) -> str:
    """What `node` asks for; times by the clock of `zone`."""
    match node:
        case And(()):
            return "All messages."
        case Or(()):
            return "No messages."
        case _:
            return f"Messages that {_said(node, zone)}."


def _said(node: Node, zone: tzinfo) -> str:
    match node:
        case And(()):
            return "are any messages"
        case Or(()):
            return "are none at all"
        case And(nodes):
            return " and ".join(_part(each, zone) for each in nodes)
        case Or(nodes):
            return ("either " if len(nodes) > 1 else "") + " or ".join(_part(each, zone) for each in nodes)
        case Not((And() | Or() | Not()) as inner):
            return f"do not do this: ({_said(inner, zone)})"
        case Not(inner):
            return _negated(*_leaf(inner, zone))
        case _:
            return " ".join(_leaf(node, zone))


def _part(node: Node, zone: tzinfo) -> str:
    said = _said(node, zone)
    return f"({said})" if isinstance(node, And | Or) else said


def _negated(verb: str, rest: str) -> str:
    return f"{verb} not {rest}" if verb in {"are", "were"} else f"do not {verb} {rest}"


def _leaf(node: Node, zone: tzinfo) -> Said:
    match node:
        case Text(match, field):
            verb, where = _IN_TEXT[field]
            return verb, f"{_matched(match)}{where}"
        case Address(place, canonical):
            return _in_place(place, canonical)
        case Domain(place, domain):
            return _in_place(place, f"an address in {domain} or below it")
        case Name(place, match):
            return _in_place(place, f"somebody with {_matched(match)} in the name or address")
        case Is(Keyword.HAS, value):
            return "have", _HAS.get(value, value)
        case Is(Keyword.DIRECTION, value):
            return "were", _DIRECTIONS.get(value, f"going {value}")
        case Is(Keyword.HOLD, "", True):
            return "are", "kept for any legal matter"
        case Is(field, value, prefix):
            verb, what = _FACTS[field]
            known = what.format(the="some" if prefix else "the")
            return verb, f"{known} that begins with “{value}”" if prefix else f"{known} “{value}”"
        case Between(Number.SIZE):
            return "are", _size(node)
        case Between(field):
            written = " by the author's clock" if field is Number.DATE else ""
            return "were", f"{'written' if written else 'received'} {_time(node, zone)}{written}"
        case _:
            raise AssertionError(node)


# --- words -------------------------------------------------------------------------------------

_IN_TEXT: dict[TextField, Said] = {
    TextField.ANY: ("contain", ""),
    TextField.SUBJECT: ("have", " in the subject"),
    TextField.BODY: ("have", " in the text"),
    TextField.NEW: ("have", " in what the author wrote anew"),
    TextField.FILENAME: ("have", " in the file name of an attachment"),
    TextField.ATTACHMENT: ("have", " inside an attachment"),
}


def _matched(match: Match) -> str:
    match match:
        case Near(word, distance):
            letters = "1 letter" if distance == 1 else f"{distance} letters"
            return f"the word “{word}” or one that differs by at most {letters}"
        case Beginning((word,)):
            return f"a word that begins with “{word}”"
        case Beginning(words):
            return f"a phrase that begins with “{' '.join(words)}”"
        case Phrase((word,)):
            return f"the word “{word}”"
        case Phrase(words, 0):
            return f"the phrase “{' '.join(words)}”"
        case Phrase(words, slop):
            others = "1 other word" if slop == 1 else f"{slop} other words"
            return f"the words “{' … '.join(words)}” in this order with at most {others} between them"


# --- who ---------------------------------------------------------------------------------------


def _in_place(place: Place, who: str) -> Said:
    match place:
        case Place.FROM:
            return "are", f"from {who}"
        case Place.TO:
            return "are", f"to {who}"
        case Place.CC:
            return "have", f"{who} in Cc"
        case Place.BCC:
            return "have", f"{who} as a recipient whom no header names"
        case Place.RCPT:
            return "have", f"{who} among those whom the envelope names as recipients"
        case Place.PARTICIPANT:
            return "have", f"{who} as sender or recipient"


# --- facts -------------------------------------------------------------------------------------

_HAS = {
    "attachment": "an attachment",
    "finding": "a finding",
    "defect": "a defect",
    "unreadable": "a part that could not be read",
    "calendar": "a calendar invitation",
    "image": "an image",
}
_DIRECTIONS = {
    "in": "received from outside the district",
    "out": "sent out of the district",
    "internal": "sent within the district",
}
_FACTS: dict[Keyword, Said] = {
    Keyword.PERSON: ("involve", "{the} person"),
    Keyword.ROLE: ("involve", "somebody with {the} role"),
    Keyword.GROUP: ("involve", "{the} group"),
    Keyword.SCHOOL: ("involve", "{the} school"),
    Keyword.LISTENER: ("were", "received through {the} listener"),
    Keyword.RULE: ("have", "a finding by {the} rule"),
    Keyword.SEVERITY: ("have", "a finding of {the} severity"),
    Keyword.STATUS: ("have", "a finding with {the} status"),
    Keyword.OUTCOME: ("have", "{the} outcome"),
    Keyword.HOLD: ("are", "kept for {the} legal matter"),
    Keyword.REQUEST: ("are", "part of {the} public-records request"),
    Keyword.LABEL: ("have", "{the} label"),
    Keyword.THREAD: ("belong", "to {the} thread"),
    Keyword.ID: ("have", "{the} archive id"),
    Keyword.MESSAGE_ID: ("have", "{the} Message-ID"),
    Keyword.CONTENT: ("have", "{the} content id"),
    Keyword.SHA256: ("have", "{the} SHA-256"),
    Keyword.DEFECT: ("have", "{the} defect"),
    Keyword.LANGUAGE: ("are", "in {the} language"),
    Keyword.TYPE: ("have", "an attachment of {the} type"),
}


# --- more and less -----------------------------------------------------------------------------


def _size(node: Between) -> str:
    low, high = node.low, node.high
    if isinstance(low, int) and isinstance(high, int):
        if high == low + 1:
            return f"of {_octets(low)} exactly"
        return f"of {_octets(low)} to {_octets(high - 1)}"
    if isinstance(low, int):
        return f"larger than {_octets(low - 1)}" if low > 0 else "of any size"
    return f"smaller than {_octets(high)}" if isinstance(high, int) else "of any size"


def _octets(size: int) -> str:
    text = written_size(size)
    return f"{text[:-2]} {text[-2:]}" if text.endswith("B") else f"{text} octets"


def _time(node: Between, zone: tzinfo) -> str:
    low = node.low if isinstance(node.low, datetime) else None
    high = node.high if isinstance(node.high, datetime) else None
    if low is None and high is None:
        return "at any time"
    if high is None and low is not None:
        return f"on or after {_moment(low, zone)}"
    if low is None and high is not None:
        return f"before {_moment(high, zone)}"
    assert low is not None
    assert high is not None
    first, after = day_of(low, zone), day_of(high, zone)
    if first is None or after is None:
        return f"from {_moment(low, zone)} up to, but not at, {_moment(high, zone)}"
    last = after - timedelta(days=1)
    if first == last:
        return f"on {_moment(low, zone)}"
    return f"from {_moment(low, zone)} to the end of {last:%B} {last.day}, {last.year}"


def _moment(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    day = f"{local:%B} {local.day}, {local.year}"
    if day_of(moment, zone):
        return day
    seconds = f":{local:%S}" if local.second or local.microsecond else ""
    fraction = f".{local:%f}" if local.microsecond else ""
    return f"{day}, {local:%H:%M}{seconds}{fraction} ({local.tzname()})"
