"""The letters as people get them, their headers, and names that want to be something else."""

from __future__ import annotations

import email
import email.policy
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args
from uuid import UUID
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config
from gateway.message.envelope import Envelope
from gateway.notices.letters import COLUMNS, Letter, write
from gateway.notices.record import record
from gateway.notices.told import (
    Attested,
    Body,
    Brief,
    Case,
    Cleared,
    HeldMessage,
    InOrder,
    Kind,
    Listing,
    Notice,
    Several,
    ToAuthor,
    Waiting,
)
from gateway.policy.model import Verdict
from tests.notices.town import ORGS, REVIEWERS, Town, clock

Make = Callable[..., Town]
NOON = clock("10-14 12:00")
SOON = clock("10-14 12:00:05")  # the transactions of a message of noon are here
ROOT = Path(__file__).resolve().parents[2]
ID = UUID("01a13b24-5800-7000-8b22-7777d4dd1fc6")
RULES = """
[policy.rules."coach/one-to-one"]
action = "notify"
[policy.rules."off-channel/student"]
action = "notify"
[policy.rules."student/one-to-one"]
enabled = false
"""
AUTHORS = f"{REVIEWERS}authors = true\n{RULES}"


def only(here: Town, at: str) -> Letter:
    """The letter of the one notice that is planned."""
    (notice,) = here.plan(clock(at)).notices
    return here.letter(notice, clock(at), ID)


def parts(raw: bytes) -> tuple[EmailMessage, str, str]:
    """A letter as a mail program reads it: header, text and HTML."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    text, html = message.iter_parts()
    return message, text.get_content(), html.get_content()


class Words(HTMLParser):
    """What of HTML is shown, and what is in it beside the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.shown += data.split()


# --- one of each kind, word for word -----------------------------------------------------------------------


def test_violations(town: Make) -> None:
    here = town(REVIEWERS + RULES)
    message = here.receive("carla@harbor.example", "ann@harbor.example", at=NOON)
    letter = only(here, "10-14 12:10")
    assert letter.subject == "1 possible policy violation at Lincoln High"
    assert (
        letter.text
        == f"""\
The rules found 1 possible violation of the district's policy on
personnel use of technology.

A finding is a question for a person, not a verdict. Each one says how
sure it is and why; please hear the person before anything else. If the
roster is at fault, correct it there.

Lincoln High (1)
----------------

1. Carla Coach: coach/one-to-one
   violation, how sure: certain
   seen Wednesday, October 14, 2026, 12:00 PM EDT

   Carla Coach, coach of Varsity Soccer, wrote to one of its 3 members
   (Ann Lee) and not to the others. No administrator who answers for the
   team was copied. The policy says: “All contact and messages by
   coaches and faculty advisors with team members shall be sent to all
   team members, except for messages concerning medical or academic
   privacy matters, in which case the messages will be copied to the
   appropriate administrator.” Such a message goes to every member of
   the team or, where it concerns a medical or academic privacy matter,
   is copied to Pat Kim. How sure: certain. The message came from Carla
   Coach's school account. This takes the sender line as genuine; it was
   not checked for forgery.

   mailgw show {message}

{END}"""
    )


END = """\
--\x20
This notice names people; treat it as a personnel record.
Sent by the mail gateway of Harbor Point.
"""
QUESTION = """\
A finding is a question for a person, not a verdict. Each one says how
sure it is and why; please hear the person before anything else. If the
roster is at fault, correct it there.
"""
WHY = f"""\
Why it was held
---------------

{QUESTION}
Lincoln High (1)
----------------

1. Carla Coach: coach/one-to-one
   violation, how sure: certain
   seen Wednesday, October 14, 2026, 12:00 PM EDT

   Carla Coach wrote to Ann Lee. How sure: certain.

"""


