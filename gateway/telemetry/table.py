"""Every series the gateway exports, in one table.

`docs/metrics.md` documents exactly these, and a test compares the two. A label is either closed (its
values stand here) or open (listeners, routes, rules, processes, reply codes: few, and set by the
district's own configuration). No label ever carries an address; see `series.py` for how that is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OPEN: tuple[str, ...] = ()  # a label whose values come from the configuration or from SMTP
OTHER = "other"  # what a value becomes that is not in its closed set, or one too many


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Over(StrEnum):
    """How the values of a gauge from several processes become one. Only living processes count."""

    SUM = "livesum"
    MIN = "livemin"
    MAX = "livemax"
    LATEST = "livemostrecent"


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One metric family: `attribute` is its name in `Metrics`, `name` its name in the exposition."""

    attribute: str
    kind: Kind
    name: str
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    over: Over = Over.SUM

    @property
    def family(self) -> str:
        """The name without `_total`, as the OpenMetrics model has it."""
        return self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name


# From half a millisecond (the aim is 2 ms of added delay) to the commit deadline of 100 s.
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 100)
# One fsync: 0.2 ms on a good NVMe, 10 ms on a disk, seconds on a sick one.
_FSYNC_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)
_ENTRIES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SIZES = tuple(float(2**power) for power in (10, 12, 14, 16, 18, 20, 22, 24, 26))  # 1 KiB to 64 MiB

_LISTENER = {"listener": OPEN}
_ROUTE = {"route": OPEN}


def _counter(name: str, text: str, **labels: tuple[str, ...]) -> Series:
    return Series(name, Kind.COUNTER, f"mailgw_{name}_total", text, labels)


def _gauge(name: str, over: Over, text: str, **labels: tuple[str, ...]) -> Series:
    return Series(name, Kind.GAUGE, f"mailgw_{name}", text, labels, over=over)


def _histogram(name: str, buckets: tuple[float, ...], text: str, **labels: tuple[str, ...]) -> Series:
    return Series(name, Kind.HISTOGRAM, f"mailgw_{name}", text, labels, buckets=buckets)


