"""The engine: one message, one directory, one verdict.

Promises: `judge` never raises and never does I/O. A rule that fails is named in `Verdict.errors` and the
others go on, so policy never costs mail; whoever wants the exception passes `on_error`. The same transaction,
directory and settings always give the same verdict. Mail whose author is nobody on the staff costs a look-up
and no more.

Not judged are bounces (null sender), automatic replies (RFC 3834) and posts from mailing lists of other
domains (RFC 2919).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import date
from itertools import product
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.config import Action, District, Policy, RuleSettings, Severity, in_domain
from gateway.directory.model import Role
from gateway.directory.snapshot import Directory
from gateway.policy.capacity import is_guardian, is_staff
from gateway.policy.context import Context, Draft, Message, Rule, Standing, standing
from gateway.policy.exemptions import NOBODY, exempt_on
from gateway.policy.identify import Account, Identity
from gateway.policy.model import Confidence, Finding, Involved, Transaction, Verdict, finding_id
from gateway.policy.rules.table import RULES
from gateway.policy.wording import display_name

# Raised when anything beside the rules changes what is found: identification, audience, capacity, words.
ENGINE_VERSION = 3

OnError = Callable[[str, Exception], None]

_WEAKEST_FIRST = tuple(Action)
_DEFAULTS = RuleSettings.model_validate({})


def _ignore(rule: str, error: Exception) -> None:
    """Nobody asked for the exception."""


class Engine:
    """The rules with one district's settings. Holds nothing that changes; any number of threads may judge."""

    def __init__(
        self,
        settings: Policy,
        district: District,
        *,
        rules: Sequence[Rule] = RULES,
        on_error: OnError = _ignore,
    ) -> None:
        """`on_error` is called with a rule's id (or "engine") and the exception; what it raises is dropped.

        An exception's text may hold addresses: log its type and the places of its traceback only.
        """
        self._settings = settings
        self._zone: ZoneInfo = district.zone
        self._domains = district.domains
        self._on_error = on_error
        found = ((rule, settings.rules.get(rule.id, _DEFAULTS)) for rule in rules)
        self._rules = tuple((rule, chosen) for rule, chosen in found if _is_enabled(rule, chosen, settings))
        self._asked = {
            kind: tuple((at, *pair) for at, pair in enumerate(self._rules) if kind.is_judged_by(pair[0]))
            for kind in _KINDS
        }
        self.enabled = frozenset(rule.id for rule, _ in self._rules)
        self._guardians_too = any(rule.guardians_too for rule, _ in self._rules)
        self.rules_version = _rules_version(rules, settings, district)

    def judge(self, transaction: Transaction, directory: Directory) -> Verdict:
        """Judge one message by one directory. Never raises."""
        try:
            return self._judge(transaction, directory)
        except Exception as error:
            self._tell("engine", error)
            return self._verdict(directory, errors=("engine",))

    def _judge(self, transaction: Transaction, directory: Directory) -> Verdict:
        reason = self._not_judged(transaction)
        if reason is not None:
            return self._verdict(directory, not_judged=reason)
        local = transaction.received.astimezone(self._zone)
        day = local.date()
        message = Message(transaction, directory, local, self._settings)
        staff = {author.person.id for author in message.authors if is_staff(author.person, day)}
        writers = [
            author
            for author in message.authors
            if author.person.id in staff or self._judges(author, directory, day)
        ]
        errors: dict[str, None] = {}
        found: Sequence[Finding] = ()
        # No rule is about a message that reaches nobody whom the directory knows.
        if any(message.audience.ids - {writer.person.id} for writer in writers):
            found = self._findings(message, writers, staff, errors)
        return self._verdict(directory, found, tuple(errors), by_staff=bool(staff))

    def _findings(
        self, message: Message, writers: Iterable[Identity], staff: Collection[str], errors: dict[str, None]
    ) -> list[Finding]:
        """What the rules find, in the order of the rules and then of the authors."""
        numbered = []
        for writer in writers:
            context = Context(message, writer)
            kind = Kind.of(writer, message.transaction, message.directory, staff=writer.person.id in staff)
            for number, rule, chosen in self._asked[kind]:
                drafts = self._drafts(rule, chosen, context, errors)
                numbered += [(number, self._finding(rule, chosen, context, draft)) for draft in drafts]
        found = [finding for _, finding in sorted(numbered, key=itemgetter(0))]
        # Two authors of one message make one finding of a rule that names a group or a person once a day.
        return list({finding.id: finding for finding in reversed(found)}.values())[::-1]

    def _judges(self, author: Identity, directory: Directory, day: date) -> bool:
        """Whether some rule judges an author who is not on the staff: a guardian, and never a student."""
        person = author.person
        return (
            self._guardians_too
            and Role.STUDENT not in person.roles
            and is_guardian(directory, person.id, day)
        )

    def _not_judged(self, transaction: Transaction) -> str | None:
        """Why a message is archived but not judged; None where it is judged."""
        reading = transaction.reading
        if transaction.mail_from.strip() in ("", "<>"):
            return "null sender"
        if reading.auto_submitted is not None:
            return "auto-submitted"
        if reading.list_id is not None:
            listed = reading.list_id.strip().rstrip(".").lower()
            if not any(in_domain(listed, domain) for domain in self._domains):
                return "outside list"
        return None

    def _drafts(
        self, rule: Rule, chosen: RuleSettings, context: Context, errors: dict[str, None]
    ) -> Sequence[Draft]:
        """What one rule says about one author; a failure is noted."""
        try:
            if chosen.exemptions:
                context = _exempting(context, chosen)
            return tuple(rule.judge(context))
        except Exception as error:
            errors[rule.id] = None
            self._tell(rule.id, error)
            return ()

    def _tell(self, rule: str, error: Exception) -> None:
        with suppress(Exception):
            self._on_error(rule, error)

    def _finding(self, rule: Rule, chosen: RuleSettings, context: Context, draft: Draft) -> Finding:
        author, transaction = context.author, context.message.transaction
        severity, action = _weight(rule, chosen, draft, context)
        return Finding(
            id=finding_id(
                rule.id, draft.once or transaction.content_id, "" if draft.once else author.person.id
            ),
            rule=rule.id,
            severity=severity,
            confidence=draft.confidence,
            author=_author(author, draft.author_role),
            people=draft.people,
            groups=draft.groups,
            sentence=rule.sentence,
            explanation=draft.explanation,
            action=action,
            message_id=transaction.reading.message_id,
            directory_version=context.directory.version,
            rules_version=self.rules_version,
            marks=draft.marks,
        )

    def _verdict(
        self,
        directory: Directory,
        findings: Sequence[Finding] = (),
        errors: tuple[str, ...] = (),
        not_judged: str | None = None,
        *,
        by_staff: bool = False,
    ) -> Verdict:
        action = max(
            (finding.action for finding in findings), key=_WEAKEST_FIRST.index, default=Action.RECORD
        )
        tagged = dict.fromkeys(finding.rule for finding in findings if finding.action is Action.TAG)
        return Verdict(
            findings=tuple(findings),
            action=action,
            tag=", ".join(tagged) or None,
            reject=self._refusal(findings) if action is Action.REJECT else None,
            errors=errors,
            rules_version=self.rules_version,
            directory_version=directory.version,
            not_judged=not_judged,
            by_staff=by_staff,
        )

    def _refusal(self, findings: Sequence[Finding]) -> str:
        """The sentence for the sender, by the first rule that refuses; ASCII, one line, names no person."""
        refusing = next(finding.rule for finding in findings if finding.action is Action.REJECT)
        remedy = next(rule.remedy for rule, _ in self._rules if rule.id == refusing)
        return f"{remedy} ({refusing})"


