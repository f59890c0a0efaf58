"""The certificate tells what the acts tell: as JSON, and as a page that is read back."""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pypdfium2
import pytest

from gateway.records.disposal.batch import Batch, NotAllowed, batches
from gateway.records.disposal.certificate import certify, pdf

BATCH = "00000000-0000-4000-8000-00000000000b"
HOSTILE = '#panic("x") *bold* $x$ @ref `raw` \\ <label> // Nguyễn Thị Hồng, Ødegård'


def done(acts: Any, reason: str = "Seven years are over") -> Batch:
    acts.proposed(
        series="correspondence", schedule="ef" * 32, reason=reason, oldest="2026-01-01T00:00:00+00:00",
        newest="2026-12-31T00:00:00+00:00", login="pat",
    )  # fmt: skip
    acts.permitted().approved("Pat").approved("Kim")
    acts.begun(spared=[{"why": "held for smith-v-district", "messages": [[9, 9]]}])
    acts.disposed([1, 3], volume="2026-01", messages=2, octets=3000)
    acts.disposed([4, 7], volume="2026-02", messages=3, octets=5000)
    acts.add("disposal-done", "", entries=[[1, 7]], kept=[])
    return batches(acts)[BATCH]


def words(page: bytes) -> str:
    document = pypdfium2.PdfDocument(page)
    text = " ".join(one.get_textpage().get_text_range() for one in document)
    document.close()
    return " ".join(text.split())


def test_it_tells_what_when_and_by_whom(acts: Any) -> None:
    certificate = certify(done(acts), "Harborview Public Schools", "harborview.example/mail")
    facts = json.loads(certificate.json)
    assert (facts["messages"], facts["octets"]) == (5, 8000)
    assert facts["entries"] == {"count": 7, "numbers": [[1, 7]]}
    assert [each["by"] for each in facts["approved"]] == ["Pat", "Kim"]
    text = words(pdf(certificate, UTC))
    for told in (
        "Certificate of disposal", "Harborview Public Schools", BATCH, "number RCB-2034-117 of 2034-01-05",
        "correspondence", "5 with 2 events", "2026-01-01 to 2026-12-31", "2026-01, 2026-02", "Seven years are over",
        "held for smith-v-district", "1 message: 9", "1-7", "signed in as pat", "harborview.example/mail",
    ):  # fmt: skip
        assert told in text, told


def test_the_same_acts_give_the_same_octets(acts: Any) -> None:
    batch = done(acts)
    one, other = (certify(batch, "District", "origin") for _ in range(2))
    assert one.json == other.json
    assert pdf(one, UTC) == pdf(other, UTC)


def test_what_people_typed_is_never_code(acts: Any) -> None:
    text = words(pdf(certify(done(acts, HOSTILE), "District", "origin"), UTC))
    assert "".join(HOSTILE.split()) in "".join(text.split())


def test_a_long_list_of_numbers_goes_on_over_pages(acts: Any) -> None:
    acts.proposed(reason="x").permitted().approved("Pat").approved("Kim").begun()
    numbers = [[at, at] for at in range(1, 20_001, 2)]
    acts.disposed(*numbers, volume="2026-01", messages=10_000, octets=1)
    acts.add("disposal-done", "", entries=numbers, kept=[[2, 2]])
    text = words(pdf(certify(batches(acts)[BATCH], "District", "origin"), UTC))
    assert "19999" in text
    assert "held when its turn came" in text


def test_there_is_none_before_the_end(acts: Any) -> None:
    acts.proposed().permitted()
    with pytest.raises(NotAllowed, match="is permitted; expected done"):
        certify(batches(acts)[BATCH], "District", "origin")
