"""What is known about whether a message comes from the domain that its `From:` names (RFC 7489, RFC 8601).

Facts only: who looks them up is `smtp/`, what follows from them is `policy/`. They are kept with the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

_UNDECIDED = frozenset({"temperror"})


@dataclass(frozen=True, slots=True)
class Authentication:
    """SPF, DKIM and DMARC of one message, in the words of RFC 8601 §2.7."""

    domain: str  # of the author's address, whose part in it was asked for
    spf: str  # pass, fail, softfail, neutral, none, temperror, permerror
    dkim: str  # the best signature: pass, fail, none, temperror, permerror
    dmarc: str  # pass, fail, none (the domain publishes no policy), temperror, permerror
    aligned: bool  # whether SPF or DKIM passed for the author's own domain (RFC 7489 §3.1)
    source: str  # "gateway", or the authserv-id whose Authentication-Results were trusted

    @property
    def genuine(self) -> bool:
        """Whether the author's domain vouches for the message."""
        return self.aligned or self.dmarc == "pass"

    @property
    def undecided(self) -> bool:
        """Whether a look-up failed that could have vouched for it."""
        return not self.genuine and not _UNDECIDED.isdisjoint((self.spf, self.dkim, self.dmarc))

    @property
    def doubtful(self) -> bool:
        """Whether the message may be a forgery: it fails DMARC, or nothing vouches for its author at all."""
        return not self.genuine and not self.undecided

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Authentication:
        """The inverse of `to_json`. Raises TypeError where it is none."""
        return cls(**data)


def least_sure(found: Iterable[Authentication]) -> Authentication | None:
    """What holds for a message that came in several transactions; None where none of them was asked about.

    One transaction that may be a forgery makes all of it doubtful: with it somebody may have added recipients.
    """
    return min(found, key=lambda one: (one.genuine, one.undecided), default=None)
