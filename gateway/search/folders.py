"""Where search indexes are: numbered folders beside the link that the configuration names."""

from __future__ import annotations

from pathlib import Path

from gateway.generations import Generations


def search_indexes(link: Path) -> Generations:
    """The indexes beside a link."""
    return Generations(link, lock=link.with_name(f"{link.name}.lock"))
