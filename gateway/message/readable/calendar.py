"""The words of a calendar invitation (RFC 5545): what, when, where, and who.

Promises: never raises; linear; at most `_VALUES` values are read.
"""

from __future__ import annotations

import re

_SHOWN = {
    "SUMMARY": "",
    "LOCATION": "",
    "DESCRIPTION": "",
    "COMMENT": "",
    "CATEGORIES": "",
    "DTSTART": "Start: ",
    "DTEND": "End: ",
    "DUE": "Due: ",
    "ORGANIZER": "Organizer: ",
    "ATTENDEE": "Attendee: ",
    "URL": "",
    "X-ALT-DESC": "",
}
_VALUES = 2_000
_LINE = re.compile(r"([A-Za-z-]{1,40})((?:;[^:\";]*(?:\"[^\"]*\"[^:\";]*)*)*):(.*)")
_COMMON_NAME = re.compile(r";CN=(?:\"([^\"]*)\"|([^;:\"]*))", re.IGNORECASE)
_ESCAPED = re.compile(r"\\([nN;,\\])")
_TAGS = re.compile(r"<[^<>]{0,1000}>")
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?\Z")


def calendar_text(text: str) -> str:
    """A line for each thing that is said of the events and their people."""
    found: list[str] = []
    inner: list[str] = []  # within what component
    for line in text.replace("\n ", "").replace("\n\t", "").split("\n"):
        match = _LINE.match(line)
        if match is None:
            continue
        name, parameters, value = match[1].upper(), match[2], match[3].strip()
        if name == "BEGIN":
            inner.append(value.upper())
        elif name == "END":
            del inner[-1:]
        elif name in _SHOWN and inner[-1:] not in (["STANDARD"], ["DAYLIGHT"], ["VALARM"]):
            said = _said(name, parameters, value)
            if said:
                found.append(_SHOWN[name] + said)
            if len(found) >= _VALUES:
                break
    return "\n".join(dict.fromkeys(found))


def _said(name: str, parameters: str, value: str) -> str:
    if name in ("ORGANIZER", "ATTENDEE"):
        common = _COMMON_NAME.search(parameters)
        who = (common[1] or common[2] or "").strip() if common else ""
        address = value[7:] if value[:7].lower() == "mailto:" else value
        return who if who == address or not address else f"{who} <{address}>".strip()
    if name in ("DTSTART", "DTEND", "DUE"):
        date = _DATE.match(value)
        if date is not None:
            day = f"{date[1]}-{date[2]}-{date[3]}"
            return f"{day} {date[4]}:{date[5]}{' UTC' if date[6] else ''}" if date[4] else day
    value = _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value)
    return _TAGS.sub(" ", value) if name == "X-ALT-DESC" else value
