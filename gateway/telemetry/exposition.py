"""`/metrics`, `/healthz`, `/readyz` and `/ledger/…` over HTTP, in a daemon thread of the supervisor.

`/metrics` is what Prometheus scrapes. `/healthz` says whether the service lives (restart it if not),
`/readyz` whether it takes mail (send it none if not); both answer 200 or 503 with a JSON object that
names each check. `/ledger/checkpoint`, `/ledger/checkpoint-2026-11-22` and `/ledger/keys` are the ledger's signed
checkpoints and public keys, for whoever keeps them elsewhere. GET and HEAD only; no request has an effect; no answer
holds an address or content.

Fails with OSError where the address cannot be bound. A check or a collector that raises makes a 503 or
a 500 and a line in the log, never an end of the thread.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from threading import BoundedSemaphore, Thread
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

Check = Callable[[], str | None]
"""None when all is well, else what is wrong in a few words. Called in the server's threads."""

REQUESTS = 16  # at once; Prometheus, a load balancer and a person make three
IDLE_SECONDS = 10.0  # after which a silent connection is closed

_PUBLISHED = re.compile(r"/ledger/(checkpoint(?:-\d{4}-\d{2}-\d{2})?|keys)", re.ASCII)

POLL_SECONDS = 0.1  # how soon `close()` is noticed


@dataclass(frozen=True, slots=True)
class Health:
    """Checks by name: `live` for /healthz, `ready` for /readyz (which asks the live ones as well)."""

    live: Mapping[str, Check] = field(default_factory=dict)
    ready: Mapping[str, Check] = field(default_factory=dict)


class Exposition:
    """The HTTP server. `close()` ends it; as a context manager it closes itself."""

    def __init__(
        self, host: str, port: int, collector: Collector, health: Health, ledger: Path | None = None
    ) -> None:
        """Bind `host` (IPv4, IPv6 or a name) and `port` (0: any free one) and serve from now on.

        ledger: the folder of what the ledger publishes.

        Raises OSError where it cannot be bound.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(collector)
        self._server = _Server(host, port, _Answers(registry, health, ledger))
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="exposition", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that are bound."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Exposition:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    content_type: str
    body: bytes


class _Answers:
    """What each path answers; knows no HTTP beyond status and type."""

    def __init__(self, registry: CollectorRegistry, health: Health, ledger: Path | None) -> None:
        self._registry = registry
        self._health = health
        self._ledger = ledger

    def to(self, path: str, accept: str) -> _Answer:
        if path == "/metrics":
            return self._metrics(accept)
        if path == "/healthz":
            return _checked(self._health.live)
        if path == "/readyz":
            return _checked({**self._health.live, **self._health.ready})
        if self._ledger is not None and (found := _PUBLISHED.fullmatch(path)) is not None:
            return _file(self._ledger / found[1])
        return _plain(HTTPStatus.NOT_FOUND, "Not here: /metrics, /healthz, /readyz, /ledger/checkpoint\n")

    def _metrics(self, accept: str) -> _Answer:
        encode, content_type = choose_encoder(accept)
        try:
            return _Answer(HTTPStatus.OK, content_type, encode(self._registry))
        except Exception as error:  # whatever it is, the next scrape gets its chance
            structlog.get_logger().error("metrics.unreadable", error=type(error).__name__)
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "The metrics cannot be read; see the log\n")


def _checked(checks: Mapping[str, Check]) -> _Answer:
    problems = {name: _problem(check) for name, check in checks.items()}
    well = not any(problems.values())
    body = {
        "status": "ok" if well else "failed",
        "checks": {name: problem or "ok" for name, problem in problems.items()},
    }
    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
    return _Answer(status, "application/json", orjson.dumps(body) + b"\n")


def _problem(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # a check that cannot answer has failed
        return f"the check itself failed: {type(error).__name__}"


def _file(path: Path) -> _Answer:
    try:
        return _Answer(HTTPStatus.OK, "text/plain; charset=utf-8", path.read_bytes())
    except FileNotFoundError:
        return _plain(HTTPStatus.NOT_FOUND, "Nothing was signed yet, or not on that day\n")
    except OSError as error:
        structlog.get_logger().error("ledger.unreadable", reason=error.strerror)
        return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, "The file cannot be read; see the log\n")


def _plain(status: HTTPStatus, text: str) -> _Answer:
    return _Answer(status, "text/plain; charset=utf-8", text.encode())


class _Handler(BaseHTTPRequestHandler):
    server_version = "mailgw"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        answer = self.server.answers.to(urlsplit(self.path).path, self.headers.get("Accept", ""))
        self._send(answer)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, answer: _Answer, **headers: str) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Plain text for what the base class refuses; an unknown method is 405 (RFC 9110 §15.5.6)."""
        self.close_connection = True
        status = HTTPStatus(code)
        if status is HTTPStatus.NOT_IMPLEMENTED:
            self._send(_plain(HTTPStatus.METHOD_NOT_ALLOWED, "GET and HEAD only\n"), Allow="GET, HEAD")
        else:
            self._send(_plain(status, f"{status.phrase}\n"), Connection="close")

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape is no event."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 4 * REQUESTS

    def __init__(self, host: str, port: int, answers: _Answers) -> None:
        self.answers = answers
        self._free = BoundedSemaphore(REQUESTS)
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        super().__init__((str(address[0]), port), _Handler)

    def server_bind(self) -> None:
        """Bind without the base class's look-up of the host's name in DNS, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "mailgw", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is no event either."""
