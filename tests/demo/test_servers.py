"""The stand-in mail servers: they keep what they accept, byte for byte, and refuse whom they do not know."""

from __future__ import annotations

import smtplib
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from gateway.demo.maildir import Maildir, read

Keeping = Callable[..., tuple[int, Path]]
MAIL = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\ncaf\xc3\xa9 \xff\r\n"


def test_keeps_what_it_accepted(keeping: Keeping) -> None:
    port, maildir = keeping()
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo("client.test")
        assert {"size", "8bitmime", "smtputf8", "pipelining"} <= set(client.esmtp_features)
        client.sendmail("a@x.example", ["b@y.example", "c@y.example"], MAIL)
        client.sendmail("", ["b@y.example"], MAIL)
        client.sendmail("josé@x.example", ["ñandú@y.example"], MAIL, ["SMTPUTF8", "BODY=8BITMIME"])
    first, second, third = read(maildir)
    assert (first.mail_from, first.recipients, first.content) == (
        "a@x.example",
        ("b@y.example", "c@y.example"),
        MAIL,
    )
    assert (second.mail_from, second.recipients) == ("", ("b@y.example",))
    assert (third.mail_from, third.recipients) == ("josé@x.example", ("ñandú@y.example",))
    assert not list((maildir / "tmp").iterdir())


def test_refuses_unknown_recipients(keeping: Keeping) -> None:
    port, maildir = keeping(lambda address: address == "known@y.example")
    with smtplib.SMTP("127.0.0.1", port) as client:
        refused = client.sendmail("a@x.example", ["Known@Y.example", "nobody@y.example"], MAIL)
    code, text = refused["nobody@y.example"]
    assert code == 550 and text.startswith(b"5.1.1")
    assert [delivery.recipients for delivery in read(maildir)] == [("Known@Y.example",)]


def test_pipelining(keeping: Keeping) -> None:
    """Commands that come in one packet are all answered, in order (RFC 2920)."""
    port, maildir = keeping(lambda address: address != "nobody@y.example")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo("client.test")
        client.send(
            "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<nobody@y.example>\r\nDATA\r\n"
        )
        assert [client.getreply()[0] for _ in range(4)] == [250, 250, 550, 354]
        client.send(b"Subject: x\r\n\r\n.\r\nRSET\r\n")
        assert [client.getreply()[0] for _ in range(2)] == [250, 250]
    assert len(list(read(maildir))) == 1


def test_message_that_looks_like_the_trace(tmp_path: Path) -> None:
    content = b"X-Original-To: me\r\nX-Kept-By: mailgw-demo\r\n\r\n"
    Maildir(tmp_path / "m").keep("a@x.example", ["b@y.example"], content, 1.0)
    (delivery,) = read(tmp_path / "m")
    assert (delivery.recipients, delivery.content) == (("b@y.example",), content)


def test_other_file_in_the_maildir(tmp_path: Path) -> None:
    Maildir(tmp_path / "m")
    (tmp_path / "m" / "new" / "stray").write_bytes(b"Subject: x\r\n\r\n")
    with pytest.raises(ValueError, match="stray"):
        list(read(tmp_path / "m"))


def test_process_tells_its_port_and_ends_with_its_parent(tmp_path: Path) -> None:
    boxes = tmp_path / "boxes.txt"
    boxes.write_text("b@y.example\n", "utf-8")
    command = [
        sys.executable,
        "-m",
        "gateway.demo.servers",
        "--maildir",
        str(tmp_path / "a b"),
        "--mailboxes",
        str(boxes),
    ]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        word, port = process.stdout.readline().split()
        assert word == "listening"
        with smtplib.SMTP("127.0.0.1", int(port)) as client:
            assert client.sendmail("a@x.example", ["b@y.example", "c@y.example"], MAIL).keys() == {
                "c@y.example"
            }
        process.stdin.close()
        assert process.wait(20) == 0
    assert len(list(read(tmp_path / "a b"))) == 1
