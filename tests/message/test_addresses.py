"""Address fields: what senders write, and whose address it is."""

from __future__ import annotations

from email.utils import formataddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message import addresses
from gateway.message.addresses import ADDRESS_LIMIT, MAILBOX_LIMIT, NAME_LIMIT, mailboxes

DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=500)


def read(*values: str) -> list[tuple[str, str]]:
    return [(mailbox.name, mailbox.address) for mailbox in mailboxes(values)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # the common forms
        ("a@b", [("", "a@b")]),
        ("<a@b>", [("", "a@b")]),
        ("Joan Doe <a@b>", [("Joan Doe", "a@b")]),
        ('"Doe, Joan" <a@b>, c@d', [("Doe, Joan", "a@b"), ("", "c@d")]),
        ("Joan\t Doe<a@b>,Sam<c@d>", [("Joan Doe", "a@b"), ("Sam", "c@d")]),
        ("Joe Q. Public <a@b>", [("Joe Q. Public", "a@b")]),
        ('"a \\"b\\"" <a@b>', [('a "b"', "a@b")]),
        ('"John" "Smith" <a@b>', [("John Smith", "a@b")]),
        ("Jörg <jörg@bücher.example>", [("Jörg", "jörg@bücher.example")]),
        ("O'Neil <o'neil@b>", [("O'Neil", "o'neil@b")]),
        # a display name is no address, whatever it looks like
        ('"teacher@school.example" <evil@gmail.example>', [("teacher@school.example", "evil@gmail.example")]),
        ("teacher@school.example <evil@gmail.example>", [("teacher@school.example", "evil@gmail.example")]),
        ("<teacher@school.example> <evil@b>", [("", "teacher@school.example"), ("", "evil@b")]),
        ('"<t@s>" <a@b>', [("<t@s>", "a@b")]),
        ('"t@s, u@v" <a@b>', [("t@s, u@v", "a@b")]),
        ('"t@s" "u@v" <a@b>', [("t@s u@v", "a@b")]),
        ("=?utf-8?Q?t=40s?= <a@b>", [("t@s", "a@b")]),
        ("=?utf-8?Q?t@s,_x?= <a@b>", [("t@s, x", "a@b")]),
        ("(t@s) a@b", [("t@s", "a@b")]),
        ("t@s: a@b;", [("", "a@b")]),
        ('"t@s"', []),
        ("=?utf-8?Q?t@s?=", []),
        ("t@s <>", []),
        # encoded words
        ("=?utf-8?B?SsO2cmc?= <a@b>", [("Jörg", "a@b")]),
        ('"=?iso-8859-1?Q?J=F6rg?=" <a@b>', [("Jörg", "a@b")]),
        ("=?utf-8?Q?J=C3?=\r\n =?utf-8?Q?=B6rg?= Doe <a@b>", [("Jörg Doe", "a@b")]),
        ("=?utf-8?Q?J?=a@b", [("J", "a@b")]),
        # groups
        ("Team: a@b, c@d;", [("", "a@b"), ("", "c@d")]),
        ("Team: Joan <a@b>, c@d; e@f", [("Joan", "a@b"), ("", "c@d"), ("", "e@f")]),
        ("undisclosed-recipients:;", []),
        ("Empty:;, a@b", [("", "a@b")]),
        ("A: B: a@b;;", [("", "a@b")]),
        # separators
        ("a@b, c@d,", [("", "a@b"), ("", "c@d")]),
        (", ,a@b,,, c@d , ", [("", "a@b"), ("", "c@d")]),
        ("a@b; c@d;", [("", "a@b"), ("", "c@d")]),
        ("Joan <a@b>; Sam <c@d>", [("Joan", "a@b"), ("Sam", "c@d")]),
        ("a@b c@d", [("", "a@b"), ("", "c@d")]),
        ("<a@b> <c@d>", [("", "a@b"), ("", "c@d")]),
        ("Joan <a@b> Sam <c@d>", [("Joan", "a@b"), ("", "c@d")]),
        ("Joan <a@b> c@d", [("Joan", "a@b"), ("Joan", "c@d")]),
        # brackets
        ("Joan Doe a@b", [("Joan Doe", "a@b")]),
        ('"Joan"a@b', [("Joan", "a@b")]),
        ("Joan <a@b", [("Joan", "a@b")]),
        ("Joan <a@b, Sam <c@d>", [("Joan", "a@b"), ("Sam", "c@d")]),
        ("Joan a@b>", [("Joan", "a@b")]),
        ("<<a@b>>", [("", "a@b")]),
        ("Joan <Joan <a@b>>", [("Joan Joan", "a@b")]),
        ("<a@b, c@d>", [("", "a@b"), ("", "c@d")]),
        ("<a@b c@d>", [("", "a@b"), ("", "c@d")]),
        ("<a@b> Joan", [("Joan", "a@b")]),
        ("<Joan a@b>", [("", "Joana@b")]),
        ('<"Joan" a@b>', [("Joan", "a@b")]),
        ("'a@b'", [("", "a@b")]),
        ("'a@b' <a@b>", [("'a@b'", "a@b")]),
        ("<mailto:a@b>", [("", "a@b")]),
        ("mailto:a@b", [("", "a@b")]),
        ("<a@b:25>", [("", "a@b:25")]),
        ("<a@b>: c@d", [("", "a@b"), ("", "c@d")]),
        # comments
        ("a@b (Joan Doe)", [("Joan Doe", "a@b")]),
        ("a@b (Joan (Jo) Doe)", [("Joan (Jo) Doe", "a@b")]),
        ("Pete(A nice \\) chap) <pete(his account)@b(his host)>", [("Pete", "pete@b")]),
        ("Joan (not <t@s>, u@v) <a@b>", [("Joan", "a@b")]),
        # unclosed quotes and comments are text
        ('"Joan <a@b>, Sam <c@d>', [("Joan", "a@b"), ("Sam", "c@d")]),
        ('Joan" Doe <a@b>', [("Joan Doe", "a@b")]),
        ("Joan (Doe <a@b>, c@d", [("Joan (Doe", "a@b"), ("", "c@d")]),
        ("Joan) <a@b>", [("Joan)", "a@b")]),
        ("[ext] Joan <a@b>", [("[ext] Joan", "a@b")]),
        ("[ext Joan a@b", [("[ext Joan", "a@b")]),
        # local parts and domains
        ('"a b"@c', [("", '"a b"@c')]),
        ('<"a b"@c>', [("", '"a b"@c')]),
        ('"a@b"@c', [("", '"a@b"@c')]),
        ('"a".b@c', [("", '"a".b@c')]),
        ("a@[192.0.2.1]", [("", "a@[192.0.2.1]")]),
        ("Joan <a@[IPv6:2001:db8::1]>", [("Joan", "a@[IPv6:2001:db8::1]")]),
        ("a@b@c", [("", "a@b@c")]),
        ("@a@b@", [("", "a@b")]),
        # source routes
        ("<@x,@y:a@b>", [("", "a@b")]),
        ("Joan <@x:a@b>, c@d", [("Joan", "a@b"), ("", "c@d")]),
        ("@x,@y:a@b", [("", "a@b")]),
        # white space and folds anywhere
        ("a @ b", [("", "a@b")]),
        ("a . b @ c . d", [("", "a.b@c.d")]),
        ("< a@b >", [("", "a@b")]),
        ("<joan.d\r\n oe@school.\r\n\texample>", [("", "joan.doe@school.example")]),
        ("Joan\r\n Doe\r\n <a@b>\r\n ,\r\n c@d", [("Joan Doe", "a@b"), ("", "c@d")]),
        ("a\0@b\0", [("", "a@b")]),
        # no mailbox at all
        ("", []),
        ("root", []),
        ("MAILER-DAEMON <>", []),
        ("<root>", []),
        ("@", []),
        ("@b", []),
        ("a@", []),
        ("<@>", []),
        ("'@b'", []),
        ("<@x,@y>", []),
    ],
)
def test_reading(value: str, expected: list[tuple[str, str]]) -> None:
    assert read(value) == expected


