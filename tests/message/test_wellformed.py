"""What is read without the parser: the same as with it, for nearly all ordinary mail."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message import structure as structure_module
from gateway.message import wellformed
from gateway.message.headers import Buffer
from gateway.message.structure import structure, tolerant_structure
from gateway.message.wellformed import Facts, wellformed_parts

DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=300)


def agreed(raw: bytes) -> bool:
    """Whether it was read without the parser; fails where the two do not say the same."""
    expected = tolerant_structure(raw)
    assert structure(raw) == expected
    answered = wellformed_parts(raw) is not None
    assert not (answered and expected.defects)
    return answered


# --- by hand ---------------------------------------------------------------------------------------


def message(*parts: bytes, field: bytes = b"multipart/mixed; boundary=x", preamble: bytes = b"") -> bytes:
    body = b"".join(b"--x\r\n%b\r\n" % part for part in parts)
    return b"From: a@b\r\nContent-Type: %b\r\n\r\n%b%b--x--\r\n" % (field, preamble, body)


TEXT = b"Content-Type: text/plain\r\n\r\nhello"
INNER = b"Content-Type: multipart/alternative; boundary=%b\r\n\r\n--%b\r\n\r\nhello\r\n--%b--\r\n"


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_the_parts_in_their_order(buffer: type[Buffer]) -> None:
    pdf = b'Content-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\nRA==\r\n'
    attached = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Disposition: attachment\r\n\r\nabc"
    assert wellformed_parts(buffer(message(INNER % (b"y", b"y", b"y"), pdf, attached))) == [
        Facts("multipart/mixed", "", False, 12, False, False),
        Facts("multipart/alternative", "", False, 5, False, False),
        Facts("text/plain", "", False, 5, False),
        Facts("application/pdf", "a.pdf", False, 4, False),
        Facts("message/rfc822", "", False, 3, False),
        Facts("text/plain", "", True, 3, True),
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: x\r\n\r\n",
        b"Subject: x\r\n\r\nhello\r\n",
        b"\r\nhello",
        b"Subject: x\r\n\rContent-Type: image/png\r\n\r\nx",  # the CR is the empty line
        b"Content-Type:\r\n text/html;\r\n\tcharset=utf-8;\r\n\r\n<p>",
        b"stray\r\nContent-Type : image/png\r\n\r\nx",
        message(TEXT),
        message(TEXT).replace(b"\r\n", b"\n"),
        message(TEXT)[:-2],
        message(b"\r\nhello"),
        message(b"\r\n"),
        message(b"\r\n\r\n\r\n"),
        message(TEXT, TEXT, preamble=b"This is MIME.\r\n\r\n"),
        message(TEXT) + b"behind\r\n--x\r\n\r\n--x--\r\n",
        message(TEXT).replace(b"--x\r\n", b"--x \t\r\n").replace(b"--x--", b"--x-- "),
        message(b"\r\n--xy\r\n--x\\\r\n --x\r\n-x"),
        message(INNER % (b"xy", b"xy", b"xy")),
        message(INNER % (b"X", b"X", b"X")),
        message(INNER % (b"y", b"y", b"y") + b"behind\r\n--y\r\n"),
        message(TEXT, field=b'multipart/mixed; a="x;y"; boundary="x "; boundary=y'),
        message(b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhello\r\n"),
        message(b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
        message(b"Content-Transfer-Encoding: Quoted-Printable\r\n\r\n=41=\r\n=zz="),
        message(b"Content-Transfer-Encoding: 8bit\r\n\r\n\xff\0\r\r"),
        message(b"X-Other: \xff\0\r\n\r\nhello"),
        message(b'Content-Disposition: attachment; filename="=?utf-8?Q?J=C3=B6rg?="\r\n\r\nx'),
        message(b"Content-Disposition: ATTACHMENT ; FileName = a b.pdf ; size=1\r\n\r\nx"),
        message(b"Content-Disposition: attachment; filename*=iso-8859-1'de'J%F6rg%27%zz\r\n\r\nx"),
        message(b"Content-Type: a/b; name*=''J%C3%B6rg; name=other\r\n\r\nx"),
        message(b'Content-Disposition: inline; filename=""\r\nContent-Type: a/b; name=c\r\n\r\nx'),
    ],
    ids=lambda raw: repr(raw[-60:]),
)
def test_what_is_well_made(raw: bytes) -> None:
    assert agreed(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: x",
        b"Subject: x\rContent-Type: image/png\r\n\r\nx",
        b"Content-Type: text\r\n\r\nx",
        b"Content-Type: \r\n\r\nx",
        b"Content-Type: text/html\r\nContent-type: text/plain\r\n\r\nx",
        b"Content-Type: a/b; name=J\xc3\xb6rg\r\n\r\nx",
        b'Content-Type: a/b; name="a\r\n\r\nx',
        b'Content-Type: a/b; name="a"b\r\n\r\nx',
        b'Content-Type: a/b; name="a\\"b"\r\n\r\nx',
        b"Content-Type: a/b; name=<a>\r\n\r\nx",
        b'Content-Type: a/b; name="<a>"\r\n\r\nx',
        b'Content-Type: a/b; name="a\\\\b"\r\n\r\nx',
        message(TEXT, field=b'multipart/mixed; boundary="<x>"'),
        b"Content-Type: a/b; name\r\n\r\nx",
        b"Content-Type: a/b; name*0=a; name*1=b\r\n\r\nx",
        b"Content-Type: a/b; name*=a; name*=b\r\n\r\nx",
        b"Content-Type: a/b; name*=utf-8''a; name*=utf-8''b\r\n\r\nx",
        b"Content-Type: a/b; name*=utf-8''%22\r\n\r\nx",
        b"Content-Type: a/b; x*=utf-8''a\r\n\r\nx",
        b"Content-Type: a/b; name=" + b"n" * wellformed.FIELD_LIMIT + b"\r\n\r\nx",
        b"Content-Disposition: filename; filename=a\r\n\r\nx",
        b"Content-Transfer-Encoding: uuencode\r\n\r\nx",
        b"Content-Transfer-Encoding: base64\r\n\r\nQUJ",
        b"Content-Transfer-Encoding: base64\r\n\r\nQU*D",
        b"Content-Transfer-Encoding: base64\r\n\r\nQQ==QQ==",
        b"Content-Transfer-Encoding: base64\r\n\r\nQQ===",
        message(TEXT, field=b"multipart/mixed"),
        message(TEXT, field=b"multipart/mixed").replace(b"--x", b"--"),
        message(TEXT, field=b'multipart/mixed; boundary=" "'),
        message(TEXT, field=b"multipart/mixed; boundary=y"),
        message(TEXT, field=b"multipart/digest; boundary=x"),
        message(TEXT, field=b"multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: base64"),
        message(TEXT, field=b"multipart/mixed; boundary=x\r\nContent-Transfer-Encoding:"),
        message(TEXT)[:-4],
        message(),
        message(TEXT).replace(b"--x\r\n", b"--x\r\n--x\r\n"),
        message(TEXT).replace(b"--x\r\n", b"--x\r"),
        message(TEXT, TEXT).replace(b"\r\n--x", b"\r--x"),
        message(TEXT, TEXT).replace(b"hello\r\n--x\r\n", b"hello\r--x\r\n"),
        message(INNER % (b"x", b"x", b"x")),
        message(INNER % (b"x--", b"x--", b"x--")),
        message((INNER % (b"y", b"y", b"y")).removesuffix(b"--y--\r\n")),
        message(b"hello"),
        message(b"Content-Type: text/html"),
        message(b"Content-Type: text/html\r\nhello\r\n\r\nhello"),
        message(b" folded\r\n\r\nhello"),
        # a boundary line that could be a field
        message(b"X-Other: y", b"\r\nhello", field=b"multipart/mixed; boundary=x:").replace(b"--x", b"--x:"),
        message(b"From me\r\n\r\nhello"),
        message(b"Content-Type : image/png\r\n\r\nhello"),
        message(b"X: a\rContent-Type: image/png\r\n\r\nhello"),
        message(b"X: %b\r\n\r\nhello" % (b"x" * 10_000)),
        message(b"Content-Type: message/rfc822\r\n\r\nhello"),
        message(
            b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nAction: failed\r\n"
        ),
        message(b"Content-Type: message/rfc822\r\n\r\n" * (wellformed.DEPTH_LIMIT + 1) + b"\r\n"),
        message(*[TEXT] * wellformed.PART_LIMIT),
        message(b"\r\n" + b"--xy\r\n" * 3_000),
    ],
    ids=lambda raw: repr(raw[-60:]),
)
def test_what_is_left_to_the_parser(raw: bytes) -> None:
    assert not agreed(raw)


def test_up_to_the_limits() -> None:
    assert agreed(message(*[TEXT] * (wellformed.PART_LIMIT - 1)))
    assert agreed(b"Content-Type: message/rfc822\r\n\r\n" * wellformed.DEPTH_LIMIT + b"\r\n")
    assert wellformed.PART_LIMIT <= structure_module.PART_LIMIT
    assert wellformed.DEPTH_LIMIT <= structure_module.DEPTH_LIMIT
    assert wellformed.FIELD_LIMIT <= structure_module.FIELD_LIMIT


# --- mail of others, and ordinary mail -------------------------------------------------------------


def test_mail_of_others(corpus_mail: dict[str, bytes]) -> None:
    answered = 0
    for raw in corpus_mail.values():
        answered += agreed(raw)
        agreed(b"\r\n".join(raw.splitlines()) + b"\r\n")
    assert answered > len(corpus_mail) // 2  # much of it is there because it is malformed


WORDS = [
    "the",
    "field",
    "trip",
    "form",
    "is",
    "due",
    "on",
    "Friday",
    "—",
    "please",
    "bring",
    "café",
    "=",
    "3+4",
]


def paragraphs(chance: Random) -> str:
    return "\n".join(
        " ".join(chance.choices(WORDS, k=chance.randrange(40))) for _ in range(chance.randrange(30))
    )


def modern(chance: Random) -> bytes:
    """As the newer half of Python's library writes it."""
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = paragraphs(chance)[:60].replace("\n", " ")
    mail.set_content(paragraphs(chance), cte=chance.choice([None, "base64", "quoted-printable"]))
    if chance.random() < 0.7:
        mail.add_alternative(f"<p>{paragraphs(chance)}</p>", subtype="html")
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        name = chance.choice(["schedule.pdf", "Zeitplan für Mai.pdf", "a;b=c.pdf", "notes 2.docx"])
        content = chance.randbytes(chance.randrange(3_000))
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return mail.as_bytes()


