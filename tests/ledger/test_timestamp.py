"""Time stamps: from a real authority on this machine, checked here and by OpenSSL, and nothing else accepted."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from cryptography.x509 import ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from gateway.ledger.timestamp import (
    Request,
    TimestampError,
    ask,
    check,
    load_roots,
    request,
    stamp,
)
from tests.ledger import tsa
from tests.ledger.tsa import Answer, Authority, Signer, der, pem, served, speaking

DATA = "harbor.example/mail\n12\nroot\n\n\u2014 harbor.example/mail AAAA\n".encode()
PATIENCE = 30.0  # seconds; nothing that answers here takes nearly as long
SHORT = 0.2  # seconds until nothing will have come
OLD = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
THEN = datetime(2020, 6, 1, tzinfo=UTC)
Make = Callable[..., Authority]


@pytest.fixture(scope="module")
def make(needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Make:
    """`make(signer)` is an authority that stamps with that certificate."""
    openssl = needs("openssl")
    return lambda signer, **options: Authority(openssl, tmp_path_factory.mktemp("tsa"), signer, **options)


@pytest.fixture(scope="module")
def root() -> Signer:
    return tsa.root()


@pytest.fixture(scope="module")
def authority(make: Make, root: Signer) -> Authority:
    return make(root.issue("Stamps of Harbor"))


@pytest.fixture(scope="module")
def asked() -> Request:
    return request(DATA)


@pytest.fixture(scope="module")
def response(authority: Authority, asked: Request) -> bytes:
    return authority.answer(asked.octets)


# --- what holds ---


def test_a_stamp_from_an_authority(authority: Authority, root: Signer) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    with served(lambda query: Answer(authority.answer(query))) as (url, heard):
        kept = stamp(url, DATA, [tsa.root("Another").certificate, root.certificate], PATIENCE)
    after = datetime.now(UTC)
    found = check(kept, DATA, [root.certificate])
    assert found.authority == "CN=Stamps of Harbor"
    assert before <= found.time <= after
    assert found.time.tzinfo is UTC
    assert found.serial > 1
    assert authority.verifies(kept, DATA, root.certificate)
    assert [(each.path, each.type) for each in heard] == [("/tsa?district=1", "application/timestamp-query")]


def test_every_request_has_its_nonce(authority: Authority, root: Signer) -> None:
    one, two = request(DATA), request(DATA)
    assert one.nonce != two.nonce
    answer = authority.answer(one.octets)
    assert check(answer, DATA, [root.certificate], one.nonce) == check(answer, DATA, [root.certificate])
    with pytest.raises(TimestampError, match="answers another request: its nonce"):
        check(answer, DATA, [root.certificate], two.nonce)


def test_an_answer_without_a_nonce(authority: Authority, root: Signer) -> None:
    bare = TimestampRequestBuilder(DATA, HashAlgorithm.SHA256, nonce=False).build().as_bytes()
    answer = authority.answer(bare)
    assert check(answer, DATA, [root.certificate]).authority == "CN=Stamps of Harbor"
    with pytest.raises(TimestampError, match="nonce"):
        check(answer, DATA, [root.certificate], 1)


def test_authorities_between_it_and_the_root(make: Make, root: Signer, asked: Request) -> None:
    """OpenSSL gives the certificates from the signer's up, which is not always the order that DER has for sets."""
    nearer = root.below("Between").below("Nearer")
    authority = make(nearer.issue("Stamps"))
    answer = authority.answer(asked.octets)
    places = [answer.index(tsa.octets(each)) for each in (authority.signer.certificate, *nearer.chain)]
    assert places == sorted(places)
    assert tsa.octets(authority.signer.certificate) > tsa.octets(nearer.certificate)  # by its length
    assert check(answer, DATA, [root.certificate], asked.nonce).authority == "CN=Stamps"
    assert authority.verifies(answer, DATA, root.certificate)
    with pytest.raises(TimestampError, match="unable to get issuer certificate"):
        check(answer, DATA, [nearer.certificate], asked.nonce)


