"""What happens to a message after it was received: the names of the events in the archive.

An event is a small JSON object (`event` is its name) about one message; docs/archive-format.md has them all. The
archive keeps them for ever, so a name is never given another meaning.
"""

from __future__ import annotations

# How an attempt to deliver ended.
RELAYED = "relayed"
DEFERRED = "deferred"
REFUSED = "refused"  # by the next hop
RETURNED = "returned"  # given back to the reviewer, or a notice given up: some recipient cannot be reached
REJECTED = "rejected"  # by a rule
ABANDONED = "abandoned"
FAILED = "failed"

# The message waits for a reviewer, and what people, or the clock, decided.
HELD = "held"
RELEASED = "hold-released"
TURNED_DOWN = "hold-refused"  # it will not be delivered
ESCALATED = "hold-escalated"

VIEWED = "viewed"  # somebody read the content
ALSO_FOUND = "also-found"  # an import found the same octets elsewhere
JUDGED = "judged"  # the rules' last word on all transactions of the message

# What people decide about records. Their subject is what is decided about: a message, or a matter, a batch or an export
# with an id of its own. The catalog keeps their documents whole, as `acts`.
LABELLED = "labelled"
MATTER_OPENED = "matter-opened"
MATTER_HELD = "matter-held"
MATTER_LIFTED = "matter-lifted"
MATTER_CLOSED = "matter-closed"
DISPOSAL_PROPOSED = "disposal-proposed"
DISPOSAL_PERMITTED = "disposal-permitted"
DISPOSAL_APPROVED = "disposal-approved"
DISPOSAL_WITHDRAWN = "disposal-withdrawn"
DISPOSAL_BEGUN = "disposal-begun"
DISPOSED = "disposed"
DISPOSAL_DONE = "disposal-done"
EXPORTED = "exported"

ACTS = frozenset({
    LABELLED, MATTER_OPENED, MATTER_HELD, MATTER_LIFTED, MATTER_CLOSED, DISPOSAL_PROPOSED, DISPOSAL_PERMITTED,
    DISPOSAL_APPROVED, DISPOSAL_WITHDRAWN, DISPOSAL_BEGUN, DISPOSED, DISPOSAL_DONE, EXPORTED,
})  # fmt: skip

# These do not by themselves say where the message is now: a decision may come too late.
NO_OUTCOME = frozenset({RELEASED, TURNED_DOWN, ESCALATED, VIEWED, ALSO_FOUND, JUDGED}) | ACTS
# These are no attempt to deliver it.
NO_ATTEMPT = NO_OUTCOME | {HELD}
