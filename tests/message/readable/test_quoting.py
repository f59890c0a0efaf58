"""What the author wrote, and what is quoted: mail as the usual programs write it."""

from __future__ import annotations

import pytest

from gateway.message.readable import readable
from tests.message.readable.letters import letter

GMAIL = """See you at six.

On Wed, Oct 14, 2026 at 3:14 PM Maria Lopez <maria.lopez@school.example> wrote:

> When is practice?
>
> Maria
"""
GMAIL_WRAPPED = """See you at six.

On Wed, Oct 14, 2026 at 3:14 PM Maria Lopez <
maria.lopez@school.example> wrote:

> When is practice?
"""
SPANISH = """A las seis.

El mié, 14 oct 2026 a las 15:14, Maria Lopez (<maria@school.example>)
escribió:

> ¿Cuándo?
"""
UNMARKED = """See you at six.

On Wed, Oct 14, 2026 at 3:14 PM Maria Lopez <maria.lopez@school.example> wrote:

When is practice?
"""
OUTLOOK = """See you at six.

________________________________
From: Maria Lopez <maria.lopez@school.example>
Sent: Wednesday, October 14, 2026 3:14 PM
To: Rosa Silva <rosa@silva.example>
Subject: Practice

When is practice?
"""
OUTLOOK_GERMAN = """Um sechs.

Von: Maria Lopez <maria.lopez@school.example>
Gesendet: Mittwoch, 14. Oktober 2026 15:14
An: Rosa Silva <rosa@silva.example>
Betreff: Training

Wann ist Training?
"""
ORIGINAL = """See you at six.

-----Original Message-----
From: Maria
When is practice?
"""
FORWARDED = """See below.

---------- Forwarded message ---------
From: Maria Lopez <maria@school.example>
Date: Wed, Oct 14, 2026

When is practice?
"""
APPLE_FORWARD = """See below.

Begin forwarded message:

> From: Maria
> When is practice?
"""
INTERLEAVED = """On Wed, Oct 14, 2026 at 3:14 PM Maria <m@x.example> wrote:
> When is practice?

At six.

> Where?

On the field.
"""
SIGNATURE = """See you at six.

--\x20
Joan Doe
Coach
"""
PHONE = """See you at six.

Sent from my iPhone
"""


@pytest.mark.parametrize(
    ("text", "body"),
    [
        (GMAIL, "See you at six."),
        (GMAIL_WRAPPED, "See you at six."),
        (SPANISH, "A las seis."),
        (UNMARKED, "See you at six."),
        (OUTLOOK, "See you at six."),
        (OUTLOOK_GERMAN, "Um sechs."),
        (ORIGINAL, "See you at six."),
        (FORWARDED, "See below."),
        (APPLE_FORWARD, "See below."),
        (INTERLEAVED, "At six.\n\n\nOn the field."),
        (SIGNATURE, "See you at six."),
        (PHONE, "See you at six."),
    ],
)
def test_new_text(text: str, body: str) -> None:
    message = readable(letter(text))
    assert message.body == body
    kept = sorted((message.body + "\n" + message.quoted).split())
    assert kept == sorted(text.split())
    assert message.text.split() == text.split()


@pytest.mark.parametrize(
    "text",
    [
        "She wrote:\nI like practice.",
        "From: the desk of the principal\nWe are open.",
        "To: all\nplease come",
        "Bring this:\n- water\n- shoes\n-- and a ball",
        ">From now on we start at six.",
        "Our plan -- as written -- stands.",
        "--\n" + "\n".join(f"Rule {number} of many" for number in range(30)),
        "Original message: none",
        "On Friday we play:\nthe Tigers",
        "On Friday at 3:00 she wrote:\nI will not come",
        "The trip:\nFrom: Boston\nTo: New York\nDate: May 5\nBring lunch.",
    ],
)
def test_the_author_s_own_words_stay(text: str) -> None:
    message = readable(letter(text))
    assert message.quoted == ""
    assert message.body.split() == text.split()


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote"><div class="gmail_attr">On Wed Maria wrote:</div><blockquote>Old</blockquote></div>',
        '<div class="gmail_quote gmail_quote_container"><blockquote class="gmail_quote">Old</blockquote></div>',
        '<blockquote type="cite"><div>Old</div></blockquote>',
        '<div class="moz-cite-prefix">On 14.10.26 Maria wrote:</div><blockquote type="cite"><p>Old</blockquote>',
        '<div id="divRplyFwdMsg"><b>From:</b> Maria</div><div>Old</div>',
        '<hr><div id="x_divRplyFwdMsg">From: Maria</div><div>Old</div>',
        '<div id="appendonsend"></div><hr><div>Old</div>',
        '<div class="yahoo_quoted"><p>Old</p></div>',
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3pt">From: Maria</div><p>Old</p>',
        "<p><b>From:</b> Maria &lt;m@x.example&gt;<br><b>Sent:</b> Friday<br><b>To:</b> Joan<br></p><p>Old</p>",
        '<div class="gmail_signature">Old</div>',
    ],
)
def test_quotes_in_html(quote: str) -> None:
    message = readable(letter(f"<html><body><div>New words</div>{quote}</body></html>", "text/html"))
    assert message.body == "New words"
    assert message.quoted.endswith("Old")


def test_indented_text_is_no_quote() -> None:
    message = readable(letter("<p>The poem:</p><blockquote>Roses are red</blockquote>", "text/html"))
    assert message.body.split() == ["The", "poem:", "Roses", "are", "red"]


def test_what_a_program_marks_as_quoted_though_its_user_wrote_it() -> None:
    message = readable(letter('<div class="gmail_quote">I am curious.</div>', "text/html"))
    assert message.body == "I am curious."