def test_fractions_of_a_second(make: Make, root: Signer, asked: Request) -> None:
    precise = make(root.issue("Precise"), digits=3)
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= check(precise.answer(asked.octets), DATA, [root.certificate]).time <= datetime.now(UTC)


def test_certificates_that_expired_since(make: Make, asked: Request) -> None:
    """They are judged as of the time stated. OpenSSL does the same when told that time, and refuses at today's."""
    old = tsa.root("Old root", OLD)
    authority = make(old.issue("Old stamps", OLD))
    answer = authority.granted(authority.stated(asked.octets, THEN))
    assert check(answer, DATA, [old.certificate], asked.nonce).time == THEN
    assert authority.verifies(answer, DATA, old.certificate, THEN)
    assert not authority.verifies(answer, DATA, old.certificate)


@pytest.mark.parametrize(
    ("time", "error"),
    [
        (OLD[0] - timedelta(seconds=1), "not yet valid"),
        (OLD[0], None),
        (OLD[1] - timedelta(seconds=1), None),
        (OLD[1] + timedelta(seconds=1), "has expired"),
        (None, "has expired"),
    ],
)
@pytest.mark.parametrize("which", ["root", "signer"])
def test_times_when_a_certificate_was_not_valid(
    make: Make, asked: Request, which: str, time: datetime | None, error: str | None
) -> None:
    wide = (OLD[0] - timedelta(days=100), tsa.LONG[1])
    root = tsa.root(validity=OLD if which == "root" else wide)
    authority = make(root.issue("Stamps", OLD if which == "signer" else wide))
    answer = authority.granted(authority.stated(asked.octets, time))
    if error is None:
        assert check(answer, DATA, [root.certificate]).time == time
    else:
        with pytest.raises(TimestampError, match=error):
            check(answer, DATA, [root.certificate])


# --- what does not ---


def test_other_data(authority: Authority, root: Signer, response: bytes) -> None:
    with pytest.raises(TimestampError, match="over other data"):
        check(response, DATA + b"\n", [root.certificate])
    assert not authority.verifies(response, DATA + b"\n", root.certificate)


def test_another_hash(authority: Authority, root: Signer) -> None:
    wider = TimestampRequestBuilder(DATA, HashAlgorithm.SHA512).build().as_bytes()
    with pytest.raises(TimestampError, match=r"not over SHA-256: 2\.16\.840\.1\.101\.3\.4\.2\.3"):
        check(authority.answer(wider), DATA, [root.certificate])


@pytest.mark.parametrize("name", ["Test root", "Another"])
def test_another_root(authority: Authority, response: bytes, name: str) -> None:
    other = tsa.root(name).certificate
    with pytest.raises(TimestampError, match="unable to get local issuer certificate"):
        check(response, DATA, [other])
    assert not authority.verifies(response, DATA, other)


def test_no_root(response: bytes) -> None:
    with pytest.raises(TimestampError, match="no root certificates"):
        check(response, DATA, [])


@pytest.mark.parametrize(
    ("purposes", "critical"),
    [
        ((), True),
        ((ExtendedKeyUsageOID.SERVER_AUTH,), True),
        ((ExtendedKeyUsageOID.TIME_STAMPING,), False),
        ((ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING), True),
    ],
)
def test_certificates_for_other_purposes(
    authority: Authority, root: Signer, asked: Request, purposes: tuple[ObjectIdentifier, ...], critical: bool
) -> None:
    """RFC 3161 §2.3: for time stamping and nothing else, and critical."""
    other = root.issue("Something else", purposes=purposes, critical=critical)
    answer = authority.granted(authority.stated(asked.octets), other)
    with pytest.raises(TimestampError, match="unsuitable certificate purpose"):
        check(answer, DATA, [root.certificate])
    assert not authority.verifies(answer, DATA, root.certificate)


