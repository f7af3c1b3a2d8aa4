"""`auditor waivers`: every waiver with its state and what it covers; exit 1 where one does not count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.cli import run

POD = """apiVersion: v1
kind: Pod
metadata:
  name: import
  namespace: shop
  annotations:
    gitops-auditor.io/waive.POD001: "reason=moves to a Job; until=2026-06-30; by=team-x"
spec:
  containers:
    - {name: import, image: "registry.example/import:1.0.0"}
"""
Capture = pytest.CaptureFixture[bytes]


def listed(folder: Path, at: str, capture: Capture, *more: str) -> tuple[int, str]:
    code = run(["waivers", str(folder), "--at", at, *more])
    return code, capture.readouterr().out.decode()


def test_a_waiver_is_listed_with_its_place_its_end_and_what_it_covers(tmp_path: Path, capfdbinary: Capture) -> None:
    (tmp_path / "app.yaml").write_text(POD)
    code, said = listed(tmp_path, "2026-01-01", capfdbinary)
    assert code == 0
    assert f"{tmp_path}/app.yaml\n  7  active POD001  Pod shop/import\n" in said
    assert "until 2026-06-30, by team-x: moves to a Job" in said
    assert said.endswith("1 waiver: 1 active\n")


def test_a_waiver_that_ended_makes_exit_1(tmp_path: Path, capfdbinary: Capture) -> None:
    (tmp_path / "app.yaml").write_text(POD)
    code, said = listed(tmp_path, "2026-07-01", capfdbinary)
    assert (code, "7  expired POD001" in said, said.endswith("1 waiver: 1 expired\n")) == (1, True, True)


def test_what_cannot_be_read_is_told_beside_what_can(tmp_path: Path, capfdbinary: Capture) -> None:
    (tmp_path / "app.yaml").write_text(POD)
    (tmp_path / "waivers.yaml").write_text("waivers:\n- {policy: RES001, namespace: shop, until: 2027-01-01}\n")
    code, said = listed(tmp_path, "2026-01-01", capfdbinary, "-o", "json")
    form = json.loads(said)
    assert code == 1
    assert [(one["policy"], one["state"], one["covers"][0]["name"]) for one in form["waivers"]] == [
        ("POD001", "active", "import")
    ]
    assert [(one["code"], one["place"]["line"]) for one in form["problems"]] == [("WVR001", 2)]


def test_no_waiver_is_said_to_be_none(tmp_path: Path, capfdbinary: Capture) -> None:
    (tmp_path / "app.yaml").write_text(POD.replace("waive.POD001", "note"))
    assert listed(tmp_path, "2026-01-01", capfdbinary) == (0, "No waiver is granted.\n")