def classic(chance: Random) -> bytes:
    """As the older half does, and many programs since."""
    mail = MIMEMultipart(chance.choice(["mixed", "related"]))
    mail.preamble = chance.choice([None, "This is a multi-part message in MIME format."])
    mail.epilogue = chance.choice([None, "", "-- \nlist footer"])
    both = MIMEMultipart("alternative")
    both.attach(MIMEText(paragraphs(chance)))
    both.attach(MIMEText(paragraphs(chance), "html"))
    mail.attach(both)
    if chance.random() < 0.3:
        file = MIMEApplication(chance.randbytes(chance.randrange(3_000)), "pdf")
        file.add_header("Content-Disposition", "attachment", filename="Schedule (new).pdf")
        mail.attach(file)
    if chance.random() < 0.2:
        mail.attach(MIMEMessage(MIMEText(paragraphs(chance))))
    return mail.as_bytes().replace(b"\n", b"\r\n")


@pytest.mark.parametrize("made", [modern, classic])
def test_ordinary_mail_needs_no_parser(made: Callable[[Random], bytes]) -> None:
    chance = Random(7)
    mail = [made(chance) for _ in range(500)]
    assert sum(map(agreed, mail)) > 0.95 * len(mail)


# --- made up ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Leaf:
    header: bytes
    body: bytes


