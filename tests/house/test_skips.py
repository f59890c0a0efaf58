"""What a skip means: a reason for people, a failure for continuous integration."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"

CASES = """
import pytest

def test_fixture(needs):
    needs("no-such-program")

@pytest.mark.needs("sh", "no-such-program")
def test_marker():
    raise AssertionError("never reached")

def test_plain():
    pytest.skip("just so")

@pytest.mark.xfail(reason="known")
def test_expected():
    raise AssertionError

def test_mail(corpus):
    raise AssertionError("never reached")

def test_there(needs):
    assert needs("sh").name == "sh"
"""

MODULE = 'import pytest\npytest.importorskip("no_such_module")\n'


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    shutil.copy(CONFTEST, tmp_path / "conftest.py")
    (tmp_path / "test_cases.py").write_text(CASES)
    (tmp_path / "test_module.py").write_text(MODULE)
    return tmp_path


def run(suite: Path, ci: str) -> str:
    arguments = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "-c", os.devnull, "."]
    environment = {**os.environ, "CI": ci, "MAILGW_CORPUS": str(suite / "nowhere"), "COLUMNS": "200"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        arguments, cwd=suite, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout


def test_a_skip_gives_its_reason(suite: Path) -> None:
    output = run(suite, "")
    assert "1 passed, 5 skipped, 1 xfailed" in output
    assert "SKIPPED [2]" in output
    assert "no-such-program is not installed" in output
    assert "set MAILGW_CORPUS" in output


def test_with_ci_a_skip_is_a_failure_but_for_mail_that_is_not_there(suite: Path) -> None:
    output = run(suite, "true")
    # A module that could not be collected is an error and ends the run unless told otherwise.
    assert "With CI=true a skip is a failure" in output
    (suite / "test_module.py").unlink()
    output = run(suite, "true")
    assert "2 failed, 1 passed, 1 skipped, 1 xfailed, 1 error" in output
    assert "With CI=true a skip is a failure. Skipped: no-such-program is not installed" in output