class Kind(NamedTuple):
    """What of an author decides which rules are asked: most have nothing to say about most authors."""

    standing: Standing
    account: Account
    leads: bool
    staff: bool

    @classmethod
    def of(cls, author: Identity, transaction: Transaction, directory: Directory, *, staff: bool) -> Kind:
        leads = bool(directory.groups_led_by(author.person.id))
        return cls(standing(author, transaction.authentication), author.account, leads, staff)

    def is_judged_by(self, rule: Rule) -> bool:
        return (
            rule.about is self.standing
            and rule.account in (None, self.account)
            and (self.leads or not rule.leaders)
            and (self.staff or rule.guardians_too)
        )


_KINDS = tuple(Kind(*facts) for facts in product(Standing, Account, (True, False), (True, False)))


def _is_enabled(rule: Rule, chosen: RuleSettings, settings: Policy) -> bool:
    """By the rule's own setting; else by that of the optional set it belongs to, or by default."""
    if chosen.enabled is not None:
        return chosen.enabled
    return rule.enabled or (settings.safesport.enabled and rule.id.startswith("safesport/"))


def _exempting(context: Context, chosen: RuleSettings) -> Context:
    exempt = exempt_on(chosen.exemptions, context.day, context.directory)
    return context if exempt is NOBODY else Context(context.message, context.author, exempt, context.facts)


def _weight(rule: Rule, chosen: RuleSettings, draft: Draft, context: Context) -> tuple[Severity, Action]:
    """Severity and action by the settings; what is softened, only possible or unchecked for now stops no mail."""
    mild = min(chosen.action, Action.NOTIFY, key=_WEAKEST_FIRST.index)
    if draft.softened or draft.confidence is Confidence.POSSIBLE:
        return Severity.NOTICE, mild
    authentication = context.message.transaction.authentication
    unchecked = authentication is not None and authentication.undecided
    return chosen.severity or rule.severity, mild if unchecked else chosen.action


def _author(author: Identity, role: str) -> Involved:
    # Who passes for the district under nobody's name is nobody in the directory.
    return Involved(author.person.id or None, display_name(author.person), role, author.address, author.why)


def _rules_version(rules: Iterable[Rule], settings: Policy, district: District) -> str:
    """12 hex digits over everything but the directory that a verdict depends on."""
    facts = {
        "engine": ENGINE_VERSION,
        "rules": [(rule.id, rule.version, rule.sentence, rule.severity, rule.remedy) for rule in rules],
        "settings": settings.model_dump(mode="json"),
        "domains": district.domains,
        "zone": district.time_zone,
    }
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
