"""Which messages say the same, in pairs that a records officer can check: what is joined, and what never is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.snapshot import Directory
from gateway.indexer.document import Facts, document
from gateway.indexer.sameness import FEWEST_WORDS, MOST_LAYERS, Same, same
from gateway.message.envelope import Client, Envelope
from gateway.message.readable.quoting import forwarded, says_forward
from gateway.message.readable.reader import readable
from gateway.search.document import Document
from gateway.search.engine import Collapse, Sort, Wanted
from gateway.search.query.tree import And
from gateway.search.tantivy import TantivySearcher, TantivyWriter

MARIA, ROSA, TIM = (
    "Maria Lopez <maria@harbor.example>",
    "Rosa Silva <rosa@silva.example>",
    "tim@harbor.example",
)
TEXT = """Dear parents,

the third grade goes to the aquarium on Friday. Please send a lunch box and
the signed permission slip; it's $5.00 for the bus.

Maria Lopez"""
PAGE = """<p>Dear parents,</p><p>the third grade goes to the <b>aquarium</b> on Friday. Please send a lunch box and the
signed permission slip; it&#8217;s $5.00 for the bus.</p><p>Maria Lopez</p>"""
NOON = datetime(2026, 10, 14, 16, tzinfo=UTC)
FLYER, OTHER_FLYER = b"%PDF-1.7 one", b"%PDF-1.7 two"


def letter(
    text: str = TEXT,
    subject: str = "Aquarium trip",
    *,
    author: str = MARIA,
    to: str = ROSA,
    html: str = "",
    id: str = "",
    file: bytes = b"",
    picture: bytes = b"",
) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = author, to, subject
    if id:
        message["Message-ID"] = f"<{id}@harbor.example>"
    if html:
        message.set_content(f"<html><body>{html}</body></html>", subtype="html")
    else:
        message.set_content(text + "\n")
    if picture:
        message.add_related(picture, "image", "png", cid="<one>")
    if file:
        message.add_attachment(file, maintype="application", subtype="pdf", filename="flyer.pdf")
    return message


def keys(message: EmailMessage, content_id: str = "") -> Same:
    return same(readable(message.as_bytes()), content_id)


ORIGINAL, IN_HTML = letter(), letter(html=PAGE)

# --- how programs forward ----------------------------------------------------------------------------------

