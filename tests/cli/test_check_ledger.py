"""`mailgw check` of the ledger: can checkpoints be signed, and will anybody else have them?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.installation import Installation
from tests.indexer.test_ledger import Place


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[Installation, Place]]:
    installation = Installation(tmp_path)
    place = Place(tmp_path / "data")
    yield installation, place
    place.close()


def told(installation: Installation, more: str = "") -> dict[str, tuple[str, str]]:
    """Grade and text of each line about the ledger, by what it is about."""
    installation.config.write_text(installation.config.read_text().partition("[ledger]")[0] + more)
    rows = [json.loads(line) for line in installation.mailgw("check", "--json").stdout.splitlines()]
    return {
        row["subject"]: (row["grade"], row["text"]) for row in rows if row["subject"].startswith("ledger")
    }


def test_the_key(here: tuple[Installation, Place]) -> None:
    installation, place = here
    grade, text = told(installation)["ledger.key_file"]
    assert (grade, "made at the first start" in text) == ("ok", True)
    place.add(1)
    place.signed()
    grade, text = told(installation)["ledger.key_file"]
    assert (grade, text.endswith("signs as harbor.example/mail")) == ("ok", True)
    place.key.chmod(0o640)
    grade, text = told(installation)["ledger.key_file"]
    assert (grade, "chmod 600" in text) == ("error", True)
    place.key.write_text("no key")
    grade, text = told(installation)["ledger.key_file"]
    assert (grade, "expected a private key in PEM" in text) == ("error", True)
    place.key.unlink()
    grade, text = told(installation)["ledger.key_file"]
    assert (grade, "put it back" in text) == ("error", True)


def test_who_else_has_checkpoints(here: tuple[Installation, Place], tmp_path: Path) -> None:
    installation, _ = here
    grade, text = told(installation)["ledger"]
    assert (grade, "nobody else keeps checkpoints" in text) == ("warning", True)
    away = tmp_path / "away"
    lines = told(installation, f'[ledger]\npublish = ["{away}"]\n')
    assert "ledger" not in lines
    assert lines["ledger.publish"][0] == "warning"
    away.mkdir()
    assert told(installation, f'[ledger]\npublish = ["{away}"]\n')["ledger.publish"][0] == "ok"
    assert "ledger" not in told(installation, '[ledger]\nwitnesses = ["clerk@town.example"]\n')


def test_a_time_stamping_authority_that_does_not_answer(
    here: tuple[Installation, Place], tmp_path: Path
) -> None:
    installation, _ = here
    roots = tmp_path / "roots.pem"
    roots.write_text("no certificate")
    more = f'[ledger]\ntimestamp_url = "http://127.0.0.1:1/"\ntimestamp_roots = "{roots}"\n'
    grade, text = told(installation, more)["ledger.timestamp_url"]
    assert (grade, "roots.pem" in text) == ("error", True)
