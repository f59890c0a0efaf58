"""One extractor for the tests that only hand files to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.extraction.extractor import Extractor
from gateway.extraction.model import Settings

SETTINGS = Settings(part_seconds=20, seconds=60, memory=400 << 20, ocr=False)


@pytest.fixture(scope="session")
def extractor() -> Iterator[Extractor]:
    with Extractor(SETTINGS) as extractor:
        yield extractor
