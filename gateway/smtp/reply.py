"""SMTP replies: values to send, and the one place that turns an error into a reply.

A reply of the next hop is kept as the bytes that came, so that it goes back verbatim. Our own replies
carry an enhanced status code (RFC 2034, RFC 3463) and a text a person can act on; no exception's name
or text ever reaches the wire.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_REPLY_OCTETS = 64 * 1024  # a next hop that says more in one reply speaks nonsense

_STATUS = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?![^\s])")
_ONE_LINE = re.compile(rb"([2-5]\d\d)(?: [^\r\n]*)?\r?\n")
_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])([^\r\n]*))?\Z")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, one line or several (RFC 5321 §4.2.1)."""

    code: int
    wire: bytes  # with the CRLF of every line
    close: bool = False  # the connection ends with it

    @property
    def positive(self) -> bool:
        """Whether the command was carried out; 354 and its kin are no such answer."""
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        return self.code >= 500

    @property
    def status(self) -> str:
        """The enhanced status code (RFC 2034) of its first line, "" where it has none."""
        match = _STATUS.match(self.wire, 4)
        return match[0].decode("ascii") if match else ""

    @property
    def text(self) -> str:
        """One line for logs and records: code and text of every line."""
        return self.wire.decode("utf-8", "surrogateescape").rstrip("\r\n").replace("\r\n", " / ")


def reply(code: int, *lines: str, close: bool = False) -> Reply:
    """Our own reply of one or more lines of text (ASCII); 421 always ends the connection (RFC 5321 §3.8)."""
    last = len(lines) - 1
    wire = "".join(f"{code}{' ' if index == last else '-'}{line}\r\n" for index, line in enumerate(lines))
    return Reply(code, wire.encode("ascii", "replace"), close or code == 421)


class ReplyError(ValueError):
    """The next hop sent something that is no SMTP reply."""


def take_reply(buffer: bytearray) -> Reply | None:
    """Remove one whole reply from the front of `buffer`; None while it is incomplete.

    Raises ReplyError for what is no reply, has lines of several codes, or is longer than MAX_REPLY_OCTETS. A line
    that ends in a bare LF is taken as a line: some servers send it, and nothing can be smuggled by a reply.
    """
    if (match := _ONE_LINE.match(buffer)) is not None:  # nearly every reply
        wire, code = match[0], int(match[1])
        del buffer[: len(wire)]
        return Reply(code, wire, code == 421)
    start = 0
    first: bytes | None = None
    while True:
        end = buffer.find(b"\n", start)
        if end < 0:
            if len(buffer) > MAX_REPLY_OCTETS:
                raise ReplyError("reply too long")
            return None
        match = _REPLY_LINE.match(bytes(buffer[start:end]).rstrip(b"\r"))
        if match is None or match[1] != (first or match[1]):
            raise ReplyError("not a reply")
        first = match[1]
        start = end + 1
        if match[2] != b"-":
            wire = bytes(buffer[:start])
            del buffer[:start]
            code = int(match[1])
            return Reply(code, wire, code == 421)


