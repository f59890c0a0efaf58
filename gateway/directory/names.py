"""Names of people: how they are written, and whether what a sender calls themselves fits a name on the roster.

A roster has a name in parts (`Name`); a mail has a line of text (`Written`), and nobody says in it where the
surname begins. `fit` tries every place against the roster's name and says how well the two go together:

- `FULL`    surname equal, and the given name equal, a nickname of it or the preferred name
- `INITIAL` surname equal, of the given name an initial only
- `LOOSE`   one thing differs that often differs for one person: a typo in a long surname, half of a double
            surname, a particle left out, a second given name more or less, the order of words without a comma
- `TITLED`  a title and the surname ("Coach Reed")
- `PART`    a bare given name or surname

Two loose ends, a typo beside an initial, a middle name or initial that contradicts: that is somebody else.
Similarity scores are not used: Robert and Bob Smith score lower than John and Joan Smith, who are two people.

Promises: pure; no text raises; time is bounded by `LONGEST` and `MOST_WORDS`, whatever the text; folding is
idempotent; `compare` is symmetric; an honorific or a suffix more changes nothing about a whole name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache

from gateway.directory.given import given_names, nicknames, same_given
from gateway.directory.model import Person

LONGEST = 120  # characters of a display name; the longest name on the mail of a school has some sixty
MOST_WORDS = 7
_LOOKED_AT = 1_000  # characters, with those that show nothing


class Fit(IntEnum):
    """How well a written name and a person's name go together; see the module's text."""

    NONE = 0
    PART = 1
    TITLED = 2
    LOOSE = 3
    INITIAL = 4
    FULL = 5


@dataclass(frozen=True, slots=True)
class Name:
    """A name in parts, each as folded words."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    middle: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()
    turned: bool = False  # read surname first, though nothing says so


@dataclass(frozen=True, slots=True)
class Written:
    """A name as somebody wrote it, in folded words, without honorifics and suffixes."""

    words: tuple[str, ...]
    family_words: int = 0  # so many first words are the surname ("Last, First"); 0: nobody says
    capitals: int = 0  # so many first words are in capitals, and others are not: perhaps the surname
    titled: bool = False
    disguised: bool = False  # letters of two alphabets in one word: made to look like a name


# --- folding -------------------------------------------------------------------------------------

_APOSTROPHES = "'`´ʹʻʼʽˈ‘’‛′＇"
_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()} | {ord(char): None for char in "'`"}
# Letters that Unicode does not take apart, as people write them without the key for it.
_LETTERS = str.maketrans(
    {
        "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ŋ": "n",
        "ı": "i", "ɖ": "d", "ƒ": "f", "ə": "e", "ß": "ss",
    }
)  # fmt: skip
_EXPANDED = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ø": "oe",
        "å": "aa",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "Ø": "Oe",
        "Å": "Aa",
    }
)


def folded(text: str) -> str:
    """Lower case without accents and apostrophes, other punctuation as space; single spaces. Idempotent."""
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII).split())
    for _ in range(
        4
    ):  # casefolding may bring what can be taken apart again; twice is enough for known letters
        before = text
        text = _folded_once(text)
        if text == before:
            break
    return text


def _folded_once(text: str) -> str:
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = []
    for char in text.translate(_LETTERS):
        if unicodedata.category(char)[0] == "M" or char in _APOSTROPHES:
            continue
        kept.append(char if char.isalnum() else " ")
    return " ".join("".join(kept).split())


# --- other alphabets -------------------------------------------------------------------------------