def test_a_certificate_that_nobody_signed_beside_that_of_the_signer(
    authority: Authority, root: Signer, asked: Request
) -> None:
    """It has the signer's issuer and number: not to be taken for it, neither for its purpose nor for its name."""
    signer = root.issue("Stamps")
    forger = Signer(root.certificate, tsa.root().key)
    forged = forger.issue("Somebody of note", serial=signer.certificate.serial_number)
    stated = authority.stated(asked.octets)
    assert check(authority.granted(stated, signer), DATA, [root.certificate]).authority == "CN=Stamps"
    with pytest.raises(TimestampError, match="2 certificates of its signer"):
        check(authority.granted(stated, signer, more=[forged.certificate]), DATA, [root.certificate])
    with pytest.raises(TimestampError, match="does not hold"):
        check(authority.granted(stated, forged), DATA, [root.certificate])


def test_two_signatures(authority: Authority, root: Signer, asked: Request) -> None:
    answer = authority.granted(authority.stated(asked.octets), root.issue("One"), root.issue("Two"))
    with pytest.raises(TimestampError, match="2 signatures, not one"):
        check(answer, DATA, [root.certificate])


def test_an_answer_without_certificates(authority: Authority, root: Signer) -> None:
    """What one gets for asking without certReq."""
    bare = TimestampRequestBuilder(DATA, HashAlgorithm.SHA256, cert_req=False).build().as_bytes()
    with pytest.raises(TimestampError, match="0 certificates of its signer"):
        check(authority.answer(bare), DATA, [root.certificate])


def test_rejections(make: Make, authority: Authority, root: Signer, asked: Request) -> None:
    picky = make(root.issue("Picky"), digests="sha512")
    with pytest.raises(TimestampError, match=r"no time stamp: rejection: .*algorithm is not supported"):
        check(picky.answer(asked.octets), DATA, [root.certificate])
    with pytest.raises(TimestampError, match="no time stamp: rejection: Bad request format"):
        check(authority.answer(b"no request"), DATA, [root.certificate])


@pytest.mark.parametrize(
    ("status", "error"),
    [(0, "has no time stamp in it"), (3, "no time stamp: waiting"), (77, "no time stamp: status 77")],
)
def test_a_status_alone(root: Signer, status: int, error: str) -> None:
    with pytest.raises(TimestampError, match=error):
        check(der(0x30, der(0x30, bytes([2, 1, status]))), DATA, [root.certificate])


def test_granted_with_modifications(response: bytes, root: Signer) -> None:
    """RFC 3161 §2.4.2 lets an authority stamp something else than was asked for; here nothing can be modified."""
    at = response.index(b"\x30\x03\x02\x01\x00") + 4
    with pytest.raises(TimestampError, match="granted_with_mods"):
        check(response[:at] + b"\x01" + response[at + 1 :], DATA, [root.certificate])


def test_words_of_an_authority_cannot_move_the_cursor(root: Signer) -> None:
    words = der(0x30, der(0x0C, b"\x1b[2Jno\nentry" + b"!" * 10_000))
    with pytest.raises(TimestampError) as caught:
        check(der(0x30, der(0x30, b"\x02\x01\x02" + words)), DATA, [root.certificate])
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_no_octet_can_be_changed(response: bytes, asked: Request, root: Signer, change: int) -> None:
    """An answer that still is one says the same: what is changed then is of no meaning and under no signature.

    That is the version numbers of SignedData and SignerInfo, and the name of the signature's algorithm, which
    OpenSSL takes from the key.
    """
    said = check(response, DATA, [root.certificate], asked.nonce)
    harmless = 0
    for at, octet in enumerate(response):
        changed = response[:at] + bytes([octet ^ change]) + response[at + 1 :]
        try:
            assert check(changed, DATA, [root.certificate], asked.nonce) == said, at
        except TimestampError:
            continue
        harmless += 1
    assert harmless <= 12


@given(octets=st.binary(max_size=400))
def test_any_octets(root: Signer, octets: bytes) -> None:
    with pytest.raises(TimestampError):
        check(octets, DATA, [root.certificate])