class Refusal(Exception):
    """Ends a step of a session with a reply of our own."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(answer.text)
        self.reply = answer


# --- our own replies -----------------------------------------------------------------------------

OK = reply(250, "2.0.0 Ok")
SENDER_OK = reply(250, "2.1.0 Sender ok")
RECIPIENT_OK = reply(250, "2.1.5 Recipient ok")
START_DATA = reply(354, "End data with <CR><LF>.<CR><LF>")
BYE = reply(221, "2.0.0 Bye", close=True)
START_TLS = reply(220, "2.0.0 Ready to start TLS")
CANNOT_VERIFY = reply(252, "2.5.2 Cannot verify; send some mail and see")
HELP = reply(214, "2.0.0 See RFC 5321")

SYNTAX = reply(500, "5.5.2 Command not recognised")
LINE_TOO_LONG = reply(500, "5.5.6 Command line too long")
BAD_ARGUMENT = reply(501, "5.5.4 Syntax error in the argument")
NOT_IMPLEMENTED = reply(502, "5.5.1 Command not implemented")
BAD_SEQUENCE = reply(503, "5.5.1 Bad sequence of commands")
BAD_PARAMETER = reply(555, "5.5.4 Parameter not supported")
TLS_FIRST = reply(530, "5.7.0 Issue a STARTTLS command first")
AUTH_FIRST = reply(530, "5.7.0 Authentication required")
RELAY_DENIED = reply(550, "5.7.1 Relaying denied: not a domain of this district")
CLIENT_DENIED = reply(550, "5.7.1 Access denied: this client may not send here")
NO_ROUTE = reply(550, "5.1.2 No route to the recipient's domain")
BAD_ADDRESS = reply(553, "5.1.3 Not a valid address")
UTF8_ADDRESS = reply(553, "5.6.7 A non-ASCII address needs the SMTPUTF8 parameter")
NULL_MX = reply(556, "5.1.10 The recipient's domain accepts no mail (null MX)")
NO_DOMAIN = reply(550, "5.1.2 The recipient's domain does not exist")
MX_LOOP = reply(554, "5.4.6 The recipient's domain points back to this gateway")

SECOND_ROUTE = reply(452, "4.5.3 Other route; send this recipient in a transaction of its own")
TOO_MANY_RECIPIENTS = reply(452, "4.5.3 Too many recipients; send the rest in another transaction")
TOO_BIG = reply(552, "5.3.4 Message exceeds the size limit")
IN_FLIGHT_FULL = reply(452, "4.3.1 Too much mail in flight; try again shortly")
ARCHIVE_FULL = reply(452, "4.3.1 The archive cannot take mail now; try again later")
LONG_LINE = reply(550, "5.6.0 A line of the message is too long")
# After these two, what follows could be meant as part of the message: the connection ends.
BARE_LINE_END = reply(550, "5.6.11 Bare <CR> or <LF> is not accepted (RFC 5321 2.3.8)", close=True)
LOOK_ALIKE = reply(550, "5.6.11 The message holds a look-alike of the end of data", close=True)
LOOP = reply(554, "5.4.6 Too many hops; the message loops")
NEEDS_8BIT = reply(554, "5.6.3 The next hop takes no 8-bit content; conversion is not supported")
NEEDS_UTF8 = reply(550, "5.6.7 The next hop does not support SMTPUTF8")

NEXT_HOP_GONE = reply(451, "4.4.1 The next hop does not answer; try again later")
NEXT_HOP_LOST = reply(451, "4.4.2 The connection to the next hop was lost; try again later")
NEXT_HOP_BUSY = reply(451, "4.4.5 Too many connections to the next hop; try again later")
NEXT_HOP_NONSENSE = reply(451, "4.5.0 The next hop gave an answer that is not SMTP; try again later")
NEXT_HOP_TLS = reply(451, "4.7.5 No trusted TLS connection to the next hop; try again later")
DNS_FAILED = reply(451, "4.4.3 The look-up of the recipient's domain failed; try again later")
DEADLINE = reply(451, "4.4.1 Not completed in time; try again later")
OURS = reply(451, "4.3.0 Internal error; try again later")

SHUTTING_DOWN = reply(421, "4.3.2 Service shutting down; try again shortly")
TIMED_OUT = reply(421, "4.4.2 Timed out waiting for the client")
TOO_MANY_CONNECTIONS = reply(421, "4.7.0 Too many connections; try again later")
TOO_MANY_COMMANDS = reply(421, "4.7.0 Too many commands in one connection")
TOO_MANY_ERRORS = reply(421, "4.7.0 Too many errors")

AUTH_OK = reply(235, "2.7.0 Authentication successful")
AUTH_FAILED = reply(535, "5.7.8 Authentication credentials invalid")
AUTH_CANCELLED = reply(501, "5.7.0 Authentication cancelled")
AUTH_BAD = reply(501, "5.5.2 Cannot decode the response")
AUTH_MECHANISM = reply(504, "5.5.4 Unrecognised authentication mechanism")
