"""Who may be behind a message where nobody can be sure: notices for a look, never accusations.

`identity/suspected-staff`: nothing but a staff member's name stands on a message from an outside account to
students or their guardians. Many people have one name, so it is a notice whatever the settings say. Mail to staff
is left out: sellers and parents with a teacher's name write to schools every day.

`identity/possible-impersonation`: a message bears a staff member's name or address, and nothing vouches for it. The
staff member is a victim here, if anything; the notice is for IT. The same notice, about nobody on the staff, is for
mail from a domain that is written like the district's with letters of another alphabet.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.config import Severity
from gateway.directory.model import Person
from gateway.policy.capacity import family, is_guardian, is_staff, is_student
from gateway.policy.context import MOST_LISTED, Context, Draft, Rule, Standing
from gateway.policy.identify import UNKNOWN, Account, Identity, Step
from gateway.policy.model import Involved
from gateway.policy.rules import off_channel
from gateway.policy.wording import by_name, display_name, how_sure, paragraph, people_called, quoted

FOR_IT = "for-it"
SECURITY = "No sentence of the policy: a matter of the security of mail."


def _suspected(context: Context) -> Iterable[Draft]:
    """An outside account with a staff member's name, and nothing else that tells who it is."""
    author, directory, day = context.author, context.directory, context.day
    if context.exempt.author(author):
        return
    own = family(directory, author.person.id, day)
    reached = [
        person
        for person in context.others
        if (is_student(person, day) or is_guardian(directory, person.id, day))
        and person.id not in own
        and not context.exempts(person)
    ]
    if not reached:
        return
    ordered = by_name(reached)
    name = display_name(author.person)
    yield _draft(
        context,
        ordered,
        f"A message to {_called(context, ordered)} came from an outside account under the name of {name}, who works "
        "for the district.",
        f"Nothing but the name points to {name}; somebody else of that name may have written it. Nobody should be "
        "held to account on this alone.",
        quoted(off_channel.SENTENCE),
    )


def _impersonated(context: Context) -> Iterable[Draft]:
    """A staff member's name or address on a message that may be forged."""
    author, directory, day = context.author, context.directory, context.day
    if context.exempt.author(author):
        return
    reached = [
        person
        for person in context.others
        if (is_student(person, day) or is_staff(person, day) or is_guardian(directory, person.id, day))
        and not context.exempts(person)
    ]
    if not reached:
        return
    ordered = by_name(reached)
    yield _draft(
        context,
        ordered,
        *_imitation(author, _called(context, ordered)),
        "Whoever looks after the security of mail should have a look.",
        marks=(FOR_IT,),
    )


def _imitation(author: Identity, called: str) -> tuple[str, str]:
    """What stands on the message, and that it accuses nobody."""
    name = display_name(author.person)
    if author.person is UNKNOWN:
        return (
            f"{name}: a message to {called} came from a domain that is written like the district's and is another.",
            "This is no finding about anybody on the staff: somebody may want to pass for the district.",
        )
    return (
        f"A message to {called} bears the name or an address of {name}, who works for the district, and nothing shows "
        "that it is genuine.",
        "This is no finding about that staff member: somebody may be misusing their name.",
    )


def _genuine(context: Context) -> str:
    """The sentence on whether the sender's domain vouches for the message; of a look-alike that says little."""
    authentication = context.message.transaction.authentication
    if context.author.step is Step.LOOK_ALIKE and authentication is not None and authentication.genuine:
        return f"The domain that sent it, {authentication.domain}, vouches for the message, but not for that name."
    return context.genuine


def _called(context: Context, people: list[Person]) -> str:
    """The people reached, by the most telling word for all of them."""
    day = context.day
    if all(is_student(person, day) for person in people):
        return people_called(people, "student", "students")
    if all(is_staff(person, day) for person in people):
        return people_called(people, "staff member", "staff members")
    if not any(is_staff(person, day) or is_student(person, day) for person in people):
        return people_called(people, "parent or guardian", "parents or guardians")
    return people_called(people, "recipient", "people of the district")


def _draft(context: Context, people: list[Person], *sentences: str, marks: tuple[str, ...] = ()) -> Draft:
    author, everybody, day = context.author, context.message.audience, context.day

    def involved(person: Person) -> Involved:
        role = "student" if is_student(person, day) else "staff" if is_staff(person, day) else "guardian"
        found = everybody.recipient(person.id)
        return Involved(person.id, display_name(person), role, found.ways[0].address, found.why)

    return Draft(
        confidence=author.confidence,
        author_role="unknown" if author.person is UNKNOWN else "staff",
        people=tuple(involved(person) for person in people[:MOST_LISTED]),
        groups=(),
        explanation=paragraph(*sentences, how_sure(author.confidence, [author.why], _genuine(context))),
        marks=marks,
        softened=True,
    )


SUSPECTED_STAFF = Rule(
    "identity/suspected-staff",
    off_channel.SENTENCE,
    Severity.NOTICE,
    "Please send this message again from your school-issued account.",
    _suspected,
    about=Standing.NAMED_ONLY,
    account=Account.OUTSIDE,
)
POSSIBLE_IMPERSONATION = Rule(
    "identity/possible-impersonation",
    SECURITY,
    Severity.NOTICE,
    "The message could not be shown to come from the sender it names.",
    _impersonated,
    version=2,
    about=Standing.DOUBTFUL,
)
