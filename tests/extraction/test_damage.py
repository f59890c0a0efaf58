"""Damaged files of every format: always a status, never an exception, and the next file is read as ever."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Status
from tests.extraction import files
from tests.extraction.test_formats import CALENDAR, CARD, HTML, MAIL, RTF


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("L", (64, 64), 200).save(file, "PNG")
    return file.getvalue()


WHOLE: dict[str, bytes] = {
    "a.pdf": files.text_pdf("Field trip", "to Plymouth"),
    "scan.pdf": files.scan_pdf(zlib.decompress(zlib.compress(bytes(100))), 10, 10),
    "a.docx": files.docx("one", "two", more={"word/media/a.png": picture()}),
    "a.xlsx": files.xlsx([["Ada", "97"], ["Ben", "85"]]),
    "a.pptx": files.pptx("One", "Two", notes="Three"),
    "a.odt": files.odf("text", "<text:p>one</text:p>"),
    "a.rtf": RTF,
    "a.html": HTML.encode(),
    "a.csv": b"Ada;97\nBen;85\n",
    "a.ics": CALENDAR.encode(),
    "a.vcf": CARD.encode(),
    "a.eml": MAIL.encode(),
    "a.png": picture(),
    "a.zip": files.zipped({"in.pdf": files.text_pdf("Hello"), "in.txt": b"text"}),
    "a.tar": files.tarred({"one.txt": b"first"}),
    "a.tgz": files.gzipped(files.tarred({"one.docx": files.docx("x")})),
}

Damage = Callable[[bytes], bytes]


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """Something that happens to files: cut, overwritten, a piece lost, twice, or strange."""
    what = draw(st.sampled_from(["cut", "lose", "double", "overwrite", "insert", "flip"]))
    at = draw(st.floats(0, 1))
    length = draw(st.integers(1, 64))
    strange = draw(st.binary(min_size=1, max_size=32))

    def damage(content: bytes) -> bytes:
        place = int(at * len(content))
        if what == "cut":
            return content[:place]
        if what == "lose":
            return content[:place] + content[place + length :]
        if what == "double":
            return content[: place + length] + content[place:]
        if what == "insert":
            return content[:place] + strange + content[place:]
        if what == "flip":
            return (
                content[:place]
                + bytes(octet ^ 0x81 for octet in content[place : place + 1])
                + content[place + 1 :]
            )
        return content[:place] + strange + content[place + len(strange) :]

    return damage


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(WHOLE)), damage=st.lists(damages(), min_size=1, max_size=4))
def test_damage_gives_a_status(extractor: Extractor, name: str, damage: list[Damage]) -> None:
    content = WHOLE[name]
    for one in damage:
        content = one(content)
    parts = extractor.extract(content, "application/octet-stream", name)
    assert parts[0].path == (name,)
    assert all(part.status in Status and part.seconds >= 0 for part in parts)
    assert all(part.text or part.status is not Status.EXTRACTED for part in parts)
    assert all(part.detail for part in parts if not part.whole)


PACKAGES = sorted(name for name in WHOLE if name[-4:] in ("docx", "xlsx", "pptx", ".odt", ".zip"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(PACKAGES), number=st.integers(0, 10), damage=damages())
def test_damage_within_a_package_gives_a_status(
    extractor: Extractor, name: str, number: int, damage: Damage
) -> None:
    """Packed again after the damage, so that it is not the packing that is damaged."""
    with zipfile.ZipFile(io.BytesIO(WHOLE[name])) as package:
        entries = {entry: package.read(entry) for entry in package.namelist()}
    hit = sorted(entries)[number % len(entries)]
    entries[hit] = damage(entries[hit])
    parts = extractor.extract(files.zipped(entries), "", name)
    assert all(part.text or part.status is not Status.EXTRACTED for part in parts)
    assert all(part.detail for part in parts if not part.whole)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), declared=st.text(max_size=40), name=st.text(max_size=40))
def test_anything_gives_a_status(extractor: Extractor, content: bytes, declared: str, name: str) -> None:
    assert extractor.extract(content, declared, name)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_undamaged_they_are_read(extractor: Extractor, name: str) -> None:
    """So that the damage is done to files that are none without it. Pictures need OCR, which is off here."""
    statuses = {part.status for part in extractor.extract(WHOLE[name], "", name)}
    assert statuses <= {Status.EXTRACTED, Status.EMPTY, Status.UNSUPPORTED}
    assert Status.EXTRACTED in statuses or name in ("a.png", "scan.pdf")
