"""mboxrd: messages one after the other in a file (RFC 4155; quoting as in qmail's mbox(5)).

A line `From …` separates. Lines of a message that begin with From, behind any number of `>`, get one `>` more, which
readers take away again, so nothing is lost; line ends stay as they were received. Only a message that does not end
with a line end gets one. Pure.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

_QUOTED = re.compile(rb"^(>*From )", re.MULTILINE)
_NOT_IN_A_LINE = re.compile(r"[^!-~]+")


def entry(raw: bytes, sender: str, received: datetime) -> bytes:
    """A message with the line before it and the empty one behind. sender: of the envelope; "" is the null sender."""
    who = _NOT_IN_A_LINE.sub("_", sender) or "MAILER-DAEMON"
    when = time.asctime(received.astimezone(UTC).timetuple())  # whatever the locale is
    end = b"\n" if raw.endswith(b"\n") else b"\n\n"
    return b"".join((f"From {who} {when}\n".encode("ascii"), _QUOTED.sub(rb">\1", raw), end))
