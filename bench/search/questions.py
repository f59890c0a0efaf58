"""Two hundred questions about the bench's mail, the same on every run, in the gateway's language and in notmuch's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from bench.directory import DOMAIN
from bench.search.vocabulary import Vocabulary

_SEED = 20261123
_RARE, _MIDDLE, _COMMON = (8_000, 55_000), (600, 6_000), (0, 250)  # ranks of words


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `facets`: the gateway counts by rule, school and direction as well; notmuch has nothing like it."""

    kind: str
    gateway: str
    notmuch: str
    facets: bool = False


def questions(vocabulary: Vocabulary) -> tuple[Question, ...]:
    """All of them; each kind in its turn."""
    ask = _Asking(random.Random(_SEED), vocabulary)
    kinds = (
        (25, ask.rare),
        (20, ask.common),
        (20, ask.several),
        (25, ask.phrase),
        (20, ask.prefix),
        (15, ask.subject),
        (15, ask.sender),
        (20, ask.boolean),
        (25, ask.dated),
        (15, ask.counted),
    )
    return tuple(make() for count, make in kinds for _ in range(count))


class _Asking:
    def __init__(self, chance: random.Random, vocabulary: Vocabulary) -> None:
        self._chance = chance
        self._words = vocabulary.words
        self._sentences = vocabulary.sentences

    def _word(self, ranks: tuple[int, int]) -> str:
        return self._words[self._chance.randrange(*ranks)]

    def rare(self) -> Question:
        word = self._word(_RARE)
        return Question("rare word", word, word)

    def common(self) -> Question:
        word = self._word(_COMMON)
        return Question("common word", word, word)

    def several(self) -> Question:
        words = f"{self._word(_COMMON)} {self._word(_MIDDLE)}"
        return Question("two words", words, words)

    def phrase(self) -> Question:
        """Words that stand so in the mail, or common ones."""
        clean = (sentence.lower().rstrip(".?!").split() for sentence in self._drawn())
        words = next(
            words for words in clean if len(words) >= 4 and all(word.isalpha() for word in words[:3])
        )
        phrase = " ".join(words[: self._chance.choice((2, 2, 3))])
        return Question("phrase", f'"{phrase}"', f'"{phrase}"')

    def _drawn(self) -> Iterator[str]:
        while True:
            yield self._chance.choice(self._sentences)

    def prefix(self) -> Question:
        start = self._word(self._chance.choice((_RARE, _MIDDLE)))[: self._chance.choice((4, 5, 6))]
        return Question("prefix", f"{start}*", f"{start}*")

    def subject(self) -> Question:
        word = self._word(self._chance.choice((_COMMON, _MIDDLE)))
        return Question("subject", f"subject:{word}", f"subject:{word}")

    def sender(self) -> Question:
        address = f"{self._chance.choice(('staff', 'student'))}{self._chance.randrange(1_500)}@{DOMAIN}"
        return Question("sender", f"from:{address}", f"from:{address}")

    def boolean(self) -> Question:
        one, two, three = self._word(_COMMON), self._word(_MIDDLE), self._word(_COMMON)
        if self._chance.random() < 0.5:
            return Question("boolean", f"({two} OR {one}) -{three}", f"({two} or {one}) and not {three}")
        return Question("boolean", f"{one} OR {two}", f"{one} or {two}")

    def dated(self) -> Question:
        word = self._word(self._chance.choice((_COMMON, _MIDDLE)))
        year, month = self._chance.choice(
            [(2026, 9), (2026, 10), (2026, 11), (2026, 12), (2027, 1), (2027, 2), (2027, 3)]
        )
        return Question(
            "within a month", f"{word} on:{year}-{month:02d}", f"{word} and date:{year}-{month:02d}"
        )

    def counted(self) -> Question:
        word = self._word(self._chance.choice((_COMMON, _MIDDLE)))
        return Question("with facets", word, word, facets=True)
