"""Bad input from end to end: octets of a message in, findings out. One section for each kind of it.

What is expected is written as "rule, how sure, author: whom it is about". Everything here happens at Harbor Point
(`district.toml`): Maria Lopez teaches Ana Silva, Tom Kelly coaches Cara Dunn, Pat Kim answers for his team.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.directory.importer import read_roster
from gateway.message.authentication import Authentication
from gateway.message.content import content_id
from gateway.message.reading import read_message
from gateway.policy.model import Transaction, Verdict

MEGABYTE = 10**6
ANA, CARA = "ana.silva@harbor.example", "cara.dunn@harbor.example"
MARIA, MARIA_AT_HOME = "maria.lopez@harbor.example", "maria.lopez@gmail.com"
TOM, PAT = "tom.kelly@harbor.example", "pat.kim@harbor.example"
SUSPECTED = ["off-channel/student, likely, Maria Lopez: Ana Silva"]
CERTAIN = ["off-channel/student, certain, Maria Lopez: Ana Silva"]
IMITATED = ["identity/possible-impersonation, possible, Maria Lopez: Ana Silva"]
PASSED_OFF = ["identity/possible-impersonation, possible, Unknown sender: Ana Silva"]
NOTHING: list[str] = []
BOTH = ["off-channel/student, certain, Maria Lopez: Ana Silva and Cara Dunn"]
SINGLED_OUT = ["coach/one-to-one, certain, Tom Kelly: Cara Dunn"]
COPIED = ["coach/privacy-copy, certain, Tom Kelly: Cara Dunn and Pat Kim"]

# Anybody may sign their own domain.
SIGNED = Authentication("stranger.example", "pass", "pass", "pass", True, "gateway")
FORGED = Authentication("harbor.example", "fail", "none", "fail", False, "gateway")


@pytest.fixture
def judge(harbor: Any) -> Any:
    """Judges octets, or lines of a header, that came for some envelope recipients."""

    def judge(message: str | bytes | list[str], *recipients: str, **rest: Any) -> Verdict:
        if isinstance(message, list):
            message = "\r\n".join([*message, "", "Hello.", ""])
        raw = message.encode() if isinstance(message, str) else message
        reading = read_message(raw)
        transaction = Transaction(
            reading=reading,
            mail_from=rest.get("mail_from", "bounce@stranger.example"),
            recipients=recipients,
            received=harbor.transaction("Maria Lopez").received,
            content_id=content_id(reading, raw),
            authentication=rest.get("authentication"),
            raw=raw,
        )
        verdict: Verdict = harbor.engine(rules=rest.get("rules", {})).judge(
            transaction, rest.get("directory", harbor.directory)
        )
        assert verdict.errors == ()
        for finding in verdict.findings:
            assert "@" not in finding.explanation
        return verdict

    return judge


def found(verdict: Verdict, *families: str) -> list[str]:
    """The findings of some families of rules: about accounts, coaches and identity if none are named."""
    families = families or ("off-channel/", "coach/", "identity/")
    return [
        f"{finding.rule}, {finding.confidence}, {finding.author.name}: {_names(p.name for p in finding.people)}"
        for finding in verdict.findings
        if finding.rule.startswith(families)
    ]


def _names(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))


def from_and_to(author: str, to: str = ANA) -> list[str]:
    return [f"From: {author}", f"To: {to}", "Subject: Hello", "Message-ID: <1@stranger.example>"]


# --- display names with addresses in them ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (f'"{MARIA}" <dana@gmail.com>', IMITATED),
        (f"{MARIA} <dana@gmail.com>", IMITATED),
        (f'"Maria Lopez ({MARIA})" <dana@gmail.com>', IMITATED),
        (f'"{MARIA.upper()}" <dana@gmail.com>', IMITATED),
        ("=?utf-8?Q?maria.lopez=40harbor.example?= <dana@gmail.com>", IMITATED),
        ('"maria.lopez @ harbor.example" <dana@gmail.com>', IMITATED),
        ('"maria.lopez\uff20harbor.example" <dana@gmail.com>', IMITATED),
        ('"maria.lopez\u200b@harbor.example" <dana@gmail.com>', IMITATED),
        ('"maria.lopez@h\u0430rbor.example" <dana@gmail.com>', IMITATED),
        (f'"press@paper.example {MARIA}" <dana@gmail.com>', IMITATED),
        # Her own address, whatever it shows: she wrote.
        (f'"{MARIA}" <{MARIA_AT_HOME}>', CERTAIN),
        # Services show for whom they write; a student's or a stranger's address is no staff member's.
        (f'"{MARIA} via Sheets" <share@sheets.example>', NOTHING),
        (f'"{CARA}" <dana@gmail.com>', NOTHING),
        ('"dana@gmail.com" <paula@elsewhere.example>', NOTHING),
    ],
)
def test_display_names_with_addresses_in_them(judge: Any, author: str, expected: list[str]) -> None:
    assert found(judge(from_and_to(author), ANA)) == expected
    assert found(judge(from_and_to(author), ANA, authentication=SIGNED)) == expected


@pytest.mark.parametrize("name", [ANA, f"Ana <{ANA}>", f"{ANA}, {CARA}"])
def test_an_address_in_a_recipients_name_is_nobody(judge: Any, name: str) -> None:
    verdict = judge(
        from_and_to(MARIA_AT_HOME, f'"{name}" <paula@elsewhere.example>'), "paula@elsewhere.example"
    )
    assert verdict.findings == ()


# --- several From mailboxes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (f"{MARIA_AT_HOME}, paula@elsewhere.example", CERTAIN),
        (f"Paula <paula@elsewhere.example>, Maria Lopez <{MARIA_AT_HOME}>", CERTAIN),
        (f"{MARIA}, {MARIA_AT_HOME}", NOTHING),  # her school account is named as well
        (f"{MARIA}, paula@elsewhere.example", NOTHING),
        (f"ben.cole@harbor.example, {MARIA_AT_HOME}", CERTAIN),  # the student is not judged
        (f"{MARIA_AT_HOME}\r\nFrom: paula@elsewhere.example", CERTAIN),
        (f"paula@elsewhere.example\r\nFrom: {MARIA_AT_HOME}", CERTAIN),
        (f"\r\nFrom: {MARIA_AT_HOME}", CERTAIN),
        (f"paula@elsewhere.example\r\nSender: {MARIA_AT_HOME}", NOTHING),
    ],
)
def test_several_from_mailboxes(judge: Any, author: str, expected: list[str]) -> None:
    assert found(judge(from_and_to(author), ANA)) == expected


def test_one_who_signs_beside_a_stranger_is_not_accused_where_nothing_vouches_for_both(judge: Any) -> None:
    """An attacker can name a teacher beside himself, but only the teacher's domain can vouch for her."""
    verdict = judge(
        from_and_to(f"paula@elsewhere.example, {MARIA_AT_HOME}"),
        ANA,
        authentication=Authentication("elsewhere.example", "pass", "pass", "fail", False, "gateway"),
    )
    assert found(verdict) == ["identity/possible-impersonation, certain, Maria Lopez: Ana Silva"]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        # The administrator signs as well, so one takes part.
        ("pat.kim@harbor.example", COPIED),
        ("sam.poe@harbor.example", SINGLED_OUT),
        ("paula@elsewhere.example", SINGLED_OUT),
        # Nothing but a name is no administrator.
        ("Pat Kim <paula@elsewhere.example>", SINGLED_OUT),
    ],
)
def test_a_coach_who_signs_with_somebody(judge: Any, second: str, expected: list[str]) -> None:
    assert found(judge(from_and_to(f"tom.kelly@harbor.example, {second}", CARA), CARA), "coach/") == expected


