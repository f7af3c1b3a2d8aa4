"""The rules that a dashboard keeps so that it loads by itself, says what it shows, and is understood at three in the morning.

After grafana/dashboard-linter (template-datasource, template-on-time-change-reload, panel-datasource, panel-title-description,
panel-units, target-rate-interval, target-counter-agg, uneditable-dashboard). Its rules about `job` and `instance` are not kept:
the auditor is one, and `cluster` is what tells its series apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from auditor.publish.metric_table import BY_NAME
from tests.deploy.dashboards import DASHBOARDS, GRAFANA, Query, filled, panels, queries, variables
from tests.web.pages import STATE, app, get

UNITS = {"short", "percentunit", "s", "string"}

each_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
each_name = pytest.mark.parametrize("name", DASHBOARDS)
each_panel = pytest.mark.parametrize("panel", [p for _, p in panels()], ids=[f"{d}: {p['title']}" for d, p in panels()])
each_query = pytest.mark.parametrize("query", queries(), ids=str)


def texts(value: object) -> list[str]:
    """Every string in a JSON value."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


@each_dashboard
def test_nothing_is_asked_for_at_import(dashboard: Mapping[str, Any]) -> None:
    # the sidecar fills in no inputs: https://github.com/grafana/grafana/issues/10786
    assert not {"__inputs", "__requires", "__elements"} & dashboard.keys()
    assert not [text for text in texts(dashboard) if "${DS_" in text]


@each_dashboard
def test_it_can_be_linked_to_and_not_be_edited_away_from_its_file(dashboard: Mapping[str, Any]) -> None:
    assert dashboard["uid"].startswith("auditor-")
    assert "id" not in dashboard
    assert dashboard["editable"] is False
    assert dashboard["tags"] == ["auditor"]
    assert (dashboard["refresh"], dashboard["time"]) == ("1m", {"from": "now-7d", "to": "now"})
    assert [link["tags"] for link in dashboard["links"] if link["type"] == "dashboards"] == [["auditor"]]


def test_every_dashboard_has_a_uid_and_a_title_of_its_own() -> None:
    for key in ("uid", "title"):
        assert len({each[key] for each in DASHBOARDS.values()}) == len(DASHBOARDS)


@each_name
def test_the_data_source_is_chosen_by_a_variable(name: str) -> None:
    datasource = variables(name)["datasource"]
    assert (datasource["type"], datasource["query"], datasource["label"]) == ("datasource", "prometheus", "Data source")


@each_name
def test_cluster_team_and_namespace_can_be_chosen_and_are_looked_up_anew_when_the_time_changes(name: str) -> None:
    chosen = variables(name)
    for each in ("cluster", "team", "namespace"):
        assert chosen[each]["type"] == "query"
        assert chosen[each]["refresh"] == 2
        assert chosen[each]["query"]["query"].startswith("label_values(")
        if chosen[each]["includeAll"]:
            assert chosen[each]["multi"]
            assert chosen[each]["allValue"] == ".*"  # also what has no such label
    assert not chosen["cluster"]["multi"]  # the links behind the numbers lead to the pages of one


@each_name
def test_a_prometheus_that_renames_the_namespace_label_can_be_used(name: str) -> None:
    label = variables(name)["nslabel"]
    assert label["query"].split(",") == ["namespace", "exported_namespace"]
    assert label["current"]["value"] == "namespace"


@each_panel
def test_every_panel_has_a_title_and_says_what_it_shows(panel: Mapping[str, Any]) -> None:
    assert panel["title"]
    assert len(panel["description"]) > 30


