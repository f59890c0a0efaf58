"""What follows from the facts of an authentication."""

from __future__ import annotations

import pytest

from gateway.message.authentication import Authentication, least_sure


def facts(spf: str, dkim: str, dmarc: str, aligned: bool) -> Authentication:
    return Authentication("mail.example", spf, dkim, dmarc, aligned, "gateway")


GENUINE = facts("pass", "none", "pass", True)
UNDECIDED = facts("temperror", "none", "none", False)
DOUBTFUL = facts("fail", "none", "fail", False)


@pytest.mark.parametrize(
    ("found", "genuine", "undecided"),
    [
        (GENUINE, True, False),
        (facts("temperror", "pass", "none", True), True, False),
        (UNDECIDED, False, True),
        (facts("pass", "temperror", "none", False), False, True),
        (facts("pass", "pass", "temperror", False), False, True),
        (DOUBTFUL, False, False),
        (facts("none", "none", "none", False), False, False),
        (facts("permerror", "permerror", "permerror", False), False, False),
    ],
)
def test_what_follows(found: Authentication, genuine: bool, undecided: bool) -> None:
    assert (found.genuine, found.undecided, found.doubtful) == (
        genuine,
        undecided,
        not genuine and not undecided,
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], None),
        ([GENUINE], GENUINE),
        ([GENUINE, UNDECIDED], UNDECIDED),
        ([GENUINE, DOUBTFUL, UNDECIDED], DOUBTFUL),
        ([DOUBTFUL, GENUINE], DOUBTFUL),
    ],
)
def test_several_transactions_of_one_message(
    found: list[Authentication], expected: Authentication | None
) -> None:
    assert least_sure(found) == expected