def test_all_fields_of_one_kind_count() -> None:
    assert read("a@b", "Joan <c@d>, e@f", "") == [("", "a@b"), ("Joan", "c@d"), ("", "e@f")]


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (" Joan <a@b> , c@d", ["Joan <a@b>", "c@d"]),
        ("Team: =?utf-8?Q?J?= <a@b>; (x) c@d ;", ["Team: =?utf-8?Q?J?= <a@b>", "(x) c@d"]),
        ("a@b c@d", ["a@b c@d", "a@b c@d"]),
        ("<a@b> <c@d>", ["<a@b>", "<c@d>"]),
    ],
)
def test_the_item_is_kept_as_written(value: str, raw: list[str]) -> None:
    assert [mailbox.raw for mailbox in mailboxes([value])] == raw


def test_control_characters_in_a_name_are_replaced() -> None:
    assert read("Jo\x07an <a@b>") == [("Jo\ufffdan", "a@b")]


@pytest.mark.parametrize("value", ["a@b, ", "a@b ", "a@b; ", "<a@b>, (c) "])
def test_hostile_lists_are_cut_off(value: str) -> None:
    assert len(mailboxes([value * (MAILBOX_LIMIT + 5)])) == MAILBOX_LIMIT
    assert len(mailboxes([value] * (MAILBOX_LIMIT + 5))) == MAILBOX_LIMIT


