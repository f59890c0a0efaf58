"""What holds for every message: order, administrators, exemptions, any header, JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message.addresses import Mailbox
from gateway.message.reading import Reading
from gateway.policy.model import Finding, Transaction, Verdict
from gateway.policy.rules.table import RULES

STAFF = (
    "Maria Lopez",
    "Dana Reed",
    "Tom Kelly",
    "Ruth Osei",
    "Amos Bell",
    "Jo Park",
    "Ivan Petrov",
    "Una Frost",
)
AUTHORS = (
    *STAFF,
    "Tom Kelly at home",
    "Dana Reed at home",
    "Grace Hill at home",
    "Grace Hill as guardian",
    "Ivan Petrov at home",
    "Kim Berg <bergs@home.example>",
    "Victor Stone at home",
    "Ben Cole",
    "stranger@elsewhere.example",
)
ADMINISTRATORS = ("Pat Kim", "Lee Wong", "Sam Poe", "Jo Park")
STUDENTS = (
    *("Ana Silva", "Ben Cole", "Cara Dunn", "Dev Patel", "Eli Stone", "Fay Young", "Owen Hill"),
    *("Mila Petrov", "Nia Long", "Otto Berg", "Paul Roy", "Zoe Adams"),
)
RECIPIENTS = (
    *STUDENTS,
    *("Mona Long as guardian", "Rosa Silva as guardian", "Carl Hill as guardian"),
    *("Lou Berg", "Maria Lopez", "Tom Kelly", "Kim Berg at home", "Maria Lopez at home", *ADMINISTRATORS),
    *("list of Varsity Soccer", "list of JV Soccer", "list of Student Council", "list of Soccer Captains"),
    *("list of Swimming", "list of Algebra", "list of Robotics", "list of Robotics Build", "list of Sailing"),
    *("list of Arts", "list of Bell Ringers", "list of Faculty Senate"),
    "friend@elsewhere.example",
)
SUBJECTS = ("practice", "[EMERGENCY] call", "[PRIVATE-MEDICAL] knee")

some_recipients = st.lists(st.sampled_from(RECIPIENTS), max_size=8, unique=True)
authors = st.lists(st.sampled_from(AUTHORS), min_size=1, max_size=2, unique=True)
subjects = st.sampled_from(SUBJECTS)
requirements = st.sampled_from(["any", "all"])
# A small part of all addresses is enough, and the suite stays fast.
FEW = settings(max_examples=100, deadline=None)


# Rules that are off by default are looked at too.
ALL_ON = {rule.id: {"enabled": True} for rule in RULES}


def exempting(name: str) -> dict[str, Any]:
    """Settings that turn every rule on and leave one person alone in all of them."""
    exemption = {"people": [name], "reason": "test", "expires": "2026-12-31"}
    return {"rules": {rule.id: {"enabled": True, "exemptions": [exemption]} for rule in RULES}}


def rules_of(verdict: Verdict) -> set[str]:
    return {finding.rule for finding in verdict.findings}


def about(verdict: Verdict) -> set[tuple[str, str | None]]:
    """Whom the findings of each family of rules are about."""
    return {
        (finding.rule.partition("/")[0], person.person_id)
        for finding in verdict.findings
        for person in finding.people
    }


def violations(verdict: Verdict) -> set[str]:
    return {finding.rule for finding in verdict.findings if finding.severity == "violation"}


@FEW
@given(authors, some_recipients, some_recipients, some_recipients, subjects, st.randoms())
def test_the_order_of_recipients_never_matters(
    harbor: Any, author: list[str], to: list[str], cc: list[str], bcc: list[str], subject: str, random: Any
) -> None:
    shuffled = [random.sample(part, len(part)) for part in (to, cc, bcc)]
    chosen = {"rules": ALL_ON}
    one = harbor.judge(author, to, chosen, cc=cc, bcc=bcc, subject=subject)
    other = harbor.judge(author, shuffled[0], chosen, cc=shuffled[1], bcc=shuffled[2], subject=subject)
    assert one == other


@FEW
@given(
    authors, some_recipients, some_recipients, requirements, st.sampled_from(ADMINISTRATORS), st.booleans()
)
def test_an_administrator_more_never_adds_a_violation_of_coaches_or_groups(
    harbor: Any, author: list[str], to: list[str], cc: list[str], require: str, more: str, blind: bool
) -> None:
    chosen = {"require_administrators": require}
    before = harbor.judge(author, to, chosen, cc=cc)
    after = harbor.judge(author, to, chosen, cc=cc, bcc=[more]) if blind else None
    after = after or harbor.judge(author, to, chosen, cc=[*cc, more])
    added = violations(after) - violations(before)
    assert not {rule for rule in added if rule.startswith(("coach/", "group/"))}


@FEW
@given(authors, some_recipients, st.sampled_from((*STUDENTS, *ADMINISTRATORS, "Mona Long", "Lou Berg")))
def test_an_exempt_person_more_never_adds_a_finding(
    harbor: Any, author: list[str], to: list[str], more: str
) -> None:
    chosen = exempting(more)
    at = "Mona Long as guardian" if more == "Mona Long" else more
    before = harbor.judge(author, to, chosen)
    after = harbor.judge(author, [*to, at], chosen)
    # Who completes one team may leave one member of another singled out where there were several: the finding
    # is `one-to-one` then and no longer `partial-team`, but it is about nobody new.
    assert about(after) <= about(before)
    assert more not in {person for _, person in about(after)}


@FEW
@given(authors, some_recipients, subjects, st.sampled_from((*STUDENTS, "Tom Kelly", "Dana Reed", "Pat Kim")))
def test_one_exemption_more_never_adds_an_accusation(
    harbor: Any, author: list[str], to: list[str], subject: str, name: str
) -> None:
    chosen = exempting(name)
    before = harbor.judge(author, to, {"rules": ALL_ON}, subject=subject)
    after = harbor.judge(author, to, chosen, subject=subject)
    people_before = {person.person_id for finding in before.findings for person in finding.people}
    people_after = {person.person_id for finding in after.findings for person in finding.people}
    assert people_after <= people_before
    assert len(after.findings) <= len(before.findings)


@FEW
@given(some_recipients, st.sampled_from(("Ben Cole", "Ana Silva at home", "Zoe Adams")))
def test_a_student_who_writes_causes_nothing(harbor: Any, to: list[str], author: str) -> None:
    assert harbor.judge(author, to, {"rules": ALL_ON}).findings == ()


@FEW
@given(some_recipients, some_recipients, st.sampled_from(STAFF))
def test_a_school_account_is_never_off_channel(
    harbor: Any, to: list[str], cc: list[str], author: str
) -> None:
    """It may address somebody's account that is."""
    found = {rule for rule in rules_of(harbor.judge(author, to, cc=cc)) if rule.startswith("off-channel/")}
    assert found <= {"off-channel/addressed"}


