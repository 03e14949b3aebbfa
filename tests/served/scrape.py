"""What Prometheus reads of the roles of a studio, and what is written for it in deploy/ and docs/."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/monitoring.md"
RULES = ROOT / "deploy/prometheus/jobfs.rules.yml"
CONFIG = ROOT / "deploy/prometheus/prometheus.yml"
DASHBOARD = ROOT / "deploy/grafana/jobfs.json"

#: Labels that Prometheus gives what it has read, by deploy/prometheus/prometheus.yml or by itself.
GIVEN = {"job", "instance", "role"}
#: Words of a query that look like metrics: what Prometheus itself says of a target.
ITS_OWN = {"up"}

_SELECTOR = re.compile(r"\b(up|(?:jobfs|process)_[a-z0-9_]+)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~?)\s*"([^"]*)"')


class Scrape:
    """Every sample that some roles have told.

    names    of the samples, with `_bucket`, `_count` and `_sum`
    metrics  of the metrics, as their TYPE lines have them
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.samples = [
            sample
            for text in texts
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
        self.names = {sample.name for sample in self.samples}
        self.metrics = {re.sub("_(bucket|count|sum)$", "", name) for name in self.names}

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and these labels, of which there is one at least."""
        values = [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert values, (name, labels)
        return sum(values)

    def values(self, name: str, label: str) -> set[str]:
        """Return the values that a label of a sample has."""
        return {
            one.labels[label] for one in self.samples if one.name == name and label in one.labels
        }


def selectors(query: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each metric that a query names, and each (label, value) that it asks for there."""
    for name, matchers in _SELECTOR.findall(query):
        asked = [
            (label, value)
            for label, how, values in _MATCHER.findall(matchers)
            for value in (values.split("|") if how == "=~" else [values])
        ]
        yield name, asked


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def queries() -> dict[str, str]:
    """Return every query in deploy/, by the name of its alert or panel."""
    asked = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel.get("targets", []):
            asked[f"panel {panel['id']}{target['refId']}"] = target["expr"]
    return asked


def on_the_page() -> set[str]:
    """Return the metrics in the tables of docs/monitoring.md."""
    return set(re.findall(r"^\| `((?:jobfs|process)_\w+)", PAGE.read_text("utf-8"), re.MULTILINE))
