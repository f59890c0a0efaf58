"""What a volume's file looks like inside: its tables, and the words in which it explains itself. Pure.

Format 2 is what is written: beside format 1 it knows documents that are compressed, dictionaries, attachments that are
stored once, entries that were disposed of, and encryption. Volumes of format 1 are read and appended to as they are,
until they are rewritten (`rewriting`).
"""

from __future__ import annotations

FORMAT = 2
FORMATS = (1, 2)  # that can be read

# Columns that are encrypted where a volume is: places of `encryption.place`.
DOCUMENT, RAW, DICTIONARY, PART = "entry.document", "entry.raw", "dictionary.data", "part.data"

# Names of a message's encodings, and of a document's.
IDENTITY = "identity"  # as it was received
ZSTD = "zstd"  # one Zstandard frame
DICT = "dict"  # one Zstandard frame that needs a dictionary of the volume
PARTS = "parts"  # the same, from which attachments were taken out

# What a dictionary is for: `dictionary.use`.
OF_MESSAGES, OF_DOCUMENTS, OF_EVENTS = "message", "document", "event"

DESCRIPTION = """\
One month of the mail archive of a school district, written by the District Mail Gateway. Each row of \
`entry` is a message received by SMTP (`kind` 'message') or something that happened to one (`kind` 'event', \
whose `subject` is the `id` of the message). `seq` numbers all entries of all volumes without a gap. \
`raw` holds the exact octets received: as they are (`encoding` 'identity'); as one Zstandard frame \
('zstd', RFC 8878); as one that needs the dictionary whose `use` is 'message' ('dict', \
`zstd -d -D`); or as such a frame, with or without that dictionary, from which something was taken out \
('parts'). What was taken out is in `attached`, in order: at octet `at` of what the frame holds, insert the octets \
of the row of `part` that `part` names (`data`, whose `encoding` is as above), or, where `part` is NULL, \
replace the next `size` octets of the frame; either is put in as it is (`form` 'identity') or in base64 (`form` \
'base64:76:crlf': 76 characters a line, lines separated by CRLF, none after the last; 0 characters: all in one line). \
`sha256` is the SHA-256 of the octets received, `size` their number. \
`document` is JSON: the SMTP envelope and the verdict of a message, the facts of an event; as text where \
`document_encoding` is NULL, else as a frame ('zstd'), or as one that needs a dictionary ('dict'): the one whose \
`use` is 'document', for an event 'event'. `document_sha256` is the SHA-256 of its UTF-8 text. \
`received` counts microseconds since 1970-01-01T00:00:00Z. `id` and `subject` are UUIDs (RFC 9562). `salt` \
is random and makes hashes of the entry that are published elsewhere unguessable. An entry that has a row in \
`disposed` was lawfully destroyed: of `entry` only `seq`, `kind`, `id`, `subject`, `received` and `size` are \
left, and in `disposed` are SHA-256(salt, document_sha256) and SHA-256(salt, sha256), of which the published hash \
of the entry was made, and the `batch` (a UUID) by which it was disposed of. \
Where `data_key` is not NULL the volume is encrypted: `document` and `raw` of `entry`, and `data` of `dictionary` and \
`part`, are each a nonce of 12 octets and a ciphertext of AES-256-GCM with its tag of 16, which holds what is said \
above. The key lies in the file of the same name that ends in .keys, wrapped by a master key that is kept elsewhere; \
additional data is the `id` of the row (16 octets; a number in big-endian order) with the names of table and column, \
such as entry.raw; `sha256` of `part` tells nothing then. Rows are never changed; a volume is \
never written to once a newer one exists, but may be replaced as a whole by one with the same entries (`rewritten`)."""

_TABLES_1 = """
CREATE TABLE volume (
  format INTEGER NOT NULL,      -- version of this layout
  month TEXT NOT NULL,          -- UTC month in which the volume was begun, YYYY-MM
  first_seq INTEGER NOT NULL,   -- seq of the first entry; the previous volume ends just before it
  created TEXT NOT NULL,        -- ISO 8601, UTC
  gateway TEXT NOT NULL,        -- version of the program that created the volume
  description TEXT NOT NULL
) STRICT;
CREATE TABLE entry (
  seq INTEGER PRIMARY KEY,      -- dense over all volumes
  kind TEXT NOT NULL CHECK (kind IN ('message', 'event')),
  id BLOB NOT NULL CHECK (length(id) = 16),            -- UUIDv7
  subject BLOB NOT NULL CHECK (length(subject) = 16),  -- id of the message it is about
  received INTEGER NOT NULL,    -- microseconds since 1970-01-01T00:00:00Z
  document TEXT NOT NULL,       -- JSON
  document_sha256 BLOB CHECK (length(document_sha256) = 32),
  sha256 BLOB CHECK (length(sha256) = 32),             -- of the octets received; NULL for an event
  size INTEGER NOT NULL,        -- octets received; 0 for an event
  salt BLOB CHECK (length(salt) = 16),
  encoding TEXT CHECK (encoding IN ('zstd', 'identity')),
  raw BLOB
) STRICT;
"""