def test_an_administrator_who_signs_a_message_to_a_group_takes_part(judge: Any) -> None:
    message = from_and_to("tom.kelly@harbor.example, pat.kim@harbor.example", "jv@harbor.example")
    assert found(judge(message, "jv@harbor.example"), "group/", "coach/") == []


# --- group syntax ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "to", "expected"),
    [
        (f"Teachers: {MARIA_AT_HOME};", ANA, CERTAIN),
        ("Teachers:;", ANA, NOTHING),
        (MARIA_AT_HOME, f"Team: {ANA}, {CARA};", BOTH),
        (MARIA_AT_HOME, f"Team: Inner: {ANA};; , {CARA}", BOTH),
        (MARIA_AT_HOME, f'"{CARA}": {ANA};', CERTAIN),
        (MARIA_AT_HOME, f"{CARA}: {ANA};", CERTAIN),
        (MARIA_AT_HOME, f"Team: {ANA}", CERTAIN),  # never closed
    ],
)  # fmt: skip
def test_group_syntax(judge: Any, author: str, to: str, expected: list[str]) -> None:
    assert found(judge(from_and_to(author, to))) == expected


# --- undisclosed recipients ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "to", "envelope", "expected"),
    [
        (MARIA_AT_HOME, "undisclosed-recipients:;", [ANA], CERTAIN),
        (MARIA_AT_HOME, "undisclosed-recipients:;", [], NOTHING),
        (MARIA_AT_HOME, "Undisclosed recipients <nobody@elsewhere.example>", [ANA], CERTAIN),
        (TOM, "undisclosed-recipients:;", [CARA], SINGLED_OUT),
        (TOM, "undisclosed-recipients:;", [CARA, PAT], COPIED),
        (TOM, "undisclosed-recipients:;", ["varsity@harbor.example"], NOTHING),
        (TOM, TOM, [CARA], SINGLED_OUT),
    ],
)  # fmt: skip
def test_undisclosed_recipients(
    judge: Any, author: str, to: str, envelope: list[str], expected: list[str]
) -> None:
    assert found(judge(from_and_to(author, to), *envelope)) == expected


