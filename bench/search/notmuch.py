"""notmuch (Xapian) as a peer: a Maildir, `notmuch new`, and its library asked in this process, without a start.

The library is called by its C interface (notmuch.h), because Debian's Python binding belongs to Debian's Python only.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.processes import BenchError
from bench.search.mail import Letter

_NEWEST_FIRST = 1  # NOTMUCH_SORT_NEWEST_FIRST
_READ_ONLY = 0  # NOTMUCH_DATABASE_MODE_READ_ONLY
_PER_FOLDER = 10_000
_CONFIG = """\
[database]
path={path}
[user]
name=Bench
primary_email=bench@district.example
[new]
tags=
[search]
exclude_tags=
[maildir]
synchronize_flags=false
"""


def missing() -> str | None:
    """Why there is no notmuch here; None where there is."""
    if shutil.which("notmuch") is None or ctypes.util.find_library("notmuch") is None:
        return "notmuch is not installed (Debian: apt-get install notmuch)"
    return None


def version() -> str:
    """As it says itself."""
    return subprocess.run(["notmuch", "--version"], capture_output=True, text=True, check=True).stdout.strip()


class Notmuch:
    """A mail store in a folder, with its index."""

    def __init__(self, folder: Path) -> None:
        self.mail = folder / "mail"
        self._config = folder / "config"
        self.mail.mkdir(parents=True)
        self._config.write_text(_CONFIG.format(path=self.mail))
        self._environment = {**os.environ, "NOTMUCH_CONFIG": str(self._config), "HOME": str(folder)}
        self._folder: Path | None = None

    def take(self, letters: Iterable[Letter]) -> None:
        """Write messages as a mail server delivers them: one file each, with LF, in Maildirs of 10,000."""
        for letter in letters:
            if self._folder is None or letter.number % _PER_FOLDER == 0:
                self._folder = self._new_maildir(letter.number // _PER_FOLDER)
            name = f"{int(letter.received.timestamp())}.{letter.number}.bench:2,"
            (self._folder / name).write_bytes(letter.raw.replace(b"\r\n", b"\n"))

    def _new_maildir(self, number: int) -> Path:
        folder = self.mail / f"{number:03d}"
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        return folder / "cur"

    def index(self) -> float:
        """`notmuch new`; the seconds that it took."""
        began = time.monotonic()
        done = subprocess.run(
            ["notmuch", "new", "--quiet"], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchError(f"notmuch new failed: {done.stderr[-500:]}")
        return time.monotonic() - began

    def compact(self) -> None:
        """Make the index as small as it gets."""
        subprocess.run(
            ["notmuch", "compact", "--quiet"], env=self._environment, capture_output=True, check=True
        )

    def size(self) -> int:
        """Octets of the index."""
        return sum(path.stat().st_size for path in (self.mail / ".notmuch").rglob("*") if path.is_file())

    @contextmanager
    def asked(self) -> Iterator[Asked]:
        """Its library with the index open."""
        asked = Asked(self.mail, self._config)
        try:
            yield asked
        finally:
            asked.close()


class Asked:
    """The open index."""

    def __init__(self, mail: Path, config: Path) -> None:
        self._library = _library()
        database, error = ctypes.c_void_p(), ctypes.c_char_p()
        status = self._library.notmuch_database_open_with_config(
            str(mail).encode(),
            _READ_ONLY,
            str(config).encode(),
            None,
            ctypes.byref(database),
            ctypes.byref(error),
        )
        if status:
            raise BenchError(f"notmuch does not open its index: status {status}, {error.value!r}")
        self._database = database

    def page(self, query: str, limit: int) -> tuple[int, list[bytes]]:
        """How many messages, and the Message-IDs of the newest ones."""
        library = self._library
        made = ctypes.c_void_p(library.notmuch_query_create(self._database, query.encode()))
        try:
            library.notmuch_query_set_sort(made, _NEWEST_FIRST)
            count = ctypes.c_uint()
            if status := library.notmuch_query_count_messages(made, ctypes.byref(count)):
                raise BenchError(f"notmuch does not understand {query}: status {status}")
            return count.value, list(self._first(made, limit))
        finally:
            library.notmuch_query_destroy(made)

    def _first(self, query: ctypes.c_void_p, limit: int) -> Iterator[bytes]:
        library = self._library
        messages = ctypes.c_void_p()
        if status := library.notmuch_query_search_messages(query, ctypes.byref(messages)):
            raise BenchError(f"notmuch does not search: status {status}")
        for _ in range(limit):
            if not library.notmuch_messages_valid(messages):
                return
            message = ctypes.c_void_p(library.notmuch_messages_get(messages))
            yield library.notmuch_message_get_message_id(message)
            library.notmuch_messages_move_to_next(messages)

    def close(self) -> None:
        """Let go of the index."""
        self._library.notmuch_database_destroy(self._database)


def _library() -> Any:
    name = ctypes.util.find_library("notmuch")
    if name is None:
        raise BenchError("libnotmuch is missing")
    library = ctypes.CDLL(name)
    for function in ("notmuch_query_create", "notmuch_messages_get"):
        getattr(library, function).restype = ctypes.c_void_p
    library.notmuch_message_get_message_id.restype = ctypes.c_char_p
    return library
