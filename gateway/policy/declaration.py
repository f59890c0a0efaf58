"""What the sender declares about a message: an emergency, or a medical or academic privacy matter.

The declaration is a tag in the subject, in any case of letters and anywhere in it (so replies keep it), or
the header `X-Privacy-Matter`. It is recorded as one of a few fixed marks; the sender's own words are not
repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.message.reading import Reading

EMERGENCY = "emergency-declared"
MEDICAL = "privacy-medical"
ACADEMIC = "privacy-academic"
OTHER = "privacy-other"

_MATTERS = {MEDICAL: "medical", ACADEMIC: "academic"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What was declared."""

    emergency: bool
    privacy: tuple[str, ...]  # some of MEDICAL, ACADEMIC, OTHER

    @property
    def marks(self) -> tuple[str, ...]:
        return (EMERGENCY, *self.privacy) if self.emergency else self.privacy

    @property
    def matter(self) -> str:
        """What a declared privacy matter is called: "a medical", "an academic", "a medical and academic", "a"."""
        words = " and ".join(_MATTERS[mark] for mark in self.privacy if mark in _MATTERS)
        article = "an" if words.startswith("a") else "a"
        return f"{article} {words}".strip()


def declaration(reading: Reading) -> Declaration:
    """What subject and headers of a message declare."""
    subject = reading.subject.casefold()
    header = (reading.privacy_matter or "").casefold().strip()
    privacy = tuple(
        mark for mark, word in _MATTERS.items() if f"[private-{word}]" in subject or word in header
    )
    if header and not privacy:
        privacy = (OTHER,)
    return Declaration("[emergency]" in subject, privacy)
