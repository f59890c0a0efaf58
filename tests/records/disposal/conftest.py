"""Acts about batches, as the catalog hands them out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.catalog.acts import Act

MORNING = datetime(2034, 1, 9, 14, 30, tzinfo=UTC)
BATCH = "00000000-0000-4000-8000-00000000000b"
LISTING = "ab" * 32
PERMISSION = {"number": "RCB-2034-117", "date": "2034-01-05", "name": "permission.pdf", "sha256": "cd" * 32}


class Acts(list[Act]):
    """A list of acts that grows by one word each."""

    def add(self, event: str, by: str = "Pat", *, subject: str = BATCH, **document: Any) -> Acts:
        number = len(self) + 1
        at = MORNING + timedelta(hours=number)
        self.append(Act(1000 + number, subject, event, at, {"event": event, "by": by, **document}))
        return self

    def proposed(self, by: str = "Pat", **more: Any) -> Acts:
        return self.add("disposal-proposed", by, messages=[[1, 5], [9, 9]], listing=LISTING, **more)

    def permitted(self) -> Acts:
        return self.add("disposal-permitted", **PERMISSION)

    def approved(self, by: str, listing: str = LISTING) -> Acts:
        return self.add("disposal-approved", by, listing=listing)

    def begun(self, **more: Any) -> Acts:
        return self.add("disposal-begun", "Kim", messages=[[1, 5]], entries=[[1, 7]], **more)

    def disposed(self, *entries: list[int], **more: Any) -> Acts:
        return self.add("disposed", ["Pat", "Kim"], entries=[*entries], **more)  # type: ignore[arg-type]


@pytest.fixture
def acts() -> Acts:
    return Acts()