_TRANSLITERATED = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "ye", "ж": "zh", "з": "z",
        "и": "i", "і": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
        "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": None,
        "ы": "y", "ь": None, "э": "e", "ю": "yu", "я": "ya", "ј": "j", "љ": "lj", "њ": "nj", "ћ": "c", "ђ": "dj",
        "џ": "dz",
        "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k",
        "λ": "l", "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t",
        "υ": "y", "φ": "f", "χ": "ch", "ψ": "ps", "ω": "o",
    }
)  # fmt: skip
# What looks like a Latin letter and is none, in lower case: small letters, and capitals that look alike.
_LOOK_ALIKE = str.maketrans(
    {
        "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ѕ": "s", "һ": "h", "і": "i", "ј": "j", "к": "k",
        "ӏ": "l", "м": "m", "н": "h", "о": "o", "р": "p", "ԛ": "q", "т": "t", "у": "y", "ѵ": "v", "ԝ": "w",
        "х": "x", "г": "r", "п": "n",
        "α": "a", "β": "b", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "m", "ν": "v", "ο": "o", "ρ": "p",
        "τ": "t", "υ": "u", "χ": "x", "ζ": "z", "γ": "y", "ω": "w", "σ": "o",
        "օ": "o", "ո": "n", "ս": "u", "հ": "h", "ց": "g", "զ": "q",
        "ɑ": "a", "ɡ": "g", "ı": "i", "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ɢ": "g",
        "ʜ": "h", "ɪ": "i", "ᴊ": "j", "ᴋ": "k", "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o", "ᴘ": "p", "ʀ": "r",
        "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z",
    }
)  # fmt: skip
_LATIN, _CYRILLIC, _GREEK, _ARMENIAN, _PHONETIC = 1, 2, 4, 8, 16
# Of the letters beside the alphabet only those for phonetics: some languages of Africa write `ɔ` and `ɛ`.
_FOR_PHONETICS = frozenset("ɑɡᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢ")
_WORD = re.compile(r"[^\W\d_]+")

# Characters that show nothing, and one that turns the text behind it round.
_INVISIBLE = "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]+"
_HIDDEN = re.compile(_INVISIBLE)
_HIDDEN_WITHIN = re.compile(f"(?<=[A-Za-z\u00c0-\u024f]){_INVISIBLE}(?=[A-Za-z\u00c0-\u024f])")
_TURNED = re.compile("\u202e([^\u202c\u202e]*)")


def as_shown(text: str) -> tuple[str, bool]:
    """A text as a reader sees it, and whether somebody took pains that it is written otherwise.

    Marks of direction around a name come from address books. Invisible characters within a word, and letters in
    reverse that are turned round again, come from nobody's.
    """
    if text.isascii():
        return text, False
    disguised = "\u202e" in text or _HIDDEN_WITHIN.search(text) is not None
    text = _TURNED.sub(lambda turned: turned[1][::-1], text)
    return _HIDDEN.sub("", text), disguised


