"""In which language a text is written: ISO 639-1, or "" where that is not plain.

By script where a language has its own, else by its commonest words, which make up a third of any prose: those of the
languages of the families here and of the languages taught. A language model would take more memory than the index has
and does not know Haitian Creole; this takes some 60 µs. Promises: never raises; looks at `_LETTERS` characters.
"""

from __future__ import annotations

import re

_LETTERS = 1_500  # of the beginning
_WORD = re.compile(r"[^\W\d_]+")
_ASCII = "".join(
    chr(code) if chr(code).isalpha() else " " for code in range(128)
)  # blanks for all but letters
_NOT_PROSE = ("://", "@", "www.")  # within a word: links and addresses
_FEWEST_WORDS = 3  # common words; with fewer, names and greetings would decide
_LEAST_SHARE = 0.12  # of all words

# Written without accents too: mail often is.
_COMMON = {
    "en": "the and to of you for is in that it on be with this are have will your we at not from if can our please or "
    "as was by but all my they has do any an about there would been what so when who he she his her i thank thanks",
    "es": "el la los las de que y en un una por para con no se su es al del lo como más mas pero sus le ya o este sí "
    "si porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno "
    "les ni contra otros ese eso ante ellos esto mi antes algunos qué unos yo usted gracias está están hijo hija favor",
    "pt": "o a os as de que e do da em um uma para com não nao se na no por mais dos como mas ao ele das à seu sua ou "
    "quando muito nos já ja eu também também só pelo pela até isso ela entre depois sem mesmo aos seus quem nas me "
    "esse eles você voce essa num nem suas meu às minha têm obrigado obrigada está são filho filha foi ser tem",
    "fr": "le la les de des du et à a en un une que qui pour dans ce il elle ne pas plus par sur au se avec est sont "
    "nous vous je son sa ses mais ou où leur leurs cette ces été être ont votre vos notre nos aux aussi merci bonjour "
    "si comme tout fait bien sans très peut lui qu",
    "ht": "nan ak pou li yo yon pa mwen ou se te ki sa gen nou ap tout men pitit lekòl lekol elèv elev paran mèsi mesi "
    "bonjou konsa lè le epi sou oswa ka fè fe bezwen kapab tanpri dwe genyen ki kote anpil va kijan sante moun tankou",
    "vi": "và là của có cho không các được trong với một người những này để khi đã từ tôi bạn em con chúng học sinh "
    "trường phụ huynh cảm ơn xin vui lòng ngày sẽ cô thầy ở về vào đến như nếu cũng hoặc quý vị lớp",
    "de": "der die das und ist nicht ein eine zu den von mit sie für im dem auf es ich auch als an werden aus er hat "
    "dass wir nach wird bei sich noch wie einen über bitte oder haben vielen dank ihr ihre",
    "it": "il lo la i gli le di che e è un una per con non si da del della dei nel sono come più ma anche alla questo "
    "ho al suo mi ci io grazie essere stato se ha hanno nella delle perché molto",
}  # fmt: skip
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _language, _listed in _COMMON.items():
    for _one in dict.fromkeys(_listed.split()):
        _LANGUAGES_OF[_one] = (*_LANGUAGES_OF.get(_one, ()), _language)

# Letters that one language has and the others here have not.
_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")),
    ("ko", re.compile("[\uac00-\ud7af]")),
    ("zh", re.compile("[\u4e00-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
    ("ar", re.compile("[\u0600-\u06ff]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("el", re.compile("[\u0370-\u03ff]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("km", re.compile("[\u1780-\u17ff]")),
)
_UKRAINIAN = re.compile("[іїєґ]")
_SCRIPT_SHARE = 0.3  # of the letters: a Chinese name in an English text makes no Chinese text


def language_of(text: str) -> str:
    """The language of a text as people write it."""
    beginning = text[:_LETTERS].lower()
    if not beginning.isascii():
        by_script = _by_script(beginning)
        if by_script:
            return by_script
    for mark in _NOT_PROSE:
        if mark in beginning:
            beginning = " ".join([word for word in beginning.split() if mark not in word])
    said = beginning.translate(_ASCII).split() if beginning.isascii() else _WORD.findall(beginning)
    votes = _votes(said)
    best = max(votes, key=votes.__getitem__)
    most = votes.pop(best)
    if most < _FEWEST_WORDS or most < _LEAST_SHARE * len(said):
        return ""
    # Neighbours share many words; what is not clearly ahead is not known.
    return best if max(votes.values()) * 5 <= most * 4 else ""


def _votes(said: list[str]) -> dict[str, int]:
    """How many of the words each language has among its commonest."""
    votes = dict.fromkeys(_COMMON, 0)
    for languages in filter(None, map(_LANGUAGES_OF.get, said)):
        for language in languages:
            votes[language] += 1
    return votes


def _by_script(text: str) -> str:
    letters = sum(map(str.isalpha, text))
    for language, script in _SCRIPTS:
        found = len(script.findall(text))
        # Japanese has more Chinese letters than its own.
        if found > letters * (_SCRIPT_SHARE / 3 if language == "ja" else _SCRIPT_SHARE):
            return "uk" if language == "ru" and _UKRAINIAN.search(text) else language
    return ""
