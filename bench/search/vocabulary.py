"""The words that the bench's mail is written in: frequent ones, a school's, and many thousands that nobody ever said.

Words come as often as in any language, by Zipf's law: the most frequent one is in every sentence, half of all are met
a few times in a million messages. Same call, same words.
"""

from __future__ import annotations

import random
from itertools import accumulate, chain


def _words_of(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FREQUENT = _words_of(
    "the of to and a in is for you that it on be with this are have will your we at not from if can our please or "
    "as was by but all my they has do any an about there would been what so when who he she his her i thank "
    "thanks just need their one out up get time day week know more some could other than then now only into also "
    "how its after first two new like may these should us them am no make see think here good most well over back "
    "did still before next many"
)
SCHOOL = _words_of(
    "practice bus field schedule homework parents library thursday lunch permission form concert game season "
    "uniform coach teacher guidance principal calendar remember bring return school class team project chapter "
    "reading laboratory report due tomorrow meeting cafeteria gym weather cancelled moved questions everyone "
    "monday tuesday wednesday friday saturday sunday morning afternoon evening office nurse absence attendance "
    "grade test quiz exam essay draft science math english history spanish music band chorus theater art soccer "
    "hockey basketball volleyball track tennis baseball lacrosse tournament scrimmage varsity junior captain "
    "parent guardian student students staff district superintendent committee policy budget vote agenda minutes "
    "building room key door parking lot traffic dismissal arrival early release snow delay fundraiser donation "
    "ticket volunteer sign signup link document attached attachment update reminder deadline request transcript "
    "college counselor recommendation letter scholarship application interview schedule conference zoom computer "
    "laptop charger password account login email message phone call text question answer help support plan "
    "evaluation accommodation service section individual program goal progress quarter semester year september "
    "october november"
)
_START = _words_of(
    "b br c ch cl cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sc sh sl sp st t th tr v w z"
)
_MIDDLE = _words_of("a ai e ea ee i ia io o oa oo ou u")
_END = _words_of("b ck d ff g l ll m n nd ng nt p r rd rn rt s ss st t th x")

SIZE = 60_000  # words
_EVERYDAY = 3_000  # of them
SENTENCES = 120_000  # from which mail is put together


class Vocabulary:
    """`words`, the most frequent first, and `sentences` made of them."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(f"{seed} words")
        self.words = _words(chance)
        weights = list(accumulate(map(_weight, range(len(self.words)))))
        self.sentences = [_sentence(chance, self.words, weights) for _ in range(SENTENCES)]


def _weight(rank: int) -> float:
    """How often a word comes; beyond the words that everybody uses it falls faster."""
    return min(1.0, (_EVERYDAY / (rank + 1)) ** 0.7) / (rank + 2.7)


def _words(chance: random.Random) -> list[str]:
    """Distinct words; those of a school among the frequent ones."""
    common = list(dict.fromkeys(chain(FREQUENT[:60], *zip(FREQUENT[60:], SCHOOL, strict=False), SCHOOL)))
    words = dict.fromkeys(common)
    while len(words) < SIZE:
        syllables = chance.choices((1, 2, 3, 4), (1, 5, 4, 1))[0]
        made = "".join(chance.choice(_START) + chance.choice(_MIDDLE) for _ in range(syllables))
        words[made + chance.choice(_END)] = None
    return list(words)


def _sentence(chance: random.Random, words: list[str], weights: list[float]) -> str:
    drawn = chance.choices(words, cum_weights=weights, k=chance.randint(5, 18))
    if chance.random() < 0.15:
        drawn.insert(
            chance.randrange(len(drawn)),
            chance.choice(("3:15", "7:30", "room 214", "$25", "9/14", "2026", "504")),
        )
    if chance.random() < 0.3:
        drawn[len(drawn) // 2] += ","
    return " ".join(drawn).capitalize() + chance.choice("....?!")