GMAIL = """{comment}---------- Forwarded message ---------
From: Maria Lopez <maria@harbor.example>
Date: Wed, Oct 14, 2026 at 3:14 PM
Subject: Aquarium trip
To: Rosa Silva <rosa@silva.example>, Ann Lee <ann@lee.example>,
Pat Kim <pat@kim.example>
Cc: Tim Kay <tim@harbor.example>


{text}"""
GMAIL_GERMAN = """{comment}---------- Forwarded message ---------
Von: Maria Lopez <maria@harbor.example>
Date: Mi., 14. Okt. 2026 um 15:14 Uhr
Subject: Aquarium trip
To: Rosa Silva <rosa@silva.example>


{text}"""
GMAIL_SPANISH = GMAIL_GERMAN.replace("Von:", "De:")
OUTLOOK = """{comment}________________________________
From: Lopez, Maria <maria@harbor.example>
Sent: Wednesday, October 14, 2026 3:14 PM
To: Rosa Silva <rosa@silva.example>
Subject: Aquarium trip

{text}"""
OUTLOOK_OLD = """{comment}-----Original Message-----
From: Lopez, Maria
Sent: Wednesday, October 14, 2026 3:14 PM
To: Rosa Silva
Subject: Aquarium trip
Importance: High

{text}"""
OUTLOOK_GERMAN = """{comment}Von: Maria Lopez <maria@harbor.example>
Gesendet: Mittwoch, 14. Oktober 2026 15:14
An: Rosa Silva <rosa@silva.example>
Betreff: Aquarium trip

{text}"""
OUTLOOK_SPANISH = """{comment}De: Maria Lopez <maria@harbor.example>
Enviado el: miércoles, 14 de octubre de 2026 15:14
Para: Rosa Silva <rosa@silva.example>
Asunto: Aquarium trip

{text}"""
OUTLOOK_PORTUGUESE = """{comment}De: Maria Lopez <maria@harbor.example>
Enviada em: quarta-feira, 14 de outubro de 2026 15:14
Para: Rosa Silva <rosa@silva.example>
Assunto: Aquarium trip

{text}"""
APPLE = """{comment}Begin forwarded message:

> From: Maria Lopez <maria@harbor.example>
> Subject: Aquarium trip
> Date: October 14, 2026 at 3:14:15 PM EDT
> To: Rosa Silva <rosa@silva.example>
>
{quoted}"""
APPLE_GERMAN = """{comment}Anfang der weitergeleiteten Nachricht:

> Von: Maria Lopez <maria@harbor.example>
> Betreff: Aquarium trip
> Datum: 14. Oktober 2026 um 15:14:15 MESZ
> An: Rosa Silva <rosa@silva.example>
>
{quoted}"""
APPLE_SPANISH = """{comment}Inicio del mensaje reenviado:

> De: Maria Lopez <maria@harbor.example>
> Asunto: Aquarium trip
> Fecha: 14 de octubre de 2026, 15:14:15 EDT
> Para: Rosa Silva <rosa@silva.example>
>
{quoted}"""
APPLE_PORTUGUESE = """{comment}Início da mensagem encaminhada:

> De: Maria Lopez <maria@harbor.example>
> Assunto: Aquarium trip
> Data: 14 de outubro de 2026 15:14:15 EDT
> Para: Rosa Silva <rosa@silva.example>
>
{quoted}"""
THUNDERBIRD = """{comment}-------- Forwarded Message --------
Subject: \tAquarium trip
Date: \tWed, 14 Oct 2026 15:14:15 -0400
From: \tMaria Lopez <maria@harbor.example>
To: \tRosa Silva <rosa@silva.example>



{text}"""
THUNDERBIRD_GERMAN = """{comment}-------- Weitergeleitete Nachricht --------
Betreff: \tAquarium trip
Datum: \tWed, 14 Oct 2026 15:14:15 -0400
Von: \tMaria Lopez <maria@harbor.example>
An: \tRosa Silva <rosa@silva.example>



{text}"""
THUNDERBIRD_SPANISH = """{comment}-------- Mensaje reenviado --------
Asunto: \tAquarium trip
Fecha: \tWed, 14 Oct 2026 15:14:15 -0400
De: \tMaria Lopez <maria@harbor.example>
Para: \tRosa Silva <rosa@silva.example>



{text}"""
THUNDERBIRD_PORTUGUESE = """{comment}-------- Mensagem encaminhada --------
Assunto: \tAquarium trip
Data: \tWed, 14 Oct 2026 15:14:15 -0400
De: \tMaria Lopez <maria@harbor.example>
Para: \tRosa Silva <rosa@silva.example>



{text}"""
PLAIN = {
    "gmail": ("Fwd: Aquarium trip", GMAIL),
    "gmail, German": ("Fwd: Aquarium trip", GMAIL_GERMAN),
    "gmail, Spanish": ("Fwd: Aquarium trip", GMAIL_SPANISH),
    "outlook": ("FW: Aquarium trip", OUTLOOK),
    "outlook, in a list": ("[staff] FW: Aquarium trip", OUTLOOK),
    "outlook, old": ("FW: Aquarium trip", OUTLOOK_OLD),
    "outlook, German": ("WG: Aquarium trip", OUTLOOK_GERMAN),
    "outlook, Spanish": ("RV: Aquarium trip", OUTLOOK_SPANISH),
    "outlook, Portuguese": ("ENC: Aquarium trip", OUTLOOK_PORTUGUESE),
    "apple": ("Fwd: Aquarium trip", APPLE),
    "apple, German": ("Fwd: Aquarium trip", APPLE_GERMAN),
    "apple, Spanish": ("Fwd: Aquarium trip", APPLE_SPANISH),
    "apple, Portuguese": ("Fwd: Aquarium trip", APPLE_PORTUGUESE),
    "thunderbird": ("Fwd: Aquarium trip", THUNDERBIRD),
    "thunderbird, German": ("Fwd: Aquarium trip", THUNDERBIRD_GERMAN),
    "thunderbird, Spanish": ("Fwd: Aquarium trip", THUNDERBIRD_SPANISH),
    "thunderbird, Portuguese": ("Fwd: Aquarium trip", THUNDERBIRD_PORTUGUESE),
}


def quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def forward(how: str, comment: str = "", text: str = TEXT, author: str = ROSA, **more: bytes) -> EmailMessage:
    """A forward as a program makes it."""
    subject, form = PLAIN[how]
    comment = f"{comment}\n\n" if comment else ""
    body = form.format(comment=comment, text=text, quoted=quoted(text))
    return letter(body, subject, author=author, to=TIM, **more)


GMAIL_PAGE = """{comment}<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- Forwarded message
---------<br>From: <b class="gmail_sendername" dir="auto">Maria Lopez</b> <span dir="auto">&lt;<a
href="mailto:maria@harbor.example">maria@harbor.example</a>&gt;</span><br>Date: Wed, Oct 14, 2026 at 3:14 PM<br>Subject:
Aquarium trip<br>To: Rosa Silva &lt;<a href="mailto:rosa@silva.example">rosa@silva.example</a>&gt;<br></div><br><br>
{page}</div>"""
OUTLOOK_PAGE = """<div class="WordSection1"><p class="MsoNormal">{comment}</p><div><div
style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal">
<b>From:</b> Maria Lopez &lt;maria@harbor.example&gt;<br><b>Sent:</b> Wednesday,
October 14, 2026 3:14 PM<br><b>To:</b> Rosa Silva &lt;rosa@silva.example&gt;<br><b>Subject:</b> Aquarium
trip<o:p></o:p></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p>{page}</div>"""
NEW_OUTLOOK_PAGE = """<div>{comment}</div><div id="appendonsend"></div><hr style="width:98%"><div id="divRplyFwdMsg"
dir="ltr"><font face="Calibri"><b>From:</b> Maria Lopez &lt;maria@harbor.example&gt;<br><b>Sent:</b> Wednesday, October
14, 2026 3:14 PM<br><b>To:</b> Rosa Silva &lt;rosa@silva.example&gt;<br><b>Subject:</b> Aquarium trip</font>
<div>&nbsp;</div></div>{page}"""
APPLE_PAGE = """{comment}<br><div><br><blockquote type="cite"><div>Begin forwarded message:</div><br>
<div><span><b>From: </b></span><span>Maria Lopez &lt;<a
href="mailto:maria@harbor.example">maria@harbor.example</a>&gt;<br></span></div>
<div><span><b>Subject: </b></span><span><b>Aquarium trip</b><br></span></div>
<div><span><b>Date: </b></span><span>October 14, 2026 at 3:14:15 PM EDT<br></span></div>
<div><span><b>To: </b></span><span>Rosa Silva &lt;rosa@silva.example&gt;<br></span></div>
<br><div>{page}</div></blockquote></div>"""
THUNDERBIRD_PAGE = """<p>{comment}</p><div class="moz-forward-container"><br><br>-------- Forwarded Message --------
<table class="moz-email-headers-table"><tbody><tr><th align="RIGHT">Subject: </th><td>Aquarium trip</td></tr>
<tr><th>Date: </th><td>Wed, 14 Oct 2026 15:14:15 -0400</td></tr><tr><th>From: </th><td>Maria Lopez
<a class="moz-txt-link-rfc2396E" href="mailto:maria@harbor.example">&lt;maria@harbor.example&gt;</a></td></tr>
<tr><th>To: </th><td>Rosa Silva &lt;rosa@silva.example&gt;</td></tr></tbody></table><br><br>{page}</div>"""
PAGES = {
    "gmail": ("Fwd: Aquarium trip", GMAIL_PAGE),
    "outlook": ("FW: Aquarium trip", OUTLOOK_PAGE),
    "outlook, new": ("Fw: Aquarium trip", NEW_OUTLOOK_PAGE),
    "apple": ("Fwd: Aquarium trip", APPLE_PAGE),
    "thunderbird": ("Fwd: Aquarium trip", THUNDERBIRD_PAGE),
}


