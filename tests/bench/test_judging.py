"""The times of judging: that what is timed is a judgement, not how long it takes."""

from __future__ import annotations

import pytest

from bench.directory import BENCH, LARGE, write_roster
from bench.judging import Case, cases, reload_time, time_case
from gateway.directory.snapshot import Directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    folder = tmp_path_factory.mktemp("roster")
    write_roster(folder)
    found, seconds = reload_time(folder)
    assert seconds > 0
    assert len(found.people) == BENCH.people
    return found


def test_the_district_that_is_judged_by_has_100_000_people() -> None:
    assert LARGE.people == 100_000
    assert len({case.name for case in cases()}) == len(cases())
    assert max(len(case.envelope) for case in cases()) == 10_000


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_each_case_is_judged_without_a_rule_that_fails(case: Case, directory: Directory) -> None:
    found = time_case(case, directory)
    assert 0 < found.median <= found.p99
    strangers = case.name.startswith(("a stranger", "a student"))
    assert not (strangers and found.findings)
    if case.name in ("a coach to one of the team", "a teacher from home to a pupil"):
        assert found.findings
