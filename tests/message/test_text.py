"""Encoded words: every form that senders are known to write, and bounds on what they can do."""

from __future__ import annotations

import base64
import codecs
from email.header import Header

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.message import text as text_module
from gateway.message.text import decode_charset, decode_words

DETERMINISTIC = settings(deadline=None, derandomize=True, max_examples=300)


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("Practice on Friday", "Practice on Friday"),
        ("", ""),
        ("=?utf-8?Q?J=C3=B6rg?=", "Jörg"),
        ("=?UTF-8?q?J=c3=b6rg_Doe?= of staff", "Jörg Doe of staff"),
        ("=?utf-8?B?SsO2cmc=?=", "Jörg"),
        ("=?iso-8859-1?Q?J=F6rg?=", "Jörg"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?ks_c_5601-1987?B?x9Gxub7u?=", "한국어"),
        ("=?koi8-u?B?6tfJ1A==?=", "Йвит"),
        # RFC 2231 §5: the language
        ("=?utf-8*de?Q?J=C3=B6rg?=", "Jörg"),
        # white space between words goes, between a word and text it stays
        ("=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
        ("=?utf-8?Q?a?=\t \t=?iso-8859-1?Q?=F6?=", "aö"),
        ("=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        # a character split over two words
        ("=?utf-8?Q?J=C3?= =?utf-8?Q?=B6rg?=", "Jörg"),
        ("=?utf-8?B?SsM=?= =?utf-8?B?tnJn?=", "Jörg"),
        # not separated by white space
        ("a=?utf-8?Q?b?=c=?utf-8?Q?d?==?utf-8?Q?e?=", "abcde"),
        ('"=?utf-8?Q?J=C3=B6rg?="', '"Jörg"'),
        # broken base64
        ("=?utf-8?B?SsO2cmc?=", "Jörg"),
        ("=?utf-8?B?SsO2cmc=====?=", "Jörg"),
        ("=?utf-8?B?Ss O2\tcm*c?=", "Jörg"),
        ("=?utf-8?B?S?=", ""),
        ("=?utf-8?B??=", ""),
        ("=?utf-8?B?SsO2cmcx1?=", "Jörg1"),
        # broken Q
        ("=?utf-8?Q?100%_=ZZ_=?=", "100% =ZZ "),
        ("=?utf-8?Q?really??=", "really?"),
        ("=?utf-8?Q?raw ö?=", "raw ö"),
        # the wrong charset
        ("=?us-ascii?Q?J=C3=B6rg?=", "Jörg"),
        ("=?iso-8859-1?Q?=93quoted=94?=", "“quoted”"),
        ("=?gb2312?B?6V8=?=", "開"),
        ("=?utf-8?Q?J=F6rg?=", "J\ufffdrg"),
        ("=?x-nonsense?Q?J=C3=B6rg=FF?=", "Jörg\ufffd"),
        # codecs that are no charsets
        ("=?idna?Q?xn--a?=", "xn--a"),
        ("=?unicode_escape?Q?=5Cu0041?=", "\\u0041"),
        ("=?hex?Q?4142?=", "4142"),
        # what is none
        ("=?utf-8?Q?no end", "=?utf-8?Q?no end"),
        ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
        ("=??Q?a?=", "=??Q?a?="),
        ("1 =? 2 ?= 3", "1 =? 2 ?= 3"),
        ("=?utf-8?Q?lost =?utf-8?Q?found?=", "=?utf-8?Q?lost found"),
        # nothing that breaks a line, a log or a database gets through
        ("=?utf-8?Q?a=0D=0ABcc:_b=00?=", "a\ufffd\ufffdBcc: b\ufffd"),
        ("a\x00b\tc", "a\ufffdb\tc"),
        ("a\udce9", "a\ufffd"),
        ("=?utf-7?Q?+2AA-?=", "\ufffd"),
    ],
)
def test_decoding(raw: str, decoded: str) -> None:
    assert decode_words(raw) == decoded


def test_every_charset_of_the_tables_is_one() -> None:
    names = {*text_module._CODECS, *text_module._MORE_CHARSETS.values(), *text_module._SUPERSETS.values()}
    for name in names - text_module._NO_CHARSETS:
        assert codecs.lookup(name)
        assert isinstance(b"abc".decode(name, "replace"), str)


@DETERMINISTIC
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(
        lambda text: text.strip() == text
    )
)
def test_what_the_library_encodes_is_read_back(text: str) -> None:
    encoded = Header(text, "utf-8", maxlinelen=75).encode(linesep="\r\n").replace("\r\n", "")
    assert decode_words(encoded) == text


@DETERMINISTIC
@given(
    st.binary(),
    st.sampled_from(["utf-8", "gbk", "iso-2022-kr", "utf-16", "utf-7", "hz", "idna", "", "*", "ü"]),
)
def test_any_octets_in_any_charset(octets: bytes, charset: str) -> None:
    assert isinstance(decode_charset(octets, charset), str)
    word = f"=?{charset}?B?{base64.b64encode(octets).decode()}?="
    decode_words(word).encode()


@DETERMINISTIC
@given(st.text(st.one_of(st.sampled_from("=?qQbB_ utf-8\udc80"), st.characters())))
def test_any_text(text: str) -> None:
    decode_words(text).encode()