def skeleton(text: str) -> str:
    """A text as it looks to a reader of Latin letters: lower case, no accents, look-alikes replaced."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(char for char in text if unicodedata.category(char)[0] != "M")
    return plain.translate(_LOOK_ALIKE)


def _alphabets(word: str) -> int:
    found = 0
    for char in word:
        if char <= "\u024f":
            found |= _LATIN if char.isalpha() else 0
        elif "\u0400" <= char <= "\u052f":
            found |= _CYRILLIC
        elif "\u0370" <= char <= "\u03ff":
            found |= _GREEK
        elif "\u0530" <= char <= "\u058f":
            found |= _ARMENIAN
        elif char in _FOR_PHONETICS:
            found |= _PHONETIC
    return found


def mixes_alphabets(text: str) -> bool:
    """Whether letters of two alphabets stand in one word of a text."""
    if text.isascii():
        return False
    return any(found & (found - 1) for found in map(_alphabets, _WORD.findall(text)))


def _latin(words: tuple[str, ...], *, by_look: bool = False) -> tuple[tuple[str, ...], bool]:
    """Words of other alphabets in Latin letters, and whether one of them is a disguise.

    A word in one alphabet is a name in another language; letters of two in one word are a disguise. Read `by_look`,
    so is a word of letters that all look like Latin ones ("Роре").
    """
    disguised, found = False, []
    for word in words:
        alphabets = 0 if word.isascii() else _alphabets(word)
        looks = word.translate(_LOOK_ALIKE) if alphabets > _LATIN else word
        if alphabets & (alphabets - 1) or (by_look and looks != word and looks.isascii()):
            word, disguised = looks, True
        elif alphabets in (_CYRILLIC, _GREEK):
            word = _transliterated(word)
        found.append(word)
    return tuple(found), disguised


def _transliterated(word: str) -> str:
    word = word.replace("ου", "u").replace("ия", "ia").replace("ья", "ia").replace("ье", "ie")
    word = word.translate(_TRANSLITERATED)
    return word[:-2] + "y" if word.endswith(("ii", "yi")) and len(word) > 3 else word


# --- words around a name -----------------------------------------------------------------------------


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_HONORIFICS = _set(
    "mr mrs ms miss mx messrs dr doctor prof professor coach coaches headcoach asst assistant associate head sir "
    "madam madame mme mlle monsieur sr sra srta senor senora senorita maestro maestra profe profesor profesora "
    "dona rev reverend fr rabbi imam principal vp vice superintendent supt counselor teacher advisor adviser "
    "trainer director herr frau entrenador entrenadora professora treinador nurse officer capt captain sgt lt "
    "pan pani signor signora"
)
# Behind a name without a comma. "Ma" and "Do" are surnames; degrees that are names count behind a comma only.
_SUFFIXES = _set(
    "jr sr junior senior ii iii 2nd 3rd 4th esq esquire phd edd md dds dmd rn lcsw mba med mph msw emeritus ret "
    "retired"
)
_BEHIND_COMMA = (
    _SUFFIXES
    | _HONORIFICS
    | _set(
        "iv v ma ba bs bsc msc ms mat cags jd pe cpa lpn ccc slp atc ot otr pt dpt lmhc licsw mfa do dvm np bcba nbct "
        "ap athletic school nurse grade math science english history biology chemistry physics spanish music art "
        "librarian secretary dean he she they him her them his hers el ella"
    )
)
_PARTICLES = _set(
    "de del de la las los da do das dos di du des van von der den ter ten zu zur af av al el bin ibn bint ben "
    "abu um st saint ste sainte mac mc o le lo y e san santa della dalla dello vander vanden"
)
_SAINTS = {"st": "saint", "ste": "sainte"}

_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+")
_AROUND_AT = re.compile(r"\s*@\s*")
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|[\"“„«][^\"”“»]*[\"”»]")
_BEHIND_BAR = re.compile(r"\s[-–—|/•·~:]+\s|[|•]|^[-–—]+\s")
# Mail that a service sends in somebody's name, or that a mailing list has rewritten, is from no account of theirs.
_THROUGH = re.compile(
    r"\S\s*[(\[]?\b(?:via|through|on behalf of|por medio de|a trav[eé]s de)\s+\S", re.IGNORECASE
)
_SEVERAL = re.compile(r"\s(?:&|\+|and|und|et|y|and/or)\s", re.IGNORECASE)
_DOTTED = re.compile(r"(?<=\w)\.(?=\w)")


def is_through_service(display: str) -> bool:
    """Whether a display name says that a service writes for somebody ("Maria Lopez via Seesaw")."""
    return len(display) <= LONGEST and _THROUGH.search(display) is not None


def addresses_in(display: str) -> list[str]:
    """The addresses that a display name shows, as it is seen: without invisible characters, blanks around `@`."""
    if "@" not in display and display.isascii():
        return []
    text, _ = as_shown(display[:_LOOKED_AT])
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = _AROUND_AT.sub("@", text[:LONGEST])
    return [found.strip("'") for found in _ADDRESS.findall(text)]


def written(display: str) -> tuple[Written, ...]:
    """The ways to read a display name: as it stands, with umlauts spelled out, and by the look of its letters; none
    where it names nobody.

    Addresses, brackets and what stands behind a bar are left out. Two people, a service, more words than a name
    has: nobody.
    """
    text, disguised = as_shown(display[:_LOOKED_AT])
    text = " ".join(text.split())
    if not text or len(text) > LONGEST or _THROUGH.search(text):
        return ()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)[:LONGEST]
    text = _ADDRESS.sub(" ", text) if "@" in text else text
    text = _ASIDE.sub(" ", text.strip("'\"‘’ "))
    parts = _BEHIND_BAR.split(text.strip(), maxsplit=1)
    text = parts[0] if parts[0].strip() else parts[-1]
    if _SEVERAL.search(text) and not _is_spanish_and(text):
        return ()
    ways = [_read(text)]
    if not text.isascii():
        ways += [_read(text.translate(_EXPANDED)), _read(text, by_look=True)]
    readings = dict.fromkeys(way for way in ways if way is not None)
    return tuple(replace(way, disguised=True) if disguised else way for way in readings)


def _is_spanish_and(text: str) -> bool:
    """ "Ortega y Gasset" is one surname; "Ana y Luis" are two people, but so short that both are given names."""
    before, _, after = folded(text).partition(" y ")
    return len(before.split()) >= 2 and len(after.split()) == 1


def _read(text: str, *, by_look: bool = False) -> Written | None:
    segments = [segment for segment in text.split(",") if segment.strip()]
    titled = False
    kept = []
    for number, segment in enumerate(segments):
        words = _words(segment)
        if number and words and ("".join(words) in _BEHIND_COMMA or _BEHIND_COMMA.issuperset(words)):
            titled = titled or any(word in _HONORIFICS for word in words)
            continue
        words, has_title = _bare(words)
        titled = titled or has_title
        if words:
            kept.append(words)
    if not kept or len(kept) > 2:
        return None
    words = sum(kept, ())
    if len(words) > MOST_WORDS:
        return None
    comma = len(kept[0]) if len(kept) == 2 else 0
    capitals = 0 if comma else _leading_capitals(segments[0], words)
    latin, disguised = _latin(words, by_look=by_look)
    return Written(_sainted(latin), comma, capitals, titled, disguised)


def _words(text: str) -> tuple[str, ...]:
    """Folded words; "J.R." are two initials, "Ph.D." is one word."""
    found: list[str] = []
    for token in text.split():
        pieces = tuple(filter(None, (folded(piece) for piece in _DOTTED.split(token))))
        joined = "".join(pieces)
        if len(pieces) > 1 and joined in _BEHIND_COMMA and not all(len(piece) == 1 for piece in pieces):
            pieces = (joined,)
        for piece in pieces:
            found += piece.split()
    return tuple(found)


def _bare(words: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Words without the honorifics before and the suffixes behind; whether there was an honorific."""
    start, end = 0, len(words)
    while start < end - 1 and words[start] in _HONORIFICS:
        start += 1
    while end - 1 > start and words[end - 1] in _SUFFIXES:
        end -= 1
    titled = start > 0
    if end - start > 1 and words[end - 1] == "coach":  # "Reed Coach"
        end, titled = end - 1, True
    return words[start:end], titled


