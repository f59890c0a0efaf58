"""The ledger through the real service: what came in is attested and published, and another history is not."""

from __future__ import annotations

import asyncio
import base64
import email
import json
import smtplib
from datetime import UTC, datetime
from email.policy import default
from pathlib import Path
from typing import Any

from gateway.archive import Reader
from gateway.ledger.checkpoint import Kept
from gateway.ledger.ledger import Ledger
from gateway.ledger.merkle import consistency_holds
from gateway.ledger.note import PublicKey
from gateway.ledger.timestamp import check, load_roots
from tests.ledger import tsa

TO = "ann@district.example"


def send(port: int, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("a@x.example", [TO], f"Subject: {subject}\r\n\r\nText\r\n")


def metric(installed: Any, name: str) -> float:
    """A sample without labels of its own; 0 before there is one."""
    lines = [line for line in installed.get("/metrics").splitlines() if line.startswith(name)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def test_what_is_received_is_attested_and_published(
    service: Any, counting_hop: Any, until: Any, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    more = f'[ledger]\ninterval = 1\npublish = ["{tmp_path / "serve.log" / "no"}", "{away}"]\n'
    installed = service(f"127.0.0.1:{counting_hop.port}", workers=1, more=more)
    installed.start()
    await installed.ready()
    await asyncio.to_thread(send, installed.port(), "one")
    await until(
        lambda: metric(installed, "mailgw_ledger_entries") == 2
    )  # the message, and that it was relayed
    first = Kept.parse(installed.get("/ledger/checkpoint"))
    await asyncio.to_thread(send, installed.port(), "two")
    await until(lambda: metric(installed, "mailgw_ledger_entries") == 4)
    second = Kept.parse(installed.get("/ledger/checkpoint"))

    keys = [PublicKey.parse(line) for line in installed.get("/ledger/keys").splitlines()]
    for kept in (first, second):
        assert kept.checkpoint.origin == "district.example/mail"
        assert kept.note.signed_by(keys) == keys
    done = installed.run("ledger", "consistency", str(first.checkpoint.size), "--json")
    proof = json.loads(done.stdout)
    path = [base64.b64decode(each) for each in proof["path"]]
    heads = (first.checkpoint.root, second.checkpoint.root)
    assert consistency_holds(first.checkpoint.size, 4, path, *heads)
    assert proof["second_size"] == second.checkpoint.size == 4

    # To the folder elsewhere too, though another one cannot be written to, which is counted.
    await until(lambda: metric(installed, 'mailgw_ledger_errors_total{where="publish"') >= 2)
    assert (away / "checkpoint").read_text() == str(second.note)
    (daily,) = away.glob("checkpoint-*")
    assert Kept.parse(daily.read_text()).checkpoint.size <= 2  # the first of the day
    assert installed.get(f"/ledger/{daily.name}")
    assert (away / "keys").read_text() == installed.get("/ledger/keys")

    assert "4 of 4 entries attested" in installed.run("ledger", "show").stderr
    assert installed.stop() == 0


async def test_witnesses_get_the_day_s_first_checkpoint_and_an_authority_stamps_it(
    service: Any, counting_hop: Any, until: Any, needs: Any, tmp_path: Path
) -> None:
    """The mail is a record of the archive as any notice is; the stamp is one that OpenSSL's authority made."""
    root, roots = tsa.root(), tmp_path / "roots.pem"
    roots.write_bytes(tsa.pem(root.certificate))
    (tmp_path / "tsa").mkdir()
    authority = tsa.Authority(needs("openssl"), tmp_path / "tsa", root.issue("Stamps of Harbor"))
    with tsa.served(lambda query: tsa.Answer(authority.answer(query))) as (url, _):
        more = (
            f'[[route]]\ndomains = ["*"]\nnext_hop = "127.0.0.1:{counting_hop.port}"\n'
            f'[ledger]\ninterval = 1\nwitnesses = ["clerk@town.example"]\ntimestamp_url = "{url}"\n'
            f'timestamp_roots = "{roots}"\n'
        )
        installed = service(f"127.0.0.1:{counting_hop.port}", workers=1, more=more)
        installed.start()
        await installed.ready()
        await asyncio.to_thread(send, installed.port(), "one")
        stamped = installed.data / "ledger" / "timestamps"
        await until(lambda: any(stamped.glob("*.tsr")) and len(counting_hop.taken) == 2)

    (told,) = [taken for taken in counting_hop.taken if taken.sender == "FROM:<>"]
    assert told.recipients == ("clerk@town.example",)
    letter = email.message_from_bytes(told.message, policy=default)
    assert letter["Subject"].startswith("Checkpoint of ")
    (daily,) = (installed.data / "ledger" / "public").glob("checkpoint-*")
    note = daily.read_text()
    text = letter.get_body(("plain",)).get_content()
    assert note in text.replace("\r\n", "\n")

    (response,) = stamped.glob("*.tsr")
    kept = next(
        each
        for each in Ledger(installed.data / "ledger").checkpoints
        if response.stem == str(each.checkpoint.size)
    )
    found = check(response.read_bytes(), str(kept.note).encode(), load_roots(stamped / "roots.pem"))
    assert abs((datetime.now(UTC) - found.time).total_seconds()) < 3600
    # Another day's worth of checkpoints: neither a second letter nor a second stamp.
    size = metric(installed, "mailgw_ledger_entries")
    await asyncio.to_thread(send, installed.port(), "two")
    await until(lambda: metric(installed, "mailgw_ledger_entries") >= size + 2)
    assert len(list(stamped.glob("*.tsr"))) == 1
    assert [taken.recipients for taken in counting_hop.taken].count(("clerk@town.example",)) == 1
    assert installed.stop() == 0


async def test_a_rolled_back_archive_is_told_and_never_signed(
    service: Any, counting_hop: Any, until: Any
) -> None:
    """And mail flows on."""
    installed = service(f"127.0.0.1:{counting_hop.port}", workers=1, more="[ledger]\ninterval = 1\n")
    installed.start()
    await installed.ready()
    for subject in ("one", "two"):
        await asyncio.to_thread(send, installed.port(), subject)
    await until(lambda: metric(installed, "mailgw_ledger_entries") == 4)
    assert installed.stop() == 0
    for file in (installed.data / "archive").glob("*.sqlite*"):
        file.unlink()
    installed.start()
    await installed.ready()
    await until(lambda: metric(installed, 'mailgw_ledger_errors_total{where="forked"') >= 1)
    await asyncio.to_thread(send, installed.port(), "three")
    assert counting_hop.accepted == ["one", "two", "three"]
    assert "rolled back" in installed.log.read_text()
    shown = installed.run("ledger", "show", check=False)
    assert (shown.returncode, shown.stdout.splitlines()[1]) == (1, "4")
    assert "fewer entries than were attested" in shown.stderr


async def test_what_came_last_is_attested_when_the_service_ends(
    service: Any, counting_hop: Any, until: Any
) -> None:
    """Long before a checkpoint would be due."""
    installed = service(f"127.0.0.1:{counting_hop.port}", workers=1, more="[ledger]\ninterval = 86400\n")
    installed.start()
    await installed.ready()
    await asyncio.to_thread(send, installed.port(), "one")
    public = installed.data / "ledger" / "public"
    await until((public / "checkpoint").exists)
    for subject in ("two", "three"):
        await asyncio.to_thread(send, installed.port(), subject)
    # A worker that ends at the same moment may archive its last event later; the next start attests that.
    reader = Reader(installed.data / "archive")
    await until(lambda: reader.last_seq() == 6)
    reader.close()
    assert installed.stop() == 0
    newest = Ledger(installed.data / "ledger").newest
    assert newest is not None
    assert newest.checkpoint.size == 6
    assert (public / "checkpoint").read_text() == str(newest.note)
    assert "6 of 6 entries attested" in installed.run("ledger", "show").stderr
    verified = installed.run("verify")
    assert (verified.returncode, verified.stdout) == (0, "")