@pytest.mark.parametrize("form", ["{}", "Joan <{}>", "Joan <{}>; x", "({}) {}", "Team: {};", "<{} >"])
def test_an_address_longer_than_any_is_none(form: str) -> None:
    longest = "a" * (ADDRESS_LIMIT - 2) + "@b"
    assert [address for _, address in read(form.format(longest, longest))] == [longest]
    assert read(form.format("a" + longest, "a" + longest)) == []
    assert read(form.format("a" + longest, "a" + longest), "c@d") == [("", "c@d")]


@pytest.mark.parametrize("form", ['"{}" <a@b>', "{} <a@b>", "{} <a@b>; x", "a@b ({})"])
def test_of_a_long_name_the_beginning_counts(form: str) -> None:
    ((name, address), *_) = read(form.format("Joan " * 50_000))
    assert address == "a@b"
    assert name == " ".join(["Joan"] * (NAME_LIMIT // 5))


def test_words_of_a_long_name_are_decoded_before_it_is_cut() -> None:
    ((name, _),) = read("=?utf-8?Q?J=C3=B6rg?= " * 100 + "<a@b>")
    assert name == "Jörg" * 100


NAME = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20).map(
    lambda name: " ".join(name.split())
)
ADDRESS = st.builds(
    "{}@{}.{}".format,
    st.text("abzAZ09!#$%&*+/?^_`{|}~-", min_size=1, max_size=9),
    st.text("abz09-", min_size=1, max_size=9),
    st.sampled_from(["example", "test", "co.test"]),
)
NOT_ENCODED = NAME.filter(lambda name: "=?" not in name)


@DETERMINISTIC
@given(
    st.lists(st.tuples(NOT_ENCODED, ADDRESS), max_size=5), st.sampled_from([", ", ",", ";", " ,\r\n\t", ",,"])
)
def test_joined_mailboxes_are_split_again(pairs: list[tuple[str, str]], separator: str) -> None:
    quoted = (f'"{name}" <{address}>' for name, address in _escaped(pairs))
    assert read(separator.join(quoted)) == pairs
    encoded = (formataddr(pair) for pair in pairs)
    assert read(separator.join(encoded)) == pairs


def _escaped(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.replace("\\", "\\\\").replace('"', '\\"'), address) for name, address in pairs]


@DETERMINISTIC
@given(st.lists(st.tuples(NOT_ENCODED, ADDRESS), min_size=1, max_size=5))
def test_both_ways_of_reading_agree(pairs: list[tuple[str, str]]) -> None:
    """The common forms are read by a short cut; the long way must find the same."""
    value = ", ".join(
        f'"{name}" <{address}>' if name else address for name, address in pairs if '"' not in name
    )
    if "\\" not in value:
        short = [(mailbox.name, mailbox.address) for mailbox in addresses._simple_list(value)]
        long = [
            (mailbox.name, mailbox.address)
            for item in addresses._items(value)
            for mailbox in addresses._mailboxes_of(item)
        ]
        assert short == long


HOSTILE = st.text(st.one_of(st.sampled_from("aab.@@<>,;:()[]\"'\\ =?q\t\0"), st.characters()))


@DETERMINISTIC
@given(st.lists(HOSTILE, max_size=3))
def test_any_text(values: list[str]) -> None:
    for mailbox in mailboxes(values):
        local, at, domain = mailbox.address.rpartition("@")
        assert local and at and domain
        assert "\0" not in mailbox.address
        assert mailbox.raw == mailbox.raw.strip()
        mailbox.name.encode()


@DETERMINISTIC
@given(HOSTILE, ADDRESS)
def test_what_stands_in_quotes_before_brackets_is_only_a_name(name: str, address: str) -> None:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert [mailbox.address for mailbox in mailboxes([f'"{escaped}" <{address}>'])] == [address]