@FEW
@given(
    authors, some_recipients, some_recipients, st.sampled_from((*STAFF, "Mona Long as guardian", "Ben Cole"))
)
def test_an_adult_or_student_more_never_makes_it_one_to_one(
    harbor: Any, author: list[str], to: list[str], bcc: list[str], more: str
) -> None:
    """And where it is, no second adult and no second student is among the recipients."""
    before = harbor.judge(author, to, bcc=bcc)
    after = harbor.judge(author, [*to, more], bcc=bcc)
    students = set(STUDENTS) & {*to, *bcc, more}
    if "student/one-to-one" in rules_of(after):
        assert more in author or "student/one-to-one" in rules_of(before) or students == {more}


@FEW
@given(authors, some_recipients, some_recipients)
def test_one_matter_is_not_told_twice(harbor: Any, author: list[str], to: list[str], cc: list[str]) -> None:
    """Where a coach rule speaks about an author, `student/one-to-one` does not."""
    findings = harbor.judge(author, to, cc=cc).findings
    coaches = {finding.author.person_id for finding in findings if finding.rule.startswith("coach/")}
    assert not any(
        finding.rule == "student/one-to-one" and finding.author.person_id in coaches for finding in findings
    )


@FEW
@given(st.sampled_from(STAFF), st.sampled_from(STAFF), some_recipients, some_recipients)
def test_a_group_is_named_once_a_day(
    harbor: Any, author: str, other: str, to: list[str], cc: list[str]
) -> None:
    """Whoever writes, in however many messages: the same group has the same finding id."""
    ids: dict[tuple[str, ...], set[str]] = {}
    for number, who in enumerate((author, other)):
        for finding in harbor.judge(who, to, cc=cc, content_id=str(number)).findings:
            if finding.rule == "group/no-administrator":
                ids.setdefault(finding.groups, set()).add(finding.id)
    assert all(len(same) == 1 for same in ids.values())


@pytest.mark.parametrize(
    ("rule", "author", "to"),
    [
        ("group/no-administrator", "Tom Kelly", ["list of JV Soccer"]),
        ("staff/form-unsigned", "Una Frost", ["Maria Lopez"]),
    ],
)
def test_another_day_is_another_finding(harbor: Any, rule: str, author: str, to: list[str]) -> None:
    days = [datetime(2026, 10, day, 16, tzinfo=UTC) for day in (14, 14, 15)]
    ids = [
        finding.id
        for number, day in enumerate(days)
        for finding in harbor.judge(author, to, received=day, content_id=str(number)).findings
        if finding.rule == rule
    ]
    assert ids[0] == ids[1] != ids[2]


