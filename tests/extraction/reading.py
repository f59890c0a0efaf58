"""Reading in this process, without a child: for what the readers of formats make of well-meant files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace

from gateway.extraction.job import Child
from gateway.extraction.model import Extracted, Settings
from gateway.extraction.walk import Walk


@dataclass
class Heard:
    results: list[Extracted] = field(default_factory=list)
    begun: list[int] = field(default_factory=list)

    def begins(self, number: int, path: tuple[str, ...], declared: str) -> None:
        self.begun.append(number)

    def ocr_begins(self) -> None:
        pass

    def result(self, number: int, result: Extracted) -> None:
        self.results.append(result)


def read(
    content: bytes, declared: str = "", name: str = "", settings: Settings | None = None
) -> list[Extracted]:
    settings = settings or Settings()
    heard = Heard()
    walk = Walk(replace(settings, tesseract=shutil.which(settings.tesseract) or ""), heard)
    walk.visit(Child(name, declared, lambda: content))
    return heard.results


def words(result: Extracted) -> list[str]:
    return result.text.split()