def test_a_bcc_field_that_a_sender_left_in_reaches_nobody_by_itself(judge: Any) -> None:
    """Only the envelope says who gets a blind copy."""
    assert judge([f"From: {MARIA_AT_HOME}", f"Bcc: {ANA}"]).findings == ()


# --- empty headers, and those of ten thousand recipients ---------------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", NOTHING),
        (b"\r\n\r\n", NOTHING),
        (b"\0\xff\xfe", NOTHING),
        (b"From:\r\nTo:\r\nCc:\r\nSubject:\r\nMessage-ID:\r\n\r\n", NOTHING),
        (b"From: <>\r\nTo: <>\r\n\r\n", NOTHING),
        (b"From: maria.lopez@gmail.com\r\nTo:\r\nCc:   \r\n\r\n", CERTAIN),
        (b"From: maria.lopez@gmail.com", CERTAIN),
        (b"From maria.lopez Mon Oct 12\r\nFrom: maria.lopez@gmail.com\r\n\r\n", CERTAIN),
    ],
)
def test_empty_headers(judge: Any, message: bytes, expected: list[str]) -> None:
    assert found(judge(message, ANA)) == expected


def test_without_any_author_the_return_address_counts_for_less(judge: Any) -> None:
    assert found(judge(["From:", f"To: {ANA}"], ANA, mail_from=MARIA_AT_HOME)) == [
        "off-channel/student, strong, Maria Lopez: Ana Silva"
    ]


@pytest.mark.parametrize("separator", [", ", ";", " ,\r\n\t", ",,"])
@pytest.mark.parametrize("form", ["{}", '"Doe, Pat {n}" <{}>', "=?utf-8?Q?P=C3=A4t?= {n} <{}>"])
def test_ten_thousand_recipients(judge: Any, separator: str, form: str) -> None:
    others = (form.format(f"p{n}@elsewhere.example", n=n) for n in range(10_000))
    message = from_and_to(MARIA_AT_HOME, separator.join([*others, ANA]))
    assert found(judge(message)) == CERTAIN


def test_ten_thousand_authors(judge: Any) -> None:
    strangers = [f"Paula {n} <p{n}@elsewhere.example>" for n in range(10_000)]
    assert found(judge(from_and_to(", ".join([*strangers, MARIA_AT_HOME])), ANA)) == CERTAIN
    namesakes = [f"Maria Lopez <m{n}@elsewhere.example>" for n in range(10_000)]
    assert found(judge(from_and_to(", ".join(namesakes)), ANA)) == SUSPECTED


# --- headers of megabytes --------------------------------------------------------------------------------