@dataclass(frozen=True)
class Holder:
    kind: bytes  # "message", or the subtype of a multipart
    held: tuple[Tree, ...]
    before: bytes = b""
    behind: bytes = b"\r\n"


Tree = Leaf | Holder

LINES = [
    b"", b"text", b" ", b"--", b"-- ", b"-x", b"=41=", b"QUJD", b"a: b", b"From me", b"caf\xc3\xa9", b"\xff\0",
    b"Content-Type: text/html",
]  # fmt: skip
BOUNDARIES = [
    b"x", b"xy", b"x--", b"x-", b"-", b"x y", b"a:b", b"X", b"----=_Part_1", b"----=_Part_1.2", b"'()+_,./=?",
]  # fmt: skip
TYPES = [
    b"text/plain", b"TEXT/Html; charset=utf-8;", b'image/png; name="a;b=.png"', b"a/b; name=c d.pdf",
    b"a/b;\r\n\tname*=utf-8''J%C3%B6rg", b"text/plain; name==?utf-8?B?SsO2cmc=?=", b'a/b; name=" "',
]  # fmt: skip
DISPOSITIONS = [
    b"inline",
    b"attachment",
    b'Attachment; filename="x.txt"',
    b"attachment;\r\n filename=y; size=1",
]
ENCODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"7bit": bytes,
    b"8BIT": bytes,
    b"binary": bytes,
    b"quoted-printable": quopri.encodestring,
    b"base64": lambda body: base64.encodebytes(body).replace(b"\n", b"\r\n"),
}


@st.composite
def leaves(draw: st.DrawFn) -> Leaf:
    body = b"\r\n".join(draw(st.lists(st.sampled_from(LINES), max_size=5)))
    header = b""
    for name, values in (
        (b"Content-Type", TYPES),
        (b"content-disposition", DISPOSITIONS),
        (b"Content-Transfer-Encoding", list(ENCODINGS)),
        (b"X-Other", [b"<a@b>", b"\xff\r\n folded"]),
    ):
        value = draw(st.none() | st.sampled_from(values))
        if value is not None:
            header += b"%b: %b\r\n" % (name, value)
        if value in ENCODINGS:
            body = ENCODINGS[value](body)
    return Leaf(header, body)


