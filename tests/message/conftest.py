"""Fixtures of the tests of reading mail."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpus_mail(corpus: Path) -> dict[str, bytes]:
    """Real and malformed mail of others, by file name."""
    folder = corpus / "mail"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.eml"))}


@pytest.fixture
def ordinary() -> bytes:
    """A message such as a school sees a thousand times a day: 15 fields, 4 KB."""
    received = (
        b"Received: from mx%d.mail.example (mx%d.mail.example [192.0.2.%d])\r\n"
        b"\tby gw.school.example with ESMTPS id 4Xq%d\r\n"
        b"\tfor <sam.student@school.example>; Fri, 20 Nov 2026 10:00:0%d -0500\r\n"
    )
    header = b"".join(received % (n, n, n, n, n) for n in range(1, 4)) + (
        b"MIME-Version: 1.0\r\n"
        b"From: Joan Doe <joan.doe@mail.example>\r\n"
        b"Date: Fri, 20 Nov 2026 10:00:00 -0500\r\n"
        b"Message-ID: <CAF3x=abc123@mail.example>\r\n"
        b"In-Reply-To: <CAF3x=2@mail.example>\r\n"
        b"References: <CAF3x=1@mail.example>\r\n <CAF3x=2@mail.example>\r\n"
        b"Subject: Re: =?utf-8?Q?Practice_on_Friday_=E2=80=93_bring_water?=\r\n"
        b'To: Sam Student <sam.student@school.example>, "Roe, Jane" <jane.roe@school.example>\r\n'
        b"Cc: coach@school.example\r\n"
        b'Content-Type: multipart/alternative; boundary="0001"\r\n'
        b"X-Mailer: Example 1.0\r\n"
        b"Return-Path: <joan.doe@mail.example>\r\n"
        b"\r\n"
    )
    return header + b"See you on the field at half past three, as always.\r\n" * 50