def attached(inner: EmailMessage, comment: str = "", subject: str = "Fwd: Aquarium trip") -> EmailMessage:
    message = letter(comment, subject, author=ROSA, to=TIM)
    message.add_attachment(inner)
    return message


@pytest.mark.parametrize("how", PLAIN)
def test_a_forward_in_plain_text(how: str) -> None:
    whole, commented = keys(forward(how)), keys(forward(how, "Can you believe this?"))
    assert whole == keys(ORIGINAL)
    assert commented.origin == whole.origin
    assert commented.text != whole.text  # what Rosa says is not lost


@pytest.mark.parametrize("how", PAGES)
def test_a_forward_in_html(how: str) -> None:
    subject, form = PAGES[how]
    whole = keys(letter("", subject, author=ROSA, html=form.format(comment="", page=PAGE)))
    commented = keys(letter("", subject, author=ROSA, html=form.format(comment="Can you?", page=PAGE)))
    assert whole == keys(IN_HTML)
    assert commented.origin == whole.origin
    assert commented.text != whole.text


@pytest.mark.parametrize("how", PLAIN)
def test_different_words_in_a_forward(how: str) -> None:
    changed = keys(forward(how, text=TEXT.replace("$5.00", "$50.00")))
    assert changed.text and changed.text != keys(ORIGINAL).text
    assert changed.origin != keys(ORIGINAL).origin


# --- what says the same ------------------------------------------------------------------------------------

SIGNED = f"{TEXT}\n\n-- \nMaria Lopez\nGrade 3, Harbor School"
IN_A_THREAD = (
    "Yes, he may go with them.\n\nOn Wed, Oct 14, 2026 at 3:14 PM Maria Lopez <m@x.example> wrote:\n> Tim?"
)
LINKED = PAGE + '<p><a href="https://forms.example/1">Sign up</a></p>'
SAFE = LINKED.replace(
    "https://forms.example/1",
    "https://nam02.safelinks.protection.outlook.com/?url=https%3A%2F%2Fforms.example%2F1&amp;data=05",
)

SAME_TEXT: dict[str, tuple[EmailMessage, EmailMessage]] = {
    "sent again with another Message-ID": (letter(id="a"), letter(id="b")),
    "to somebody else": (ORIGINAL, letter(to=TIM)),
    "by somebody else": (ORIGINAL, letter(author=ROSA)),
    "other lines": (ORIGINAL, letter(" ".join(TEXT.split()))),
    "case and punctuation": (ORIGINAL, letter(TEXT.upper().replace(",", " -").replace(".\n", "!\n"))),
    "quote marks": (ORIGINAL, letter(TEXT.replace("'", "’"))),
    "Re: before the subject": (ORIGINAL, letter(subject="RE: Aquarium Trip!")),
    "plain and HTML": (ORIGINAL, IN_HTML),
    "from a telephone": (ORIGINAL, letter(f"{TEXT}\n\nSent from my iPhone")),
    "the same file": (letter(file=FLYER), letter(file=FLYER, id="b")),
    "forwarded with its file": (letter(file=FLYER), forward("gmail", file=FLYER)),
    "forwarded with its picture": (letter(html=PAGE, picture=FLYER), letter(
        "", "Fwd: Aquarium trip", html=GMAIL_PAGE.format(comment="", page=PAGE), picture=FLYER)),
    "forwarded as an attachment": (ORIGINAL, attached(ORIGINAL)),
    "forwarded as an attachment twice": (ORIGINAL, attached(attached(ORIGINAL), subject="Fwd: Fwd: Aquarium trip")),
    "a forward of a forward": (ORIGINAL, letter(
        GMAIL.replace("Subject: A", "Subject: FW: A").format(comment="", text=forward("outlook").get_content()),
        "Fwd: FW: Aquarium trip")),
    "forwarded with its signature": (letter(SIGNED), forward("gmail", text=SIGNED)),
    "with the signature of who forwards below": (
        letter(SIGNED), forward("gmail", text=f"{SIGNED}\n\n-- \nRosa Silva\nPTO")),
    "with the signature of who forwards above": (ORIGINAL, forward("outlook", "-- \nRosa Silva\nPTO")),
    "forwarded from a telephone": (ORIGINAL, forward("apple", "Sent from my iPhone")),
    "forwarded from a telephone in Spanish": (ORIGINAL, forward("outlook, Spanish", "Enviado desde mi iPhone")),
    "an answer with what it answers": (
        letter(IN_A_THREAD, "Re: Aquarium trip"),
        letter(OUTLOOK.replace("Subject: ", "Subject: RE: ").format(comment="", text=IN_A_THREAD),
               "FW: Aquarium trip", author=ROSA)),
    "a link behind a filter": (letter(html=LINKED), letter(html=SAFE)),
    "forwarded with its link": (letter(html=LINKED), letter(
        "", "Fwd: Aquarium trip", html=GMAIL_PAGE.format(comment="", page=LINKED))),
}  # fmt: skip