def _leading_capitals(segment: str, words: tuple[str, ...]) -> int:
    """How many words are a surname in capitals before a given name that is not ("GARCÍA LÓPEZ Ana"); 0: none."""
    tokens = [token for token in segment.split() if folded(token) in words]
    if len(tokens) != len(words) or len(words) < 2:
        return 0
    count = 0
    for token in tokens:
        if len(token) < 3 or not token.isupper():  # "TJ Lopez" is a given name, "M. Lopez" an initial
            break
        count += 1
    return count if count < len(tokens) and not any(token.isupper() for token in tokens[count:]) else 0


def _sainted(words: tuple[str, ...]) -> tuple[str, ...]:
    if "st" not in words and "ste" not in words:
        return words
    return tuple(_SAINTS.get(word, word) if word is not words[-1] else word for word in words)


# --- local parts ---------------------------------------------------------------------------------------

_LOCAL_WORDS = re.compile(r"[^\W\d_]+")
_RUN_TOGETHER = (
    "coach",
    "mrs",
    "mr",
    "ms",
    "miss",
    "dr",
    "profe",
    "prof",
    "senora",
    "senor",
    "maestra",
    "maestro",
)
# Words of mailboxes that machines and offices write from.
_SERVICES = _set(
    "noreply no-reply donotreply reply replies notification notifications notify notifier mailer daemon postmaster "
    "bounce bounces invitation invitations invite invites update updates newsletter newsletters news alert alerts "
    "reminder reminders support info automated auto system server robot bot calendar shares share forms form "
    "webmaster wordpress www apache root admin message messages messenger messaging service services signup "
    "signups billing registration donations tickets hello contact feedback unsubscribe"
)
_NO_REPLY = re.compile(r"no[._-]?reply|do[._-]?not[._-]?reply|mailer-daemon", re.IGNORECASE)


def is_service(address: str) -> bool:
    """Whether an address is one that machines or offices write from, by its local part."""
    local = address.rpartition("@")[0].lower()[:LONGEST]
    return _NO_REPLY.search(local) is not None or not _SERVICES.isdisjoint(_LOCAL_WORDS.findall(local))


