"""Writing a configuration: what was read from TOML as TOML again (https://toml.io/en/v1.0.0). Comments are lost.

Promises: who reads what was written gets what was given. Fails with ValueError for what is no value of TOML.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any


def written(data: Mapping[str, Any]) -> str:
    """A document with this content."""
    text = "\n".join(_table(data, ())) + "\n"
    if tomllib.loads(text) != data:
        raise ValueError("the configuration could not be written as it was read")
    return text


def _table(table: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table: its values first, then the tables in it, each under its whole name."""
    below = {key: value for key, value in table.items() if isinstance(value, Mapping) or _is_tables(value)}
    for key, value in table.items():
        if key not in below:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in below.items():
        path = (*above, key)
        name = ".".join(map(_key, path))
        if isinstance(value, Mapping):
            yield from ("", f"[{name}]")
            yield from _table(value, path)
        else:
            for each in value:
                yield from ("", f"[[{name}]]")
                yield from _table(each, path)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _key(key: str) -> str:
    bare = key and all(each.isascii() and (each.isalnum() or each in "-_") for each in key)
    return key if bare else _string(key)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):  # in an array that has other things as well
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    raise ValueError(f"no value of TOML: {value!r}")


def _string(text: str) -> str:
    """A basic string; those of JSON are such, but for one character that TOML wants escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
