"""Held mail, notices and the outbox through the real service: from a client's message to the reviewers' letters.

A coach writes to one member of the team, which the rule `coach/one-to-one` holds back here.
"""

from __future__ import annotations

import asyncio
import email
import json
import os
import signal
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

ROSTER = {
    "orgs.csv": "sourcedId,name,type\ns1,North School,school\n",
    "users.csv": (
        "sourcedId,status,enabledUser,orgSourceIds,role,username,givenName,familyName,email,agentSourceIds\n"
        "t1,active,true,s1,teacher,t1,Dana,Smith,dana.smith@district.example,\n"
        "p1,active,true,s1,administrator,p1,Pat,Kim,pat.kim@district.example,\n"
        "k1,active,true,s1,student,k1,Ben,Okafor,ben@students.district.example,\n"
        "k2,active,true,s1,student,k2,Ana,Lopes,ana@students.district.example,\n"
    ),
    "groups.csv": "group_id,name,kind,school,address,season_start,season_end\ng1,Soccer,team,s1,,,\n",
    "group_members.csv": (
        "group_id,user,role\ng1,t1,coach\ng1,k1,member\ng1,k2,member\ng1,p1,administrator\n"
    ),
}
DANA, BEN, PAT = "dana.smith@district.example", "ben@students.district.example", "pat.kim@district.example"
OFFICE = "office@district.example"


@pytest.fixture
def gateway(service: Any, counting_hop: Any, tmp_path: Path) -> Callable[..., Any]:
    """`gateway(action, more)` prepares an installation whose rule on one-to-one mail does `action`."""

    def prepare(action: str, more: str = "") -> Any:
        roster = tmp_path / "roster"
        roster.mkdir()
        for name, text in ROSTER.items():
            (roster / name).write_text(text)
        settings = (
            f'[directory]\npath = "{roster}"\n'
            f'[policy]\nsettle_window = 1\n[policy.rules."coach/one-to-one"]\naction = "{action}"\n'
            f'[notices]\nreviewers = ["{OFFICE}", "{DANA}"]\n'
            f"[outbox]\nfirst_retry = 1\n{more}"
        )
        made = service(f"127.0.0.1:{counting_hop.port}", workers=1, more=settings)
        made.start()
        return made

    return prepare


def send(port: int, subject: str = "Your knee", *to: str) -> None:
    """A message that the rule is about. A line begins with a dot, and one ends in a bare LF."""
    message = EmailMessage()
    message["From"], message["To"] = f"Dana Smith <{DANA}>", BEN
    message["Subject"], message["Message-ID"] = subject, f"<{subject.replace(' ', '-')}@district.example>"
    message.set_content("How is it?\n.hidden\n")
    with smtplib.SMTP("127.0.0.1", port) as client:
        refused = client.sendmail(
            DANA, list(to) or [BEN], message.as_bytes(policy=default.clone(linesep="\r\n"))
        )
        assert refused == {}