def written_in(address: str) -> tuple[Written, ...]:
    """The ways to read the local part of an address as a name ("coach.reed", "jsmith2", "smith.john")."""
    local = address.rpartition("@")[0].strip('"').partition("+")[0]
    if not local or len(local) > LONGEST:
        return ()
    words, disguised = _latin(
        tuple(word for text in _LOCAL_WORDS.findall(local) for word in folded(text).split())
    )
    if not words or len(words) > MOST_WORDS:
        return ()
    bare, titled = _bare(words)
    if not titled and len(bare) > 1 and bare[-1] in _HONORIFICS:
        bare, titled = bare[:-1], True
    found = [Written(bare, titled=titled, disguised=disguised)]
    if titled and len(bare) > 1:  # "mrs.lopez.biology"
        found.append(Written(bare[:1], titled=True, disguised=disguised))
    if len(bare) == 1:
        found += _cut(bare[0], titled, disguised)
    return tuple(found)


def _cut(word: str, titled: bool, disguised: bool) -> Iterator[Written]:
    """A word that may be a whole name written together: "coachreed", "jsmith", "marialopez"."""
    if not titled:
        for title in _RUN_TOGETHER:
            if word.startswith(title) and len(word) > len(title) + 2:
                yield Written((word[len(title) :],), titled=True, disguised=disguised)
    for place in range(1, min(len(word) - 2, 25)):  # a surname of three letters or more stands at the end
        yield Written((word[:place], word[place:]), titled=titled, disguised=disguised)


# --- what a name is looked for by ----------------------------------------------------------------------


def family_keys(family: str) -> frozenset[str]:
    """What a surname of the roster is found by: the whole, its halves, without particles, umlauts spelled out."""
    keys = set()
    for text in {family, family.translate(_EXPANDED)}:
        words = family_words(text)
        if words:
            keys.add("".join(words))
            keys.add("".join(_without_particles(words)))
            keys.update(_units(words))
    return frozenset(keys)


def surname_keys(readings: Iterable[Written]) -> Iterator[str]:
    """Every run of words in a written name that may be a surname, as `family_keys` are written."""
    seen = set()
    for reading in readings:
        words = reading.words
        for start in range(len(words)):
            key = ""
            for word in words[start:]:
                key += word
                if key not in seen and not _is_initial(key):
                    seen.add(key)
                    yield key


@lru_cache(maxsize=4096)  # folding a name costs more than comparing it
def roster_names(given: str, family: str, middle: str = "", preferred: str = "") -> tuple[Name, ...]:
    """A name of the roster in folded parts; a second time with umlauts spelled out, where it has any."""
    whole = (given, family, middle, preferred)
    found = _roster_name(*whole)
    if all(part.isascii() for part in whole):
        return (found,)
    other = _roster_name(*(part.translate(_EXPANDED) for part in whole))
    return (found,) if other == found else (found, other)


def _roster_name(given: str, family: str, middle: str, preferred: str) -> Name:
    return Name(given_words(given), family_words(family), given_words(middle), given_words(preferred))


def given_words(given: str) -> tuple[str, ...]:
    """A given, middle or preferred name of the roster in folded words."""
    return _latin(_bare(_words(given[:LONGEST]))[0])[0] if given else ()


def family_words(family: str) -> tuple[str, ...]:
    """A surname of the roster in folded words, without suffixes."""
    words = _words(family.partition(",")[0][:LONGEST])
    while len(words) > 1 and words[-1] in _SUFFIXES | {"iv"}:
        words = words[:-1]
    return _sainted(_latin(words)[0])


def _without_particles(words: tuple[str, ...]) -> tuple[str, ...]:
    start = 0
    while start < len(words) - 1 and words[start] in _PARTICLES:
        start += 1
    return words[start:]


def _units(words: tuple[str, ...]) -> tuple[str, ...]:
    """The surnames in a double surname, particles joined to what follows them."""
    found, pending = [], ""
    for number, word in enumerate(words):
        if word in _PARTICLES and number < len(words) - 1:
            pending = "" if pending and word in ("y", "e") else pending + word
            continue
        found.append(pending + word)
        pending = ""
    return tuple(found)


# --- comparing -----------------------------------------------------------------------------------------


