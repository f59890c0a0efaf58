"""Many rows into one table: for each row what SQLAlchemy's own insert does, and far less work for it.

An insert of many dictionaries binds each value of each row by name. Here the statement and what each column does to its
values are made once, and the values go through it column by column, most of them untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert
from sqlalchemy.exc import StatementError

_Row = Mapping[str, Any]


def add(connection: Connection, table: Table, rows: Sequence[_Row]) -> None:
    """Insert rows that all have the columns of the first one, which are two at least.

    Raises DBAPIError, or StatementError for a value that its column cannot take; neither says which value.
    """
    if rows:
        statement = _statement(table, tuple(rows[0]), connection.dialect)
        connection.exec_driver_sql(statement.text, statement.parameters(rows))


@dataclass(frozen=True, slots=True)
class _Statement:
    """An INSERT as the driver takes it."""

    text: str
    names: tuple[str, ...]  # of the columns, as the parameters follow each other
    binds: tuple[Callable[[Any], Any] | None, ...]  # what each column does to its values; None: nothing
    positional: bool  # whether the driver wants a row as a tuple, not by name

    def parameters(self, rows: Sequence[_Row]) -> list[Any]:
        """The rows as the driver takes them. Raises StatementError."""
        try:
            columns = zip(self.binds, zip(*map(itemgetter(*self.names), rows), strict=True), strict=True)
            bound = (values if bind is None else map(bind, values) for bind, values in columns)
            taken = list(zip(*bound, strict=True))
        except Exception as error:  # what it says may quote the value
            raise StatementError(type(error).__name__, self.text, None, None, hide_parameters=True) from None
        return taken if self.positional else [dict(zip(self.names, row, strict=True)) for row in taken]


@lru_cache(maxsize=64)
def _statement(table: Table, keys: tuple[str, ...], dialect: Dialect) -> _Statement:
    """The INSERT of rows with some keys; compiling it costs as much as a hundred rows."""
    columns = [column for column in table.columns if column.key in keys]
    compiled = insert(table).compile(dialect=dialect, column_keys=[column.key for column in columns])
    return _Statement(
        text=str(compiled),
        names=tuple(column.key for column in columns),
        binds=tuple(column.type.dialect_impl(dialect).bind_processor(dialect) for column in columns),
        positional=dialect.positional,
    )
