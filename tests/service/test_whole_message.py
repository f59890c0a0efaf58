"""A message that a mail server sends in two transactions, through the real service: judged as one."""

from __future__ import annotations

import asyncio
import json
import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import Any

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
BEN, PAT = "ben@students.district.example", "pat.kim@district.example"


def _send(port: int, *transactions: str) -> None:
    """One message, to one recipient in each transaction; the administrator is a blind copy."""
    message = EmailMessage()
    message["From"], message["To"] = "Dana Smith <dana.smith@district.example>", BEN
    message["Subject"], message["Message-ID"] = "Your knee", "<knee@district.example>"
    message.set_content("How is it?\n")
    with smtplib.SMTP("127.0.0.1", port) as client:
        for recipient in transactions:
            client.sendmail("dana.smith@district.example", [recipient], message.as_bytes())


async def test_a_blind_copy_to_the_administrator_in_a_transaction_of_its_own(
    service: Any, counting_hop: Any, until: Any, tmp_path: Path
) -> None:
    roster = tmp_path / "roster"
    roster.mkdir()
    for name, text in ROSTER.items():
        (roster / name).write_text(text)
    gateway = service(f"127.0.0.1:{counting_hop.port}", workers=1, more=f'[directory]\npath = "{roster}"\n')
    gateway.start()
    await gateway.ready()

    def found(*options: str) -> list[tuple[str, str]]:
        done = gateway.run("findings", "--rule", "coach", "--json", *options, check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return sorted((row["rule"], row["status"]) for row in rows)

    await asyncio.to_thread(_send, gateway.port(), BEN)
    await until(lambda: found() == [("coach/one-to-one", "open")])
    await asyncio.to_thread(_send, gateway.port(), PAT)
    await until(lambda: found() == [("coach/privacy-copy", "open")])
    everything = [("coach/one-to-one", "superseded"), ("coach/privacy-copy", "open")]
    assert found("--superseded") == everything
    assert gateway.stop() == 0
    assert gateway.run("reindex", "--json").returncode == 0
    assert found("--superseded") == everything
