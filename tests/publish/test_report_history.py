"""Reports of simulated histories: from a real store to Markdown, held to golden files, and to HTML and JSON.

`GOLDEN=write pytest tests/publish/test_report_history.py` writes the golden files anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from auditor.causes import Commit, Evidence
from auditor.model import Coverage, Earlier, Misuse, Outcome, Resource, Score, Scores, Side, Snapshot
from auditor.publish import jsonform, report
from auditor.publish.periods import of_week
from auditor.publish.report_form import report_form
from auditor.store import Store, open_store
from tests.store.estates import CLUSTER, START, audit, cell, change, denied, drift, failing, owner, ref, verdict

GOLDEN = Path(__file__).parent / "golden"
WEEK = timedelta(days=7)
WEB, API = ref("web"), ref("api")
PASS = verdict(WEB, Outcome.PASS)
LIVE = failing(WEB, path="spec.replicas", side=Side.LIVE, message="web has one replica")


def scored(web: float, api: float | None = None, **spaces: float) -> Scores:
    """The scores of web and api in shop, and of other namespaces."""
    both = [score for score in (web, api) if score is not None]
    shop = Score(sum(both) / len(both), min(both), len(both), 0.0)
    named = {"shop": shop} | {name: Score(score, score, 1, 0.0) for name, score in spaces.items()}
    mean = sum(score.score or 0 for score in named.values()) / len(named)
    return Scores(1, Score(mean, min(both), len(both), 0.0), named, {}, {WEB: Score(web, web, 1, 0.0)}, {})


def quiet(at: datetime) -> tuple[object, Evidence]:
    return audit(at, verdicts=(PASS,), scores=scored(100), seen=frozenset({WEB})), Evidence()


def by_hand(store: Store) -> None:
    """A hand scales web down on Tuesday, a commit brings it back on Thursday; a policy is switched on, a namespace is new."""
    hand = change("spec.replicas", 3, 1, owner=owner(at=START + timedelta(days=1, minutes=-7)))
    api = failing(API, policy="RES003", path="spec.a", message="api has no limit")
    bad = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"a": False}}
    good = {**bad, "spec": {"a": True}}
    commit = Commit(
        "shop", "3f2c1ab" + "0" * 33, "Bo Example", "limits are for later", START + timedelta(days=3, hours=-1)
    )
    git = Evidence(
        desired=Snapshot((Resource(API, "apps/v1", bad),)),
        commits=(commit,),
        earlier={API: (Earlier("", good, commit.revision),)},
    )
    story = (
        (0, {"verdicts": (PASS, verdict(API, Outcome.PASS, policy="RES003")), "scores": scored(100, 100)}, Evidence()),
        (1, {"verdicts": (LIVE, verdict(API, Outcome.PASS, policy="RES003")), "scores": scored(0, 100),
             "drift": (drift(WEB, hand),)}, Evidence(drift=(drift(WEB, hand),))),
        (3, {"verdicts": (LIVE, api), "scores": scored(0, 0), "drift": (drift(WEB, hand),)}, git),
        (5, {"verdicts": (PASS, api), "scores": scored(100, 0, lab=50.0),
             "coverage": Coverage(0.5, (cell(), denied("lab")))}, Evidence(conditions={("setting", "cluster.namespaces"): "lab"})),
    )  # fmt: skip
    for days, said, evidence in story:
        publish(store, audit(START + timedelta(days=days), seen=frozenset({WEB, API}), **said), evidence)  # type: ignore[arg-type]


def nothing_happened(store: Store) -> None:
    for days in range(7):
        publish(store, *quiet(START + timedelta(days=days)))


def no_run_at_all(store: Store) -> None:
    publish(store, *quiet(START - timedelta(days=30)))
    store.fail(
        store.begin(CLUSTER, "schedule", START + timedelta(days=1)), "git did not answer", START + timedelta(days=1)
    )


def never_audited(store: Store) -> None:
    """An empty store."""


def publish(store: Store, said: object, evidence: Evidence) -> None:
    number = store.begin(CLUSTER, "schedule", said.at)  # type: ignore[attr-defined]
    store.publish(number, said, evidence=evidence, finished=said.at)  # type: ignore[arg-type, attr-defined]


HISTORIES: dict[str, Callable[[Store], None]] = {
    "by-hand": by_hand,
    "nothing-happened": nothing_happened,
    "no-run-at-all": no_run_at_all,
    "never-audited": never_audited,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/auditor.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_is_told_as_its_golden_file_says(name: str, store: Store) -> None:
    HISTORIES[name](store)
    data = report.gather(store, CLUSTER, START, START + WEEK, zone="Europe/Berlin")
    said = report.markdown(data)
    file = GOLDEN / f"{name}.md"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(said)
    assert said == file.read_text()
    page = report.html(data)
    assert page.startswith("<!doctype html>")
    assert "<script" not in page
    form = json.loads(jsonform.dumps(report_form(data)))
    assert form["runs"] == {"published": data.published, "failed": data.failed}
    assert [f["cause"] is not None for f in form["findings_opened"]] == [True] * len(form["findings_opened"])


def test_causes_are_in_every_form(store: Store) -> None:
    by_hand(store)
    data = report.gather(store, CLUSTER, START, START + WEEK)
    commit = 'commit 3f2c1ab by Bo Example, "limits are for later"'
    for said in (
        report.html(data).replace("&#34;", '"'),
        jsonform.dumps(report_form(data)).decode().replace('\\"', '"'),
    ):
        assert "kubectl-edit (by hand) changed spec.replicas of Deployment shop/web from 3 to 1" in said
        assert commit in said
    assert [one["kind"] for one in report_form(data)["conditions"]] == ["setting"]


def test_a_week_is_from_monday_to_monday_where_people_are() -> None:
    now = datetime.fromisoformat("2026-11-22T20:00:00Z")
    first, last = of_week("2026-W44", "Europe/Berlin", now)
    assert (first.isoformat(), last.isoformat()) == ("2026-10-26T00:00:00+01:00", "2026-11-02T00:00:00+01:00")
    assert of_week("this", "UTC", now) == (datetime.fromisoformat("2026-11-16T00:00:00Z"), now)
    assert of_week("last", "UTC", now)[1] == datetime.fromisoformat("2026-11-16T00:00:00Z")
    # The clocks go back in this one: it has an hour more.
    first, last = of_week("2026-W43", "Europe/Berlin", now)
    assert last.timestamp() - first.timestamp() == 7 * 86400 + 3600
    for wrong in ("2026-W60", "yesterday", ""):
        with pytest.raises(Misuse, match="is no week"):
            of_week(wrong, "UTC", now)
