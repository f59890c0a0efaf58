"""The record of a notice: what the archive keeps of it, so that nothing is sent that is not archived.

Its envelope says that the gateway itself wrote it, with the null sender, so that nothing ever comes back; its verdict
that it was not judged; and `notice` what it tells to which audience, from which the catalog knows what has been told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from gateway.config import Action, Config
from gateway.message.envelope import Client, Envelope, Recipient
from gateway.notices.letters import Letter
from gateway.notices.told import Notice
from gateway.policy.model import Verdict

LISTENER = "notices"
ROLE = "notice"
NOT_JUDGED = "notice"


def record(
    notice: Notice, letter: Letter, settings: Config, id: UUID, now: datetime
) -> tuple[dict[str, Any], bytes]:
    """The document and the bytes of a notice's record."""
    envelope = Envelope(
        id=str(id),
        received=now,
        listener=LISTENER,
        role=ROLE,
        client=Client("127.0.0.1", 0, settings.hostname),
        mail_from="",
        recipients=tuple(Recipient(address) for address in notice.recipients),
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
    document = {
        "envelope": envelope.to_json(),
        "verdict": verdict.to_json(),
        "notice": {"kind": notice.kind.value, "about": [list(pair) for pair in notice.about]},
    }
    return document, letter.raw