# Of a header beyond a megabyte the beginning counts, so what is long stands last here. Each row takes
# milliseconds; a row that takes quadratic time takes minutes.
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "line",
    [
        "Subject: " + "x" * 5 * MEGABYTE,
        "Subject: " + "e\u0301\u0323" * 300_000,
        "Subject: " + "=?utf-8?B?TWFyaWEgTG9wZXo=?= " * 200_000,
        "To: " + "," * 5 * MEGABYTE,
        "To: " + ", " * 2 * MEGABYTE,
        "To: " + "<" * MEGABYTE,
        "To: " + '"a" ' * 250_000,
        "To: " + "(" * 500_000 + ")" * 400_000,
        "To: a" + "\u0301\u0323" * 200_000 + "@elsewhere.example",
        "To: a@" + "\u0301\u0323" * 200_000 + ".example",
        "To: a@" + "b." * 400_000 + "example",
        "To: =?utf-8?B?" + "YQ" * 400_000 + "?= <a@elsewhere.example>",
        "Cc: " + "a@b " * 220_000,
        "References: " + "<a@b> " * 150_000,
        "X-Privacy-Matter: " + "medical " * 100_000,
        "\r\n ".join(["Subject:", *["x"] * 300_000]),
        "X: y\r\n" * 150_000 + "Subject: x",
    ],
    ids=lambda line: line[:24].encode("unicode_escape").decode(),
)  # fmt: skip
def test_headers_of_megabytes(judge: Any, line: str) -> None:
    assert found(judge([f"From: Maria Lopez <x@elsewhere.example>\r\n{line}"], ANA)) == SUSPECTED


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "author",
    [
        '"' + "x" * 900_000 + '" <x@elsewhere.example>',
        '"' + "Maria Lopez " * 70_000 + '" <x@elsewhere.example>',
        '"' + "a\u0301\u0323" * 180_000 + '" <x@elsewhere.example>',
        # The display name tells who of a family wrote, so it is looked at where an address is shared.
        '"Kim Berg' + "\u0301\u0323" * 200_000 + '" <bergs@home.example>',
        '"' + "\u202e" * 300_000 + '" <x@elsewhere.example>',
        "=?utf-8?Q?a?= " * 60_000 + "<x@elsewhere.example>",
        "x" * 900_000 + "@elsewhere.example",
        "a" + "\u0301\u0323" * 220_000 + "@elsewhere.example",
        "x@" + "\u0430" * 450_000 + ".example",
        "x@" + "xn--a." * 150_000 + "example",
        f"x@elsewhere.example, {MARIA.partition('@')[0]}" + "\u0430" * 400_000 + "@harbor.example",
    ],
    ids=lambda author: author[:24].encode("unicode_escape").decode(),
)
def test_an_author_of_a_megabyte_is_nobody(judge: Any, author: str) -> None:
    assert found(judge(from_and_to(author), ANA)) == NOTHING


def test_a_long_name_does_not_hide_who_is_on_record(judge: Any) -> None:
    assert found(judge(from_and_to('"' + "x" * 900_000 + f'" <{MARIA_AT_HOME}>'), ANA)) == CERTAIN


# --- encoded words in any charset ------------------------------------------------------------------------