@given(data=st.data())
def test_pieces_of_an_answer(response: bytes, asked: Request, root: Signer, data: st.DataObject) -> None:
    """Cut, repeated, and put together anew with anything between."""
    place = st.integers(0, len(response))
    start, end = data.draw(place, label="start"), data.draw(place, label="end")
    made = response[:start] + data.draw(st.binary(max_size=8), label="between") + response[end:]
    try:
        said = check(made, DATA, [root.certificate], asked.nonce)
    except TimestampError:
        return
    assert said == check(response, DATA, [root.certificate], asked.nonce)


@given(
    lengths=st.lists(
        st.sampled_from([b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\xa0\xff", b"\x30"]), max_size=6
    )
)
def test_lengths_that_lie(root: Signer, lengths: list[bytes]) -> None:
    with pytest.raises(TimestampError):
        check(b"".join(lengths), DATA, [root.certificate])


# --- asking ---


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b"sorry", status=500), "HTTP status 500 Internal Server Error"),
        (Answer(b"", status=204), "HTTP status 204"),
        (
            Answer(b"", status=302, headers={"Location": "file:///etc/passwd"}),
            "HTTP status 302 Found, to file:///etc/passwd; redirections are not followed",
        ),
        (
            Answer(b"<html>", type="text/html; charset=utf-8"),
            "another type than .*: text/html; charset=utf-8",
        ),
        (Answer(bytes(256 * 1024 + 1)), "more than 256 KiB"),
        (Answer(b"0123", headers={"Content-Length": "10"}), "cut short: 6 octets are missing"),
        (Answer(b"", headers={"Content-Length": "10"}), "cut short: 10 octets are missing"),
        (Answer(b"5\r\nab", headers={"Transfer-Encoding": "chunked"}), "IncompleteRead"),
    ],
)
def test_answers_that_are_none(root: Signer, answer: Answer, error: str) -> None:
    with served(lambda query: answer) as (url, heard), pytest.raises(TimestampError, match=error) as caught:
        stamp(url, DATA, [root.certificate], PATIENCE)
    assert str(caught.value).startswith(f"{url}: ")
    assert len(heard) == 1


@pytest.mark.parametrize("body", [b"", b"garbage", bytes(256 * 1024)])
def test_answers_that_cannot_be_read(root: Signer, body: bytes) -> None:
    with (
        served(lambda query: Answer(body)) as (url, _),
        pytest.raises(TimestampError, match="not an answer of RFC 3161") as caught,
    ):
        stamp(url, DATA, [root.certificate], PATIENCE)
    assert str(caught.value).startswith(f"{url}: ")


def test_an_answer_of_the_greatest_length() -> None:
    with served(lambda query: Answer(bytes(256 * 1024))) as (url, _):
        assert ask(url, b"?", timeout=PATIENCE) == bytes(256 * 1024)


def test_the_type_may_have_parameters() -> None:
    with served(lambda query: Answer(b"!", type="Application/Timestamp-Reply; x=y")) as (url, _):
        assert ask(url, b"?", timeout=PATIENCE) == b"!"


