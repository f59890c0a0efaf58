"""A child reads attachments for days: nothing of one may stay when the next one comes."""

from __future__ import annotations

import gc
import weakref

import pytest

from gateway.extraction.job import Child
from gateway.extraction.model import Settings
from gateway.extraction.walk import Walk
from tests.extraction import files
from tests.extraction.reading import Heard


class Loading:
    """An attachment's octets; whoever still holds the attachment holds this."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __call__(self) -> bytes:
        return self._octets


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(files.docx("Practice"), id="read"),
        pytest.param(files.zipped({"a.docx": files.docx("Practice"), "b.bin": b"\0\1\2"}), id="parts"),
        pytest.param(files.docx("Practice")[:-40], id="damaged"),
        pytest.param(b"\0\1\2\3", id="of no known format"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), id="old Office"),
        pytest.param(b"7z\xbc\xaf\x27\x1c" + bytes(40), id="7-Zip"),
        pytest.param(b"Rar!\x1a\x07\x00" + bytes(40), id="RAR"),
    ],
)
def test_what_was_read_is_let_go(octets: bytes) -> None:
    loading = Loading(octets)
    still_there = weakref.ref(loading)
    heard = Heard()
    Walk(Settings(ocr=False), heard).visit(Child("file", "", loading))
    assert heard.results
    del loading
    gc.collect()
    assert still_there() is None