def encoded(charset: str, name: str = "Maria Lopez", codec: str = "") -> str:
    octets = name.encode(codec or charset)
    return f"=?{charset}?B?{base64.b64encode(octets).decode()}?="


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((encoded(charset), SUSPECTED) for charset in ("utf-8", "utf-7", "iso-2022-jp", "gb18030", "big5")),
        *((encoded(charset), SUSPECTED) for charset in ("utf-16", "utf-32", "cp037", "koi8-r", "hz")),
        (encoded("UTF-8*en", codec="utf-8"), SUSPECTED),
        # Names of codecs that are no charsets, and of none at all.
        *((encoded(name, codec="utf-8"), SUSPECTED) for name in ("x-unknown", "rot13", "zlib", "punycode", "../etc")),
        ("=?utf-7?Q?+AE0-aria_Lopez?=", SUSPECTED),
        ("=?iso-8859-1?Q?Mar=EDa_L=F3pez?=", SUSPECTED),
        ("=?utf-8?Q?Mar=C3?= =?utf-8?Q?=ADa?= Lopez", SUSPECTED),  # a letter in two words
        ('"=?utf-8?Q?Maria_Lopez?="', SUSPECTED),
        ("=?utf-8?Q?Maria=0D=0ALopez?=", SUSPECTED),  # a line end is a blank
        ("=?utf-8?B?TWFyaWEgTG9wZXo?=", SUSPECTED),  # padding is missing
        ("=?utf-8?B?TWFy!!aWEgTG9wZXo=?=", SUSPECTED),  # rubbish within
        # Words within words are read once, as mail programs do, and half a name is none.
        ("=?utf-8?B?=?utf-8?B?TWFyaWEgTG9wZXo=?=?=", NOTHING),
        ("=?utf-8?Q?=3D=3Futf-8=3FQ=3FMaria=5FLopez=3F=3D?=", NOTHING),
        ("=?utf-8?B?TWFyaWEgTG9wZX?=", NOTHING),
        ("=?utf-8?Q?Maria_Lopez", NOTHING),
        # An address in a word is a name, wherever it closes brackets and quotes.
        ("=?utf-8?Q?=22=2C_maria.lopez=40gmail.com=2C_=22?=", NOTHING),
        ("=?utf-8?Q?a=40b.example=3E,_maria.lopez@gmail.com?=", NOTHING),
    ],
)  # fmt: skip
def test_encoded_words_in_any_charset(judge: Any, name: str, expected: list[str]) -> None:
    assert found(judge(from_and_to(f"{name} <x@elsewhere.example>"), ANA)) == expected


def test_raw_octets_in_a_name(judge: Any) -> None:
    message = b"From: Mar\xeda L\xf3pez <x@elsewhere.example>\r\nTo: ana.silva@harbor.example\r\n\r\n"
    assert found(judge(message, ANA)) == SUSPECTED
    assert found(judge(b"From: \xff\xfe\x00 <x@elsewhere.example>\r\n\r\n", ANA)) == NOTHING


def test_an_encoded_address_is_none(judge: Any) -> None:
    assert found(judge(from_and_to("=?utf-8?Q?maria.lopez=40gmail.com?="), ANA)) == NOTHING


# --- homoglyph names and domains -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "M\u0430ria Lopez",  # Cyrillic а
        "Maria L\u043epez",  # Cyrillic о
        "Maria L\u03bfpez",  # Greek ο
        "\u041c\u0430ri\u0430 L\u043e\u0440\u0435z",
        "M\u0251ria Lopez",  # Latin alpha
        "\u1d0daria Lopez",  # small capital M
        "Ma\u200bria Lopez",  # a blank without width
        "Mar\u00adia Lopez",  # a hyphen that is not shown
        "\u202ezepoL airaM",  # from right to left
    ],
)
def test_homoglyph_names(judge: Any, name: str) -> None:
    """Nobody writes their own name so: it may be somebody who passes for her, and is never held against her."""
    assert found(judge(from_and_to(f"{name} <x@elsewhere.example>"), ANA)) == IMITATED
    assert found(judge(from_and_to(f"{name} <x@elsewhere.example>"), ANA, authentication=SIGNED)) == IMITATED


