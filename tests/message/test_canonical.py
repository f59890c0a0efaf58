"""The canonical form: which spellings are one mailbox, which are not, and that it is stable."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message.canonical import canonical_address, domain_of

DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=500)


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        # case, brackets, white space, trailing dot
        ("Joan.Doe@School.Example", "joan.doe@school.example"),
        ("<joan@school.example>", "joan@school.example"),
        ("  <joan@school.example> \r\n", "joan@school.example"),
        ("joan @ school.example", "joan@school.example"),
        ("joan@school.example.", "joan@school.example"),
        ("STRASSE@a.example", "strasse@a.example"),
        ("Straße@a.example", "strasse@a.example"),
        ("JÖRG@a.example", "jörg@a.example"),
        ("jo\u0308rg@a.example", "jörg@a.example"),
        # plus-tags
        ("joan+news@school.example", "joan@school.example"),
        ("joan+a+b@school.example", "joan@school.example"),
        ("joan+@school.example", "joan@school.example"),
        ("+joan@school.example", "+joan@school.example"),
        ("+joan+news@school.example", "+joan+news@school.example"),
        # Gmail
        ("J.o.a.n@gmail.com", "joan@gmail.com"),
        ("joan.doe+x@GoogleMail.com", "joandoe@gmail.com"),
        ("joan.doe@gmail.com.", "joandoe@gmail.com"),
        ("joan.doe@gmail.example", "joan.doe@gmail.example"),
        ("joan.doe@mail.gmail.com", "joan.doe@mail.gmail.com"),
        (".@gmail.com", ".@gmail.com"),
        # quoted local parts
        ('"joan"@school.example', "joan@school.example"),
        ('"joan+news"@school.example', "joan@school.example"),
        ('"jo\\an"@school.example', "joan@school.example"),
        ('"a b"@school.example', '"a b"@school.example'),
        ('"A \\"b\\""@school.example', '"a \\"b\\""@school.example'),
        ('"a@b"@school.example', '"a@b"@school.example'),
        ('"a..b"@school.example', "a..b@school.example"),
        ('""@school.example', '""@school.example'),
        ('"j.d"@gmail.com', "jd@gmail.com"),
        # internationalised domains
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@BÜCHER.Example", "a@xn--bcher-kva.example"),
        ("a@bu\u0308cher.example", "a@xn--bcher-kva.example"),
        ("a@XN--Bcher-KVA.example", "a@xn--bcher-kva.example"),
        ("a@straße.example", "a@xn--strae-oqa.example"),
        ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@ｓｃｈｏｏｌ.example", "a@school.example"),
        ("a@☕.example", "a@xn--53h.example"),
        # literals and source routes
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"),
        ("<@hop.example,@hop2.example:joan@school.example>", "joan@school.example"),
        # what is no address comes back trimmed and in lower case
        ("", ""),
        ("<>", ""),
        ("Root", "root"),
        ("@", "@"),
        ("joan@", "joan@"),
        ("@School.example", "@school.example"),
        ("A b@school.example", "a b@school.example"),
        ("A@b@school.example", "a@b@school.example"),
        ("a@school .example", "a@school .example"),
        ("A@b,c", "a@b,c"),
        ("a@[1.2", "a@[1.2"),
    ],
)
def test_canonical_form(address: str, canonical: str) -> None:
    assert canonical_address(address) == canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("joan@school.example", "jan@school.example"),
        ("joan.doe@school.example", "joandoe@school.example"),
        ("joan@school.example", "joan@mail.school.example"),
        ("joan@strasse.example", "joan@straße.example"),
        ("a@b＠c.example", "a@b@c.example"),
    ],
)
def test_different_mailboxes_stay_different(one: str, other: str) -> None:
    assert canonical_address(one) != canonical_address(other)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("Joan@School.Example.", "school.example"),
        ("<joan@bücher.example>", "xn--bcher-kva.example"),
        ("joan@googlemail.com", "googlemail.com"),
        ('"a@b c"@school.example', "school.example"),
        ("a@b@school.example", "school.example"),
        ("a@[192.0.2.1]", "[192.0.2.1]"),
        ("root", ""),
        ("", ""),
        ("joan@", ""),
        ("joan@school example", ""),
        ("joan@.", ""),
    ],
)
def test_domain(address: str, domain: str) -> None:
    assert domain_of(address) == domain


def test_a_domain_that_is_none_is_not_worked_on() -> None:
    long = "é" * 300
    assert canonical_address(f"a@{long}") == f"a@{long}"
    assert canonical_address("a@" + "é" * 100).startswith("a@xn--")


# Text in which the characters with a meaning are frequent, beside everything that Unicode has.
TRICKY = st.text(
    st.one_of(st.sampled_from('aB.+@"\\<> ,:;[]éßİſ\u0308\u0338。＠＋…\xad\u037e\udc80'), st.characters())
)


@DETERMINISTIC
@given(
    st.one_of(TRICKY, st.builds("{}@{}".format, TRICKY, TRICKY), st.builds('"{}"@{}'.format, TRICKY, TRICKY))
)
def test_idempotent(address: str) -> None:
    once = canonical_address(address)
    assert canonical_address(once) == once
    assert domain_of(address) == domain_of(address.upper()) or not address.isascii()


LOCAL = st.from_regex(r"[a-z0-9][a-z0-9.]{0,10}[a-z0-9]", fullmatch=True)
DOMAIN = st.from_regex(r"[a-z0-9]{1,8}\.(example|test)", fullmatch=True)


@DETERMINISTIC
@given(LOCAL, DOMAIN, st.from_regex(r"[a-z0-9+]{0,6}", fullmatch=True))
def test_all_spellings_of_a_mailbox_are_one(local: str, domain: str, tag: str) -> None:
    canonical = canonical_address(f"{local}@{domain}")
    assert canonical == f"{local}@{domain}"
    for spelling in (
        f"{local.upper()}@{domain.upper()}",
        f" <{local}@{domain}> ",
        f"{local}@{domain}.",
        f"{local}+{tag}@{domain}",
        f'"{local}"@{domain}',
        f'"{local}+{tag}"@{domain}',
    ):
        assert canonical_address(spelling) == canonical