def holders(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(inner, min_size=1, max_size=4).map(tuple)
    before = st.sampled_from([b"", b"\r\n", b"preamble\r\n"])
    behind = st.sampled_from([b"", b"\r\n", b"\r\n\r\n", b" \r\nepilogue\r\n"])
    kinds = st.sampled_from([b"mixed", b"alternative", b"related"])
    return st.builds(Holder, kinds, several, before, behind) | st.builds(
        Holder, st.just(b"message"), inner.map(lambda tree: (tree,))
    )


def written(tree: Tree, boundaries: Sequence[bytes], depth: int = 0) -> tuple[bytes, bytes]:
    """Its header and its body; the multiparts of one depth have the same boundary."""
    if isinstance(tree, Leaf):
        return tree.header, tree.body
    parts = [written(each, boundaries, depth + 1) for each in tree.held]
    if tree.kind == b"message":
        return b"Content-Type: message/rfc822\r\n", b"From: a@b\r\n%b\r\n%b" % parts[0]
    boundary = boundaries[depth % len(boundaries)]
    field = b'Content-Type: multipart/%b;\r\n boundary="%b"\r\n' % (tree.kind, boundary)
    body = b"".join(b"--%b\r\n%b\r\n%b\r\n" % (boundary, *part) for part in parts)
    return field, b"%b%b--%b--%b" % (tree.before, body, boundary, tree.behind)


def whole(tree: Tree, boundaries: Sequence[bytes]) -> bytes:
    return b"From: a@b\r\nSubject: x\r\n%b\r\n%b" % written(tree, boundaries)


TREES: st.SearchStrategy[Tree] = st.recursive(leaves(), holders, max_leaves=8)


@DETERMINISTIC
@given(TREES)
def test_well_made_trees(tree: Tree) -> None:
    # Each boundary is the beginning of those within.
    assert agreed(whole(tree, [b"b" * n for n in range(1, 10)]))


INSERTED = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\r\n ", b" ", b"\t", b"-", b"--", b";", b'"', b"\\", b"=", b":", b"*", b"*0",
    b"<", b">", b"/", b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x85", b"\xff", b"--x", b"--x--",
]  # fmt: skip
PLACES = st.integers(0, 2_000)


def without(raw: bytes, at: int, length: int, _: bytes) -> bytes:
    return raw[:at] + raw[at + length :]


def doubled(raw: bytes, at: int, length: int, _: bytes) -> bytes:
    return raw[: at + length] + raw[at:]


def inserted(raw: bytes, at: int, _: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at:]


def cut(raw: bytes, at: int, _: int, __: bytes) -> bytes:
    return raw[:at]


def line_end_for_another(raw: bytes, at: int, _: int, new: bytes) -> bytes:
    return raw[:at] + raw[at:].replace(b"\r\n", new, 1)


def line_moved(raw: bytes, at: int, length: int, _: bytes) -> bytes:
    lines = raw.splitlines(keepends=True)
    line = lines.pop(at % len(lines)) if lines else b""
    return b"".join([*lines[:length], line, *lines[length:]])


def line_doubled(raw: bytes, at: int, length: int, _: bytes) -> bytes:
    lines = raw.splitlines(keepends=True)
    return b"".join([*lines[:length], lines[at % len(lines)], *lines[length:]]) if lines else raw


def other_line_ends(raw: bytes, _: int, __: int, new: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n" if new.isspace() else b"\r\n")


EDITS = [without, doubled, inserted, cut, line_end_for_another, line_moved, line_doubled, other_line_ends]
CHANGES = st.tuples(st.sampled_from(EDITS), PLACES, st.integers(1, 20), st.sampled_from(INSERTED))


@settings(DETERMINISTIC, max_examples=1_500)
@given(TREES, st.lists(st.sampled_from(BOUNDARIES), min_size=3, max_size=3), st.lists(CHANGES, max_size=4))
def test_trees_with_faults(
    tree: Tree,
    boundaries: list[bytes],
    changes: list[tuple[Callable[[bytes, int, int, bytes], bytes], int, int, bytes]],
) -> None:
    raw = whole(tree, boundaries)
    for change, at, length, new in changes:
        raw = change(raw, at % (len(raw) + 1), length, new)
    agreed(raw)


@settings(DETERMINISTIC, max_examples=500)
@given(
    st.lists(st.sampled_from([*LINES, *INSERTED, *TYPES]) | st.binary(max_size=5)).map(b"".join),
    st.sampled_from(
        [b"Content-Type: ", b"Content-Disposition: attachment;", b"Content-Type: a/b; name=", b""]
    ),
)
def test_any_header(octets: bytes, beginning: bytes) -> None:
    agreed(beginning + octets + b"\r\n\r\nx")
    agreed(message(beginning + octets + b"\r\n\r\nx"))
