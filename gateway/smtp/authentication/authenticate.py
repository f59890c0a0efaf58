"""One message's authentication: SPF, DKIM and DMARC together, or what a trusted server found out.

The author's domain is that of `From:` (where there is none, of `Sender:`, then of MAIL FROM, as the rules have it).
With several authors the message is genuine only if every author's domain vouches for it.

Promises: `Authenticator.authenticate` never raises and ends within its time limit; what is not known by then is
`temperror`. A look-up that failed counts only where it could have vouched for the author: a forger who sends from a
domain of his own with dead name servers, or signs with such a domain, gains no doubt in his favour by that, as the
message is then as one without SPF or signature (`none`). The same holds for the author's DMARC record where nothing
vouches for the message anyway.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from gateway.config import AuthenticationSettings, Dns
from gateway.message.authentication import Authentication
from gateway.message.canonical import domain_of
from gateway.message.envelope import Client
from gateway.message.reading import Reading
from gateway.smtp.authentication import dkim, dmarc
from gateway.smtp.authentication.dkim import Buffer
from gateway.smtp.authentication.dmarc import is_aligned
from gateway.smtp.authentication.resolver import LookupFailed, Resolver
from gateway.smtp.authentication.results import is_listed, trusted_results, worst
from gateway.smtp.authentication.spf import check_host

SOURCE = "gateway"
MAX_AUTHORS = 3  # domains; nobody writes in the name of more

# Beyond this a message is hashed in a thread, because the event loop must not wait for it.
THREAD_OCTETS = 64 * 1024
# A look-up takes at most this share of a message's time, so that its failure is remembered for the next message.
_SHARE = 0.8


@dataclass(slots=True)
class _Facts:
    """What is known so far; it starts as if every look-up had failed."""

    authors: Sequence[str]
    spf_domain: str
    spf: str = "temperror"
    signatures: list[dkim.Result] = field(default_factory=list)  # those that are settled
    waiting: dict[int, str] = field(default_factory=dict)  # domains of those that are not, by their number
    read: bool = False  # whether the signatures were looked at
    policies: dict[str, dmarc.Published | None] = field(default_factory=dict)  # by author's domain


class Authenticator:
    """Authenticates messages; one for a worker."""

    def __init__(
        self, settings: AuthenticationSettings, dns: Dns, now: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._resolver = Resolver(dns, settings.timeout * _SHARE)
        self._networks = tuple(network for one in settings.trusted for network in one.networks)
        self._now = now
        self._log = structlog.get_logger()

    async def authenticate(
        self, client: Client, mail_from: str, reading: Reading, raw: Buffer
    ) -> Authentication:
        """What is known about the author's domain's part in a message. Never raises but for its own cancellation."""
        authors = _author_domains(reading, mail_from)
        try:
            found = trusted_results(raw, client.address, self._settings.trusted, authors)
            return found or await self._look_up(authors, client, mail_from, raw)
        except Exception:
            self._log.exception("authentication_failed")
            domain = authors[0] if authors else ""
            return Authentication(domain, "temperror", "temperror", "temperror", False, SOURCE)

    async def _look_up(
        self, authors: Sequence[str], client: Client, mail_from: str, raw: Buffer
    ) -> Authentication:
        if not authors or not all(authors) or len(authors) > MAX_AUTHORS:
            # Nobody can vouch for an author without a domain, or for a crowd.
            return Authentication(authors[0] if authors else "", "none", "none", "permerror", False, SOURCE)
        facts = _Facts(authors, domain_of(mail_from) or domain_of(f"x@{client.helo}"))
        parts: list[Awaitable[None]] = [self._read_signatures(facts, raw)]
        if is_listed(client.address, self._networks):
            facts.spf = (
                "none"  # the client is a server of the district's: the message came to it from elsewhere
            )
        else:
            parts.append(self._ask_spf(facts, client, mail_from))
        parts += [self._ask_policy(facts, author) for author in authors]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(tasks, timeout=self._settings.timeout)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                self._log.error("authentication_failed", exc_info=error)
        return _conclusion(facts)

    async def _ask_spf(self, facts: _Facts, client: Client, mail_from: str) -> None:
        facts.spf = await check_host(self._resolver, client.address, facts.spf_domain, mail_from, client.helo)

    async def _ask_policy(self, facts: _Facts, author: str) -> None:
        try:
            facts.policies[author] = await dmarc.published(self._resolver, author)
        except LookupFailed:
            return

    async def _read_signatures(self, facts: _Facts, raw: Buffer) -> None:
        def read() -> tuple[dkim.Message, list[dkim.Signature], list[dkim.Result], list[bool]]:
            message = dkim.read(raw)
            found, unusable = dkim.signatures(message, wanted, self._now())
            return message, found, unusable, dkim.holds(message, found)

        def wanted(domain: str) -> bool:
            return any(is_aligned(author, domain) for author in facts.authors)

        large = len(raw) > THREAD_OCTETS
        message, found, unusable, held = await asyncio.to_thread(read) if large else read()
        facts.signatures += unusable
        for number, (one, holds) in enumerate(zip(found, held, strict=True)):
            if holds:
                facts.waiting[number] = one.domain
            else:
                facts.signatures.append(dkim.Result(one.domain, "fail"))
        facts.read = True
        await asyncio.gather(
            *(self._verify(facts, number, message, found[number]) for number in facts.waiting)
        )

    async def _verify(
        self, facts: _Facts, number: int, message: dkim.Message, signature: dkim.Signature
    ) -> None:
        facts.signatures.append(await dkim.verify(self._resolver, message, signature))
        del facts.waiting[number]


def _author_domains(reading: Reading, mail_from: str) -> tuple[str, ...]:
    """The domains of the authors, each once; "" stands for an address without one."""
    boxes = reading.from_ or reading.sender
    addresses = [box.address for box in boxes] if boxes else [mail_from]
    return tuple(dict.fromkeys(domain_of(address) for address in addresses))


def _conclusion(facts: _Facts) -> Authentication:
    """What the facts say about all authors together."""
    authors = facts.authors
    signatures = [*facts.signatures, *(dkim.Result(domain, "temperror") for domain in facts.waiting.values())]
    if not facts.read:  # out of time before the message was read: any signature may have held
        signatures += [dkim.Result(author, "temperror") for author in authors]
    judged = [_about(author, facts, signatures) for author in authors]
    spf, best, result = facts.spf, _best(signatures, authors), worst(word for word, _, _ in judged)
    if spf == "temperror" and not any(is_aligned(author, facts.spf_domain) for author in authors):
        spf = "none"
    if not all(may_be for _, _, may_be in judged):
        # For one author it is settled, and so for the message: what failed could not have changed it.
        spf, best, result = ("none" if word == "temperror" else word for word in (spf, best, result))
    aligned = all(aligned for _, aligned, _ in judged)
    return Authentication(authors[0], spf, best, result, aligned, SOURCE)


def _about(author: str, facts: _Facts, signatures: Sequence[dkim.Result]) -> tuple[str, bool, bool]:
    """DMARC's result for one author's domain, whether the domain vouches for the message, and whether it may."""
    asked = author in facts.policies
    policy = facts.policies[author] if asked else dmarc.UNKNOWN
    strict, lenient = policy or dmarc.Published(), dmarc.Published()

    def vouched(result: str, modes: dmarc.Published) -> bool:
        return (facts.spf == result and is_aligned(author, facts.spf_domain, strict=modes.strict_spf)) or any(
            one.result == result and is_aligned(author, one.domain, strict=modes.strict_dkim)
            for one in signatures
        )

    aligned = vouched("pass", strict)
    known = strict if asked else lenient
    may_be = aligned or vouched("pass", known) or vouched("temperror", known)
    if policy is None or (not asked and not may_be):
        return "none", aligned, may_be
    if not asked:
        return "temperror", aligned, may_be
    return ("pass" if aligned else "temperror" if may_be else "fail"), aligned, may_be


def _best(signatures: Sequence[dkim.Result], authors: Sequence[str]) -> str:
    """The result that says most; a failed look-up for a domain that is no author's is none."""

    def own(one: dkim.Result) -> bool:
        return any(is_aligned(author, one.domain) for author in authors)

    results = {one.result for one in signatures if own(one)}
    others = {one.result for one in signatures if not own(one)} - {"temperror"}
    order = ("pass", "temperror", "fail", "permerror")
    # A stranger's signature that holds says less than the author's own that does not.
    return next((word for word in order if word in results), next((w for w in order if w in others), "none"))
