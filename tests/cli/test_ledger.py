"""`mailgw ledger`: what a person sees of checkpoints, and how one key follows another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.ledger.checkpoint import Kept
from gateway.ledger.ledger import Ledger
from tests.cli.installation import Installation
from tests.indexer.test_ledger import Place

ORIGIN = "harbor.example/mail"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[tuple[Installation, Place]]:
    """An installation whose ledger lies where `Place` writes one."""
    installation = Installation(tmp_path)
    place = Place(tmp_path / "data")
    yield installation, place
    place.close()


def test_a_key_follows_another(here: tuple[Installation, Place]) -> None:
    installation, place = here
    place.add(1)
    place.signed()
    first = installation.mailgw("ledger", "keys").stdout
    early = installation.mailgw("ledger", "retire-key")
    assert (early.returncode, "one key only" in early.stderr) == (1, True)

    made = installation.mailgw("ledger", "new-key")
    assert made.returncode == 0, made.stderr
    again = installation.mailgw("ledger", "new-key")
    assert (again.returncode, "taking over already" in again.stderr) == (1, True)
    early = installation.mailgw("ledger", "retire-key")
    assert (early.returncode, "no checkpoint bears both" in early.stderr) == (1, True)
    place.add(1)
    place.signed()
    assert installation.mailgw("ledger", "keys").stdout == first + made.stdout
    assert installation.mailgw("ledger", "retire-key").returncode == 0
    place.add(1)
    place.signed()

    ledger = Ledger(place.folder)
    old, new = ledger.keys
    signed = [kept.note.signed_by(ledger.keys) for kept in ledger.checkpoints]
    assert signed == [[old], [old, new], [new]]
    rows = installation.objects("ledger", "checkpoints")
    assert [row["signed_by"] for row in rows] == [[key.id.hex() for key in keys] for keys in signed]
    assert [row["signs"] for row in installation.objects("ledger", "keys")] == [False, True]


def test_a_lost_key(here: tuple[Installation, Place]) -> None:
    installation, place = here
    none = installation.mailgw("ledger", "new-key")
    assert (none.returncode, "no key yet" in none.stderr) == (1, True)
    place.add(1)
    place.signed()
    there = installation.mailgw("ledger", "new-key", "--lost")
    assert (there.returncode, "the key is there" in there.stderr) == (1, True)
    place.key.unlink()
    assert installation.mailgw("ledger", "new-key", "--lost").returncode == 0
    assert place.key.stat().st_mode & 0o777 == 0o600
    place.add(1)
    place.signed()
    rows = installation.objects("ledger", "checkpoints")
    assert len({row["signed_by"][0] for row in rows}) == 2


def test_the_newest_checkpoint_is_shown_as_it_was_signed(here: tuple[Installation, Place]) -> None:
    installation, place = here
    none = installation.mailgw("ledger", "show")
    assert (none.returncode, "nothing was signed yet" in none.stderr) == (1, True)
    place.add(2)
    kept = place.signed()
    place.add(1)
    shown = installation.mailgw("ledger", "show")
    assert Kept.parse(shown.stdout) == kept
    assert "4 of 6 entries attested, 1 checkpoints" in shown.stderr
    (row,) = installation.objects("ledger", "show")
    assert (row["entries"], row["attested"], row["origin"]) == (6, 4, ORIGIN)


def test_consistency_of_sizes_that_are_none(here: tuple[Installation, Place]) -> None:
    installation, place = here
    place.add(2)
    place.signed()
    (row,) = installation.objects("ledger", "consistency", "1", "3")
    assert (row["first_size"], row["second_size"], len(row["path"])) == (1, 3, 2)
    for sizes in (("3", "1"), ("1", "9"), ("-1",)):
        refused = installation.mailgw("ledger", "consistency", *sizes)
        assert refused.returncode in (1, 2)
        assert "Traceback" not in refused.stderr


def test_a_changed_file_is_told_and_not_shown(here: tuple[Installation, Place]) -> None:
    installation, place = here
    place.add(1)
    place.signed()
    file = place.folder / "checkpoints"
    file.write_text(file.read_text().replace("\n2\n", "\n3\n"))
    done = installation.mailgw("ledger", "show", "--json")
    assert done.returncode == 1
    assert "signature" in done.stderr
    assert json.dumps(done.stdout) == '""'


def test_damaged_hashes_below_a_sound_one_are_made_again(here: tuple[Installation, Place]) -> None:
    """The root does not show them, so the service does not see them; `verify` does."""
    installation, place = here
    place.add(300)
    place.signed()
    leaves = place.folder / "level-00"
    octets = leaves.read_bytes()
    leaves.write_bytes(octets[:70] + bytes([octets[70] ^ 1]) + octets[71:])
    found = installation.mailgw("verify", "--no-catalog")
    assert (found.returncode, found.stdout) == (
        1,
        "entry 3: ledger: the tree's hash of it is damaged; the entry is as it was attested\n"
        "ledger: level-08: 0: not the hash of what is below it\n",
    )
    writer = place.writer()
    writer.turn()
    busy = installation.mailgw("ledger", "rebuild")
    assert (busy.returncode, "stop the gateway" in busy.stderr) == (1, True)
    writer.close()
    done = installation.mailgw("ledger", "rebuild")
    assert (done.returncode, done.stderr) == (0, "600 entries: the tree is as it was signed\n")
    assert leaves.read_bytes() == octets
    assert installation.mailgw("verify", "--no-catalog").returncode == 0


def test_hashes_of_another_archive_are_not_made(here: tuple[Installation, Place]) -> None:
    installation, place = here
    place.add(3)
    place.signed()
    before = (place.folder / "level-00").read_bytes()
    place.tamper("UPDATE entry SET received = received + 1 WHERE seq = 3")
    done = installation.mailgw("ledger", "rebuild")
    assert (done.returncode, "not those that were attested" in done.stderr) == (1, True)
    assert (place.folder / "level-00").read_bytes() == before