def test_an_answer_to_another_request(root: Signer, response: bytes) -> None:
    with served(lambda query: Answer(response)) as (url, _), pytest.raises(TimestampError, match="its nonce"):
        stamp(url, DATA, [root.certificate], PATIENCE)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    with served(lambda query: Answer(query)) as (url, _):
        assert ask(url, b"?", timeout=PATIENCE) == b"?"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_says_nothing(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(TimestampError, match=r"no answer within 0\.2 s"):
            ask(url, b"?", timeout=SHORT)


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: 9000\r\n\r\n",
    ],
)
def test_a_server_that_never_ends(beginning: bytes) -> None:
    """One octet at a time: each comes before long, all of them never."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(beginning)
        while not Event().wait(SHORT / 10):
            connection.sendall(b"1")

    with speaking(drip) as url, pytest.raises(TimestampError, match="no answer within"):
        ask(url, b"?", timeout=SHORT)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", "closed connection without response"),
        (b"220 harbor.example ESMTP\r\n", "220 harbor"),
        (b"\0" * 70_000, "line"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "100 headers"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "abc"),
    ],
)
def test_a_server_of_something_else(said: bytes, error: str) -> None:
    def speak(connection: socket.socket) -> None:
        while b"\r\n\r\n?" not in connection.recv(65_536, socket.MSG_PEEK):
            pass
        connection.recv(65_536)
        connection.sendall(said)

    with speaking(speak) as url, pytest.raises(TimestampError, match=error) as caught:
        ask(url, b"?", timeout=PATIENCE)
    assert str(caught.value).isprintable()


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with pytest.raises(TimestampError, match=f"{url}: Connection refused"):
            ask(url, b"?", timeout=PATIENCE)


def test_no_time_at_all() -> None:
    with (
        served(lambda query: Answer(b"!")) as (url, heard),
        pytest.raises(TimestampError, match="within 0 s"),
    ):
        ask(url, b"?", timeout=0)
    assert heard == []


def test_https(root: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's authorities vouch for the server, not the roots of stamps."""
    purposes = (ExtendedKeyUsageOID.SERVER_AUTH,)
    root.issue("A server", purposes=purposes, address="127.0.0.1").write(tmp_path, "server")
    (tmp_path / "system").write_bytes(pem(root.certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    with served(lambda query: Answer(b"!"), context) as (url, heard):
        with pytest.raises(TimestampError, match="certificate verify failed"):
            ask(url, b"?", timeout=PATIENCE)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system"))
        assert ask(url, b"?", timeout=PATIENCE) == b"!"
        with pytest.raises(TimestampError, match="certificate verify failed"):
            ask(url.replace("127.0.0.1", "localhost"), b"?", timeout=PATIENCE)
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("file:///etc/passwd", "expected the URL of a time stamping authority"),
        ("ftp://127.0.0.1/", "expected the URL"),
        ("127.0.0.1:80", "expected the URL"),
        ("", "expected the URL"),
        ("http://", "expected the URL"),
        ("http://127.0.0.1:0/", "expected the URL"),
        ("http://127.0.0.1:99999/", "not a URL"),
        ("http://[::1", "not a URL"),
        ("http://127.0.0.1:x/", "not a URL"),
        (f"http://{'x' * 64}.example/", "too long"),
        ("http://127.0.0.1/a b", "control characters"),
        ("http://127.0.0.1/\u2014", "ascii"),
    ],
)
def test_what_is_no_url(url: str, error: str) -> None:
    """What is wrong with the path is only noticed after connecting."""
    with served(lambda query: Answer(b"!")) as (there, heard):
        port = there.split(":")[2].split("/")[0]
        wanted = url.replace("127.0.0.1/", f"127.0.0.1:{port}/")
        with pytest.raises(TimestampError, match=error):
            ask(wanted, b"?", timeout=PATIENCE)
    assert heard == []


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(TimestampError) as caught:
        ask("https://user:secret@tsa.example/", b"?", timeout=PATIENCE)
    assert str(caught.value) == "https://…@tsa.example: a URL with a user's name is not supported"


# --- roots ---


def test_roots_from_a_file(tmp_path: Path, root: Signer, response: bytes) -> None:
    path = tmp_path / "roots.pem"
    other, below = tsa.root("Other").certificate, root.below("Between").certificate
    path.write_bytes(b"some words\n" + pem(other) + pem(below) + pem(root.certificate))
    assert load_roots(path) == [other, below, root.certificate]
    assert check(response, DATA, load_roots(path)) == check(response, DATA, [root.certificate])


@pytest.mark.parametrize(
    "octets", [b"", b"\xff\0", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_roots(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(octets)
    with pytest.raises(TimestampError, match=r"roots\.pem: expected certificates in PEM"):
        load_roots(path)


def test_a_file_of_certificates_that_are_no_roots(tmp_path: Path, root: Signer) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(pem(root.below("Between").certificate))
    with pytest.raises(TimestampError, match=r"roots\.pem: none of its certificates is a root"):
        load_roots(path)


def test_no_file_of_roots(tmp_path: Path) -> None:
    with pytest.raises(TimestampError, match=r"roots\.pem: No such file"):
        load_roots(tmp_path / "roots.pem")
    with pytest.raises(TimestampError, match="Is a directory"):
        load_roots(tmp_path)
