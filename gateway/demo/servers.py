"""Stand-ins for the district's mail server and for the internet: real SMTP servers, each a process of its own.

    python -m gateway.demo.servers --maildir FOLDER [--port N] [--mailboxes FILE] [--unknown ADDRESS ...]

A server keeps what it accepts in a Maildir, answers 550 5.1.1 to recipients it does not know, writes
`listening <port>` to standard output when it takes connections, and ends when its standard input does: so it
never outlives the demo that started it, whatever becomes of that.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from gateway.demo.maildir import Maildir

HOST = "127.0.0.1"
SIZE_LIMIT = 50 * 2**20  # bytes, as the gateway's default


class Post:
    """What aiosmtpd asks: who is known here, and where a message goes."""

    def __init__(self, maildir: Maildir, known: Callable[[str], bool], now: Callable[[], float]) -> None:
        self._maildir = maildir
        self._known = known
        self._now = now

    async def handle_EHLO(  # noqa: N802 (aiosmtpd finds its hooks by these names)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offers PIPELINING too: commands are read and answered one after the other (RFC 2920)."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not self._known(address.lower()):
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        sender = (envelope.mail_from or "").removeprefix("<>")
        content = envelope.original_content or b""
        try:
            kept = self._maildir.keep(sender, envelope.rcpt_tos, content, self._now())
        except OSError as error:
            return f"452 4.3.1 Cannot keep the message: {error.strerror}"
        return f"250 2.0.0 Ok: kept as {kept.name}"


async def serve(post: Post, name: str, port: int) -> asyncio.Server:
    """Take connections on `port` of the loopback address (0: any free one). Raises OSError."""
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(
            post,
            hostname=name,
            ident="ESMTP demo",
            data_size_limit=SIZE_LIMIT,
            enable_SMTPUTF8=True,
            loop=loop,
        )

    return await loop.create_server(session, HOST, port, backlog=512)


async def _run(options: argparse.Namespace) -> None:
    boxes = frozenset(options.mailboxes.read_text("utf-8").split()) if options.mailboxes else None
    unknown = frozenset(options.unknown)

    def known(address: str) -> bool:
        return address not in unknown and (boxes is None or address in boxes)

    server = await serve(Post(Maildir(options.maildir), known, time.time), options.name, options.port)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await _told_to_end()
    server.close()
    await server.wait_closed()


async def _told_to_end() -> None:
    """Until standard input ends, or SIGTERM comes."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)

    def readable() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            ended.set()

    loop.add_reader(sys.stdin.fileno(), readable)
    await ended.wait()
    loop.remove_reader(sys.stdin.fileno())


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="A stand-in mail server that keeps a Maildir (demo only).")
    parser.add_argument("--maildir", type=Path, required=True, help="folder to keep mail in")
    parser.add_argument("--name", default="mail.example", help="name in the greeting")
    parser.add_argument("--port", type=int, default=0, help="port on the loopback address; 0: any free one")
    parser.add_argument("--mailboxes", type=Path, help="file of the known addresses; without it, all are")
    parser.add_argument("--unknown", nargs="*", default=(), help="addresses that are not known")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