def holds(gateway: Any, *options: str) -> list[dict[str, Any]]:
    done = gateway.run("hold", "list", "--json", *options, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def letter(taken: Any) -> Any:
    return email.message_from_bytes(taken.message, policy=default)


async def test_a_held_message_is_told_shown_released_and_delivered_as_it_came(
    gateway: Any, counting_hop: Any, until: Any
) -> None:
    installed = gateway("hold")
    await installed.ready()
    await asyncio.to_thread(send, installed.port())

    await until(lambda: len(counting_hop.taken) == 1)  # the letter to the reviewers
    (told,) = counting_hop.taken
    assert told.sender == "FROM:<>"
    assert told.recipients == (OFFICE,)  # and not the coach, who is a reviewer as well
    assert letter(told)["Auto-Submitted"] == "auto-generated"
    assert "Dana Smith" in letter(told).get_body(("plain",)).get_content()
    (held,) = holds(installed)
    assert held["state"] == "held"
    assert held["id"] in letter(told).get_body(("plain",)).get_content()

    shown = installed.run("hold", "show", held["id"], "--content", "--by", "Pat Kim").stdout
    assert "How is it?" in shown
    released = installed.run("hold", "release", held["id"], "--by", "Pat Kim", "--reason", "an injury")
    assert released.returncode == 0, released.stderr
    await until(lambda: len(counting_hop.taken) == 2)
    message = counting_hop.taken[1]
    assert (message.sender, message.recipients) == (f"FROM:<{DANA}>", (BEN,))
    assert message.message.startswith(b"Received: from ")
    record = installed.run("show", held["id"], "--raw").stdout.encode()
    assert message.message.replace(b"\r\n", b"\n").endswith(record.replace(b"\n.", b"\n.."))

    def end() -> Any:
        return json.loads(installed.run("show", held["id"], "--json").stdout)

    await until(lambda: end()["outcome"] == "relayed")
    happened = [(event["event"], event["by"]) for event in end()["events"]]
    assert happened == [
        ("held", None),
        ("viewed", "Pat Kim"),
        ("hold-released", "Pat Kim"),
        ("relayed", None),
    ]
    assert holds(installed) == []
    assert counting_hop.accepted.count("Your knee") == 1
    # What the gateway wrote itself is in the record, judged by nobody.
    (notice,) = (
        json.loads(line) for line in installed.run("search", "listener:notices", "--json").stdout.splitlines()
    )
    assert notice["rules"] == []
    assert installed.stop() == 0
    assert "Traceback" not in installed.log.read_text()


async def test_nothing_is_forgotten_where_the_office_is_killed_and_the_next_hop_is_busy(
    gateway: Any, counting_hop: Any, until: Any
) -> None:
    installed = gateway("hold")
    await installed.ready()
    for number in range(3):
        await asyncio.to_thread(send, installed.port(), f"Knee {number}")
    await until(lambda: len(holds(installed)) == 3)
    await until(lambda: len(counting_hop.taken) == 3)  # three letters
    counting_hop.busy = True
    ids = [held["id"] for held in holds(installed)]
    installed.run("hold", "release", *ids, "--by", "Pat Kim")

    def tried() -> bool:
        found = [json.loads(installed.run("show", each, "--json").stdout) for each in ids]
        return all(each["outcome"] == "deferred" for each in found)

    await until(tried)
    os.kill(installed.children()["office"], signal.SIGKILL)
    counting_hop.busy = False
    await until(lambda: len(counting_hop.taken) == 6)
    assert sorted(counting_hop.accepted[3:]) == ["Knee 0", "Knee 1", "Knee 2"]

    def settled() -> bool:
        rows = installed.run("search", "outcome:relayed", "--json").stdout.splitlines()
        return len(rows) == 6

    await until(settled)
    await until(lambda: 'mailgw_outbox_messages{kind="release"} 0.0' in installed.get("/metrics"))
    assert "mailgw_held_messages 0.0" in installed.get("/metrics")


async def test_time_releases_what_nobody_decides_and_says_so(
    gateway: Any, counting_hop: Any, until: Any
) -> None:
    installed = gateway("hold", "[hold]\nlimit = 8\n")
    await installed.ready()
    await asyncio.to_thread(send, installed.port())
    # The letter that it is held, the message, and the letter that it went on unseen.
    await until(lambda: len(counting_hop.taken) == 3)
    subjects = [letter(taken)["Subject"] for taken in counting_hop.taken]
    assert subjects[0].startswith("Held message waits") and subjects[1] == "Your knee"
    assert subjects[2].startswith("Held message was released without a decision")
    assert counting_hop.accepted.count("Your knee") == 1
    (held,) = holds(installed, "--all")
    assert held["decided_by"] == "mailgw (time limit)"


async def test_what_cannot_be_delivered_comes_back_to_the_reviewers(
    gateway: Any, counting_hop: Any, until: Any
) -> None:
    installed = gateway("hold")
    await installed.ready()
    await asyncio.to_thread(send, installed.port(), "Your knee", BEN, "gone@district.example")
    await until(lambda: len(counting_hop.taken) == 1)
    counting_hop.unknown.add("gone@district.example")
    (held,) = holds(installed)
    installed.run("hold", "release", held["id"], "--by", "Pat Kim")
    await until(lambda: len(counting_hop.taken) == 3)  # the message to Ben, and a letter
    assert counting_hop.taken[1].recipients == (BEN,)
    assert "550 5.1.1 who?" in letter(counting_hop.taken[2]).get_body(("plain",)).get_content()
    (held,) = holds(installed)
    assert held["state"] == "returned"
    installed.run("hold", "refuse", held["id"], "--by", "Pat Kim", "--reason", "has left")
    assert holds(installed) == []
    assert counting_hop.accepted.count("Your knee") == 1


async def test_a_copy_to_the_administrator_in_another_transaction_releases_the_message(
    gateway: Any, counting_hop: Any, until: Any
) -> None:
    installed = gateway("hold")
    await installed.ready()
    await asyncio.to_thread(send, installed.port(), "Your knee", BEN)
    await asyncio.to_thread(send, installed.port(), "Your knee", PAT)
    await until(lambda: counting_hop.accepted.count("Your knee") == 2)
    (held,) = holds(installed, "--all")
    assert held["decided_by"] == "mailgw (finding withdrawn)"


async def test_notices_of_what_is_only_told(gateway: Any, counting_hop: Any, until: Any) -> None:
    installed = gateway("notify", "")
    await installed.ready()
    await asyncio.to_thread(send, installed.port())
    await until(lambda: len(counting_hop.taken) == 2)  # the message at once, and a letter
    assert counting_hop.accepted[0] == "Your knee"
    told = counting_hop.taken[1]
    assert (told.sender, told.recipients) == ("FROM:<>", (OFFICE,))
    text = letter(told).get_body(("plain",)).get_content()
    assert "North School" in text
    assert BEN not in text


async def test_a_message_that_its_mail_server_split_is_one_letter(
    gateway: Any, counting_hop: Any, until: Any
) -> None:
    installed = gateway("hold")
    await installed.ready()
    for reader in (BEN, "one@district.example", "two@district.example"):
        await asyncio.to_thread(send, installed.port(), "Your knee", reader)
    await until(lambda: len(counting_hop.taken) == 1)
    text = letter(counting_hop.taken[0]).get_body(("plain",)).get_content()
    assert "3 recipients in 3 transactions of its mail server" in text
    installed.run("hold", "release", holds(installed)[0]["id"], "--by", "Pat Kim")
    await until(lambda: counting_hop.accepted.count("Your knee") == 3)
    assert len(counting_hop.taken) == 4
