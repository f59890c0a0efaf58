"""Mailboxes in quoted history: what mail programs write, and what is no quotation."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message.quotes import BODY_LIMIT, QUOTED_LIMIT, Part, quoted_mailboxes

MARIA = "maria.lopez@harbor.example"
ROSA = "rosa@silva.example"

ATTRIBUTION = f"On Wed, Oct 14, 2026 at 3:14 PM Maria Lopez <{MARIA}> wrote:"
HEADER = (
    f"From: Maria Lopez <{MARIA}>\nSent: Wednesday, October 14, 2026 3:14 PM\n"
    f"To: Rosa Silva <{ROSA}>\nSubject: Biology\n"
)


def found(body: str, head: str = "") -> list[tuple[str, str]]:
    raw = f"From: x@elsewhere.example\n{head}\n{body}".replace("\n", "\r\n").encode()
    return [(quoted.address, quoted.part.value) for quoted in quoted_mailboxes(raw)]


WRITER = (MARIA, "writer")
ADDRESSEE = (ROSA, "addressee")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"Thanks!\n\n{ATTRIBUTION}\n> Hello\n", [WRITER]),
        (f"Thanks!\n\n> {ATTRIBUTION}\n>> Hello\n", [WRITER]),
        (f"On Wed, Oct 14, 2026 at 3:14 PM Maria Lopez\n<{MARIA}> wrote:\n> Hi\n", [WRITER]),
        (f"On Wed, Oct 14, 2026 at 3:14 PM Maria Lopez <\n{MARIA}> wrote:\n", [WRITER]),
        (f"El mié, 14 oct 2026 a las 15:14, Maria Lopez (<{MARIA}>) escribió:\n", [WRITER]),
        (f"Em qua., 14 de out. de 2026 às 15:14, Maria Lopez <{MARIA}> escreveu:\n", [WRITER]),
        (f"Le mer. 14 oct. 2026 à 15:14, Maria Lopez <{MARIA}> a écrit :\n", [WRITER]),
        (f"Am Mi., 14. Okt. 2026 um 15:14 Uhr schrieb Maria Lopez <{MARIA}>:\n", [WRITER]),
        (f"Maria Lopez <{MARIA}> writes:\n", [WRITER]),
        (f"-----Original Message-----\n{HEADER}\nHello", [WRITER, ADDRESSEE]),
        (f"---------- Forwarded message ---------\n{HEADER}\nHello", [WRITER, ADDRESSEE]),
        ("> " + HEADER.replace("\n", "\n> "), [WRITER, ADDRESSEE]),
        (HEADER.replace("From:", "*From:*").replace("To:", "*To:*"), [WRITER, ADDRESSEE]),
        (
            f"De: Maria Lopez <{MARIA}>\nEnviado: miércoles\nPara: Rosa <{ROSA}>\nAsunto: x\n",
            [WRITER, ADDRESSEE],
        ),
        (
            f"De : Maria Lopez <{MARIA}>\nEnvoyé : mercredi\nÀ : Rosa <{ROSA}>\nObjet : x\n",
            [WRITER, ADDRESSEE],
        ),
        (
            f"From: {ROSA}\nDate: today\nTo: a@b.example; Maria Lopez <{MARIA}>\n",
            [(ROSA, "writer"), ("a@b.example", "addressee"), (MARIA, "addressee")],
        ),
    ],
)
def test_quotations(body: str, expected: list[tuple[str, str]]) -> None:
    assert found(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Hello",
        f"Write to {MARIA} about it.",
        f"--\nMaria Lopez\nE-mail: {MARIA}\nPhone: 555\n",
        f"To: {MARIA}\n",
        f"From: {MARIA}\n",
        f"From: {MARIA}\n" + "text\n" * 30 + f"To: {ROSA}\nSubject: x\n",
        f"{MARIA}\n\nwhich is what I wrote:\n",
        "On Monday Maria Lopez wrote:\n",
        "wrote:\n",
    ],
)
def test_no_quotations(body: str) -> None:
    assert found(body) == []


HTML = (
    "<html><head><style>p {}</style></head><body><p>Thanks!</p>"
    f'<div class="q">On Wed, Maria Lopez &lt;<a href="mailto:{MARIA}">{MARIA}</a>&gt; wrote:<br></div>'
    f"<blockquote><b>From:</b> Maria Lopez &lt;{MARIA}&gt;<br><b>Sent:</b> today<br><b>To:</b> Rosa &lt;{ROSA}&gt;<br>"
    "</blockquote></body></html>"
)


def test_html() -> None:
    assert found(HTML, "Content-Type: text/html; charset=utf-8\n") == [WRITER, ADDRESSEE]


@pytest.mark.parametrize("subtype", ["plain", "html"])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_encodings(subtype: str, encoding: str) -> None:
    text = (HTML if subtype == "html" else f"Thanks!\n\n{ATTRIBUTION}\n{HEADER}").encode()
    coded = base64.encodebytes(text) if encoding == "base64" else quopri.encodestring(text)
    head = f"Content-Type: text/{subtype}\nContent-Transfer-Encoding: {encoding}\n"
    assert found(coded.decode(), head) == [WRITER, ADDRESSEE]


def test_parts() -> None:
    """An outlook-like line of hyphens is no boundary, and an attached picture is not read."""
    coded = base64.encodebytes(f"-----Original Message-----\n{HEADER}".encode()).decode()
    body = (
        'preamble\n--outer\nContent-Type: multipart/alternative;\n boundary="in+ner"\n\n'
        f"--in+ner\nContent-Type: text/plain\n\nHi\n-----Original Message-----\n{HEADER}\n"
        f"--in+ner\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\n{coded}\n--in+ner--\n"
        f"--outer\nContent-Type: image/png\n\nOn Wed, Pat Kim <pat@kim.example> wrote:\n--outer--\n"
    )
    assert found(body, "Content-Type: multipart/mixed; boundary=outer\n") == [WRITER, ADDRESSEE]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "Subject: x\n", "X: y\n content-type: text/plain\n" * 20_000])
def test_the_type_may_stand_anywhere_in_the_header(end: str, before: str) -> None:
    head = f'{before}MIME-Version: 1.0\nContent-Type: multipart/mixed;\n\tboundary="b"\nTo: x\n'
    body = f"--b\nContent-Type: text/plain\n\n{ATTRIBUTION}\n--b--\n"
    raw = f"{head}\n{body}".replace("\n", end)
    assert [(quoted.address, quoted.part.value) for quoted in quoted_mailboxes(raw.encode())] == [WRITER]


def test_a_part_without_header() -> None:
    body = f"--b\n\n{ATTRIBUTION}\n--b--\n"
    assert found(body, "Content-Type: multipart/mixed; boundary=b\n") == [WRITER]


def test_a_multipart_without_boundary_is_read_as_nothing() -> None:
    assert found(ATTRIBUTION, "Content-Type: multipart/mixed\n") == []


def test_bounds() -> None:
    many = "".join(f"On Monday A <a{number}@b.example> wrote:\n" for number in range(1000))
    assert len(found(many)) == QUOTED_LIMIT
    assert found("x" * BODY_LIMIT + f"\n{ATTRIBUTION}\n") == []


LENGTH = 400_000
PATTERNS = [
    "<", ">", "a@", "From: a@b\n", "wrote:\n", "\n", "On a@b wrote:\n", "--b\n", "<br", "&lt;", "To: <a@b>,", ":",
    "From:", "=\n", "a" * 63 + "@", "boundary=x ", "> ", "a wrote: ",
]  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("pattern", PATTERNS, ids=repr)
@pytest.mark.parametrize(
    "head",
    [
        b"\r\n",
        b"Content-Type: text/html\r\n\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
    ],
)
def test_hostile_bodies_are_read_in_linear_time(head: bytes, pattern: str) -> None:
    """Milliseconds, or hours if anything is quadratic: the time-out is for the latter."""
    assert len(quoted_mailboxes(head + pattern.encode() * (LENGTH // len(pattern)))) <= QUOTED_LIMIT


PIECES = st.sampled_from(
    [
        "From: ",
        "To: ",
        "wrote:",
        "\r\n",
        "\n",
        "> ",
        MARIA,
        "<",
        ">",
        "--b",
        "Content-Type: text/html",
        "=",
        "\x00",
        "é",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PIECES | st.text(max_size=5), max_size=40), st.sampled_from(["", "base64", "quoted-printable"])
)
def test_never_raises(pieces: list[str], encoding: str) -> None:
    body = "".join(pieces).encode("utf-8", "surrogatepass")
    for kind in (b"text/plain", b"text/html", b"multipart/mixed; boundary=b", b"x"):
        head = b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"
        assert all(isinstance(quoted.part, Part) for quoted in quoted_mailboxes(head + body))


@given(st.binary(max_size=300))
def test_never_raises_for_any_octets(raw: bytes) -> None:
    quoted_mailboxes(raw)