def test_a_name_of_nothing_but_look_alike_letters(judge: Any, directory_of: Any) -> None:
    people = {
        "Ana Silva": {"roles": ["student"]},
        "Eva Pope": {"roles": ["staff"]},
        "Vera Kot": {"roles": ["staff"]},
    }
    directory = directory_of({"domains": ["harbor.example"], "people": people})

    def about(author: str) -> list[str]:
        return found(judge(from_and_to(f"{author} <x@elsewhere.example>"), ANA, directory=directory))

    assert about("Eva \u0420\u043e\u0440\u0435") == [
        "identity/possible-impersonation, possible, Eva Pope: Ana Silva"
    ]
    # A name that is written so in its own alphabet is no disguise.
    assert about("\u0412\u0435\u0440\u0430 \u041a\u043e\u0442") == [
        "identity/suspected-staff, possible, Vera Kot: Ana Silva"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Mari\u0301a Lo\u0301pez",  # combining accents
        "\u200eMaria Lopez\u200f",  # marks of direction, as address books leave them
        "\u202aMaria Lopez\u202c",
        "\ufeffMaria Lopez",
        "\uff2d\uff41\uff52\uff49\uff41 \uff2c\uff4f\uff50\uff45\uff5a",  # wide letters
        "Maria\u00a0Lopez",
    ],
)
def test_what_programs_do_to_a_name_is_no_disguise(judge: Any, name: str) -> None:
    assert found(judge(from_and_to(f"{name} <x@elsewhere.example>"), ANA)) == SUSPECTED


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ("maria.lopez@h\u0430rbor.example", IMITATED),  # Cyrillic а
        ("maria.lopez@xn--hrbor-4ve.example", IMITATED),  # the same as an A-label
        ("maria.lopez@harb\u03bfr.example", IMITATED),  # Greek ο
        ("Maria Lopez <m.lopez@h\u0430rbor.example>", IMITATED),
        ("Maria Lopez <maria.lopez@mail.h\u0430rbor.example>", IMITATED),
        ("Maria Lopez <office@xn--hrbor-4ve.example>", IMITATED),
        ("m\u0430ria.lopez@harbor.example", IMITATED),
        ("m\u0430ria.lopez@gmail.com", IMITATED),  # her account at home
        ("Maria Lopez <m.lopez@gm\u0430il.com>", IMITATED),
        ("Help Desk <helpdesk@h\u0430rbor.example>", PASSED_OFF),
        ("no-reply@xn--hrbor-4ve.example", PASSED_OFF),
        ("Maria <x@mail.h\u0430rbor.example>", PASSED_OFF),
        # A subdomain of the district's is the district's, whatever its letters; another domain is another.
        ("helpdesk@m\u0430il.harbor.example", NOTHING),
        ("helpdesk@h\u00e4fen.example", NOTHING),
        ("Ren\u00e9e <ren\u00e9e@harbor.example>", NOTHING),
        ("helpdesk@harbor.example.elsewhere.example", NOTHING),
        ("helpdesk@xn--\ud7ff.example", NOTHING),
    ],
)
def test_homoglyph_domains(judge: Any, author: str, expected: list[str]) -> None:
    for authentication in (None, SIGNED):
        verdict = judge(from_and_to(author), ANA, authentication=authentication)
        assert found(verdict) == expected
        for finding in verdict.findings:
            assert (finding.severity, finding.marks) == ("notice", ("for-it",))
            assert finding.author.name in finding.explanation
            assert "This is no finding about" in finding.explanation


def test_a_look_alike_domain_accuses_nobody_on_the_staff(judge: Any) -> None:
    (finding,) = judge(from_and_to("helpdesk@h\u0430rbor.example"), ANA, authentication=SIGNED).findings
    assert finding.author.role == "unknown"
    assert "This is no finding about anybody on the staff" in finding.explanation
    assert "vouches for the message, but not for that name" in finding.explanation


def test_a_look_alike_domain_that_writes_to_nobody_here_is_no_finding(judge: Any) -> None:
    assert judge(from_and_to("helpdesk@h\u0430rbor.example", "x@elsewhere.example")).findings == ()


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (
            "Maria Lopez <m.lopez@harbor.example>",
            ["identity/possible-impersonation, likely, Maria Lopez: Ana Silva"],
        ),
        ("Paula Brown <p.brown@harbor.example>", NOTHING),
        ("Maria Lopez <no-reply@harbor.example>", NOTHING),
    ],
)
def test_a_made_up_account_of_the_district(judge: Any, author: str, expected: list[str]) -> None:
    """The district's own server may know accounts that the roster lacks; a forgery has a teacher's name on it."""
    assert found(judge(from_and_to(author), ANA, authentication=FORGED)) == expected
    assert found(judge(from_and_to(author), ANA)) == NOTHING
    assert found(judge(from_and_to(author), ANA, authentication=SIGNED)) == NOTHING


# --- people whom a roster has twice, or in two roles -----------------------------------------------------


NAMESAKES = {
    "domains": ["harbor.example"],
    "people": {
        "Maria Lopez": {"roles": ["staff"], "home": "one@home.example"},
        "MARIA LOPEZ": {"roles": ["staff"], "home": "two@home.example", "school_account": False},
        **{name: {"roles": ["student"]} for name in ("Ana Silva", "Ben Cole", "Cara Dunn", "Dev Patel")},
    },
    "groups": {
        "Biology": {"kind": "class", "leaders": ["Maria Lopez"], "members": ["Ana Silva", "Cara Dunn"]},
        "Physics": {"kind": "class", "leaders": ["MARIA LOPEZ"], "members": ["Ben Cole", "Cara Dunn"]},
    },
}