@FEW
@given(authors, some_recipients, some_recipients, subjects)
def test_json_keeps_everything(
    harbor: Any, author: list[str], to: list[str], cc: list[str], subject: str
) -> None:
    verdict = harbor.judge(author, to, cc=cc, subject=subject)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    for finding in verdict.findings:
        assert Finding.from_json(json.loads(json.dumps(finding.to_json()))) == finding


# --- any header ------------------------------------------------------------------------------------------

# Text as tolerant decoding may leave it: any character, lone surrogates too, with real addresses among it.
anything = st.text(st.characters(exclude_categories=()), max_size=40)
addresses = st.one_of(
    anything,
    st.sampled_from(["tom@kelly.example", "tom.kelly@harbor.example", "cara.dunn@harbor.example", "a@", "@"]),
    st.sampled_from(["varsity@harbor.example", "BERGS@home.example", "robotics@harbor.example", "<>", ""]),
)
boxes = st.lists(st.builds(Mailbox, name=anything, address=addresses, raw=anything), max_size=4).map(tuple)
texts = st.one_of(st.none(), anything)
many = st.lists(anything, max_size=3).map(tuple)
readings = st.builds(
    Reading,
    message_id=texts,
    subject=anything,
    date=st.none(),
    from_=boxes,
    sender=boxes,
    reply_to=boxes,
    to=boxes,
    cc=boxes,
    in_reply_to=many,
    references=many,
    auto_submitted=st.none(),
    list_id=texts,
    privacy_matter=texts,
    received_count=st.integers(),
    defects=many,
    header_size=st.integers(),
)
moments = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))


@FEW
@given(readings, addresses, st.lists(addresses, max_size=5).map(tuple), moments, anything)
def test_any_message_is_judged_without_an_error(
    harbor: Any,
    reading: Reading,
    mail_from: str,
    recipients: tuple[str, ...],
    received: datetime,
    content_id: str,
) -> None:
    transaction = Transaction(reading, mail_from, recipients, received, content_id)
    verdict = harbor.engine().judge(transaction, harbor.directory)
    assert verdict.errors == ()
    unlisted = replace(transaction, reading=replace(reading, list_id=None), mail_from="x@elsewhere.example")
    verdict = harbor.engine().judge(unlisted, harbor.directory)
    assert verdict.errors == ()
    assert verdict.not_judged is None


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 1500])
def test_findings_about_any_number_of_people(harbor: Any, directory_of: Any, count: int) -> None:
    pupils = [f"Pupil N{number:04}" for number in range(count)]
    directory = directory_of(
        {
            "domains": ["harbor.example"],
            "people": {
                "Maria Lopez": {"roles": ["staff"], "home": "maria.lopez@gmail.com"},
                **{name: {"roles": ["student"]} for name in pupils},
            },
        }
    )
    transaction = harbor.transaction(
        "Maria Lopez at home", [f"{name.lower().replace(' ', '.')}@harbor.example" for name in pupils]
    )
    findings = harbor.engine().judge(transaction, directory).findings
    (finding,) = (finding for finding in findings if finding.rule == "off-channel/student")
    assert len(finding.people) == min(count, 1000)
    words = {
        1: "wrote to the student Pupil N0000 from",
        2: "wrote to the students Pupil N0000 and Pupil N0001 from",
        3: "wrote to the students Pupil N0000, Pupil N0001 and Pupil N0002 from",
        4: "wrote to the students Pupil N0000, Pupil N0001, Pupil N0002 and Pupil N0003 from",
        5: "wrote to 5 students (Pupil N0000, Pupil N0001, Pupil N0002 and 2 others) from",
        1500: "wrote to 1500 students (Pupil N0000, Pupil N0001, Pupil N0002 and 1497 others) from",
    }
    assert words[count] in finding.explanation


@pytest.mark.parametrize("loaded", [True, False])
def test_without_form_data_nobody_is_asked_for_a_form(harbor: Any, directory_of: Any, loaded: bool) -> None:
    directory = directory_of(
        {
            "domains": ["harbor.example"],
            "forms_loaded": loaded,
            "people": {
                "Una Frost": {"roles": ["staff"], "form": False},
                "Maria Lopez": {"roles": ["staff"], "form": False},
            },
        }
    )
    findings = harbor.engine().judge(harbor.transaction("Una Frost", ["Maria Lopez"]), directory).findings
    assert [finding.rule for finding in findings] == (["staff/form-unsigned"] if loaded else [])
