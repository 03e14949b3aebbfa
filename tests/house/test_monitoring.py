"""What is written for Prometheus and Grafana; tests/served/test_metrics.py looks whether roles tell it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from jobfs import metrics
from jobfs.config import MetricsConfig
from tests.served import scrape
from tests.served.scrape import CONFIG, DASHBOARD, PAGE, ROOT, RULES

UNITS = ROOT / "deploy/systemd"


@pytest.mark.parametrize("rule", scrape.rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_how_urgent_it_is(rule: dict[str, object]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert isinstance(rule["labels"], dict)
    assert isinstance(rule["annotations"], dict)
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert re.fullmatch(r"\d+[mh]", str(rule.get("for", "1m")))


def test_the_page_tells_what_to_do_about_every_alert() -> None:
    told = re.findall(r"^\| `(Jobfs\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)

    assert told == [rule["alert"] for rule in scrape.rules()]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's package prometheus has it")
@pytest.mark.parametrize(("what", "file"), [("rules", RULES), ("config", CONFIG)])
def test_prometheus_understands_every_line(what: str, file: Path) -> None:
    checked = subprocess.run(
        ["promtool", "check", what, str(file)], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr


def test_prometheus_is_sent_where_roles_answer() -> None:
    written = yaml.safe_load(CONFIG.read_text("utf-8"))
    (job,) = written["scrape_configs"]

    asked = {one["labels"]["role"]: one["targets"] for one in job["static_configs"]}

    config = MetricsConfig()
    assert asked == {
        kind: [f"{config.host}:{getattr(config, kind)}"] for kind in ("mount", "login", "worker")
    }
    assert written["rule_files"] == [RULES.name]


@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.service")), ids=lambda unit: unit.name)
def test_a_unit_lets_its_role_answer(unit: Path) -> None:
    lines = unit.read_text("utf-8").splitlines()

    (families,) = [line for line in lines if line.startswith("RestrictAddressFamilies=")]
    assert {"AF_INET", "AF_INET6"} <= set(families.partition("=")[2].split())
    assert not [line for line in lines if line.startswith(("PrivateNetwork=", "IPAddressDeny="))]


def test_every_panel_has_a_place_of_its_own_and_queries() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in scrape.panels():
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["type"] == "row" or panel["targets"]
    numbers = [panel["id"] for panel in scrape.panels()]
    assert len(numbers) == len(set(numbers))


def test_the_dashboard_names_no_server_of_its_own() -> None:
    board = json.loads(DASHBOARD.read_text("utf-8"))

    (variable,) = board["templating"]["list"]
    assert (variable["name"], variable["type"]) == ("datasource", "datasource")
    sources = {panel["datasource"]["uid"] for panel in scrape.panels() if panel["type"] != "row"}
    assert sources == {"${datasource}"}


def test_names_are_as_prometheus_wants_them() -> None:
    for metric in (*metrics.COUNTED, *metrics.ASKED):
        assert re.fullmatch(r"jobfs_[a-z]+(_[a-z]+)*", metric.name)
        is_plain_counter = isinstance(metric, metrics.Counter) and not isinstance(
            metric, metrics.Gauge
        )
        assert metric.name.endswith("_total") is is_plain_counter
        assert not isinstance(metric, metrics.Timer) or metric.name.endswith("_seconds")


def test_every_metric_is_shown() -> None:
    named = [one for one in vars(metrics).values() if isinstance(one, metrics._Metric)]

    assert set(named) == {*metrics.COUNTED, *metrics.ASKED}