_TABLES_2 = """
CREATE TABLE volume (
  format INTEGER NOT NULL,      -- version of this layout
  month TEXT NOT NULL,          -- UTC month in which the volume was begun, YYYY-MM
  first_seq INTEGER NOT NULL,   -- seq of the first entry; the previous volume ends just before it
  created TEXT NOT NULL,        -- ISO 8601, UTC
  gateway TEXT NOT NULL,        -- version of the program that created the volume
  description TEXT NOT NULL,
  rewritten TEXT,               -- ISO 8601, UTC: when the volume was closed already, and made anew; NULL: never
  data_key TEXT                 -- id of the key with which it is encrypted; NULL: it is not
) STRICT;
CREATE TABLE entry (
  seq INTEGER PRIMARY KEY,      -- dense over all volumes
  kind TEXT NOT NULL CHECK (kind IN ('message', 'event')),
  id BLOB NOT NULL CHECK (length(id) = 16),            -- UUIDv7
  subject BLOB NOT NULL CHECK (length(subject) = 16),  -- id of the message it is about
  received INTEGER NOT NULL,    -- microseconds since 1970-01-01T00:00:00Z
  document_encoding TEXT CHECK (document_encoding IN ('zstd', 'dict')),  -- NULL: text
  document ANY CHECK (typeof(document) IN ('text', 'blob', 'null')),     -- JSON; NULL: disposed of, as all below is
  document_sha256 BLOB CHECK (length(document_sha256) = 32),
  sha256 BLOB CHECK (length(sha256) = 32),             -- of the octets received; NULL for an event
  size INTEGER NOT NULL,        -- octets received; 0 for an event
  salt BLOB CHECK (length(salt) = 16),
  encoding TEXT CHECK (encoding IN ('zstd', 'identity', 'dict', 'parts')),
  raw BLOB
) STRICT;
CREATE TABLE dictionary (
  id INTEGER PRIMARY KEY,       -- Dictionary_ID in the frames that need it (RFC 8878)
  use TEXT NOT NULL CHECK (use IN ('message', 'document', 'event')),
  data BLOB NOT NULL
) STRICT;
CREATE TABLE part (             -- octets that several messages have
  id INTEGER PRIMARY KEY,
  sha256 BLOB NOT NULL UNIQUE CHECK (length(sha256) = 32),
  size INTEGER NOT NULL,
  encoding TEXT NOT NULL CHECK (encoding IN ('zstd', 'identity', 'dict')),
  data BLOB NOT NULL
) STRICT;
CREATE TABLE attached (         -- what was taken out of a message
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,          -- octet of what the message's frame holds
  part INTEGER,                 -- NULL: the next octets of the frame
  size INTEGER,                 -- of these
  form TEXT NOT NULL,           -- identity, base64:76:crlf, ...
  PRIMARY KEY (seq, at)
) STRICT, WITHOUT ROWID;
CREATE TABLE disposed (         -- entries that were lawfully destroyed
  seq INTEGER PRIMARY KEY,
  document BLOB NOT NULL CHECK (length(document) = 32),  -- SHA-256 of salt and document_sha256
  content BLOB CHECK (length(content) = 32),             -- SHA-256 of salt and sha256; NULL for an event
  batch BLOB NOT NULL CHECK (length(batch) = 16)         -- UUID
) STRICT;
"""

# Made last where a volume is filled at once, which leaves it without half-empty pages.
INDEX = """
CREATE INDEX entry_subject ON entry (subject);
"""

_TRIGGERS = """
CREATE TRIGGER entry_in_sequence BEFORE INSERT ON entry
  WHEN NEW.seq IS NOT (SELECT coalesce(max(seq) + 1, (SELECT first_seq FROM volume)) FROM entry)
  BEGIN SELECT raise(ABORT, 'an entry must continue the sequence'); END;
CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry
  BEGIN SELECT raise(ABORT, 'the archive is append-only'); END;
CREATE TRIGGER entry_never_goes BEFORE DELETE ON entry
  BEGIN SELECT raise(ABORT, 'the archive is append-only'); END;
CREATE TRIGGER volume_is_one_row BEFORE INSERT ON volume WHEN EXISTS (SELECT 1 FROM volume)
  BEGIN SELECT raise(ABORT, 'a volume is described once'); END;
CREATE TRIGGER volume_never_changes BEFORE UPDATE ON volume
  BEGIN SELECT raise(ABORT, 'the archive is append-only'); END;
CREATE TRIGGER volume_never_goes BEFORE DELETE ON volume
  BEGIN SELECT raise(ABORT, 'the archive is append-only'); END;
"""


# Of a table whose rows are written once, and never again.
_KEPT = """
CREATE TRIGGER {0}_is_written_once BEFORE INSERT ON {0} WHEN EXISTS (SELECT 1 FROM {0} WHERE {1})
  BEGIN SELECT raise(ABORT, 'the archive is append-only'); END;
CREATE TRIGGER {0}_never_changes BEFORE UPDATE ON {0}
  BEGIN SELECT raise(ABORT, 'the archive is append-only'); END;
CREATE TRIGGER {0}_never_goes BEFORE DELETE ON {0}
  BEGIN SELECT raise(ABORT, 'the archive is append-only'); END;
"""
_KEYS = {
    "dictionary": "use = NEW.use OR id = NEW.id",
    "part": "id = NEW.id",
    "attached": "seq = NEW.seq AND at = NEW.at",
    "disposed": "seq = NEW.seq",
}

_TRIGGERS_2 = _TRIGGERS + "".join(_KEPT.format(table, same) for table, same in _KEYS.items())

TABLES = _TABLES_2 + _TRIGGERS_2
SCHEMA = TABLES + INDEX
SCHEMAS = {1: _TABLES_1 + INDEX + _TRIGGERS, 2: SCHEMA}

# Columns in the order in which they are written; format 1 has them too.
WRITTEN = "seq, kind, id, subject, received, document, document_sha256, sha256, size, salt, encoding, raw"