def test_digest(town: Make) -> None:
    here = town()
    gone, _ = here.found("tim", at=NOON)
    waiting, _ = here.found("carla", at=NOON, action="hold", held=True)
    mild, _ = here.found("tim", at=NOON, severity="advisory", rule="student/one-to-one", explanation="Why.")
    here.tell(clock("10-14 12:10"))
    here.judge_again(gone, at=clock("10-14 13:00"))
    letter = only(here, "10-15 07:00")
    assert letter.subject == "Policy digest, Oct 15: 1 finding, 1 taken back, 1 held"
    assert (
        letter.text
        == f"""\
Mail policy digest for Thursday, October 15, 2026.

Messages that wait for a decision
---------------------------------

1 message held; the oldest since Wednesday, October 14, 2026, 12:00 PM
EDT.

    mailgw hold list

New findings: 1
---------------

{QUESTION}
Roosevelt Middle (1)
--------------------

1. Tim Kay: student/one-to-one
   advisory, how sure: certain
   seen Wednesday, October 14, 2026, 12:00 PM EDT

   Why.

   mailgw show {mild}

Taken back: 1
-------------

You were told of these findings. They do not hold any longer, now that
the whole message is known. Please treat them as if they had not been
made, and tell whoever heard of them.

Roosevelt Middle (1)
--------------------

1. Tim Kay: coach/one-to-one, seen Wednesday, October 14, 2026, 12:00 PM
   EDT
   mailgw show {gone}

{END}"""
    )
    assert waiting not in letter.text


def test_held(town: Make) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON, action="hold", held=True, to=3)
    letter = only(here, "10-14 12:00:05")
    assert letter.subject == "Held message waits for your decision until Oct 15, 12:00 PM EDT"
    assert (
        letter.text
        == f"""\
A message is held: a rule of the district's policy asks a person first.
It has not been delivered. Please look at it and decide.

Written by:  Carla Coach
To:          3 recipients
Received:    Wednesday, October 14, 2026, 12:00 PM EDT
Waits until: Thursday, October 15, 2026, 12:00 PM EDT

If nobody decides until then, it is released to its recipients, and you
are told.

    mailgw hold show {message}
    mailgw hold release {message}
    mailgw hold refuse {message} --reason …

{WHY}{END}"""
    )


def test_escalated(town: Make) -> None:
    hold = '[hold]\nlimit = 7200\nthen = "escalate"\nescalate_to = ["sue@harbor.example"]\n'
    here = town(REVIEWERS + hold)
    message, _ = here.found("carla", at=NOON, action="hold", held=True)
    assert "it goes on waiting, and the people above you" in " ".join(
        only(here, "10-14 12:00:05").text.split()
    )
    here.tell(SOON)
    for at in ("10-14 14:00", "10-14 16:00"):
        here.event(message, clock(at), event="hold-escalated", to=1)
    letter = only(here, "10-14 16:00:05")
    assert letter.subject == "Held message without a decision since Oct 14, 12:00 PM EDT"
    assert (
        letter.text
        == f"""\
A message is held, and nobody has decided what becomes of it. It has not
been delivered. You are asked because the reviewers have not answered in
time; this is letter 2 about it.

Written by:  Carla Coach
To:          1 recipient
Received:    Wednesday, October 14, 2026, 12:00 PM EDT

It goes on waiting until somebody decides; you are asked again after
each 2 hours.

    mailgw hold show {message}
    mailgw hold release {message}
    mailgw hold refuse {message} --reason …

{WHY}{END}"""
    )


def test_released_unseen(town: Make) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON, action="hold", held=True)
    here.tell(SOON)
    late = clock("10-15 12:00")
    here.tell(late)
    here.event(message, late, event="hold-released", by="mailgw (time limit)", reason="", automatic=True)
    letter = only(here, "10-15 12:00:05")
    assert letter.subject == "Held message was released without a decision, Oct 15, 12:00 PM EDT"
    assert (
        letter.text
        == f"""\
A held message was released to its recipients by itself: nobody decided
about it within 24 hours, and nobody's mail is to be forgotten.

Written by:  Carla Coach
To:          1 recipient
Received:    Wednesday, October 14, 2026, 12:00 PM EDT
Released:    Thursday, October 15, 2026, 12:00 PM EDT

There is nothing to decide any more. Whether to talk with the author is
up to you; this shows the message:

    mailgw hold show {message}

{WHY}{END}"""
    )


def test_returned(town: Make) -> None:
    here = town()
    message, _ = here.found("carla", at=NOON, action="hold", held=True, to=2)
    here.tell(SOON)
    here.event(message, NOON, event="hold-released", by="pat", reason="Fine.")
    reply = "550 5.1.1 <gil@lee.example>: unknown user"
    here.event(message, NOON, event="returned", reply=reply, outbox={"left": [], "undelivered": [1]})
    letter = only(here, "10-14 12:00:05")
    assert letter.subject == "Released message came back, received Oct 14, 12:00 PM EDT"
    assert (
        letter.text
        == f"""\
A message that was held and then released could not be delivered to 1
recipient. It waits for you again.

Written by:  Carla Coach
To:          2 recipients
Received:    Wednesday, October 14, 2026, 12:00 PM EDT

The mail server's answer was: 550 5.1.1 <[address not shown]>: unknown
user

Release it once more when the reason is gone, or refuse it. Releasing
sends it only to those who were not reached.

    mailgw hold show {message}
    mailgw hold release {message}
    mailgw hold refuse {message} --reason …

{WHY}{END}"""
    )


