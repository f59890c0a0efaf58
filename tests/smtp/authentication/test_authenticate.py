"""Whether a message is its author's: honest mail, forgeries, and DNS that does not answer.

The table is meant to be read: who sends from where in whose name, what vouches for it, and what is concluded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.config import AuthenticationSettings, Dns
from gateway.message.authentication import Authentication
from gateway.message.envelope import Client
from gateway.message.reading import read_message
from gateway.smtp.authentication.authenticate import Authenticator
from tests.smtp.authentication.nameserver import SERVFAIL, SILENCE, NameServer, Zone, serving, text
from tests.smtp.authentication.signing import Signer

PROVIDER, ELSEWHERE, EVIL, FILTER = "192.0.2.1", "198.51.100.7", "203.0.113.9", "198.51.100.200"

MAIL, OPEN, STRICT, SUBDOMAIN = (
    Signer(name) for name in ("mail.example", "open.example", "strict.example", "x.mail.example")
)
EVIL_KEY, SILENT, BROKEN, ED = (
    Signer("evil.example"),
    Signer("silent.example"),
    Signer("broken.example"),
    Signer("mail.example", selector="ed", ed=True),
)  # fmt: skip
SPF = text(f"v=spf1 ip4:{PROVIDER} -all")

ZONE: Zone = {
    # A provider of personal accounts, as they all are today.
    "mail.example": [SPF],
    "_dmarc.mail.example": [text("v=DMARC1; p=reject; rua=mailto:d@mail.example")],
    MAIL.name: [MAIL.record()],
    ED.name: [ED.record()],
    "x.mail.example": [SPF],
    SUBDOMAIN.name: [SUBDOMAIN.record()],
    # One without a policy.
    "open.example": [SPF],
    OPEN.name: [OPEN.record()],
    # One whose subdomains do not speak for it.
    "strict.example": [text(f"v=spf1 ip4:{PROVIDER} ~all")],
    "_dmarc.strict.example": [text("v=DMARC1; p=none; aspf=s; adkim=s")],
    STRICT.name: [STRICT.record()],
    "x.strict.example": [SPF],
    # One that publishes nothing.
    "nothing.example": ["A 192.0.2.9"],
    # Who forges: everything in order, in their own name.
    "evil.example": [text(f"v=spf1 ip4:{EVIL} -all")],
    EVIL_KEY.name: [EVIL_KEY.record()],
    # Name servers that say nothing, or that they cannot.
    "silent.example": [SILENCE],
    "_dmarc.silent.example": [SILENCE],
    SILENT.name: [SILENCE],
    "broken.example": [SERVFAIL],
    "_dmarc.broken.example": [SERVFAIL],
    BROKEN.name: [SERVFAIL],
    # Mail in order, whose policy cannot be had.
    "half.example": [SPF],
    "_dmarc.half.example": [SERVFAIL],
    "x.half.example": [SPF],
    # Two customers below one public suffix.
    "a.k12.ma.us": [SPF],
    "b.k12.ma.us": [SPF],
}

GENUINE, DOUBTFUL, UNDECIDED = "genuine", "doubtful", "undecided"


@dataclass(frozen=True)
class Case:
    what: str
    author: str  # the From field
    mail_from: str
    client: str
    facts: tuple[str, str, str]  # SPF, DKIM, DMARC
    concluded: str
    signers: tuple[Signer, ...] = ()
    changed: tuple[bytes, bytes] = (b"", b"")  # in the message, after it was signed
    helo: str = "out.mail.example"


DANA = "Dana Reed <dana@mail.example>"

CASES = [
    # --- honest mail
    Case("both vouch", DANA, "dana@mail.example", PROVIDER, ("pass", "pass", "pass"), GENUINE, (MAIL,)),
    Case("SPF alone", DANA, "dana@mail.example", PROVIDER, ("pass", "none", "pass"), GENUINE),
    Case("DKIM alone, forwarded", DANA, "dana@mail.example", ELSEWHERE,
         ("fail", "pass", "pass"), GENUINE, (MAIL,)),
    Case("Ed25519 beside RSA", DANA, "x@evil.example", ELSEWHERE,
         ("fail", "pass", "pass"), GENUINE, (MAIL, ED)),
    Case("two signatures, one a stranger's", DANA, "x@evil.example", EVIL,
         ("pass", "pass", "pass"), GENUINE, (EVIL_KEY, MAIL)),
    Case("a subdomain signs", DANA, "b@x.mail.example", PROVIDER,
         ("pass", "pass", "pass"), GENUINE, (SUBDOMAIN,)),
    Case("written from a subdomain", "d@x.mail.example", "b@mail.example", PROVIDER,
         ("pass", "pass", "pass"), GENUINE, (MAIL,)),
    Case("no policy, SPF", "d@open.example", "d@open.example", PROVIDER, ("pass", "none", "none"), GENUINE),
    Case("no policy, DKIM", "d@open.example", "x@evil.example", EVIL,
         ("pass", "pass", "none"), GENUINE, (OPEN,)),
    Case("strict, itself", "d@strict.example", "d@strict.example", PROVIDER,
         ("pass", "none", "pass"), GENUINE),
    Case("two authors of one domain", f"{DANA}, ed@mail.example", "d@mail.example", PROVIDER,
         ("pass", "none", "pass"), GENUINE),
    Case("a district in capitals", "D@MAIL.Example", "D@Mail.EXAMPLE", PROVIDER,
         ("pass", "none", "pass"), GENUINE),
    # --- forgeries, and what cannot be told from them
    Case("in Dana's name", DANA, "dana@mail.example", EVIL, ("fail", "none", "fail"), DOUBTFUL),
    Case("SPF passes for another domain", DANA, "x@evil.example", EVIL, ("pass", "none", "fail"), DOUBTFUL),
    Case("DKIM passes for another domain", DANA, "x@evil.example", EVIL,
         ("pass", "pass", "fail"), DOUBTFUL, (EVIL_KEY,)),
    Case("a list broke the signature", DANA, "x@evil.example", ELSEWHERE,
         ("fail", "fail", "fail"), DOUBTFUL, (MAIL,), (b"Practice", b"[list] Practice")),
    Case("a footer was added", DANA, "x@evil.example", ELSEWHERE,
         ("fail", "fail", "fail"), DOUBTFUL, (MAIL,), (b"field.", b"field.\r\nA list")),
    Case("another author was put in", "x@mail.example", "x@evil.example", EVIL,
         ("pass", "fail", "fail"), DOUBTFUL, (MAIL,), (b"x@mail", b"dana@mail")),
    Case("a stranger's name in front", '"dana@mail.example" <x@evil.example>', "x@evil.example", ELSEWHERE,
         ("fail", "none", "none"), DOUBTFUL),
    Case("no records at all", "d@nothing.example", "d@nothing.example", PROVIDER,
         ("none", "none", "none"), DOUBTFUL),
    Case("no such domain", "d@gone.example", "d@gone.example", PROVIDER, ("none", "none", "none"), DOUBTFUL),
    Case("strict, a subdomain's SPF", "d@strict.example", "b@x.strict.example", PROVIDER,
         ("pass", "none", "fail"), DOUBTFUL),
    Case("no policy, softfail", "d@open.example", "d@open.example", EVIL, ("fail", "none", "none"), DOUBTFUL),
    Case("the neighbour below a public suffix", "d@a.k12.ma.us", "d@b.k12.ma.us", PROVIDER,
         ("pass", "none", "none"), DOUBTFUL),
    Case("two authors, one of them a stranger", f"{DANA}, x@evil.example", "x@evil.example", EVIL,
         ("pass", "none", "fail"), DOUBTFUL),
    Case("two From fields", f"{DANA}\r\nFrom: x@evil.example", "x@evil.example", EVIL,
         ("pass", "fail", "fail"), DOUBTFUL, (EVIL_KEY,)),
    Case("a crowd of authors", ", ".join(f"d@m{n}.mail.example" for n in range(9)),
         "d@mail.example", PROVIDER,
         ("none", "none", "permerror"), DOUBTFUL),
    Case("an author without a domain", "Dana <dana>", "d@mail.example", PROVIDER,
         ("pass", "none", "pass"), GENUINE),  # MAIL FROM is the author then
    Case("a broken domain", "d@mail..example", "d@mail..example", PROVIDER,
         ("none", "none", "none"), DOUBTFUL),
    # --- DNS does not answer
    Case("silence", "d@silent.example", "d@silent.example", PROVIDER,
         ("temperror", "temperror", "temperror"), UNDECIDED, (SILENT,)),
    Case("failure", "d@broken.example", "d@broken.example", PROVIDER,
         ("temperror", "none", "temperror"), UNDECIDED),
    Case("failure for the signature only", "d@broken.example", "x@evil.example", EVIL,
         ("pass", "temperror", "temperror"), UNDECIDED, (BROKEN,)),
    Case("the policy cannot be had, the domain passes", "d@half.example", "d@half.example", PROVIDER,
         ("pass", "none", "temperror"), GENUINE),
    Case("the policy cannot be had, a subdomain passes", "d@half.example", "d@x.half.example", PROVIDER,
         ("pass", "none", "temperror"), UNDECIDED),
    # --- a forger's own DNS does not answer: that is no doubt in the forger's favour
    Case("the forger's servers are silent", DANA, "x@silent.example", EVIL,
         ("none", "none", "fail"), DOUBTFUL, (SILENT,)),
    Case("the forger's servers fail", DANA, "x@broken.example", EVIL,
         ("none", "none", "fail"), DOUBTFUL, (BROKEN,)),
    Case("the policy cannot be had, nothing passes", "d@half.example", "x@evil.example", EVIL,
         ("pass", "none", "none"), DOUBTFUL),
    Case("one author is settled", f"d@silent.example, {DANA}", "x@evil.example", EVIL,
         ("pass", "none", "fail"), DOUBTFUL, (SILENT,)),
]  # fmt: skip


def message(author: str) -> bytes:
    return (
        f"From: {author}\r\nTo: ana@district.example\r\nSubject: Practice\r\n\r\nSee you at the field.\r\n"
    ).encode()


def signed(raw: bytes, signers: tuple[Signer, ...]) -> bytes:
    for signer in signers:
        raw = signer.sign(raw)
    return raw


def authenticator(server: NameServer | str, **settings: Any) -> Authenticator:
    address = server if isinstance(server, str) else server.address
    return Authenticator(
        AuthenticationSettings.model_validate({"timeout": 1, **settings}),
        Dns.model_validate({"servers": [address]}),
    )


async def ask(
    who: Authenticator, raw: bytes, mail_from: str, client: str, helo: str = "h.example"
) -> Authentication:
    return await who.authenticate(Client(client, 25, helo), mail_from, read_message(raw), raw)


def conclusion(found: Authentication) -> str:
    (word,) = [word for word in (GENUINE, DOUBTFUL, UNDECIDED) if getattr(found, word)]
    return word


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
async def test_who_vouches(case: Case) -> None:
    raw = signed(message(case.author), case.signers).replace(*case.changed)
    async with serving(ZONE) as server:
        found = await ask(authenticator(server), raw, case.mail_from, case.client, case.helo)
    assert (found.spf, found.dkim, found.dmarc) == case.facts
    assert conclusion(found) == case.concluded
    assert found.source == "gateway"
    assert Authentication.from_json(found.to_json()) == found


async def test_the_null_sender_is_checked_by_helo() -> None:
    """RFC 7208 §2.4: a bounce has no domain of MAIL FROM."""
    async with serving(ZONE) as server:
        found = await ask(authenticator(server), message(DANA), "", PROVIDER, "mail.example")
        forged = await ask(authenticator(server), message(DANA), "", EVIL, "evil.example")
    assert (found.spf, found.aligned) == ("pass", True)
    assert (forged.spf, forged.aligned) == ("pass", False)


async def test_no_author_but_a_sender() -> None:
    """Whom the rules take for the author is whom is asked about: Sender, where there is no From."""
    raw = message(DANA).replace(b"From:", b"Sender:")
    async with serving(ZONE) as server:
        found = await ask(authenticator(server), raw, "dana@mail.example", PROVIDER)
    assert (found.domain, found.aligned) == ("mail.example", True)


async def test_within_the_limit_of_time() -> None:
    """What is silent ends with the limit, although DNS would be waited for much longer, and is remembered."""
    raw = signed(message("d@silent.example"), (SILENT,))
    async with serving(ZONE) as server:
        who = authenticator(server, timeout=0.5)
        async with asyncio.timeout(9):  # one look-up of the resolver's settings takes 10 s
            found = await ask(who, raw, "d@silent.example", PROVIDER)
        asked = len(server.asked)
        again = await ask(who, raw, "d@silent.example", PROVIDER)
        assert len(server.asked) == asked
    assert found.undecided
    assert again.undecided


async def test_no_name_server() -> None:
    found = await ask(authenticator("127.0.0.1:9"), message(DANA), "dana@mail.example", PROVIDER)
    assert found.undecided


async def test_answers_are_remembered() -> None:
    raw = signed(message(DANA), (MAIL,))
    async with serving(ZONE) as server:
        who = authenticator(server)
        first = await ask(who, raw, "dana@mail.example", PROVIDER)
        asked = list(server.asked)
        second = await ask(who, raw, "dana@mail.example", PROVIDER)
        assert server.asked == asked
    assert first == second
    assert sorted(asked) == sorted({*asked})


async def test_cancelled_with_the_message() -> None:
    """The deadline of the message ends the look-ups too, and nothing is left behind."""
    async with serving(ZONE) as server:
        who = authenticator(server, timeout=60)
        task = asyncio.create_task(ask(who, message("d@silent.example"), "d@silent.example", PROVIDER))
        while not server.asked:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "raw",
    [b"", b"\r\n", b"From: \r\n\r\n", b"From: \xff@\xfe\r\n\r\n", b"DKIM-Signature: \xff=\r\n", b"\0" * 5000],
)
@pytest.mark.parametrize("mail_from", ["", "@", "x@\udcff", "a@" + "b." * 200])
async def test_nonsense(raw: bytes, mail_from: str) -> None:
    """No octets raise, and nothing vouches for nonsense."""
    async with serving(ZONE) as server:
        found = await ask(authenticator(server), raw, mail_from, "not an address", "\udcff")
    assert found.doubtful


async def test_a_large_message_leaves_the_loop_alone() -> None:
    """Hashing takes place in a thread: meanwhile other tasks of the loop run."""
    body = b"A line with  blanks.  \r\n" * 400_000
    raw = MAIL.sign(message(DANA) + body)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with serving(ZONE) as server:
        who = authenticator(server, timeout=60)
        counting = asyncio.create_task(count())
        found = await ask(who, raw, "x@evil.example", ELSEWHERE)
        counting.cancel()
    assert found.dkim == "pass"
    assert turns > 100


async def test_hostile_blanks_cost_no_more_than_others() -> None:
    """A line of a million blanks, on which a careless pattern takes a quarter of an hour."""
    raw = MAIL.sign(message(DANA)) + b" " * 1_000_000 + b"x\r\n"
    async with serving(ZONE) as server, asyncio.timeout(50):
        found = await ask(authenticator(server, timeout=40), raw, "x@evil.example", EVIL)
    assert found.dkim == "fail"


# --- what a mail server in front of the gateway found out ---------------------------------------------------

TRUSTED = {"trusted": [{"authserv_id": "filter.example", "networks": [f"{FILTER}/32"]}]}
PASSED = b"Authentication-Results: filter.example; dmarc=pass header.from=mail.example\r\n"
FAILED = (
    b"Authentication-Results: filter.example; spf=fail smtp.mailfrom=mail.example; "
    b"dmarc=fail header.from=mail.example\r\n"
)
TRACE = b"Received: from somewhere by filter.example\r\n"


@dataclass(frozen=True)
class Listed:
    what: str
    above: bytes  # fields above the message
    client: str
    facts: tuple[str, str, str]
    concluded: str
    source: str = "filter.example"


LISTED = [
    Listed("it says pass", PASSED, FILTER, ("none", "none", "pass"), GENUINE),
    Listed("it says fail", FAILED, FILTER, ("fail", "none", "fail"), DOUBTFUL),
    Listed("below its own trace", TRACE + PASSED, FILTER, ("none", "none", "pass"), GENUINE),
    Listed("in several fields", PASSED.replace(b"dmarc=pass header.from",
         b"spf=pass smtp.mailfrom") + PASSED, FILTER,
         ("pass", "none", "pass"), GENUINE),
    Listed("no policy, aligned signature",
         b"Authentication-Results: FILTER.example 1; "
         b"(x) dkim=pass (2048-bit) header.d=mail.example header.s=s1; dmarc=none\r\n", FILTER,
         ("none", "pass", "none"), GENUINE),
    Listed("by the identity of the signature",
         b"Authentication-Results: filter.example; dkim=pass header.i=@x.mail.example\r\n", FILTER,
         ("none", "pass", "none"), GENUINE),
    Listed("another domain's signature",
         b"Authentication-Results: filter.example; dkim=pass header.d=evil.example; dmarc=none\r\n", FILTER,
         ("none", "pass", "none"), DOUBTFUL),
    Listed("it could not find out",
         b"Authentication-Results: filter.example; spf=temperror smtp.mailfrom=d@mail.example\r\n", FILTER,
         ("temperror", "none", "none"), UNDECIDED),
    Listed("it could not find out about a stranger",
         b"Authentication-Results: filter.example; spf=temperror smtp.mailfrom=d@evil.example\r\n", FILTER,
         ("none", "none", "none"), DOUBTFUL),
    Listed("it passed another author", PASSED.replace(b"mail.example", b"evil.example"), FILTER,
         ("none", "none", "none"), DOUBTFUL),
    Listed("a word of its own", PASSED.replace(b"dmarc=pass", b"dmarc=bestguesspass"), FILTER,
         ("none", "none", "none"), DOUBTFUL),
    # --- what the sender wrote
    Listed("the sender's below the filter's", FAILED + TRACE + PASSED, FILTER,
         ("fail", "none", "fail"), DOUBTFUL),
    Listed("the sender's beside the filter's", FAILED + PASSED, FILTER, ("fail", "none", "fail"), DOUBTFUL),
    Listed("in a comment",
         b"Authentication-Results: filter.example; spf=fail (x; "
         b"dmarc=pass header.from=mail.example) smtp.mailfrom=mail.example\r\n", FILTER,
         ("fail", "none", "none"), DOUBTFUL),
    Listed("in a local part",
         b'Authentication-Results: filter.example; spf=pass smtp.mailfrom="x@mail.example; '
         b'dmarc=pass"@evil.example\r\n', FILTER,
         ("pass", "none", "none"), DOUBTFUL),
    Listed("smuggled in beside the truth",
         b"Authentication-Results: filter.example; dmarc=fail; "
         b"dmarc=pass header.from=mail.example\r\n", FILTER,
         ("none", "none", "fail"), DOUBTFUL),
    Listed("from a client that is not listed", PASSED, EVIL, ("fail", "none", "fail"), DOUBTFUL, "gateway"),
    Listed("in another server's name", PASSED.replace(b"filter.", b"other."), FILTER,
         ("none", "none", "fail"), DOUBTFUL, "gateway"),
    Listed("in a longer name", PASSED.replace(b"filter.", b"a.filter."), FILTER,
         ("none", "none", "fail"), DOUBTFUL, "gateway"),
    Listed("it says nothing of this", b"Authentication-Results: filter.example; auth=pass\r\n", FILTER,
         ("none", "none", "fail"), DOUBTFUL, "gateway"),
    Listed("it says none", b"Authentication-Results: filter.example; none\r\n", FILTER,
         ("none", "none", "fail"), DOUBTFUL, "gateway"),
]  # fmt: skip


@pytest.mark.parametrize("case", LISTED, ids=lambda case: case.what)
async def test_a_server_in_front(case: Listed) -> None:
    async with serving(ZONE) as server:
        who = authenticator(server, **TRUSTED)
        found = await ask(who, case.above + message(DANA), "dana@mail.example", case.client)
        assert bool(server.asked) == (case.source == "gateway")
    assert (found.spf, found.dkim, found.dmarc) == case.facts
    assert conclusion(found) == case.concluded
    assert found.source == case.source


async def test_its_signature_is_checked_where_it_says_nothing() -> None:
    """SPF is about the filter then and not about the sender, so it is not asked."""
    async with serving(ZONE) as server:
        found = await ask(
            authenticator(server, **TRUSTED), MAIL.sign(message(DANA)), "d@mail.example", FILTER
        )
    assert (found.spf, found.dkim, found.dmarc) == ("none", "pass", "pass")


@pytest.mark.parametrize("hostile", [b'"\\', b"(", b"a.", b'x.y="', b"aaaaaaaa", b"; ", b' x=y a.b="\\"'])
async def test_a_hostile_field(hostile: bytes) -> None:
    """Quadratic patterns would go on beyond the test's time."""
    above = (
        b"Authentication-Results: filter.example; spf=pass " + hostile * (15_000 // len(hostile)) + b"\r\n"
    )
    who = authenticator("127.0.0.1:9", **TRUSTED)
    found = await ask(who, above * 50 + message(DANA), "x@evil.example", FILTER)
    assert not found.genuine
