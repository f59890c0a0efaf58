"""Schedules in few words, for tests."""

from __future__ import annotations

from textwrap import dedent
from zoneinfo import ZoneInfo

from gateway.records.retention.reading import read
from gateway.records.retention.schedule import Schedule

BOSTON = ZoneInfo("America/New_York")
DEFAULT = (
    'name = "rest"\ntitle = "All other mail"\ntrigger = "received"\nfloor = "7 years"\nauthority = "c.66 §8"'
)


def series(name: str, covers: str, trigger: str, floor: str, ceiling: str = "") -> str:
    """One series as TOML."""
    lines = [f'name = "{name}"', f'title = "{name.title()}"', f"covers = '''{covers}'''"]
    lines += [f'trigger = "{trigger}"', f'floor = "{floor}"', f'authority = "law of {name}"']
    lines += [f'ceiling = "{ceiling}"'] if ceiling else []
    return "\n".join(lines)


def text_of(*tables: str, head: str = "", default: str = DEFAULT) -> str:
    """A file of some series, and the default."""
    return head + "".join(f"\n[[series]]\n{dedent(table)}\n" for table in (*tables, default) if table)


def schedule(*tables: str, head: str = "", default: str = DEFAULT) -> Schedule:
    return read(text_of(*tables, head=head, default=default).encode(), "test.toml", zone=BOSTON)