def test_to_an_author(town: Make) -> None:
    here = town(AUTHORS)
    here.receive("tim@kay.example", "di@harbor.example", "bo@harbor.example", at=NOON)
    notice = next(each for each in here.plan(clock("10-14 12:10")).notices if each.kind == "authors")
    letter = here.letter(notice, clock("10-14 12:10"))
    assert letter.subject == "About the district's policy on e-mail: how to do it right"
    assert (
        letter.text
        == f"""\
Dear Tim Kay,

the district's mail gateway noticed 1 message of yours where the policy
on personnel use of technology possibly asks for another way. It is
easily overlooked, and this letter only says how to do it right.

off-channel/student
-------------------

The policy says: “Staff is required to use their school-issued accounts,
not personal accounts, for all communication with students, and
parents/guardians; such accounts must be used with other staff members
when conducting school business.”

How to do it right: District policy asks staff to write to students and
their families from a school-issued account; please send this message
again from yours.

- your message of Wednesday, October 14, 2026, 12:00 PM EDT to Bo Fox
  and Di Ray (how sure: certain)

The gateway looks at who writes to whom from which account, not at what
a message says, and it may be mistaken. If you did not write this, or
there is a reason that it does not know, please tell your principal or
supervisor.

{END}"""
    )


def test_a_held_message_that_its_mail_server_split(town: Make) -> None:
    here = town()
    message, *_ = here.parts("carla", NOON, NOON, at_once(2), to=2)
    letter = only(here, "10-14 12:00:07")
    assert (
        f"""\
Written by:  Carla Coach
To:          6 recipients in 3 transactions of its mail server
Received:    Wednesday, October 14, 2026, 12:00 PM EDT
Waits until: Thursday, October 15, 2026, 12:00 PM EDT

If nobody decides until then, it is released to its recipients, and you
are told.

    mailgw hold show {message}
"""
        in letter.text
    )
    assert letter.text.count(message) == 3