@each_panel
def test_every_panel_has_a_unit_and_thresholds(panel: Mapping[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert defaults["thresholds"]["steps"][0]["value"] is None
    overridden = [p["value"] for o in panel["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "unit"]
    assert set(overridden) <= UNITS


@each_panel
def test_every_number_is_judged_and_leads_to_the_list_behind_it(panel: Mapping[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    if panel["type"] == "stat":
        assert len(defaults["thresholds"]["steps"]) > 1
    if panel["type"] in ("stat", "timeseries"):
        assert defaults["links"]


@each_panel
def test_a_number_that_is_not_there_is_said_in_words(panel: Mapping[str, Any]) -> None:
    if panel["type"] == "stat":
        assert panel["fieldConfig"]["defaults"]["noValue"]


@each_panel
def test_every_panel_and_query_uses_the_chosen_data_source(panel: Mapping[str, Any]) -> None:
    assert panel["targets"]
    for each in (panel, *panel["targets"]):
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@each_query
def test_a_query_names_only_metrics_that_there_are(query: Query) -> None:
    named = set(re.findall(r"\bauditor_\w+", query.expr))
    histograms = {f"{name}_bucket" for name, metric in BY_NAME.items() if metric.type == "histogram"}
    assert named
    assert named <= BY_NAME.keys() | histograms


@each_query
def test_counters_are_only_used_as_rates_over_the_interval_that_fits(query: Query) -> None:
    counters = re.findall(r"(\w+\()?(auditor_\w+(?:_total|_bucket))\b(?:\{[^}]*\})?(\[[^\]]*\])?", query.expr)
    for function, name, interval in counters:
        assert function in ("rate(", "increase("), name
        assert interval == "[$__rate_interval]", name
    assert re.findall(r"\[[^\]]*\]", query.expr) == [interval for *_, interval in counters]


@each_query
def test_a_query_keeps_to_the_chosen_clusters(query: Query) -> None:
    for name, matchers in re.findall(r"\b(auditor_\w+)(\{[^}]*\})?", query.expr):
        labels = BY_NAME[name.removesuffix("_bucket")].labels
        assert ('cluster=~"$cluster"' in matchers) == ("cluster" in labels), name


@each_query
def test_a_query_of_what_lies_in_namespaces_keeps_to_the_chosen_ones(query: Query) -> None:
    for name, matchers in re.findall(r"\b(auditor_\w+)(\{[^}]*\})?", query.expr):
        labels = BY_NAME[name.removesuffix("_bucket")].labels
        assert ('$nslabel=~"$namespace"' in matchers) == ("namespace" in labels), name
        assert ('team=~"$team"' in matchers) == ("team" in labels), name


@each_query
def test_the_name_of_the_namespace_label_is_written_nowhere(query: Query) -> None:
    assert not re.search(
        r"\b(exported_)?namespace\b(?!\")", query.expr.replace('"$namespace"', "").replace("auditor_namespace", "")
    )


@each_dashboard
def test_panels_lie_side_by_side_and_within_the_grid(dashboard: Mapping[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@each_dashboard
def test_a_link_to_another_dashboard_leads_to_one_that_there_is(dashboard: Mapping[str, Any]) -> None:
    uids = {each["uid"] for each in DASHBOARDS.values()}
    assert {uid for text in texts(dashboard) for uid in re.findall(r"^/d/([\w-]+)", text)} <= uids


def test_every_link_to_the_auditors_pages_leads_to_one() -> None:
    values = {"url": "", "cluster": STATE.clusters[0].name, "namespace": "checkout"}
    here = {"${__value.text}": "POD001", "ns/${__value.text:percentencode}": "ns/checkout"}
    links = {text for each in DASHBOARDS.values() for text in texts(each) if text.startswith("${url}")}
    assert len(links) > 8
    for link in links:
        path = link
        for old, new in here.items():
            path = path.replace(old, new)
        path = filled(path.replace(":percentencode", ""), values)
        assert get(app(STATE), path).status_code == 200, link


def test_every_dashboard_is_wrapped_for_the_sidecar() -> None:
    kustomization = yaml.safe_load((GRAFANA / "kustomization.yaml").read_text())
    files = [file.partition("=")[2] for each in kustomization["configMapGenerator"] for file in each["files"]]
    assert sorted(files) == [f"{name}.json" for name in DASHBOARDS]
    assert kustomization["generatorOptions"]["labels"]["grafana_dashboard"] == "1"
    assert kustomization["generatorOptions"]["annotations"] == {"grafana_folder": "Auditor"}
    assert kustomization["generatorOptions"]["disableNameSuffixHash"] is True