@pytest.mark.parametrize("pair", SAME_TEXT)
def test_says_the_same(pair: str) -> None:
    one, other = map(keys, SAME_TEXT[pair])
    assert one.text
    assert one == other


# --- what does not -----------------------------------------------------------------------------------------

GLUED = OUTLOOK.replace("\n\n", "\n").replace("{comment}", "")
OTHER_TEXT: dict[str, tuple[EmailMessage, EmailMessage]] = {
    "one word": (ORIGINAL, letter(TEXT.replace("Friday", "Monday"))),
    "one number": (ORIGINAL, letter(TEXT.replace("$5.00", "$6.00"))),
    "a word more": (ORIGINAL, letter(TEXT.replace("goes", "never goes"))),
    "words in another order": (ORIGINAL, letter(TEXT.replace("lunch box", "box lunch"))),
    "a postscript": (ORIGINAL, letter(f"{TEXT}\n\nP.S. Keep this between us.")),
    "a postscript below two dashes": (ORIGINAL, letter(f"{TEXT}\n\n-- \nP.S. Keep this between us.")),
    "another schedule below two dashes": (letter(f"{TEXT}\n--\nMonday: A"), letter(f"{TEXT}\n--\nMonday: B")),
    "a postscript below the signature": (letter(SIGNED), letter(f"{SIGNED}\nP.S. Keep this between us.")),
    "below a telephone's line": (
        letter(f"{TEXT}\n\nSent from my iPhone"), letter(f"{TEXT}\n\nSent from my iPhone, call me on the mobile")),
    "the end of a very long word": (letter(f"{TEXT} {'a' * 300}b"), letter(f"{TEXT} {'a' * 300}c")),
    "an emoji": (letter(f"{TEXT} \N{THUMBS UP SIGN}"), letter(f"{TEXT} \N{THUMBS DOWN SIGN}")),
    "another subject": (ORIGINAL, letter(subject="Aquarium trip cancelled")),
    "another file": (letter(file=FLYER), letter(file=OTHER_FLYER)),
    "a file more": (ORIGINAL, letter(file=FLYER)),
    "forwarded without its file": (letter(file=FLYER), forward("gmail")),
    "another picture in the text": (letter(html=PAGE, picture=FLYER), letter(html=PAGE, picture=OTHER_FLYER)),
    "another link": (letter(html=LINKED), letter(html=LINKED.replace("/1", "/2"))),
    "another link under a picture": (
        letter(html=PAGE + '<a href="https://a.example/1"><img src="cid:x"></a>'),
        letter(html=PAGE + '<a href="https://a.example/2"><img src="cid:x"></a>')),
    "another answer": (
        letter(f"He may go with them.\n\n{OUTLOOK.format(comment='', text=TEXT)}", "Re: Aquarium trip"),
        letter(f"He may not go with them.\n\n{OUTLOOK.format(comment='', text=TEXT)}", "Re: Aquarium trip")),
    "the same answer to another question": (
        letter(f"Yes, I agree.\n\n{quoted('May Tim go with you to the game on Friday?')}", "Re: Tim"),
        letter(f"Yes, I agree.\n\n{quoted('May Tim stay at home from the game on Friday?')}", "Re: Tim")),
    "an answer and what it answers": (
        ORIGINAL, letter(OUTLOOK.format(comment="Yes.", text=TEXT), "Re: Aquarium trip", author=ROSA)),
    "an empty answer": (ORIGINAL, letter(OUTLOOK.format(comment="", text=TEXT), "Re: Aquarium trip")),
    "an answer to a forward": (
        ORIGINAL, letter(f"No.\n\n{quoted(forward('gmail').get_content())}", "Re: Fwd: Aquarium trip")),
    "something below the forwarded text": (ORIGINAL, forward("gmail", text=f"{TEXT}\n\nWhat do you think of her?")),
    "something within the forwarded text": (
        ORIGINAL, forward("gmail", text=TEXT.replace("on Friday.", "on Friday. [Really? -- Rosa]"))),
    "words behind the mark": (ORIGINAL, letter(
        GMAIL.format(comment="", text=TEXT).replace("message ---------", "message --------- Awful!"),
        "Fwd: Aquarium trip")),
    "words right below the heading": (
        letter(GLUED.format(text=f"Data: none\n{TEXT}"), "FW: Aquarium trip"),
        letter(GLUED.format(text=f"Data: all of it\n{TEXT}"), "FW: Aquarium trip")),
    "two messages attached": (attached(ORIGINAL), attached(letter(TEXT.replace("Friday", "Monday")))),
}  # fmt: skip