def at_once(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


SO_MANY = """\
Held messages in such numbers may mean that a rule is set wrongly, or
that something is missing in the roster. For each of them, mailgw hold
show says why it was held and how sure that is. A finding is a question
for a person, not a verdict.
"""


def test_several_that_wait(town: Make) -> None:
    here = town()
    split, *_ = here.parts("carla", NOON, NOON, to=3)
    others = [here.parts("tim", NOON, rule="off-channel/student")[0] for _ in range(5)]
    letter = only(here, "10-14 12:00:05")
    assert letter.subject == "6 held messages wait, the first until Oct 15, 12:00 PM EDT"
    rest = "".join(
        f"""\
{number}. Tim Kay, to 1 recipient
   off-channel/student
   received Wednesday, October 14, 2026, 12:00 PM EDT
   mailgw hold show {id}

"""
        for number, id in enumerate(others, 2)
    )
    assert (
        letter.text
        == f"""\
6 messages are held: the rules of the district's policy ask a person
first. They have not been delivered. Please look at them and decide.

Each one waits for 24 hours, the first until Thursday, October 15, 2026,
12:00 PM EDT. If nobody decides until then, it is released to its
recipients, and you are told.

    mailgw hold list

{SO_MANY}
The messages, oldest first
--------------------------

1. Carla Coach, to 6 recipients in 2 transactions of its mail server
   coach/one-to-one
   received Wednesday, October 14, 2026, 12:00 PM EDT
   mailgw hold show {split}

{rest}{END}"""
    )


@pytest.mark.parametrize(
    ("case", "until", "then", "subject", "opening"),
    [
        (
            Case.WAITING,
            None,
            "release",
            "1,000 held messages wait",
            """\
1,000 messages are held: the rules of the district's policy ask a person
first. They have not been delivered. Please look at them and decide.

They wait until somebody decides.

    mailgw hold list
""",
        ),
        (
            Case.WAITING,
            NOON + timedelta(days=1),
            "escalate",
            "1,000 held messages wait, the first until Oct 15, 12:00 PM EDT",
            """\
1,000 messages are held: the rules of the district's policy ask a person
first. They have not been delivered. Please look at them and decide.

If nobody decides about one of them within 24 hours, for the first of
them until Thursday, October 15, 2026, 12:00 PM EDT, it goes on waiting,
and the people above you are asked, again and again.

    mailgw hold list
""",
        ),
        (
            Case.ESCALATED,
            NOON,
            "escalate",
            "1,000 held messages without a decision since Oct 14, 12:00 PM EDT",
            """\
1,000 messages are held, or came back after their release, and nobody
has decided what becomes of them. You are asked because the reviewers
have not answered in time.

They go on waiting until somebody decides; you are asked again after
each 24 hours.

    mailgw hold list
""",
        ),
        (
            Case.RELEASED,
            NOON,
            "release",
            "1,000 held messages were released without a decision",
            """\
1,000 held messages were released to their recipients by themselves:
nobody decided about them within 24 hours, and nobody's mail is to be
forgotten.

There is nothing to decide any more. Whether to talk with the authors is
up to you; this shows what was held:

    mailgw hold list --all
""",
        ),
        (
            Case.RETURNED,
            NOON,
            "release",
            "1,000 released messages came back",
            """\
1,000 messages that were held and then released could not be delivered
to all their recipients. They wait for you again.

Release them once more when the reason is gone, or refuse them.
Releasing sends them only to those who were not reached.

    mailgw hold list
""",
        ),
    ],
)
def test_several_of_each_case(
    settings: Config, case: Case, until: datetime | None, then: str, subject: str, opening: str
) -> None:
    """Two hundred of them are listed; one has no finding any more."""
    listed = (Brief("one", NOON, "", 2, 1, ""), *(Brief("x", NOON, "Tim Kay", 1, 1, "a/b"),) * 199)
    body = Several(case, 1000, listed, 800, NOON, until, then, 86400)
    notice = Notice(Kind.HELD, ("pat@harbor.example",), (), body)
    letter = write(notice, settings, id=ID, now=NOON)
    assert letter.subject == subject
    assert letter.text.startswith(f"{opening}\n{SO_MANY}")
    assert "1. To 2 recipients\n   no finding holds any longer\n   received" in letter.text
    assert letter.text.count("Tim Kay") == 199
    command = "mailgw hold list --all" if case == Case.RELEASED else "mailgw hold list"
    assert f"\nand 800 more, see {command}.\n\n--" in letter.text
    assert f"and 800 more, see <code>{command}</code>." in letter.html


def test_to_an_author_that_something_was_in_order(town: Make) -> None:
    here = town(AUTHORS)
    message, _ = here.found("tim", at=NOON, rule="off-channel/student")
    here.tell(clock("10-14 12:10"))
    here.judge_again(message, at=clock("10-14 13:00"))
    at = clock("10-14 13:00")
    notice = next(each for each in here.plan(at).notices if each.kind == "authors")
    letter = here.letter(notice, at)
    assert letter.subject == "About an earlier letter of ours: this was in order"
    assert (
        letter.text
        == f"""\
Dear Tim Kay,

we wrote to you about mail of yours, and now that all of it is known,
this turned out to be in order: there is nothing that you need to do,
and we are sorry for the trouble.

- your message of Wednesday, October 14, 2026, 12:00 PM EDT
  (off-channel/student)

{END}"""
    )


# --- every letter ------------------------------------------------------------------------------------------


CHECKPOINT = """\
harbor.example/mail
12345
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 harbor.example/mail Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""


def every_letter(town: Make, **roster: str) -> list[tuple[Notice, Letter, Town]]:
    """Letters of all kinds, about mail judged by the rules."""
    here = town(
        f'{AUTHORS}[policy.rules."off-channel/staff"]\naction = "notify"\n'
        '[policy.rules."identity/possible-impersonation"]\naction = "notify"\n'
        '[hold]\nthen = "escalate"\nescalate_to = ["sue@harbor.example"]\n',
        **roster,
    )
    found: list[tuple[Notice, Letter, Town]] = []

    def tell(at: str) -> None:
        found.extend((notice, here.letter(notice, clock(at)), here) for notice in here.tell(clock(at)))

    here.receive("carla.coach@gmail.com", "ann@harbor.example", "rae@harbor.example", at=NOON)
    here.receive("nameless@home.example", "di@harbor.example", at=NOON, genuine=True)
    here.receive("ned@home.example", "di@harbor.example", at=NOON, genuine=True)
    here.receive("ned@home.example", "di@harbor.example", at=NOON, genuine=False)
    taken_back, _ = here.found("tim", at=NOON)
    held = [here.receive("tim@kay.example", "di@harbor.example", at=NOON, held=True) for _ in range(3)]
    tell("10-14 12:10")
    for number in range(6):
        here.parts("tim", clock("10-14 12:20"), clock("10-14 12:20"), rule=f"off-channel/{number}")
    tell("10-14 12:21")
    here.judge_again(taken_back, at=clock("10-14 13:00"))
    here.event(held[0], clock("10-15 06:00"), event="hold-escalated", to=1)
    here.event(held[1], clock("10-15 06:00"), event="hold-released", by="mailgw (time limit)", reason="")
    here.event(
        held[2], clock("10-15 06:00"), event="hold-released", by="pat", reason="Known at tim@kay.example"
    )
    reply = '550 no "tim kay"@kay.example, tim@kay.example;carla.coach@gmail.com or Tim＠kay.example'
    here.event(
        held[2], clock("10-15 06:00"), event="returned", reply=reply, outbox={"left": [], "undelivered": [0]}
    )
    tell("10-15 07:00")
    attested = Attested(NOON.date(), "harbor.example/mail", 12_345, CHECKPOINT)
    notice = Notice(
        Kind.CHECKPOINT, ("clerk@town.example",), (("checkpoint-2026-10-14", "witnesses"),), attested
    )
    found.append((notice, here.letter(notice, NOON), here))
    assert {notice.kind for notice, _, _ in found} == set(Kind)
    assert {type(notice.body) for notice, _, _ in found} == set(get_args(Body))
    everything = " ".join(" ".join(letter.text for _, letter, _ in found).split())
    assert "The sender's domain vouches for the message." in everything
    assert "identity/possible-impersonation" in everything
    return found


def test_no_letter_shows_an_address_or_anything_of_a_message(town: Make) -> None:
    for notice, letter, here in every_letter(town):
        message, text, html = parts(letter.raw)
        for shown in (letter.subject, text, html):
            assert not re.search(r"[@＠]|SECRET|kay\.example|home\.example|gmail|tim kay", shown), notice.kind
        everybody = {
            address.address for person in here.directory.people.values() for address in person.addresses
        }
        personal = {address for address in everybody if not here.directory.is_district(address)}
        assert len(personal) == 4
        assert not any(address.encode() in letter.raw for address in personal)
        assert message["To"].addresses and {each.addr_spec for each in message["To"].addresses} == set(
            notice.recipients
        )


def test_somebody_without_a_name_in_the_roster_is_called_by_id(town: Make) -> None:
    found = [letter.text for notice, letter, _ in every_letter(town) if notice.kind == "violations"]
    assert any(". person t4: off-channel/student" in text for text in found)


def test_every_letter_is_a_message_that_any_mail_server_takes(town: Make) -> None:
    for notice, letter, _ in every_letter(town):
        raw = letter.raw
        assert (
            raw.isascii()
            and b"\r" not in raw.replace(b"\r\n", b"")
            and b"\n" not in raw.replace(b"\r\n", b"")
        )
        assert max(map(len, raw.split(b"\r\n"))) <= 998
        message, text, html = parts(raw)
        assert not message.defects
        assert text.replace("\r\n", "\n") == letter.text and html.replace("\r\n", "\n") == letter.html
        assert message.get_content_type() == "multipart/alternative"
        assert [part["Content-Transfer-Encoding"] for part in message.iter_parts()] == [
            "quoted-printable"
        ] * 2
        assert str(message["From"]) == "Harbor Point Mail Gateway <mailgw@harbor.example>"
        assert message["Subject"] == letter.subject
        assert message["Message-ID"] == "<00000000-0000-0000-0000-000000000001@gateway.harbor.example>"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["X-Auto-Response-Suppress"] == "All"
        assert "Precedence" not in message and "Reply-To" not in message
        assert message["Date"].datetime.utcoffset() == timedelta(hours=-4)
        assert not re.search("Carla|Coach|Tim|Kay|Ned|Ann|Di Ray", letter.subject), notice.kind
        # The lines of a signed note must stay as they are.
        assert max(len(line) for line in letter.text.splitlines() if line not in CHECKPOINT) <= COLUMNS
        assert ("treat it as a personnel record" in letter.text) is (notice.kind is not Kind.CHECKPOINT)


def test_text_and_html_say_the_same(town: Make) -> None:
    """Every word of the text stands in the HTML, which loads nothing and runs nothing."""
    for _, letter, _ in every_letter(town):
        html = Words(letter.html)
        words = set(re.findall(r"[^\W\d]+", letter.text))
        assert words <= set(re.findall(r"[^\W\d]+", " ".join(html.shown)))
        assert html.tags.isdisjoint({"script", "img", "link", "iframe", "form", "object", "style", "base"})
        assert html.attributes <= {"style", "lang", "charset", "name", "content"}
        assert "url(" not in letter.html and "http" not in letter.html


def test_the_same_notice_makes_the_same_bytes(town: Make) -> None:
    for notice, letter, here in every_letter(town):
        at = parts(letter.raw)[0]["Date"].datetime
        assert here.letter(notice, at) == letter


def test_colours_have_enough_contrast() -> None:
    """WCAG 2.1, 1.4.3: at least 4.5 to 1 for text, on the grounds that the templates use."""

    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for ink in ("#1a1a1a", "#4a4a4a", "#12355b"):
        for ground in ("#ffffff", "#f2f4f7"):
            assert (luminance(ground) + 0.05) / (luminance(ink) + 0.05) >= 4.5


# --- hostile names -----------------------------------------------------------------------------------------

HOSTILE = [
    "Eve\r\nBcc: everybody@evil.example\r\n\r\n<b>",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %}",
    "tim@kay.example",
    "\u202egnp.exe\u2066",
    "a\x00b\x1b[31m\u2028c\udcffd",
    "x" * 5000,
    "Zoë 🎒 O'Brien–Müller",
    "",
]


TAGS = {"html", "head", "meta", "title", "body", "div", "h1", "h2", "h3", "p", "ul", "ol", "li"}
TAGS |= {"hr", "code", "strong"}


def hostile(name: str) -> list[Body]:
    """Letters in which a name stands wherever one can."""
    message = HeldMessage(name, NOON, name, 1, Listing())
    brief = Brief(name, NOON, name, 1, 2, name)
    return [
        Waiting(message, None, "release"),
        Several(Case.WAITING, 1, (brief,), 0, NOON, None, "release", 1),
        ToAuthor(name, (), 1),
        InOrder(name, (Cleared(name, NOON),), 0),
    ]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_is_nothing_but_a_name(town: Make, name: str) -> None:
    """Of an author, a student, a school and the district, with all that the catalog leaves in it."""
    here = town(REVIEWERS)
    here.settings = here.settings.model_copy(
        update={"district": here.settings.district.model_copy(update={"name": name})}
    )
    person = {"person_id": "c1", "name": name, "role": "staff", "address": "carla@harbor.example", "why": ""}
    here.found("carla", at=NOON, author=person, explanation=f"{name} wrote.", rule=name, people=[person])
    letter = only(here, "10-14 12:10")
    message, text, html = parts(letter.raw)
    assert letter.raw.isascii() and not message.defects
    assert max(map(len, letter.raw.split(b"\r\n"))) <= 998
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert "Bcc" not in message and len(message["To"].addresses) == 2
    assert "kay.example" not in text + html and "evil.example" not in text + html
    assert Words(html).tags <= TAGS
    assert not set(text + html) & set("\x00\x1b\u2028\u202e\u2066\udcff")


@given(
    name=st.text(max_size=60),
    district=st.text(min_size=1, max_size=60),
    author=st.text(max_size=60),
)
def test_no_name_breaks_a_letter(settings: Config, name: str, district: str, author: str) -> None:
    named = settings.model_copy(update={"district": settings.district.model_copy(update={"name": district})})
    for body in hostile(author):
        notice = Notice(Kind.HELD, ("pat@harbor.example",), ((name, "held"),), body)
        letter = write(notice, named, id=ID, now=NOON.astimezone(UTC))
        message, _, html = parts(letter.raw)
        assert letter.raw.isascii() and not message.defects
        assert [each.addr_spec for each in message["From"].addresses] == ["mailgw@harbor.example"]
        assert {"Bcc", "Cc"}.isdisjoint(message.keys())
        assert Words(html).tags <= TAGS


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Config:
    here = Town.at(tmp_path_factory.mktemp("town"))
    here.store.close()
    return here.settings


def test_a_subject_fits_into_one_line_whatever_a_school_is_called(town: Make) -> None:
    here = town(
        orgs=ORGS.replace("Lincoln High", "The Abraham Lincoln Regional Vocational Technical High School")
    )
    here.found("carla", at=NOON)
    letter = only(here, "10-14 12:10")
    assert letter.subject.startswith("1 possible policy violation at The Abraham Lincoln Regional Vocati")
    assert len(letter.subject) <= 69


def test_addresses_beyond_ascii_stand_in_the_envelope_only(town: Make) -> None:
    """So the letter passes servers that know no other header; the envelope's address is the next hop's to judge."""
    people = '[notices]\nreviewers = ["zoë@harbor.example", "pat@harbor.example"]\nsender = "bücher@harbor.example"\n'
    here = town(people)
    here.found("carla", at=NOON)
    (notice,) = here.plan(clock("10-14 12:10")).notices
    message, _, _ = parts(here.letter(notice, NOON).raw)
    assert notice.recipients == ("pat@harbor.example", "zoë@harbor.example")
    assert (message["From"].addresses[0].addr_spec, str(message["To"])) == (
        "mailgw@harbor.example",
        "pat@harbor.example",
    )
    here.found("pat", at=NOON)
    alone = next(each for each in here.plan(clock("10-14 12:10")).notices if len(each.recipients) == 1)
    assert str(parts(here.letter(alone, NOON).raw)[0]["To"]) == "undisclosed-recipients:;"


def test_the_templates_are_in_the_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    folder = ROOT / "gateway" / "notices" / "templates"
    assert {f"gateway/notices/templates/{path.name}" for path in folder.iterdir()} <= set(
        ZipFile(wheel).namelist()
    )


# --- very many findings ------------------------------------------------------------------------------------


def test_a_letter_about_five_thousand_findings_lists_two_hundred(town: Make) -> None:
    here = town()
    here.found(*(("carla",) * 3000), at=NOON)
    here.found(*(("tim",) * 2000), at=NOON)
    (notice,) = here.plan(clock("10-14 12:10")).notices
    letter = here.letter(notice, NOON)
    assert letter.subject == "5,000 possible policy violations at 2 schools"
    assert len(set(notice.about)) == 5000
    assert letter.text.count("Carla Coach: coach/one-to-one") == 200
    assert "Lincoln High (3000)" in letter.text and "Roosevelt Middle (2000)" in letter.text
    assert "oldest 200 of 5000; and 4800 more, see mailgw" in " ".join(letter.text.split())
    assert len(letter.raw) < 1_000_000
    here.tell(clock("10-14 12:10"))
    assert here.plan(clock("10-14 12:10")).notices == ()


def test_a_letter_to_an_author_is_bounded_too(town: Make) -> None:
    here = town(AUTHORS)
    here.found(*(("carla",) * 1000), at=NOON)
    notice = next(each for each in here.plan(clock("10-14 12:10")).notices if each.kind == "authors")
    letter = here.letter(notice, NOON)
    assert letter.text.count("your message of") == 200
    assert "and 800 more." in letter.text


# --- the record --------------------------------------------------------------------------------------------


def test_the_record_of_a_notice(town: Make) -> None:
    here = town()
    message, finding = here.found("carla", at=NOON, action="hold", held=True)
    (notice,) = here.plan(SOON).notices
    letter = here.letter(notice, NOON, ID)
    document, raw = record(notice, letter, here.settings, ID, NOON)
    assert raw == letter.raw
    assert document["notice"] == {"kind": "held", "about": [[message, "held"], [finding, "reviewers"]]}
    envelope = Envelope.from_json(document["envelope"])
    assert (envelope.id, envelope.received) == (str(ID), NOON)
    assert (envelope.role, envelope.listener, envelope.mail_from) == ("notice", "notices", "")
    assert envelope.client.address == "127.0.0.1"
    assert [each.address for each in envelope.recipients] == ["pat@harbor.example", "rae@harbor.example"]
    verdict = Verdict.from_json(document["verdict"])
    assert (verdict.findings, verdict.not_judged, verdict.action) == ((), "notice", "record")
    assert verdict.to_json() == document["verdict"]
