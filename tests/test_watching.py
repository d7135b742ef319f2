"""Prometheus, its alerts and the dashboard under deploy/ ask for what a live service really tells."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.dockerfiles import parse
from tests.service.process import Process, running

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
SERVICES = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))
(ALERTS,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "earshot.json").read_text(encoding="utf-8"))
PROVISIONING = DEPLOY / "grafana" / "provisioning"
COLUMNS = 24
"""Of Grafana's grid."""


@pytest.fixture(scope="module")
def live() -> Iterator[Process]:
    with running("--bundle", "esc10-resnet") as server:
        yield server


def mounted(service: str, inside: str) -> Path:
    """The file of this repository that a container sees at this path."""
    for volume in SERVICES[service]["volumes"]:
        source, target = volume.split(":")[:2]
        if source.startswith("./") and (inside == target or inside.startswith(f"{target}/")):
            return DEPLOY.joinpath(source, inside.removeprefix(target).lstrip("/"))
    raise AssertionError(f"{service} has nothing at {inside}")


def test_prometheus_asks_the_service_where_it_is(live: Process) -> None:
    (job,) = PROMETHEUS["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")
    assert host in SERVICES
    assert port == parse(DEPLOY / "Dockerfile.cpu")[-1].env["EARSHOT_PORT"]
    assert live.client.get(job["metrics_path"]).headers["content-type"].startswith("text/plain")
    assert mounted("prometheus", "/etc/prometheus/prometheus.yml") == DEPLOY / "prometheus.yml"
    assert [mounted("prometheus", f"/etc/prometheus/{name}") for name in PROMETHEUS["rule_files"]] == [
        DEPLOY / "alerts.yml"
    ]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "earshot.yaml").read_text())["providers"]
    assert source["url"] == f"http://prometheus:{SERVICES['prometheus']['ports'][0].rpartition(':')[2]}"
    uids = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]}
    assert (
        uids
        == {target["datasource"]["uid"] for panel in DASHBOARD["panels"] for target in panel["targets"]}
        == {source["uid"]}
    )
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(provider["options"]["path"])
    assert mounted("grafana", home).is_file()
    assert mounted("grafana", "/etc/grafana/provisioning").samefile(PROVISIONING)


def expressions() -> list[str]:
    shown = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return shown + [rule["expr"] for rule in ALERTS["rules"]]


@pytest.fixture(scope="module")
def exported(live: Process) -> dict[str, set[str]]:
    """Each name that a live service exports, with its labels."""
    sound = (ROOT / "docs" / "sounds" / "rooster.wav").read_bytes()
    assert live.classify(sound).status_code == 200
    endings = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
    found = {"up": set[str]()}
    for family in text_string_to_metric_families(live.client.get("/metrics").text):
        labels = {label for sample in family.samples for label in sample.labels}
        found |= {family.name + ending: labels for ending in endings[family.type]}
    return found


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_that_is_looked_at_is_exported(expression: str, exported: dict[str, set[str]]) -> None:
    names = re.findall(r"\b(?:up|(?:earshot|process)_\w+)\b", expression)
    assert names
    assert set(names) <= exported.keys()
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= exported[name] | {"job", "instance"}


def test_what_the_service_measures_is_shown(exported: dict[str, set[str]]) -> None:
    looked_at = " ".join(expressions())
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported if name.startswith("earshot_")}
    not_worth_a_curve = {"earshot_windows_total", "earshot_streams_ended_total"}
    assert [name for name in sorted(ours - not_worth_a_curve) if name not in looked_at] == []


def test_alerts_say_who_should_look_and_why() -> None:
    names = [rule["alert"] for rule in ALERTS["rules"]]
    assert len(names) == len(set(names))
    for rule in ALERTS["rules"]:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_panels_have_names_of_their_own_and_do_not_overlap() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < COLUMNS
        taken |= cells
