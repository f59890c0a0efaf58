"""Staff who use a district account and have no signed digital use form on record.

Only where the directory was given forms at all (`Directory.forms_loaded`): without them nothing is known, and
nothing is said. Any form signed on or before the day of the message will do; the directory does not say which of
several forms a district asks for.

It is a fact about a person and not about a message, so there is one finding for a person and a day, and what they
write to people who are not in the directory is left alone: personal use of the account is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.config import Severity
from gateway.policy.context import Context, Draft, Rule
from gateway.policy.identify import Account
from gateway.policy.wording import display_name, how_sure, paragraph, quoted

SENTENCE = (
    "All staff must agree to and sign an appropriate digital use form prior to being granted access to district "
    "digital resources."
)
_REMEDY = (
    "District policy asks staff to sign the digital use form before they use district accounts; please sign it, or "
    "ask the office to record it."
)


def _form_unsigned(context: Context) -> Iterable[Draft]:
    author, directory = context.author, context.directory
    if not directory.forms_loaded:
        return
    if context.exempt.author(author) or not context.others:
        return
    forms = directory.forms.get(author.person.id, ())
    if any(form.signed_on <= context.day for form in forms):
        return
    name = display_name(author.person)
    later = min((form.signed_on for form in forms), default=None)
    yield Draft(
        confidence=author.confidence,
        author_role="staff",
        people=(),
        groups=(),
        explanation=paragraph(
            f"{name} wrote from a school-issued account, and the district's record of signed forms has none for "
            f"{name} up to that day.",
            f"The first on record is of {later.isoformat()}." if later else "",
            quoted(SENTENCE),
            "Either the form is still to be signed, or it was signed and the record needs completing. It is noted "
            "once a day, however many messages there are.",
            how_sure(author.confidence, [author.why], context.genuine),
        ),
        once=f"{author.person.id}/{context.day.isoformat()}",
    )


FORM_UNSIGNED = Rule(
    "staff/form-unsigned", SENTENCE, Severity.ADVISORY, _REMEDY, _form_unsigned, account=Account.DISTRICT
)
