"""The reading side of the catalog on SQLite: connections that can only read, and follow a rebuild.

Promises: one `connect()` sees one state of the catalog, whatever is written or swapped in meanwhile;
the next one sees the newest file. Never creates or changes anything.

Fails with `CatalogUnavailableError`, whose text says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.exc import DBAPIError

from gateway.catalog.files import catalog_files
from gateway.catalog.schema import SCHEMA_VERSION, watermark
from gateway.catalog.sqlite import open_reader

_ATTEMPTS = 3  # a file may be swapped away between looking at the link and opening it


class CatalogUnavailableError(Exception):
    """There is no catalog to read; the text says what to do."""


class Catalog:
    """Reads the catalog in `folder`. Not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._files = catalog_files(folder)
        self._path: Path | None = None
        self._engine: Engine | None = None

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in one read transaction. Raises CatalogUnavailableError."""
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._engine is not None:
            self._engine.dispose()
        self._engine = self._path = None

    def _open(self) -> Connection:
        for attempt in range(_ATTEMPTS):
            path = self._files.current()
            if path is None:
                break
            if path != self._path or self._engine is None:
                self.close()
                self._path, self._engine = path, open_reader(path)
            try:
                connection = self._engine.connect()
            except DBAPIError as error:
                if attempt + 1 < _ATTEMPTS and self._files.current() != path:
                    continue
                raise CatalogUnavailableError(f"{path}: cannot be read: {error.orig}") from error
            try:
                self._check(connection, path)
            except BaseException:
                connection.close()
                raise
            return connection
        raise CatalogUnavailableError(
            f"{self._files.link.parent}: no catalog yet; start the indexer (mailgw serve) or run mailgw reindex"
        )

    @staticmethod
    def _check(connection: Connection, path: Path) -> None:
        """Raise CatalogUnavailableError unless the tables are those of this version."""
        try:
            found = inspect(connection).has_table(watermark.name)
            version = connection.scalar(select(watermark.c.schema_version)) if found else None
        except DBAPIError as error:
            raise CatalogUnavailableError(f"{path}: {error.orig}; run mailgw reindex") from error
        if version != SCHEMA_VERSION:
            raise CatalogUnavailableError(
                f"{path}: made by another version (schema {version}, expected {SCHEMA_VERSION}); "
                "run mailgw reindex"
            )
