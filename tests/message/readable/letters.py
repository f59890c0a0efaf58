"""Small messages to read."""

from __future__ import annotations

HEADER = "From: Joan Doe <joan@school.example>\r\nTo: Sam <sam@home.example>\r\nSubject: Trip\r\n"


def letter(text: str | bytes, content_type: str = "text/plain; charset=utf-8", *fields: str) -> bytes:
    """A message in one part."""
    head = HEADER + f"Content-Type: {content_type}\r\n" + "".join(f"{field}\r\n" for field in fields)
    body = text.replace("\n", "\r\n").encode() if isinstance(text, str) else text
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + body


def part(text: str | bytes, content_type: str = "text/plain; charset=utf-8", *fields: str) -> bytes:
    """A part of a multipart."""
    head = f"Content-Type: {content_type}\r\n" + "".join(f"{field}\r\n" for field in fields)
    body = text.encode() if isinstance(text, str) else text
    return head.encode() + b"\r\n" + body


def multipart(kind: str, *parts: bytes, boundary: str = "=_b0") -> bytes:
    """A message in parts."""
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + one + b"\r\n" for one in parts) + line + b"--\r\n"
    return letter(body, f'multipart/{kind}; boundary="{boundary}"')


def within(kind: str, *parts: bytes, boundary: str) -> bytes:
    """A multipart as a part of another one."""
    return multipart(kind, *parts, boundary=boundary).split(b"\r\n", 3)[3]
