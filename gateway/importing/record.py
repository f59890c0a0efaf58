"""The record of an imported message, and of a second sight of one.

Its envelope says that the gateway itself put it there and names neither sender nor recipients: nothing was seen of
them. Its verdict says that it was not judged. `import` is what was told and found: whose mail it was, where it lay,
and which dates it claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from gateway.config import Action
from gateway.importing.claimed import Claimed
from gateway.message import events
from gateway.message.envelope import Client, Envelope
from gateway.policy.model import Verdict

LISTENER = "import"
ROLE = "import"
NOT_JUDGED = "import"

_LONGEST = 500  # characters


@dataclass(frozen=True, slots=True)
class Given:
    """What is told of all mail of one import."""

    source: str
    custodian: str  # an address or a name
    run: str  # id of the import
    hostname: str  # of the gateway


def text_given(text: str) -> str:
    """What somebody types as source or custodian. Raises ValueError."""
    text = " ".join(text.split())
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"expected 1 to {_LONGEST} characters that can be printed")
    return text


def document(given: Given, place: str, claimed: Claimed, id: UUID, now: datetime) -> bytes:
    """The document of a message that was found at `place`."""
    envelope = Envelope(
        id=str(id),
        received=now,
        listener=LISTENER,
        role=ROLE,
        client=Client("127.0.0.1", 0, given.hostname),
        mail_from="",
    )
    verdict = Verdict(
        findings=(),
        action=Action.RECORD,
        tag=None,
        reject=None,
        errors=(),
        rules_version="",
        directory_version="",
        not_judged=NOT_JUDGED,
    )
    return orjson.dumps(
        {
            "envelope": envelope.to_json(),
            "verdict": verdict.to_json(),
            "import": {**_told(given, place), "claimed": claimed.to_json()},
        }
    )


def also_found(given: Given, place: str) -> bytes:
    """The event that says of an archived message where else it was."""
    return orjson.dumps({"event": events.ALSO_FOUND, **_told(given, place)})


def _told(given: Given, place: str) -> dict[str, Any]:
    return {"source": given.source, "custodian": given.custodian, "place": place, "run": given.run}


def is_told(told: object, given: Given) -> bool:
    """Whether what a record or an event tells names the same source and custodian."""
    if not isinstance(told, dict):
        return False
    return (told.get("source"), told.get("custodian")) == (given.source, given.custodian)
