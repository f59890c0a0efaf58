"""Signing in (RFC 4954) on an outbound listener: under TLS only, with hashes from a file."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigError
from gateway.smtp.auth import PasswordHash, Users
from tests.smtp.certificates import Authority
from tests.smtp.steps import greet, mail

PASSWORD = "corréct horse"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def line() -> str:
    """One user's line; the hash is slow on purpose, so it is made once."""
    return f"scanner:{PasswordHash.of(PASSWORD.encode())}"


@pytest.fixture
def settings(authority: Authority, line: str, tmp_path: Path, hop: Any) -> dict[str, Any]:
    """An outbound listener where everybody has to sign in, and mail goes anywhere."""
    users = tmp_path / "users"
    users.write_text(f"# the copiers\n\n{line}\n")
    pair = authority.issue("gateway.district.example")
    listener = {
        "name": "submit",
        "role": "outbound",
        "bind": ["127.0.0.1:0"],
        "tls": "required",
        "auth": True,
    }
    return {
        "tls": {"certificate": pair.certificate, "key": pair.key},
        "auth": {"users_file": users},
        "listener": [listener],
        "route": [{"domains": ["*"], "next_hop": hop.address}],
    }


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.fixture
async def client(settings: dict[str, Any], authority: Authority, start: Any, dial: Any) -> Any:
    """Under TLS, greeted, not signed in."""
    gateway = await start(**settings)
    connected = await dial(gateway.ports["submit"])
    assert not any(word.startswith("AUTH") for word in await greet(connected))
    plain = encoded(f"\0scanner\0{PASSWORD}")
    assert (await connected.ask(f"AUTH PLAIN {plain}")).startswith("503")  # never in plain text
    assert (await connected.ask("STARTTLS")).startswith("220")
    await connected.writer.start_tls(authority.client_context())
    assert "AUTH PLAIN LOGIN" in await greet(connected)
    connected.gateway = gateway
    return connected


# The client's lines, and how the reply to each begins.
PLAIN = encoded(f"\0scanner\0{PASSWORD}")
DIALOGUES = {
    "PLAIN at once": [(f"AUTH PLAIN {PLAIN}", "235 2.7.0")],
    "PLAIN, in lower case": [(f"auth plain {PLAIN}", "235 2.7.0")],
    "PLAIN, asked for": [("AUTH PLAIN", "334 "), (PLAIN, "235 2.7.0")],
    "PLAIN for oneself": [
        (f"AUTH PLAIN {encoded(f'scanner{chr(0)}scanner{chr(0)}{PASSWORD}')}", "235 2.7.0")
    ],
    "LOGIN": [
        ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        (encoded("scanner"), "334 UGFzc3dvcmQ6"),
        (encoded(PASSWORD), "235 2.7.0"),
    ],
    "LOGIN with the name": [
        (f"AUTH LOGIN {encoded('scanner')}", "334 UGFzc3dvcmQ6"),
        (encoded(PASSWORD), "235 2.7.0"),
    ],
    "a wrong password": [(f"AUTH PLAIN {encoded(chr(0) + 'scanner' + chr(0) + 'wrong')}", "535 5.7.8")],
    "an unknown name": [(f"AUTH PLAIN {encoded(chr(0) + 'nobody' + chr(0) + PASSWORD)}", "535 5.7.8")],
    "no password": [(f"AUTH PLAIN {encoded(chr(0) + 'scanner' + chr(0))}", "535 5.7.8")],
    "for somebody else": [(f"AUTH PLAIN {encoded(f'boss{chr(0)}scanner{chr(0)}{PASSWORD}')}", "501")],
    "no base64": [("AUTH PLAIN ***", "501 5.5.2")],
    "base64 of one word": [(f"AUTH PLAIN {encoded('scanner')}", "501 5.5.2")],
    "no UTF-8": [(f"AUTH PLAIN {b64encode(bytes([0, 255, 0, 255])).decode()}", "501 5.5.2")],
    "an empty response": [("AUTH PLAIN =", "501 5.5.2")],
    "cancelled": [("AUTH LOGIN", "334"), ("*", "501 5.7.0")],
    "an unknown mechanism": [("AUTH CRAM-MD5", "504 5.5.4")],
    "no mechanism": [("AUTH", "50")],
    "a response beyond any limit": [("AUTH PLAIN", "334 "), ("A" * 20_000, "500 5.5.6")],
}


@pytest.mark.parametrize("lines", DIALOGUES.values(), ids=list(DIALOGUES))
async def test_dialogue(lines: list[tuple[str, str]], client: Any, hop: Any) -> None:
    for line, begins in lines:
        reply = await client.ask(line)
        assert reply.startswith(begins), (line[:60], reply)
    if reply.startswith("235"):
        assert not any(word.startswith("AUTH") for word in await greet(client))
        assert (await client.ask(f"AUTH PLAIN {PLAIN}")).startswith("503")  # once is enough (RFC 4954 §4)
        assert (await mail(client, "anybody@anywhere.example")).startswith("250")
        facts = client.gateway.messages()[0]["envelope"]["client"]
        assert facts["login"] == "scanner"
        assert b" with ESMTPSA id " in hop.messages[0]
        assert PASSWORD.encode() not in hop.messages[0]
    else:
        assert (await client.ask("MAIL FROM:<a@x.example>")).startswith("530 5.7.0")


async def test_a_listed_network_need_not_sign_in(
    settings: dict[str, Any], authority: Authority, start: Any, dial: Any
) -> None:
    settings["listener"][0] |= {"networks": ["127.0.0.0/8"], "tls": "opportunistic"}
    gateway = await start(**settings)
    client = await dial(gateway.ports["submit"])
    await greet(client)
    assert (await mail(client, "anybody@anywhere.example")).startswith("250")


def rewritten(path: Path, line: str) -> Users:
    """The users of a changed file, as SIGHUP reads them."""
    path.write_text(line)
    return Users.load(path)


async def test_a_user_added_later_can_sign_in(client: Any, settings: dict[str, Any], line: str) -> None:
    client.gateway.context.users = rewritten(
        settings["auth"]["users_file"], line.replace("scanner", "copier")
    )
    assert (await client.ask(f"AUTH PLAIN {PLAIN}")).startswith("535")
    assert (await client.ask(f"AUTH PLAIN {encoded(f'{chr(0)}copier{chr(0)}{PASSWORD}')}")).startswith("235")


@pytest.mark.parametrize(
    "bad", ["scanner", "scanner:secret", "scanner:$scrypt$1$2$3", "scanner:$scrypt$99999999999$8$5$AA==$AA=="]
)
def test_a_users_file_with_a_mistake_is_refused_by_line(bad: str, line: str, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text(f"{line}\n{bad}\n")
    with pytest.raises(ConfigError, match=f"{users}:2: expected"):
        Users.load(users)
