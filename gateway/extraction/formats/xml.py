"""XML of office documents, as a stream of events. Entities are refused where they are declared.

No document of an office program declares an entity; those that do want to become gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.parsers import expat

from gateway.extraction.job import Unread
from gateway.extraction.model import Status

Attributes = dict[str, str]
_SEPARATOR = " "
_DEEPEST = 2_000  # elements in elements; expat's time grows with the square of it


def parse(
    octets: Iterable[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    data: Callable[[str], None],
) -> None:
    """Tell the elements by their local names, whatever their namespace.

    Raises `Unread` for entities, and `ExpatError` for what is no XML.
    """
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def refuse(*_: object) -> None:
        raise Unread(Status.FAILED, "declares entities")

    depth = 0

    def on_start(name: str, attributes: Attributes) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise Unread(Status.TOO_LARGE, "nested too deeply")
        start(
            _local(name),
            {_local(key): value for key, value in attributes.items()} if attributes else attributes,
        )

    def on_end(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(_local(name))

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = on_start
    parser.EndElementHandler = on_end
    parser.CharacterDataHandler = data
    for chunk in octets:
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _local(name: str) -> str:
    return name.rpartition(_SEPARATOR)[2]
