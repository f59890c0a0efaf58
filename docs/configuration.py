"""Writes `configuration.md` from the models in `gateway/config.py`: `python docs/configuration.py`.

Every key with its type, default and meaning; a test compares the page with what this prints.
"""

from __future__ import annotations

import types
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gateway import config
from gateway.config import Config, HostPort, Section

HEAD = """# Configuration

One TOML file, by default `config/gateway.toml`; `--config` or the environment variable `MAILGW_CONFIG` names another.
It is validated whole: every mistake is reported with file, key and what was expected, and nothing starts with a wrong
one. `mailgw check` looks at what it names as well: certificates, next hops, DNS, roster, permissions.

Sizes are octets or text such as `"50 MiB"`. Times are seconds. Addresses are `"host:port"` or `"[IPv6]:port"`. Relative
paths start from the file's folder. Secrets never stand in it: it names the files that hold them.

SIGHUP takes `[policy]`, the roster, the certificate and the users file anew, and keeps the old where the new has a
mistake.
Everything else is read at start.

This page is written from the code (`python docs/configuration.py > docs/configuration.md`).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, _section("The file itself", "", Config)]
    for name, field in Config.model_fields.items():
        model = _model(field.annotation)
        if model is not None:
            title = f"`[[{name}]]`" if get_origin(field.annotation) is tuple else f"`[{name}]`"
            parts.append(_section(title, name, model))
    parts.append(_section("`[[authentication.trusted]]`", "", config.TrustedResults))
    parts.append(_section('`[policy.rules."RULE"]`', "", config.RuleSettings))
    parts.append(_section('`[[policy.rules."RULE".exemptions]]`', "", config.Exemption))
    parts.append(_section("`[policy.fallback_administrators.KIND]`", "", config.Administrators))
    parts.append(_section("`[policy.safesport]`", "", config.SafeSport))
    return "\n".join(parts)


def _section(title: str, name: str, model: type[BaseModel]) -> str:
    text = (model.__doc__ or "").strip()
    rows = [
        f"| `{key}` | {_kind(field)} | {_default(field)} | {_meaning(field)} |"
        for key, field in model.model_fields.items()
        if field.description or _model(field.annotation) is None
    ]
    table = ["| key | value | default | meaning |", "|---|---|---|---|", *rows] if rows else []
    return "\n".join([f"## {title}", "", text, "", *table, ""])


def _meaning(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


def _kind(field: FieldInfo) -> str:
    return "size" if _is_size(field) else _type(field.annotation)


def _is_size(field: FieldInfo) -> bool:
    return any(item in config.Size.__metadata__ for item in field.metadata)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if _is_size(field):
        return f'`"{value // 2**20} MiB"`'
    if isinstance(value, HostPort):
        return f'`"{value}"`'
    if isinstance(value, StrEnum | Path):
        return f'`"{value}"`'
    if isinstance(value, time):
        return f'`"{value:%H:%M}"`'
    if value is None or value == () or value == {}:
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!r}`".replace("'", '"')


def _model(annotation: Any) -> type[BaseModel] | None:
    """The section behind `Section`, `tuple[Section, ...]` or `Section | None`."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, Section):
            return candidate
    return None


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "table"
    if origin is Literal:
        return ", ".join(f'`"{item}"`' for item in arguments)
    if origin in (Union, types.UnionType):
        shown = dict.fromkeys(_type(item) for item in arguments if item is not type(None))
        return " or ".join(shown)
    if origin is not None:
        return _type(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f'`"{item}"`' for item in annotation)
    names = {"bool": "true or false", "int": "number", "float": "number", "str": "text", "Path": "path"}
    networks = {"IPv4Network": "network", "IPv6Network": "network", "HostPort": "address"}
    return {**names, **networks}.get(annotation.__name__, annotation.__name__)


if __name__ == "__main__":
    print(page(), end="")