@pytest.mark.parametrize(
    ("author", "to", "expected"),
    [
        # By name alone neither; who teaches the recipient, and alone does, is the likely one.
        ("Maria Lopez <x@elsewhere.example>", "dev.patel", NOTHING),
        ("Maria Lopez <x@elsewhere.example>", "cara.dunn", NOTHING),
        ("Maria Lopez <x@elsewhere.example>", "ana.silva", ["off-channel/student, likely, Maria Lopez: Ana Silva"]),
        ("Maria Lopez <x@elsewhere.example>", "ben.cole", ["off-channel/student, likely, MARIA LOPEZ: Ben Cole"]),
        ("M. Lopez <x@elsewhere.example>", "dev.patel", NOTHING),
        # An address says which of the two, whatever the name and whoever teaches.
        ("Maria Lopez <one@home.example>", "ben.cole", ["off-channel/student, certain, Maria Lopez: Ben Cole"]),
        ("Maria Lopez <two@home.example>", "ana.silva", ["off-channel/student, certain, MARIA LOPEZ: Ana Silva"]),
    ],
)  # fmt: skip
def test_two_people_of_one_name_in_one_school(
    judge: Any, directory_of: Any, author: str, to: str, expected: list[str]
) -> None:
    to = f"{to}@harbor.example"
    assert found(judge(from_and_to(author, to), to, directory=directory_of(NAMESAKES))) == expected


def test_a_finding_about_one_of_two_namesakes_says_why_it_is_this_one(judge: Any, directory_of: Any) -> None:
    message = from_and_to("Maria Lopez <x@elsewhere.example>", "ben.cole@harbor.example")
    first, *_ = judge(message, directory=directory_of(NAMESAKES)).findings
    assert first.author.person_id == "MARIA LOPEZ"
    assert "as no other staff member of this name does" in first.explanation


@pytest.mark.parametrize(
    ("author", "to", "expected"),
    [
        # Ken Ito works here and is still a student: what he writes is a student's, what he gets is a student's.
        ("ken@ito.example", ANA, NOTHING),
        ("ken.ito@harbor.example", ANA, NOTHING),
        ("Ken Ito <x@elsewhere.example>", ANA, NOTHING),
        (MARIA_AT_HOME, "ken.ito@harbor.example", ["off-channel/student, certain, Maria Lopez: Ken Ito"]),
        (MARIA_AT_HOME, "ken@ito.example", ["off-channel/student, certain, Maria Lopez: Ken Ito"]),
        (MARIA, "ken.ito@harbor.example", NOTHING),
    ],
)
def test_a_person_who_is_student_and_staff(judge: Any, author: str, to: str, expected: list[str]) -> None:
    assert found(judge(from_and_to(author, to), to)) == expected


def test_one_who_is_student_and_staff_is_no_second_adult(judge: Any) -> None:
    verdict = judge(from_and_to(MARIA, "ken.ito@harbor.example"), "ken.ito@harbor.example")
    assert found(verdict, "student/") == ["student/one-to-one, certain, Maria Lopez: Ken Ito"]


# --- groups without members ------------------------------------------------------------------------------


@pytest.fixture
def emptied(directory_of: Any) -> Any:
    """Groups of nobody, of one who has left, and one within the other."""
    return directory_of(
        {
            "domains": ["harbor.example"],
            "people": {
                "Tom Kelly": {"roles": ["staff", "coach"], "home": "tom@kelly.example"},
                "Ana Silva": {"roles": ["student"]},
                "Tim Grad": {"roles": ["student"], "last_day": date(2026, 6, 12)},
            },
            "groups": {
                "Nobody": {"kind": "team", "leaders": ["Tom Kelly"], "list": "nobody@harbor.example"},
                "Alumni": {
                    "kind": "team",
                    "leaders": ["Tom Kelly"],
                    "members": ["Tim Grad", "Not There"],
                    "list": "alumni@harbor.example",
                },
                "Both": {
                    "kind": "club",
                    "leaders": ["Tom Kelly"],
                    "groups": ["Nobody", "Alumni", "Both", "No Such Group"],
                    "list": "both@harbor.example",
                },
            },
        }
    )


