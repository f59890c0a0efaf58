"""docs/metrics.md and the alert rules say exactly what is exported."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.metrics import Metrics
from gateway.telemetry.table import TABLE

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
ROW = re.compile(r"\| `(mailgw_\w+)` \| (\w+) \| (.+?) \| (.+?) \| (.+?) \|")

Documented = dict[str, tuple[str, dict[str, tuple[str, ...]]]]


def documented() -> Documented:
    """Type and labels (with their values) of each series in the tables, in their order."""
    found: Documented = {}
    for line in (ROOT / "docs" / "metrics.md").read_text().splitlines():
        if match := ROW.fullmatch(line):
            assert match[1] not in found, f"{match[1]} stands there twice"
            found[match[1]] = (match[2], labels(match[3]))
    return found


def labels(cell: str) -> dict[str, tuple[str, ...]]:
    """`a`, `b`: `x`, `y` is an open label a and a label b with the values x and y; after `;` come others."""
    found: dict[str, tuple[str, ...]] = {}
    for part in cell.split(";"):
        before, colon, after = part.partition(":")
        names = re.findall(r"`(\w+)`", before)
        values = tuple(re.findall(r"`([\w-]+)`", after))
        assert bool(colon) == bool(values)
        found |= {name: (values if name == names[-1] else ()) for name in names}
    return found


def test_the_documentation_is_the_table_in_its_order() -> None:
    table = [(series.name, (str(series.kind), dict(series.labels))) for series in TABLE]
    assert list(documented().items()) == table


def test_the_documentation_is_what_is_exported(touched: Callable[[Metrics], Metrics]) -> None:
    touched(Metrics(registry := CollectorRegistry()))
    exported = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        name = family.name + ("_total" if family.type == "counter" else "")
        names = {label for sample in family.samples for label in sample.labels} - {"le"}
        exported[name] = (family.type, names)
    assert exported == {name: (kind, set(known)) for name, (kind, known) in documented().items()}


def test_each_result_of_a_transaction_is_explained() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    explained = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)
    (series,) = (series for series in TABLE if series.attribute == "transactions")
    assert tuple(explained) == series.labels["result"]


def test_the_alerts_name_only_series_and_labels_that_exist() -> None:
    text = ALERTS.read_text()
    known = {series.name: series for series in TABLE}
    for name, selector in re.findall(r"(mailgw_\w+)(?:\{([^}]*)\})?", text):
        series = known[re.sub(r"_(bucket|sum|count)$", "", name)]
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            closed = series.labels[label]
            assert not closed or set(value.split("|")) <= set(closed)


@pytest.mark.needs("promtool")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "alerts.test.yml"),
    ],
    ids=["rules", "scrape configuration", "alerts fire"],
)
def test_promtool_accepts(needs: Callable[[str], Path], arguments: tuple[str, ...]) -> None:
    run = subprocess.run(
        [needs("promtool"), *arguments], cwd=ALERTS.parent, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
