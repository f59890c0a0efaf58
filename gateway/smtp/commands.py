"""Command lines: verbs, paths and parameters (RFC 5321 §4.1.1, §4.1.2).

Pure functions. Text is UTF-8 with `surrogateescape`, so whatever came goes on byte for byte; parameters
keep their case and order (ENVID and ORCPT are case-sensitive, RFC 3461 §4). Errors are `Refusal`s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.smtp.reply import BAD_ADDRESS, BAD_ARGUMENT, BAD_PARAMETER, UTF8_ADDRESS, Refusal

# <path> with a quoted local part that may hold ">" or blanks; or, as some clients send it, no brackets.
_PATH = re.compile(r'[ \t]*(?:<((?:"(?:[^"\\]|\\.)*"|[^">])*)>|([^\s<>]+))(?:[ \t]+(.*))?', re.DOTALL)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20\x7f]+))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SOURCE_ROUTE = re.compile(r"@[^:]*:")
# What most clients send, with nothing in it that could be wrong.
_ORDINARY = re.compile(
    r"(?=[^>]{3,320}>)<([A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*)>(?: +(.*))?",
    re.ASCII,
)
_NON_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class Path:
    """The address of MAIL FROM or RCPT TO with its parameters."""

    address: str  # without angle brackets, as sent; "" is the null sender
    parameters: tuple[str, ...] = ()  # each as sent, such as "SIZE=1000"

    @property
    def domain(self) -> str:
        """The part after the last @, lower case, as sent otherwise; "" where there is none."""
        return self.address.rpartition("@")[2].lower() if "@" in self.address else ""

    def parameter(self, keyword: str) -> str | None:
        """A parameter's value, "" for one without a value, None where it was not given."""
        for item in self.parameters:
            name, _, value = item.partition("=")
            if name.upper() == keyword:
                return value
        return None


def parse_path(argument: str, keyword: str, allowed: frozenset[str]) -> Path:
    """The path and parameters in the argument of MAIL (`FROM:`) or RCPT (`TO:`).

    `allowed` are the upper-case keywords of parameters that were offered. A source route is dropped
    (RFC 5321 §4.1.1.3). Raises Refusal: 501 syntax, 553 address, 555 parameter.
    """
    if argument[: len(keyword)].upper() != keyword:
        raise Refusal(BAD_ARGUMENT)
    match = _ORDINARY.fullmatch(argument, len(keyword))
    if match is not None:
        return Path(match[1], _parameters(match[2], allowed) if match[2] else ())
    match = _PATH.fullmatch(argument, len(keyword))
    if match is None:
        raise Refusal(BAD_ARGUMENT)
    address = match[1] if match[1] is not None else match[2]
    parameters = _parameters(match[3] or "", allowed)
    address = address.strip(" ")
    if address.startswith("@"):
        address = _SOURCE_ROUTE.sub("", address, count=1)
    _check_address(address)
    path = Path(address, parameters)
    if _NON_ASCII.search(address) and keyword == "FROM:" and path.parameter("SMTPUTF8") is None:
        raise Refusal(UTF8_ADDRESS)
    return path


def _parameters(text: str, allowed: frozenset[str]) -> tuple[str, ...]:
    found = tuple(text.split())
    seen = set()
    for item in found:
        match = _PARAMETER.fullmatch(item)
        if match is None:
            raise Refusal(BAD_ARGUMENT)
        keyword = match[1].upper()
        if keyword not in allowed:
            raise Refusal(BAD_PARAMETER)
        if keyword in seen:
            raise Refusal(BAD_ARGUMENT)
        seen.add(keyword)
    return found


def _check_address(address: str) -> None:
    if not address:  # the null sender
        return
    local, at, domain = address.rpartition("@")
    if _CONTROL.search(address) or len(address) > 2048 or (at and (not local or not domain)):
        raise Refusal(BAD_ADDRESS)
    if at and not domain.startswith("[") and re.search(r'[\s"\\<>(),:;\[\]]|\.\.|^[.-]', domain):
        raise Refusal(BAD_ADDRESS)
    if not local.startswith('"') and re.search(r'[ \t<>"\\]', local):
        raise Refusal(BAD_ADDRESS)


def declared_size(path: Path) -> int:
    """The octets announced by SIZE= (RFC 1870 §6), 0 where none. Raises Refusal: 501."""
    value = path.parameter("SIZE")
    if value is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,20}", value):
        raise Refusal(BAD_ARGUMENT)
    return int(value)