@pytest.mark.parametrize("pair", OTHER_TEXT)
def test_says_something_else(pair: str) -> None:
    one, other = map(keys, OTHER_TEXT[pair])
    assert one.text
    assert one.text != other.text
    assert one.origin != other.origin


COMMENTED: dict[str, EmailMessage] = {
    "above": forward("gmail", "Look at this."),
    "as the subject": letter(GMAIL.format(comment="", text=TEXT), "Fwd: Look at this"),
    "above an attachment": attached(ORIGINAL, "Look at this."),
    "within a forward of a forward": letter(
        GMAIL.replace("Subject: A", "Subject: Fwd: A").format(
            comment="", text=forward("gmail", "Look at this.").get_content()
        ),
        "Fwd: Fwd: Aquarium trip",
    ),
    "with a signature": forward("gmail", "Look at this.\n\n-- \nRosa Silva"),
    "a signature without dashes": forward("outlook", "Rosa Silva\nPTO"),
}


@pytest.mark.parametrize("where", COMMENTED)
def test_a_comment_is_a_text_of_its_own_and_has_the_same_origin(where: str) -> None:
    one, other = keys(ORIGINAL), keys(COMMENTED[where])
    assert other.text != one.text
    assert other.origin == one.origin


def test_the_same_comment_twice() -> None:
    assert keys(COMMENTED["above"]) == keys(forward("outlook", "LOOK AT THIS!", author=MARIA))


# --- what is like nothing ----------------------------------------------------------------------------------


def bounce() -> bytes:
    """With a part that says what became of the message."""
    message = attached(ORIGINAL, "Your message could not be delivered to any of its recipients.")
    message.add_attachment(b"Action: failed", maintype="message", subtype="x-status")
    return message.as_bytes().replace(b"message/x-status", b"message/delivery-status")


def versions(html: str) -> EmailMessage:
    message = letter()
    message.add_alternative(f"<html><body>{html}</body></html>", subtype="html")
    return message


def encrypted() -> EmailMessage:
    message = letter()
    message.add_attachment(b"\x30\x80", maintype="application", subtype="pkcs7-mime", filename="smime.p7m")
    return message


def test_a_report_about_a_message_is_no_forward() -> None:
    assert b"message/delivery-status" in bounce()
    assert same(readable(bounce()), "").origin not in ("", keys(ORIGINAL).origin)


@pytest.mark.parametrize(
    "make",
    [
        lambda: letter("Yes, thank you very much!", "Re: Aquarium trip"),
        lambda: letter("", "Re: Aquarium trip on Friday in the morning or the evening"),
        lambda: letter("Yes, thank you! https://x.example"),
        lambda: versions("<p>Something quite different is written here for whoever reads pages.</p>"),
        encrypted,
        lambda: attached(encrypted()),
    ],
)
def test_what_is_unsure_is_like_its_copies_only(make: Callable[[], EmailMessage]) -> None:
    assert keys(make()) == Same()
    assert keys(make(), "c1") == keys(make(), "c1") != keys(make(), "c2")


