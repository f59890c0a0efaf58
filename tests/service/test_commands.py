"""The commands, run as people run them, on a service that has taken mail."""

from __future__ import annotations

import asyncio
import json
import signal
import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

ROSTER = {
    "orgs.csv": "sourcedId,name,type\ns1,North School,school\n",
    "users.csv": (
        "sourcedId,status,enabledUser,orgSourceIds,role,username,givenName,familyName,email,agentSourceIds\n"
        "t1,active,true,s1,teacher,t1,Dana,Smith,dana.smith@district.example,\n"
        "k1,active,true,s1,student,k1,Ben,Okafor,ben@students.district.example,\n"
        "k2,active,true,s1,student,k2,Ana,Lopes,not-an-address,\n"
    ),
    "accounts.csv": "user,address,kind,source,verified_on\nt1,dana.smith@gmail.com,personal,form,2026-09-01\n",
}


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    folder = tmp_path / "roster"
    folder.mkdir()
    for name, text in ROSTER.items():
        (folder / name).write_text(text)
    return folder


def _send(port: int, sender: str, to: list[str], subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, ", ".join(to), subject
    message["Message-ID"] = f"<{subject.replace(' ', '-')}@x.example>"
    message.set_content("Hello\n")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(message)


def _rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


async def test_everything_a_person_asks(service: Any, counting_hop: Any, until: Any, roster: Path) -> None:
    gateway = service(
        f"127.0.0.1:{counting_hop.port}",
        workers=1,
        more=f'[directory]\npath = "{roster}"\n[policy.rules."off-channel/student"]\naction = "tag"\n',
    )
    gateway.start()
    await gateway.ready()
    ben = "ben@students.district.example"
    send = asyncio.to_thread
    await send(_send, gateway.port(), "Dana Smith <dana.smith@gmail.com>", [ben], "math question")
    await send(_send, gateway.port(), "Aunt <aunt@x.example>", [ben], "happy birthday")

    async def ask(*arguments: str, check: bool = True) -> Any:
        return await asyncio.to_thread(gateway.run, *arguments, check=check)

    def indexed() -> bool:
        done = gateway.run("search", "outcome:relayed", "--json", check=False)
        return done.returncode == 0 and len(_rows(done.stdout)) == 2

    await until(indexed)

    # search, by each filter the issue names
    for query, subjects in {
        "from:dana.smith@gmail.com": ["math question"],
        f"to:{ben}": ["happy birthday", "math question"],
        "subject:birthday": ["happy birthday"],
        "rule:off-channel/student": ["math question"],
        "outcome:relayed subject:math": ["math question"],
        "before:2020-01-01": [],
    }.items():
        rows = _rows((await ask("search", query, "--json")).stdout)
        assert [row["subject"] for row in rows] == subjects, query
    shown = await ask("search", "subject:math")
    assert "off-channel/student" in shown.stdout
    assert "1 found; searched up to entry" in shown.stderr
    assert (await ask("search", "wrong:thing", check=False)).returncode == 2

    # findings
    (finding, one_to_one) = _rows((await ask("findings", "--json")).stdout)
    if finding["rule"] == "student/one-to-one":  # of one message, in whichever order
        finding, one_to_one = one_to_one, finding
    assert (one_to_one["rule"], one_to_one["severity"]) == ("student/one-to-one", "advisory")
    expected = {"id", "rule", "severity", "confidence", "message_id", "archive_id", "author", "people",
                "groups", "explanation", "action", "status", "detected_at"}  # fmt: skip
    assert expected <= set(finding)
    assert finding["rule"] == "off-channel/student"
    assert finding["action"] == "tag"
    assert "Dana Smith" in (await ask("findings", "--rule", "off-channel")).stdout
    assert (await ask("findings", "--rule", "coach", "--json")).stdout == ""

    # show
    name = finding["archive_id"]
    facts = json.loads((await ask("show", name, "--json")).stdout)
    assert facts["subject"] == "math question"
    assert facts["envelope"]["recipients"][0]["address"] == ben
    raw = (await ask("show", name, "--raw")).stdout
    assert raw.startswith("From: Dana Smith")
    assert "X-District-Policy" not in raw  # the record is what came
    assert "math question" in (await ask("show", "<math-question@x.example>")).stdout
    assert (await ask("show", "nothing", check=False)).returncode == 1

    # rebuild while the service runs, and compare
    before = (await ask("search", "--json")).stdout
    assert (await ask("reindex")).returncode == 0
    assert (await ask("search", "--json")).stdout == before
    assert (await ask("verify")).returncode == 0

    # check
    lines = _rows((await ask("check", "--json", check=False)).stdout)
    assert {"configuration", "storage.path", "directory", "route[0] district.example"} <= {
        line["subject"] for line in lines
    }
    assert not [line for line in lines if line["grade"] == "error"]
    report = (await ask("directory", "check")).stdout
    assert "users.csv:4" in report  # the row with the bad address

    # metrics and health
    metrics = await asyncio.to_thread(gateway.get, "/metrics")
    assert 'mailgw_findings_total{rule="off-channel/student",severity="violation"} 1.0' in metrics
    assert "dana" not in metrics.lower()
    assert json.loads(await asyncio.to_thread(gateway.get, "/healthz"))["status"] == "ok"

    # a new roster is taken on SIGHUP; a broken one is refused and the old one stays
    (roster / "accounts.csv").write_text("user,address,kind,source,verified_on\n")
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: gateway.log.read_text().count('"directory_loaded"') == 2)
    await send(_send, gateway.port(), "Dana Smith <dana.smith@gmail.com>", [ben], "unknown by now")
    (roster / "users.csv").write_text("sourcedId,role\n")
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: '"directory_refused"' in gateway.log.read_text())
    assert await asyncio.to_thread(gateway.stop) == 0
    assert "dana" not in gateway.log.read_text().lower()
    assert b"math question" not in gateway.log.read_bytes()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("[district]", "[distrct]"), "distrct: unknown key"),
        (('role = "inbound"', 'role = "open"'), "listener[0].role"),
        (("min_free = 0", 'min_free = "lots"'), "storage.min_free: expected bytes"),
        (('domains = ["district.example"]', 'domains = ["example"]'), "open relay"),
        (("[timeouts]", "[timeouts"), "not valid TOML"),
    ],
)
def test_a_broken_configuration_is_told_by_key(service: Any, change: tuple[str, str], expected: str) -> None:
    gateway = service("127.0.0.1:25")
    text = gateway.config.read_text()
    assert change[0] in text
    gateway.config.write_text(text.replace(*change))
    for command in ("serve", "check", "search"):
        done = gateway.run(command, check=False)
        assert done.returncode == 3
        assert expected in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


def test_one_folder_is_served_once(service: Any) -> None:
    """A second service on the same data says so and ends."""

    async def both() -> None:
        gateway = service("127.0.0.1:1", workers=1)
        gateway.start()
        await gateway.ready()
        second = await asyncio.to_thread(gateway.run, "serve", check=False)
        assert second.returncode == 3
        assert "another `mailgw serve` uses it" in second.stderr

    asyncio.run(both())