@pytest.mark.parametrize(
    "author", ["tom.kelly@harbor.example", "tom@kelly.example", "Tom Kelly <x@elsewhere.example>"]
)
@pytest.mark.parametrize("to", ["nobody", "alumni", "both", "tim.grad"])
def test_groups_without_members(judge: Any, emptied: Any, author: str, to: str) -> None:
    to = f"{to}@harbor.example"
    assert judge(from_and_to(author, to), to, directory=emptied).findings == ()


def test_a_leader_of_empty_groups_who_writes_to_a_student(judge: Any, emptied: Any) -> None:
    verdict = judge(from_and_to("tom.kelly@harbor.example"), ANA, directory=emptied)
    assert found(verdict, "coach/", "group/", "student/") == [
        "student/one-to-one, certain, Tom Kelly: Ana Silva"
    ]


# --- the same from roster files --------------------------------------------------------------------------


ROSTER = {
    "orgs.csv": "sourcedId,status,name,type\nhigh,active,Harbor High School,school\n",
    "users.csv": (
        "sourcedId,status,orgSourcedIds,role,givenName,familyName,email\n"
        "t1,active,high,teacher,Maria,Lopez,maria.lopez@harbor.example\n"
        "t2,active,high,teacher,Maria,Lopez,maria.lopez2@harbor.example\n"
        "t3,active,high,teacher,Tom,Kelly,tom.kelly@harbor.example\n"
        "b1,active,high,student,Ken,Ito,ken.ito@harbor.example\n"
        "b1,active,high,teacher,Ken,Ito,ken.ito@harbor.example\n"
        "s1,active,high,student,Ana,Silva,ana.silva@harbor.example\n"
        "s2,active,high,student,Ana,Silva,ana.silva2@harbor.example\n"
    ),
    "classes.csv": "sourcedId,status,title,schoolSourcedId\nc2,active,Physics,high\n",
    "enrollments.csv": (
        "sourcedId,status,classSourcedId,userSourcedId,role\n"
        "e1,active,c2,t2,teacher\ne2,active,c2,s1,student\n"
    ),
    "groups.csv": "group_id,name,kind,school,address\nnil,Nobody,team,Harbor High School,nil@harbor.example\n",
    "group_members.csv": "group_id,user,role\nnil,t3,coach\n",
    "accounts.csv": "user,address,kind\nt1,one@home.example,personal\nb1,ken@ito.example,personal\n",
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("roster")
    for name, text in ROSTER.items():
        (folder / name).write_text(text, encoding="utf-8")
    found = read_roster(
        folder, ("harbor.example",), now=datetime(2026, 10, 14, tzinfo=UTC), previous=None, max_shrink=1.0
    )
    assert found.directory is not None
    return found.directory


@pytest.mark.parametrize(
    ("author", "to", "expected"),
    [
        ("Maria Lopez <x@elsewhere.example>", ANA, [("off-channel/student", "t2", ["s1"])]),
        ("Maria Lopez <x@elsewhere.example>", "ana.silva2@harbor.example", []),
        ("Maria Lopez <one@home.example>", ANA, [("off-channel/student", "t1", ["s1"])]),
        (
            "Maria Lopez <one@home.example>",
            "ana.silva2@harbor.example",
            [("off-channel/student", "t1", ["s2"])],
        ),
        ("Ken Ito <ken@ito.example>", ANA, []),
        ("Maria Lopez <one@home.example>", "ken.ito@harbor.example", [("off-channel/student", "t1", ["b1"])]),
        (TOM, "nil@harbor.example", []),
    ],
)
def test_a_roster_with_namesakes_two_roles_and_an_empty_group(
    judge: Any, imported: Any, author: str, to: str, expected: list[tuple[str, str, list[str]]]
) -> None:
    verdict = judge(from_and_to(author, to), to, directory=imported)
    assert [
        (finding.rule, finding.author.person_id, [person.person_id for person in finding.people])
        for finding in verdict.findings
        if finding.rule.startswith(("off-channel/", "identity/", "coach/", "group/"))
    ] == expected
