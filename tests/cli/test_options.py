"""Options that come in groups: each field of a group is an option, and arrives in the group."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.cli import options, run

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: import, namespace: shop}\nspec: {containers: [{name: a, image: b:1}]}\n"


def test_a_later_flag_wins_and_flags_of_one_part_stand_together(tmp_path: Path) -> None:
    sides = options.Sides(live="context:a", namespace=["shop", "data"], live_complete=True)
    chosen = options.load_settings(None, sides.flags(), options.stored("sqlite:///x.db", "prod"))
    assert (chosen.cluster.live, chosen.cluster.name, chosen.cluster.complete) == ("context:a", "prod", True)
    assert chosen.cluster.namespaces == ("shop", "data")
    assert chosen.store.url == "sqlite:///x.db"


def test_what_no_flag_says_is_left_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("cluster: {name: prod, complete: true}\naudit: {fail_on: info}\n")
    chosen = options.load_settings(file, options.Sides().flags(), options.Judging(select="POD001").flags())
    assert (chosen.cluster.name, chosen.cluster.complete) == ("prod", True)
    assert (chosen.audit.fail_on, chosen.audit.select) == ("info", ("POD001",))


@pytest.mark.parametrize(("ignore", "ids"), [("", ["POD001"]), ("bare-pod", [])])
def test_the_options_of_a_group_reach_the_command(
    ignore: str, ids: list[str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    run(["check", str(tmp_path), "--select", "POD001,POD002", "--ignore", ignore, "-o", "json"])
    verdicts = json.loads(capfdbinary.readouterr().out)["verdicts"]
    assert [one["policy"]["id"] for one in verdicts if one["outcome"] == "fail"] == ids