TABLE: tuple[Series, ...] = (
    # --- clients
    _counter(
        "connections",
        "Client connections, by what became of them at the door.",
        **_LISTENER,
        result=("accepted", "refused_limit", "refused_address_limit", "refused_proxy"),
    ),
    _gauge("connections_open", Over.SUM, "Client connections open now.", **_LISTENER),
    _counter(
        "transactions",
        "Mail transactions that ended, by how.",
        **_LISTENER,
        result=(
            "relayed",
            "refused",
            "deferred",
            "rejected",
            "failed",
            "abandoned",
            "journaled",
            "held",
            "aborted",
        ),
    ),
    _counter("replies", "SMTP replies sent to clients, by reply code.", **_LISTENER, code=OPEN),
    _counter("received_bytes", "Octets of messages received.", **_LISTENER),
    _histogram("message_size_bytes", _SIZES, "Size of messages received.", **_LISTENER),
    _counter("lost_replies", "Final replies that the client was no longer there to take.", **_LISTENER),
    _gauge("in_flight_bytes", Over.SUM, "Message octets held in memory now."),
    _histogram(
        "phase_seconds",
        _SECONDS,
        "Time that a phase of a transaction took.",
        phase=("connect", "command", "decide", "authenticate", "archive", "relay", "whole"),
    ),
    # --- next hops
    _gauge(
        "upstream_connections",
        Over.SUM,
        "Connections to next hops open now.",
        **_ROUTE,
        state=("idle", "busy"),
    ),
    _counter("upstream_opened", "Connections opened to next hops.", **_ROUTE),
    _counter("upstream_reused", "Transactions that took an idle connection to a next hop.", **_ROUTE),
    _counter("upstream_retries", "Transactions begun again because a reused connection was stale.", **_ROUTE),
    _counter(
        "upstream_failures",
        "Connections to next hops that failed, by reason.",
        **_ROUTE,
        reason=("refused", "timeout", "dns", "tls", "lost", "greeting"),
    ),
    # --- archive
    _histogram("archive_commit_entries", _ENTRIES, "Entries made durable by one commit of the archive."),
    _histogram(
        "archive_commit_seconds", _FSYNC_SECONDS, "Time of one commit of the archive, fsync included."
    ),
    _counter("archive_failures", "Appends that the archive refused.", reason=("full", "io", "closed")),
    # --- policy
    _counter(
        "findings",
        "Findings made at the time of delivery.",
        rule=OPEN,
        severity=("violation", "advisory", "notice"),
    ),
    _counter(
        "authentications",
        "Messages whose author's domain was asked about (SPF, DKIM, DMARC), by what it said.",
        result=("pass", "fail", "none", "undecided"),
    ),
    _counter("rule_errors", "Judgements in which a rule raised an error; the mail passed.", rule=OPEN),
    _counter("decide_errors", "Messages that could not be judged at all; the mail passed."),
    # --- holds, notices and outbox
    _gauge("held_messages", Over.MAX, "Messages that wait for a reviewer's decision."),
    _gauge(
        "held_oldest_seconds", Over.MAX, "Age of the oldest message that waits for a reviewer; 0 without any."
    ),
    _counter(
        "hold_automatic",
        "Held messages that time or a withdrawn finding acted upon.",
        action=("released", "escalated"),
    ),
    _counter(
        "notices",
        "Notices written to people.",
        kind=("violations", "digest", "held", "overdue", "returned", "authors", "checkpoint"),
    ),
    _gauge(
        "outbox_messages",
        Over.MAX,
        "Messages that the gateway itself has to deliver.",
        kind=("release", "notice"),
    ),
    _gauge(
        "outbox_oldest_seconds",
        Over.MAX,
        "Age of the oldest message in the outbox; 0 without any.",
        kind=("release", "notice"),
    ),
    _counter(
        "office_errors",
        "What went wrong with holds, notices, the outbox, the ledger and compaction; it is tried again.",
        where=("desk", "outbox", "ledger", "compactor"),
    ),
    _counter(
        "outbox_attempts",
        "Attempts to deliver a message of the outbox, by how they ended.",
        kind=("release", "notice"),
        result=("relayed", "deferred", "returned"),
    ),
    # --- indexer
    _gauge("indexer_lag_entries", Over.MAX, "Archive entries that the indexer has not read yet."),
    _gauge("indexer_lag_seconds", Over.MAX, "Age of the oldest archive entry not indexed yet."),
    _counter("indexer_entries", "Archive entries indexed.", kind=("message", "event")),
    _counter(
        "indexer_errors",
        "What went wrong while indexing, by where.",
        where=("entry", "gap", "judge", "step"),
    ),
    # --- search
    _gauge("search_lag_entries", Over.MAX, "Entries of the catalog that the search index does not have yet."),
    _counter(
        "search_documents", "Documents made for the search index; a message may need several in its life."
    ),
    _counter("search_errors", "Looks at archive, catalog or index that failed; they are tried again."),
    # --- ledger
    _gauge("ledger_entries", Over.MAX, "Archive entries that the newest signed checkpoint attests."),
    _gauge(
        "ledger_checkpoint_timestamp_seconds",
        Over.MAX,
        "When the newest checkpoint since the start was signed.",
    ),
    _counter("ledger_checkpoints", "Checkpoints signed."),
    _counter(
        "ledger_errors",
        "What keeps checkpoints from being signed or published, by where; it is tried again.",
        where=("forked", "key", "checkpoints", "archive", "ledger", "publish", "timestamp", "witness"),
    ),
    # --- directory
    _gauge("directory_people", Over.LATEST, "People in the directory in use."),
    _gauge("directory_groups", Over.LATEST, "Groups in the directory in use."),
    _gauge(
        "directory_loaded_timestamp_seconds",
        Over.MIN,
        "When the directory in use was loaded; the oldest over all processes.",
    ),
    _counter("directory_reloads", "Rosters that were read anew.", result=("changed", "refused")),
    # --- the service
    _gauge(
        "certificate_expiry_timestamp_seconds",
        Over.MIN,
        "When the certificate in use ends; the earliest over all processes.",
    ),
    _gauge("disk_free_bytes", Over.LATEST, "Free space where the archive is kept."),
    _gauge("build_info", Over.MAX, "Always 1; the labels say what runs.", version=OPEN, python=OPEN),
    _gauge("processes", Over.LATEST, "Processes alive, by what they are.", process=OPEN),
    _counter("process_restarts", "Processes that ended unasked and were started again.", process=OPEN),
)