def test_versions_that_say_the_same() -> None:
    assert keys(versions(PAGE)) == keys(ORIGINAL)


def test_the_fewest_words() -> None:
    text = " ".join(f"w{n}" for n in range(FEWEST_WORDS))
    assert keys(letter(text)).text
    assert not keys(letter(text.removesuffix(f" w{FEWEST_WORDS - 1}"))).text


@pytest.mark.parametrize("nested", [1, 5, 50])
def test_forwards_within_forwards_without_end(nested: int) -> None:
    text = TEXT
    for _ in range(nested):
        text = GMAIL.replace("Subject: A", "Subject: Fwd: A").format(comment="", text=text)
    found = keys(letter(text, "Fwd: Aquarium trip"))
    assert found.text and (found == keys(ORIGINAL)) == (nested < MOST_LAYERS)


# --- in the index ------------------------------------------------------------------------------------------


def in_the_index(seq: int, message: EmailMessage, content_id: str = "", **more: tuple[str, ...]) -> Document:
    """The document of a message from Maria."""
    raw = message.as_bytes()
    client = Client("192.0.2.1", 25, "mail.harbor.example")
    envelope = Envelope(f"id-{seq}", NOON, "inbound", "inbound", client, "maria@harbor.example")
    facts = Facts(seq, f"id-{seq}", NOON, envelope, len(raw), "", content_id=content_id or f"c{seq}", **more)
    return document(facts, readable(raw), (), Directory.empty(("harbor.example",), NOON))


def test_collapsing_mail(tmp_path: Path) -> None:
    short = letter("Yes, thank you!")
    mail = [
        in_the_index(1, ORIGINAL, "a"),
        in_the_index(2, ORIGINAL, "a"),
        in_the_index(3, letter(id="again")),
        in_the_index(4, forward("outlook, German")),
        in_the_index(5, forward("gmail", "Look at this.")),
        in_the_index(6, letter(TEXT.replace("Friday", "Monday"))),
        in_the_index(7, short, "b"),
        in_the_index(8, short, "b"),
        in_the_index(9, short, "c"),
    ]
    writer = TantivyWriter(tmp_path)
    writer.write(mail, 9)
    writer.close()
    searcher = TantivySearcher(tmp_path)
    told = {
        collapse: [
            (hit.seq, hit.also)
            for hit in searcher.search(And(()), Wanted(Sort.OLDEST, collapse=collapse)).hits
        ]
        for collapse in Collapse
    }
    searcher.close()
    assert told == {
        Collapse.MESSAGE: [(1, 1), (3, 0), (4, 0), (5, 0), (6, 0), (7, 1), (9, 0)],
        Collapse.TEXT: [(1, 3), (5, 0), (6, 0), (7, 1), (9, 0)],
        Collapse.FORWARDS: [(1, 4), (6, 0), (7, 1), (9, 0)],
    }


def test_legal_matters_and_requests() -> None:
    found = in_the_index(1, ORIGINAL, holds=("Doe v. Harbor", "", "Doe v. Harbor"), requests=("2026-17",))
    assert (found.holds, found.requests) == (("Doe v. Harbor",), ("2026-17",))
    assert (in_the_index(1, ORIGINAL).holds, in_the_index(1, ORIGINAL).requests) == ((), ())


@given(st.text(max_size=300), st.text(max_size=30))
def test_never_raises(text: str, subject: str) -> None:
    forwarded(text, subject)
    raw = b"Subject: FW: x\r\n\r\n" + GMAIL.format(comment="", text=text).encode("utf-8", "replace")
    assert same(readable(raw), "c").text


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("Fwd: Trip", True), ("FW: RE: Trip", True), ("[staff] Fw: Trip", True), ("WG: Ausflug", True),
        ("RV: Viaje", True), ("ENC: Viagem", True), ("[Fwd: Trip]", True), ("Re: Fwd: Trip", False),
        ("AW: WG: Ausflug", False), ("Forward: march", False), ("Trip", False), ("", False),
    ],
)  # fmt: skip
def test_what_a_subject_says(subject: str, says: bool) -> None:
    assert says_forward(subject) is says
