"""Nasty mail, generated: everything that some program somewhere has sent, and worse.

`MESSAGES` are messages that have to go through untouched, by name. They need not end in a line end; whoever
sends one adds what SMTP asks for. `LOOK_ALIKES` hold something that some server could take for the end of data.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

HEAD = b"From: Pat <pat@x.example>\r\nTo: mary@district.example\r\nSubject: nasty\r\n"
MEGABYTE = 2**20


def _deep_mime(levels: int) -> bytes:
    parts = [HEAD]
    for level in range(levels):
        parts.append(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level))
    parts.append(b"\r\nin the middle\r\n")
    parts += [b"--b%d--\r\n" % level for level in reversed(range(levels))]
    return b"".join(parts)


def _part(headers: bytes, body: bytes) -> bytes:
    return HEAD + b"MIME-Version: 1.0\r\n" + headers + b"\r\n" + body


def _headers() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "one empty line", b"\r\n"
    yield "one word", b"word"
    yield "only headers", HEAD
    yield "only headers, no line end", HEAD.rstrip()
    yield "no headers", b"\r\nJust a text\r\n"
    yield "no empty line", HEAD + b"this is no header\r\nnor is this\r\n"
    yield "starts with a continuation", b" folded from nowhere\r\n" + HEAD + b"\r\nx\r\n"
    yield "starts with a tab", b"\tfolded from nowhere\r\n\r\nx\r\n"
    yield "mbox line", b"From pat@x.example Mon Jan  1 00:00:00 2026\r\n" + HEAD + b"\r\nx\r\n"
    yield "colon at the start", b": nothing\r\n:\r\n" + HEAD + b"\r\nx\r\n"
    yield "blanks before the colon", b"Subject \t : odd\r\n\r\nx\r\n"
    yield "NUL in headers", b"Subject: a\0b\r\nX-\0: c\r\n\r\nx\r\n"
    yield (
        "Latin-1 in headers",
        "Subject: Grüße aus Köln\r\nFrom: Zoë <z@x.example>\r\n\r\nx\r\n".encode("latin-1"),
    )
    yield "UTF-8 in headers", "Subject: Grüße 学校 🏫\r\nTo: Ärzte: ;\r\n\r\nx\r\n".encode()
    yield "broken UTF-8 in headers", b"Subject: \xff\xfe\xc3\x28 \xed\xa0\x80\r\n\r\nx\r\n"
    yield "broken encoded words", HEAD + b"Subject: =?utf-8?B?4?= =?no-such?Q?=ZZ?= =?utf-8?q?=?\r\n\r\nx\r\n"
    yield "every field twice", HEAD + HEAD + b"\r\nx\r\n"
    yield (
        "2 MB of header fields",
        HEAD + b"X-Filler: %s\r\n" % (b"y" * 70) * (2 * MEGABYTE // 82) + b"\r\nx\r\n",
    )
    yield (
        "2 MB of one folded field",
        HEAD + b"References:" + b"\r\n <a@b.example>" * (2 * MEGABYTE // 16) + b"\r\n\r\nx",
    )
    yield (
        "10,000 recipients",
        (
            b"From: pat@x.example\r\nTo: "
            + b",\r\n ".join(b"Pupil %d <pupil%d@district.example>" % (n, n) for n in range(10_000))
            + b"\r\nCc: trailing@x.example,\r\n\r\nx\r\n"
        ),
    )
    yield "unbalanced addresses", b'From: "Pat <pat@x.example\r\nTo: <<<<a@@b>>, (((, ;:;\r\n\r\nx\r\n'
    yield (
        "forged headers of ours",
        (
            b"Received: from gateway.district.example ([127.0.0.1])\r\n\tby gateway.district.example; now\r\n"
            b"X-District-Policy: none\r\n" + HEAD + b"\r\nx\r\n"
        ),
    )
    yield "45 hops", b"Received: from a by b; now\r\n" * 45 + HEAD + b"\r\nx\r\n"
    yield "impossible dates", HEAD + b"Date: Fri, 99 Foo 99999 99:99:99 +9999\r\n\r\nx\r\n"


def _bodies() -> Iterator[tuple[str, bytes]]:
    yield "NUL in the body", HEAD + b"\r\na\0b\0\0\r\n\0\r\n"
    yield "every octet", HEAD + b"\r\n" + bytes(range(256)) + b"\r\n"
    yield "commands in the body", HEAD + b"\r\nQUIT\r\nRSET\r\nMAIL FROM:<x@x.example>\r\nDATA\r\n250 ok\r\n"
    yield "no final line end", HEAD + b"\r\nends here"
    yield "many empty lines", HEAD + b"\r\n" * 5000
    yield "blanks at line ends", HEAD + b"\r\na \r\nb\t\r\n \r\n\t\r\n"
    for length in (998, 999, 1000, 1001, 2048, 100_000, MEGABYTE):
        yield f"a line of {length:,}", HEAD + b"\r\n" + b"x" * length + b"\r\nshort\r\n"
    yield "a header line of 100,000", HEAD + b"X-Long: " + b"y" * 100_000 + b"\r\n\r\nx\r\n"
    yield "random octets", HEAD + b"\r\n" + random.Random(2026).randbytes(300_000).replace(b".", b"_")


def _dots() -> Iterator[tuple[str, bytes]]:
    lines = (b".", b"..", b"...", b". ", b".a", b"a.", b"..a", b" .", b".\t.", b"." * 3000)
    yield "dots at every place", HEAD + b"\r\n" + b"\r\n".join(lines) + b"\r\n"
    yield "starts with a dot", b".From: pat@x.example\r\n\r\nx\r\n"
    yield "a dot and NUL", b".\0\r\n" + HEAD + b"\r\n.\0\r\n\0..\0\r\n"
    yield "starts with a line of one dot", b".\r\n" + HEAD + b"\r\nx\r\n"
    yield "is one dot", b"."
    yield "is many lines of one dot", b".\r\n" * 1000
    yield "ends with a line of one dot", HEAD + b"\r\nx\r\n."
    yield "ends with two dots", HEAD + b"\r\nx\r\n.."
    # Lines of every length around the size of a packet, so that CRLF and dot fall on every edge of a chunk.
    yield (
        "dots at the edges of chunks",
        HEAD
        + b"\r\n"
        + b"".join(b"." * (1 + length % 3) + b"x" * length + b"\r\n" for length in range(1400, 1500)),
    )


def _line_ends() -> Iterator[tuple[str, bytes]]:
    yield "bare LF", (HEAD + b"\r\none\r\n\r\ntwo\r\n").replace(b"\r\n", b"\n")
    yield "bare CR", (HEAD + b"\r\none\r\n\r\ntwo").replace(b"\r\n", b"\r")
    yield "bare LF in a CRLF message", HEAD + b"\r\none\ntwo\n\nthree\r\n"
    yield "bare CR in a CRLF message", HEAD + b"\r\none\rtwo\r\rthree\r\n"
    yield "CR CR LF", HEAD + b"\r\none\r\r\ntwo\r\n"
    yield "LF CR", HEAD + b"\r\none\n\rtwo\n\r\r\n x\r\n"
    yield "all of them", HEAD + b"\r\na\rb\nc\r\nd\n\re\r\r\nf\n\n\r\n\r\rg\r\n"
    yield "bare LF before dots", HEAD + b"\r\none\n.two\n..\n...three\n.. \r\n"
    yield "bare CR before dots", HEAD + b"\r\none\r.two\r..three\r\n"
    yield "a bare LF at the end", HEAD + b"\r\none\n"
    yield "bare LF in headers", b"Subject: a\nTo: b@x.example\r\nFrom: c@x.example\n\r\n\nx\r\n"


def _mime() -> Iterator[tuple[str, bytes]]:
    base64_text = base64.encodebytes(random.Random(1).randbytes(60_000)).replace(b"\n", b"\r\n")
    yield "MIME, 400 levels deep", _deep_mime(400)
    yield "a boundary that never comes", _part(b"Content-Type: multipart/mixed; boundary=zz\r\n", b"text\r\n")
    yield "no boundary", _part(b"Content-Type: multipart/mixed\r\n", b"--\r\ntext\r\n----\r\n")
    yield "an unclosed part", _part(b"Content-Type: multipart/mixed; boundary=zz\r\n", b"--zz\r\n\r\ntext")
    yield "an unknown charset", _part(b"Content-Type: text/plain; charset=x-klingon\r\n", b"\xe1\xe2\r\n")
    yield "a wrong charset", _part(b"Content-Type: text/plain; charset=us-ascii\r\n", b"\xff\xfe\xe9\r\n")
    yield "a charset of garbage", _part(b'Content-Type: text/plain; charset="\0\xff\r\n ;"\r\n', b"x\r\n")
    yield "UTF-16", _part(b"Content-Type: text/plain; charset=utf-16\r\n", "school".encode("utf-16"))
    yield "base64", _part(b"Content-Transfer-Encoding: base64\r\n", base64_text)
    yield "broken base64", _part(b"Content-Transfer-Encoding: base64\r\n", b"QUJD*!?\r\nA\r\n====\r\nQQ\r\n")
    yield (
        "broken quoted-printable",
        _part(b"Content-Transfer-Encoding: quoted-printable\r\n", b"=ZZ =\r\n= \r\n=4\r\n"),
    )
    yield "binary", _part(b"Content-Transfer-Encoding: binary\r\n", bytes(range(14, 256)) * 100)
    yield "an unknown encoding", _part(b"Content-Transfer-Encoding: rot13\r\n", b"uryyb\r\n")
    yield "five content types", _part(b"Content-Type: text/plain\r\nContent-Type: a/b\r\n" * 3, b"x\r\n")
    yield (
        "a file name across the world",
        _part(
            b"Content-Disposition: attachment; filename*0*=utf-8''%F0%9F%98; filename*1=../../etc/passwd\r\n",
            b"x\r\n",
        ),
    )


MESSAGES: dict[str, bytes] = {
    name: raw for group in (_headers, _bodies, _dots, _line_ends, _mime) for name, raw in group()
}

# What honest programs send that do not know SMTP's line ends: nothing stuffs the dot that stands alone.
LOOK_ALIKES: dict[str, bytes] = {
    "bare LF throughout, with a dot alone": (HEAD + b"\r\nbody\r\n.\r\nmore\r\n").replace(b"\r\n", b"\n"),
    "bare CR throughout, with a dot alone": (HEAD + b"\r\nbody\r\n.\r\nmore").replace(b"\r\n", b"\r"),
    "a bare CR at the end": HEAD + b"\r\nbody\r",
    "NUL before a dot": HEAD + b"\r\nbody\r\n\0.\r\nmore\r\n",
}
