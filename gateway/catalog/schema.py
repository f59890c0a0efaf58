"""The catalog's tables: a projection of the archive, valid for SQLite and PostgreSQL.

Nothing in `PROJECTION` is a source of truth: a rebuild drops it all. Tables for what people decide will
get metadata of their own, so that a rebuild cannot touch them. A change to any table here raises
`SCHEMA_VERSION`; the indexer then rebuilds by itself.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

SCHEMA_VERSION = 5


class Moment(TypeDecorator[datetime]):
    """A point in time, aware.

    SQLite has no such type: there it is ISO 8601 text in UTC with microseconds, which sorts as time does
    and which people can read in the file.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text in SQLite, `timestamp with time zone` elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """To the database. Raises ValueError for a naive time: it could mean any."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected an aware datetime")
        moment = value.astimezone(UTC)
        return moment.isoformat(timespec="microseconds") if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return datetime.fromisoformat(value) if isinstance(value, str) else value


# SQLite makes a column its row id only where the type is called INTEGER.
_Sequence = BigInteger().with_variant(Integer(), "sqlite")
_Json = JSON(none_as_null=True)

PROJECTION = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

messages = Table(
    "messages",
    PROJECTION,
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, index=True),
    Column("received", Moment, nullable=False, index=True),
    Column("listener", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("client_address", Text, nullable=False),
    Column("mail_from", Text, nullable=False),
    Column("message_id", Text, index=True),  # the header's, without brackets
    Column("content_id", Text),  # equal in all transactions of one message
    Column("subject", Text, nullable=False),
    Column("date", Moment),
    Column("from_display", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text),
    Column("header_size", Integer),
    Column("received_count", Integer),
    Column("in_reply_to", _Json, nullable=False),
    Column("auto_submitted", Text),
    Column("list_id", Text),
    Column("privacy_matter", Text),
    Column("attachments", _Json, nullable=False),
    Column("attachment_count", Integer, nullable=False),
    Column("defects", _Json, nullable=False),
    Column("defect_count", Integer, nullable=False),
    Column("indexed", Boolean, nullable=False),  # false: catalogued by its envelope only
    Column("action", Text),  # the verdict's
    Column("not_judged", Text),
    Column("route", Text, nullable=False),
    Column("next_hop", Text, nullable=False),
    Column("outcome", Text),  # of the last event; null: none yet
    Column("reply", Text),
    Column("outcome_at", Moment),
    Column("attempts", Integer, nullable=False),
    Index(None, "outcome", "seq"),
    Index(None, "content_id", "received"),
)

# What no writing needs but that of recent mail, which may have to be judged as a whole. A catalog made anew gets them
# when its rows are there: sorting takes a fraction of the time.
LATE_INDEXES = tuple(
    index for index in sorted(messages.indexes, key=lambda each: str(each.name)) if "id" not in index.columns
)

participants = Table(
    "participants",
    PROJECTION,
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),  # order within the message
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("canonical", Text, nullable=False),
    Column("domain", Text, nullable=False),
    Column("name", Text, nullable=False),
    sqlite_with_rowid=False,  # kept in the order of the key: one message's rows lie together
)

findings = Table(
    "findings",
    PROJECTION,
    Column("id", Text, primary_key=True),
    Column("rule", Text, nullable=False, index=True),
    Column("severity", Text, nullable=False),
    Column("confidence", Text, nullable=False),
    Column("seq", _Sequence, nullable=False),  # the first transaction that showed it
    Column("archive_id", Text, nullable=False),
    Column("message_id", Text),
    Column("author", _Json, nullable=False),
    Column("author_id", Text, index=True),
    Column("author_canonical", Text, nullable=False, index=True),
    Column("author_words", Text, nullable=False),  # of the name, folded
    Column("people", _Json, nullable=False),
    Column("groups", _Json, nullable=False),
    Column("marks", _Json, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("detected_at", Moment, nullable=False, index=True),
    Column("directory_version", Text, nullable=False),
    Column("rules_version", Text, nullable=False),
    Column("revised_seq", _Sequence, nullable=False),  # the last transaction that revised it
    Column("messages", Integer, nullable=False),  # how many transactions showed it
    Index(None, "action", "detected_at"),
    Index(None, "status", "detected_at"),
)

finding_messages = Table(
    "finding_messages",
    PROJECTION,
    Column("finding_id", Text, primary_key=True),
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Index(None, "seq"),
)

events = Table(
    "events",
    PROJECTION,
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Column("message_id", Text, nullable=False, index=True),  # the archive's id, messages.id
    Column("kind", Text, nullable=False),
    Column("reply", Text, nullable=False),
    Column("next_hop", Text, nullable=False),
    Column("seconds", Float),
    Column("by", Text),  # who decided, or looked
    Column("reason", Text),
    Column("received", Moment, nullable=False),
)

pending_judgement = Table(
    "pending_judgement",
    PROJECTION,
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("errors", _Json, nullable=False),  # rules that failed
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", Moment, nullable=False, index=True),
)

# Messages to be judged again, for more is known of them than one transaction told: recipients of another
# transaction, or who took part in the messages that they answer.
whole_judgement = Table(
    "whole_judgement",
    PROJECTION,
    Column("content_id", Text, primary_key=True),
    Column("seq", _Sequence, nullable=False),  # the last transaction seen
    Column("due", Moment, nullable=False, index=True),
)

# Messages that a rule holds back, and what was decided; the events are in the archive.
holds = Table(
    "holds",
    PROJECTION,
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, index=True),
    Column("received", Moment, nullable=False),
    Column("state", Text, nullable=False, index=True),  # held, released, refused, returned, ended
    Column("recipients", Integer, nullable=False),  # how many
    Column("escalations", Integer, nullable=False),
    Column("escalated_at", Moment),
    Column("decided_at", Moment),
    Column("decided_by", Text),
    Column("reason", Text),
)

# Mail that the gateway itself delivers: released messages and notices.
outbox = Table(
    "outbox",
    PROJECTION,
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False),  # release, notice
    Column("state", Text, nullable=False, index=True),  # waiting, done, returned
    Column("queued_at", Moment, nullable=False),
    Column(
        "left", _Json, nullable=False
    ),  # places in the envelope of recipients that are still to be reached
    Column("undelivered", _Json, nullable=False),  # of those that cannot be
    Column("attempts", Integer, nullable=False),
    Column("last_attempt", Moment),
    Column("reply", Text),
)

# What people have been told, so that nobody is told twice: by the notices in the archive.
notified = Table(
    "notified",
    PROJECTION,
    Column("subject", Text, primary_key=True),  # a finding, a held message, a day
    Column("audience", Text, primary_key=True),
    Column("archive_id", Text, nullable=False),  # of the notice
    Column("at", Moment, nullable=False, index=True),
)

# What people decided about records, with all that they said: legal matters, disposals, exports, labels.
acts = Table(
    "acts",
    PROJECTION,
    Column("seq", _Sequence, primary_key=True, autoincrement=False),
    Column("subject", Text, nullable=False, index=True),  # id of a message, matter, batch or export
    Column("event", Text, nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("document", _Json, nullable=False),
)

watermark = Table(
    "watermark",
    PROJECTION,
    Column("name", Text, primary_key=True),  # always "archive"
    Column("position", BigInteger, nullable=False),  # the last entry that is in the catalog
    Column("entry_id", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("unindexed", BigInteger, nullable=False),  # messages catalogued by their envelope only
)
