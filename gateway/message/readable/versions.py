"""What one version of a text says that another has not: plain text beside HTML, most often.

Promises: never raises; linear in the texts, however many versions there are. Versions are compared by their words.
Most often they say the same, so they are taken apart no further than it takes to see that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from gateway.message.readable.markup import Line
from gateway.message.words import words


class Version:
    """The version that is read, with all that is known from it: its texts, what it hides, where its links lead."""

    def __init__(self, texts: Sequence[str]) -> None:
        # HTML has one blank between two words, and at most one empty line between two lines.
        self._in_one = "\n".join(texts).replace("\n\n", "\n").replace("\n", " ") + " "

    def holds(self, text: str) -> bool:
        """Whether this version has all words of a text."""
        pieces = text.split()
        if self._in_one.startswith(" ".join(pieces) + " "):
            return True
        strange = set(pieces) - self._different
        return not strange or self._words.issuperset(words(" ".join(strange)))

    def missing(self, lines: Iterable[Line]) -> list[str]:
        """The lines with words that this version has not."""
        return [line.text for line in lines if not self._words.issuperset(words(line.text))]

    # No word goes on behind white space, so the words of a text are those of its pieces.

    @cached_property
    def _different(self) -> set[str]:
        return set(self._in_one.split())

    @cached_property
    def _words(self) -> set[str]:
        return set(words(" ".join(self._different)))
