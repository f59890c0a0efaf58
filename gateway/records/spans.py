"""Many entry numbers in few words: `[[1, 5], [9, 9]]`, or "1-5,9" as text, is 1 to 5, and 9. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Spans = Sequence[
    Sequence[int]
]  # of each the first and the last number; ascending, and not touching each other


def spans_of(numbers: Iterable[int]) -> list[list[int]]:
    """The spans of some numbers, each once."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return spans


def numbers_of(spans: Spans) -> Iterator[int]:
    """The numbers of some spans, ascending."""
    for first, last in spans:
        yield from range(first, last + 1)


def count_of(spans: Spans) -> int:
    """How many numbers there are in some spans."""
    return sum(last - first + 1 for first, last in spans)


def told(spans: Spans) -> str:
    """As people write it: "1-5, 9"."""
    return ", ".join(_said(first, last) for first, last in spans)


def written(numbers: Iterable[int]) -> str:
    """Numbers, in any order and each once, as text: "1-5,9"; nothing for none."""
    return ",".join(_said(first, last) for first, last in spans_of(numbers))


def read(text: str) -> Iterator[int]:
    """The numbers of such a text, in its order. Raises ValueError for what is none."""
    for piece in filter(None, text.split(",")):
        first, _, last = piece.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _said(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
