"""docs/configuration.md says every key as the models have it; the example for a real district is valid."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Config, load

ROOT = Path(__file__).parents[2]


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("configuration_page", ROOT / "docs" / "configuration.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_models_say() -> None:
    """`python docs/configuration.py > docs/configuration.md` mends it."""
    assert (ROOT / "docs" / "configuration.md").read_text() == _generator().page()


@pytest.mark.parametrize("section", Config.model_fields)
def test_every_section_is_on_the_page(section: str) -> None:
    assert re.search(rf"`\[*{section}\]*`", (ROOT / "docs" / "configuration.md").read_text())


def test_the_example_is_valid() -> None:
    assert load(ROOT / "config" / "gateway.toml").district.domains == ("k12.example",)
