"""Districts to tell people things in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.notices.town import Town


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Callable[..., Town]]:
    """Make districts; the arguments are those of `Town.at`."""
    made: list[Town] = []

    def make(*arguments: str, **roster: Any) -> Town:
        folder = tmp_path / f"town-{len(made)}"
        folder.mkdir()
        made.append(Town.at(folder, *arguments, **roster))
        return made[-1]

    yield make
    for each in made:
        each.store.close()