def fit(readings: Iterable[Written], names: Iterable[Name]) -> Fit:
    """How well a written name fits the name of a person of the roster: the best of all ways to read both."""
    names = tuple(names)
    return max((_fit(reading, name) for reading in readings for name in names), default=Fit.NONE)


def _fit(reading: Written, name: Name) -> Fit:
    if not name.family or not reading.words:
        return Fit.NONE
    whole, best = "".join(reading.words), Fit.NONE
    if whole in ("".join(name.family), "".join(_units(name.family)[-1:])):
        best = Fit.TITLED if reading.titled and whole == "".join(name.family) else Fit.PART
    elif any(whole == "".join(given) for given in (name.given, name.preferred)) or (
        len(reading.words) == 1 and _is_nickname(whole, name)
    ):
        best = Fit.PART
    for parts in _partings(reading):
        best = max(best, compare(parts, name))
        if best is Fit.FULL:
            break
    return best


def first_letters(readings: Iterable[Written]) -> str:
    """The letters that the given name of whoever is meant may begin with; "" is any of them.

    A hundred people of one surname are told apart by this at a hundredth of the cost of `fit`.
    """
    found: set[str] = set()
    for reading in readings:
        if reading.titled:
            return ""  # "Coach Reed" has no given name
        for word in reading.words:
            found.add(word[0])
            found.update(name[0] for name in nicknames(word))
    return "".join(found)


def may_begin_with(letters: str, person: Person) -> bool:
    """Whether a given, middle or preferred name begins with one of the letters; true where that is not plain."""
    for name in (person.given, person.middle, person.preferred):
        first = name[:1]
        if first and (not first.isascii() or not first.isalpha() or first.lower() in letters):
            return True
    return not letters or " " in person.given


def _is_nickname(word: str, name: Name) -> bool:
    return any(same_given(word, one) for one in (*name.given[:1], *name.preferred[:1]))


def _partings(reading: Written) -> Iterator[Name]:
    """A written name in parts, for every place where the surname may begin or end."""
    words, count = reading.words, len(reading.words)
    if reading.family_words:
        if reading.family_words < count:
            yield Name(words[reading.family_words :], words[: reading.family_words])
        return
    if reading.capitals:
        yield Name(words[reading.capitals :], words[: reading.capitals])
    for place in range(1, count):
        yield Name(words[:place], words[place:])
    for place in range(1, count):
        # "Kelly Thomas" is not Thomas Kelly: turned names count only where the first word is no given name.
        if words[0] not in given_names() and not _is_initial(words[0]):
            yield Name(words[place:], words[:place], turned=True)


def compare(one: Name, other: Name) -> Fit:
    """NONE, LOOSE, INITIAL or FULL for two names in parts; the order of the two does not matter."""
    family = _compare_family(one, other)
    if family is _Ends.APART:
        return Fit.NONE
    given = max(
        (
            _compare_given(mine, theirs, one.turned or other.turned)
            for mine in _given_forms(one)
            for theirs in _given_forms(other)
        ),
        default=Fit.NONE,
    )
    loose = (given is Fit.LOOSE) + (family is not _Ends.EQUAL) + (one.turned or other.turned)
    if given is Fit.NONE or loose > 1:
        return Fit.NONE
    if loose:
        return Fit.NONE if given is Fit.INITIAL else Fit.LOOSE
    return given


class _Ends(IntEnum):
    APART = 0
    CLOSE = 1
    EQUAL = 2


_SHORTEST_WITH_TYPO = (
    6  # letters; one letter of a short surname makes another family (Silva, Silver; Reed, Reid)
)


def _compare_family(one: Name, other: Name) -> _Ends:
    mine, theirs = "".join(one.family), "".join(other.family)
    if not mine or not theirs or _is_initial(mine) or _is_initial(theirs):
        return _Ends.APART
    if mine == theirs:
        return _Ends.EQUAL
    if "".join(_without_particles(one.family)) == "".join(_without_particles(other.family)):
        return _Ends.CLOSE
    if _is_half(one, other) or _is_half(other, one):
        return _Ends.CLOSE
    if min(len(mine), len(theirs)) >= _SHORTEST_WITH_TYPO and _one_edit(mine, theirs):
        return _Ends.CLOSE
    return _Ends.APART


