"""Mail becomes searchable while the service runs, whatever becomes of the index's process."""

from __future__ import annotations

import asyncio
import os
import signal
import smtplib
from contextlib import closing
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from gateway.search.engine import EngineError, Wanted
from gateway.search.query import parse
from gateway.search.tantivy import TantivySearcher
from tests.extraction import files

OFFICE = "vnd.openxmlformats-officedocument.wordprocessingml.document"


def send(port: int, subject: str, attached: str = "") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@out.example", "b@district.example", subject
    message.set_content("See the bittern.\n")
    if attached:
        message.add_attachment(
            files.docx(attached), maintype="application", subtype=OFFICE, filename="n.docx"
        )
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.send_message(message)


def found(folder: Path, query: str) -> int:
    """How many messages a query finds."""
    try:
        with closing(TantivySearcher(folder)) as searcher:
            page = searcher.search(parse(query, now=datetime.now(UTC), zone=UTC), Wanted(limit=0))
            return int(page.count or 0)
    except EngineError:
        return 0


async def test_mail_is_found_by_what_it_says_and_what_is_attached(
    service: Any, counting_hop: Any, until: Any
) -> None:
    gateway = service(f"127.0.0.1:{counting_hop.port}", workers=1)
    gateway.start()
    await gateway.ready()
    index = gateway.data / "search"
    await asyncio.to_thread(send, gateway.port(), "One", "A dunlin ran.")
    await until(lambda: found(index, "bittern dunlin outcome:relayed") == 1)
    os.kill(gateway.children()["search"], signal.SIGKILL)
    await asyncio.to_thread(send, gateway.port(), "Two")
    await until(lambda: found(index, "bittern outcome:relayed") == 2)
    # An index that is no use is made anew.
    assert gateway.stop() == 0
    for path in index.iterdir():
        if path.is_file() and path.stat().st_size > 100:
            path.write_bytes(b"\0" * 50)
    gateway.start()
    await gateway.ready()
    await until(lambda: found(index, "bittern outcome:relayed") == 2)
    assert gateway.stop() == 0
