"""Real and malformed mail of others: nothing raises, and Python's own parser is agreed with."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from email.utils import getaddresses

from gateway.message.canonical import canonical_address, domain_of
from gateway.message.headers import read_headers
from gateway.message.reading import Reading, read_message
from gateway.message.structure import structure


def with_crlf(raw: bytes) -> bytes:
    return b"\r\n".join(raw.splitlines()) + b"\r\n"


def test_everything_is_read(corpus_mail: dict[str, bytes]) -> None:
    for raw in corpus_mail.values():
        reading = read_message(raw)
        for mailbox in (*reading.from_, *reading.to, *reading.cc):
            canonical = canonical_address(mailbox.address)
            assert canonical_address(canonical) == canonical
            assert domain_of(mailbox.address)
        assert structure(raw).parts >= 1


def test_line_ends_make_no_difference(corpus_mail: dict[str, bytes]) -> None:
    def facts(reading: Reading) -> tuple[object, ...]:
        return reading.from_, reading.to, reading.cc, reading.subject, reading.date, reading.received_count

    for name, raw in corpus_mail.items():
        assert facts(read_message(with_crlf(raw))) == facts(read_message(raw)), name


def test_every_cut_is_read(corpus_mail: dict[str, bytes]) -> None:
    """A message that ends anywhere: as a broken connection or a full disk would leave it."""
    for raw in corpus_mail.values():
        for end in range(0, min(len(raw), 3000), 37):
            read_message(raw[:end])


def test_header_agrees_with_python(corpus_mail: dict[str, bytes]) -> None:
    """Python stops at a line that is no field; up to there, both find the same fields with the same values."""
    differing = 0
    for name, raw in corpus_mail.items():
        message = BytesParser(policy=policy.compat32).parsebytes(raw, headersonly=True)
        theirs = [(key, value.encode("ascii", "surrogateescape")) for key, value in message.raw_items()]
        headers = read_headers(raw)
        ours = [(field.name, field.value) for field in headers.fields]
        assert ours[: len(theirs)] == theirs, name
        if len(ours) > len(theirs):
            differing += 1
            assert "MissingHeaderBodySeparatorDefect" in {
                type(defect).__name__ for defect in message.defects
            }, name
    assert differing <= len(corpus_mail) // 20


def test_addresses_agree_with_python(corpus_mail: dict[str, bytes]) -> None:
    """Every address that the library finds is found here as well.

    But for what it wrongly takes for one: a display name (`t@s` of `t@s <a@b>`), and a name with an address
    behind it that has no brackets (`Joan a@b`).
    """
    for name, raw in corpus_mail.items():
        headers = read_headers(raw)
        reading = read_message(raw)
        for field, found in (("from", reading.from_), ("to", reading.to), ("cc", reading.cc)):
            theirs = {address for _, address in getaddresses(headers.all(field)) if "@" in address[1:]}
            theirs = {address for address in theirs if " " not in address}
            theirs -= {mailbox.name for mailbox in found}
            assert theirs <= {mailbox.address for mailbox in found}, name
