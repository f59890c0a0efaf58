"""Which conversation a message belongs to.

By the first of `References:` (the message that began it), else `In-Reply-To:`, else its own Message-ID if it is no
answer, else its subject without Re: and Fwd:. The subject alone joins what does not belong together ("Homework"), so it
is the key only of an answer that names nothing it answers.

Promises: never raises; linear.
"""

from __future__ import annotations

import re

from gateway.message.reading import Reading
from gateway.message.words import words

_ID_LIMIT = 250  # characters of an identifier

# Re and Fwd as programs write them: English, German, Scandinavian, Dutch, French, Spanish, Portuguese, Italian, Polish,
# Turkish, Vietnamese, Chinese, Russian, with counters: `Re[2]:`, `RE(3):`, `Re^2:`.
_PREFIX = re.compile(
    r"\s*(?:re|aw|sv|vs|antw|antwort|odp|ynt|rif|r|res|resp|rv|fw|fwd|wg|tr|enc|i|vl|doorst|vb|pd|trả lời|chuyển tiếp|"
    r"tl|ct|回复|回覆|答复|答覆|转发|轉寄|轉發|ответ|пересл|на)\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s*[:：]\s*",
    re.IGNORECASE,
)
_LIST_TAG = re.compile(r"\s*\[[^\]]{1,60}\]\s*")
_PREFIXES = 50


def subject_of_thread(subject: str) -> tuple[str, bool]:
    """The folded words of a subject without prefixes, and whether it had any."""
    position = 0
    answers = False
    if subject.startswith("[") and subject.endswith("]") and _PREFIX.match(subject, 1):  # `[Fwd: Trip]`
        subject, answers = subject[1:-1], True
    for _ in range(_PREFIXES):
        match = _PREFIX.match(subject, position)
        if match is not None:
            answers = True
        else:
            match = _LIST_TAG.match(subject, position)
        if match is None:
            break
        position = match.end()
    return " ".join(words(subject[position:])) or " ".join(words(subject)), answers


def thread_of(reading: Reading) -> tuple[str, str]:
    """The key of the conversation ("" where nothing says), and the subject that its messages share."""
    subject, answers = subject_of_thread(reading.subject[:2_000])
    subject = subject[:_ID_LIMIT]
    before = reading.references or reading.in_reply_to
    if before:
        return before[0].strip("<>")[:_ID_LIMIT], subject
    if reading.message_id and not answers:
        return reading.message_id[:_ID_LIMIT], subject
    return f"subject:{subject}" if subject else (reading.message_id or "")[:_ID_LIMIT], subject
