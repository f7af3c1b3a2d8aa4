"""The tricky YAML of tests/cases/yaml is read as kubectl reads it, and what kubectl refuses is a problem with a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.kube.secrets import new_key
from auditor.manifests import read

CASES = Path(__file__).parent.parent / "cases" / "yaml"
EXPECTED: dict[str, dict[str, Any]] = json.loads((CASES / "expected.json").read_text())


def same(a: Any, b: Any) -> bool:
    """Equal as Kubernetes reads it: a boolean is no number, and integers beyond 2**53 are floats."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) in (int, float) and type(b) in (int, float):
        return float(a) == float(b)
    return type(a) is type(b) and bool(a == b)


@pytest.mark.parametrize("name", EXPECTED)
def test_it_is_read_as_kubectl_reads_it(name: str) -> None:
    want = EXPECTED[name]
    found = read(
        (CASES / f"{name}.yaml").read_bytes(),
        source="cases",
        file=f"{name}.yaml",
        cluster="",
        namespace=None,
        key=new_key(),
    )
    specs = [resource.body.get("spec") for resource in found.resources]
    if want["ok"]:
        assert same(specs, want["specs"])
    else:
        expected = want["specs"] or []
        assert same(specs[: len(expected)], expected)
        assert any(problem.place and problem.place.line for problem in found.problems)