def _is_half(one: Name, other: Name) -> bool:
    """Whether the surname of one is half of the double surname of the other.

    A middle name that is known speaks against it: "John Peter Smith" is not John Paul Smith.
    """
    halves, whole = _units(other.family), "".join(one.family)
    if (
        len(halves) != 2
        or len(_units(one.family)) != 1
        or whole not in halves
        or any(map(_is_initial, halves))
    ):
        return False
    missing = halves[0] if whole == halves[1] else halves[1]
    return not one.middle or any(_may_be(missing, word) for word in one.middle)


def _one_edit(one: str, other: str) -> bool:
    """Whether one letter more, less or other, or two neighbours exchanged, makes one word the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, their_rest = one[start:], other[start:]
    if len(one) == len(other):
        exchanged = rest[:2] == their_rest[:2][::-1] and rest[2:] == their_rest[2:]
        return rest[1:] == their_rest[1:] or exchanged
    return rest[1:] == their_rest or rest == their_rest[1:]


@dataclass(frozen=True, slots=True)
class _Given:
    """Given and middle names in their order; the first `needed` of them make the given name."""

    words: tuple[str, ...]
    needed: int
    loose: bool = False  # a middle name as the name somebody goes by


def _given_forms(name: Name) -> Iterator[_Given]:
    if name.given:
        yield _Given(name.given + name.middle, len(name.given))
    if name.preferred:
        yield _Given(name.preferred + name.middle, len(name.preferred))
    if name.given and name.middle and not _is_initial(name.middle[0]):
        yield _Given(name.middle, len(name.middle), loose=True)
        if len(name.given) == 1:
            yield _Given(name.middle + name.given, len(name.middle) + 1, loose=True)


def _compare_given(one: _Given, other: _Given, turned: bool) -> Fit:
    if one.loose and other.loose:
        return Fit.NONE
    fit = _compare_words(one, other)
    if turned and "".join(one.words) == "".join(other.words):
        return Fit.FULL  # "Nguyen Thi Minh Khai": surname, middle, given
    if one.loose or other.loose:
        return Fit.LOOSE if fit is Fit.FULL else Fit.NONE
    return fit


def _compare_words(one: _Given, other: _Given) -> Fit:
    head, their_head = "".join(one.words[: one.needed]), "".join(other.words[: other.needed])
    if not _is_initial(head) and not _is_initial(their_head):
        if head == their_head:
            rest = _rest(one.words[one.needed :], 0, other.words[other.needed :], 0)
            return Fit.FULL if rest is not Fit.NONE else Fit.NONE
        if "".join(one.words) == their_head or "".join(other.words) == head:
            return Fit.FULL  # "Mary Ann" with Ann as her middle name, and "Maryann"
    first, second = one.words[0], other.words[0]
    if _is_initial(first) or _is_initial(second):
        start = Fit.INITIAL if first[0] == second[0] else Fit.NONE
    else:
        start = Fit.FULL if same_given(first, second) else Fit.NONE
    if start is Fit.NONE:
        return Fit.NONE
    rest = _rest(one.words[1:], one.needed - 1, other.words[1:], other.needed - 1)
    if rest is Fit.LOOSE:
        return Fit.LOOSE if start is Fit.FULL else Fit.NONE
    return start if rest is Fit.FULL else Fit.NONE


def _rest(one: tuple[str, ...], needed: int, other: tuple[str, ...], also_needed: int) -> Fit:
    """What the names behind the first say: FULL nothing against it, LOOSE a given name more, NONE against it.

    The first `needed` of each belong to the given name, so that leaving one out is no matter of course.
    """
    if len(one) > len(other):
        one, needed, other, also_needed = other, also_needed, one, needed
    matched, loose = 0, False
    for place, word in enumerate(other):
        if matched < len(one) and _may_be(one[matched], word):
            matched += 1
        elif place < also_needed and not _is_initial(word):
            loose = True
    if matched < len(one):
        return Fit.NONE
    return Fit.LOOSE if loose else Fit.FULL


def _may_be(one: str, other: str) -> bool:
    """Whether two names behind the first are equal, or one is the other's initial."""
    return one == other or (one[0] == other[0] and (_is_initial(one) or _is_initial(other)))


def _is_initial(word: str) -> bool:
    """Whether a folded word is one letter; one sign of Chinese is a whole name."""
    return len(word) == 1 and word < "\u2e80"
