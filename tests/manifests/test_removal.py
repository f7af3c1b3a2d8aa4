"""Fields cut out of a text: nothing else changes, and what cannot be cut out cleanly is left alone."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.manifests.budget import Budget
from auditor.manifests.builder import build
from auditor.manifests.removal import without
from auditor.model import RawPath

SPEC = """# first
spec:
  # how many
  replicas: 3 # many
  text: |
    replicas: 4

    # no remark

  # the list
  env:
  - name: A   # a
    value: "#x"

  # about B
  - name: B
    value: y
  flow: {a: 1, "b": [1, 2], c: {d: 3}}
  empty:
  last: 'x # y'
"""


def without_lines(*numbers: int) -> str:
    return "".join(line for n, line in enumerate(SPEC.splitlines(keepends=True), 1) if n not in numbers)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([("spec", "replicas")], without_lines(4)),
        ([("spec", "empty")], without_lines(19)),
        ([("spec", "last")], without_lines(20)),
        ([("spec", "env", 0)], without_lines(12, 13)),
        ([("spec", "env", 1)], without_lines(16, 17)),
        ([("spec", "env", 0), ("spec", "replicas")], without_lines(4, 12, 13)),
        ([("spec", "text")], without_lines(5, 6, 7, 8)),
        ([("spec", "flow", "a")], SPEC.replace("a: 1, ", "")),
        ([("spec", "flow", "b")], SPEC.replace('"b": [1, 2], ', "")),
        ([("spec", "flow", "c")], SPEC.replace(", c: {d: 3}", "")),
        ([("spec", "flow", "b", 1)], SPEC.replace("[1, 2]", "[1]")),
        ([("spec", "flow", "a"), ("spec", "flow", "c")], SPEC.replace("a: 1, ", "").replace(", c: {d: 3}", "")),
    ],
)
def test_what_is_cut_out_goes_with_its_lines_and_nothing_else(paths: list[RawPath], expected: str) -> None:
    assert without(SPEC.encode(), paths) == expected.encode()
    crlf = SPEC.replace("\n", "\r\n")
    assert without(crlf.encode(), paths) == expected.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: 1\nb: 2\n", ("c",)),
        ("a: {b: 1}\nc: 2\n", ("a", "b")),  # nothing would be left of a
        ("a:\n  b: 1\nc: 2\n", ("a", "b")),
        ("a: &x {b: 1}\nc: *x\n", ("a",)),  # c needs it
        ("a: &x {b: 1, d: 2}\nc: *x\n", ("c", "b")),  # a would lose it too
        ("a: &x {b: 1, d: 2}\nc: {<<: *x, e: 3}\n", ("c", "b")),
        ("a: &x\n  b: 1\n  d: 2\nc:\n  <<: *x\n  e: 3\n", ("c", "b")),
        ("a: &x\n  b: 1\n  d: 2\nc: *x\n", ("c", "b")),
        ("a: {<<: {b: 1}, d: 2}\nc: 2\n", ("a", "b")),
        ("- - a\n  - b\n", (0, 0)),
        ("- a: 1\n  b: 2\n", (0, "a")),  # it stands behind the dash
        ("a: 1\na: 2\nb: 3\n", ("a",)),  # written twice
        ("a: [1, 2\n", ("a", 0)),
        ("? a\n: 1\nb: 2\n", ("a",)),
    ],
)
def test_what_cannot_be_cut_out_cleanly_is_left_alone(text: str, path: RawPath) -> None:
    assert without(text.encode(), [path]) is None


def test_json_stays_json() -> None:
    text = b'{\n  "a": 1,\n  "b": {"c": [1, 2, 3]},\n  "d": 2\n}\n'
    assert without(text, [("a",)]) == b'{\n  "b": {"c": [1, 2, 3]},\n  "d": 2\n}\n'
    assert without(text, [("d",)]) == b'{\n  "a": 1,\n  "b": {"c": [1, 2, 3]}\n}\n'


scalars = st.sampled_from(["x", "1", "true", "'it''s # x'", '"a\\n#b"', "null", "~", "2026-01-01", "a b", "-1"])
keys = st.sampled_from(["a", "b", "name", '"q"', "x-y", "'s'"])
remarks = st.sampled_from(["", " # said", "   # a: b"])


@st.composite
def blocks(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Lines of a block map or list, with remarks and blank lines between."""
    lines: list[str] = []
    is_list = depth > 0 and draw(st.booleans())
    names = draw(st.lists(keys, min_size=1, max_size=3, unique_by=lambda key: key.strip("'\"")))
    for name in names:
        if draw(st.booleans()):
            lines.append(draw(st.sampled_from(["", "# between", "  # further in"])))
        head = "-" if is_list else f"{name}:"
        form = draw(st.sampled_from(["scalar", "flow", "block"] if depth < 2 else ["scalar", "flow"]))
        if form == "scalar":
            lines.append(f"{head} {draw(scalars)}{draw(remarks)}")
        elif form == "flow":
            inner = ", ".join(draw(st.lists(scalars, max_size=3)))
            lines.append(f"{head} [{inner}]{draw(remarks)}")
        else:
            inner_lines = draw(blocks(depth + 1))
            first, *rest = inner_lines
            if is_list and first.strip() and not first.lstrip().startswith("#"):
                lines += [f"- {first}", *(f"  {line}" if line else "" for line in rest)]
            else:
                lines += [f"{head}{draw(remarks)}", *(f"    {line}" if line else "" for line in inner_lines)]
    return lines


def paths_of(value: Any, here: RawPath = ()) -> list[RawPath]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in entries for path in ((*here, key), *paths_of(inner, (*here, key)))]


@settings(deadline=None, max_examples=60)
@given(blocks(), st.data())
def test_whatever_is_cut_out_the_rest_says_and_looks_the_same(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(lines) + "\n"
    value = build(text.encode(), Budget(), places=True).value
    path = data.draw(st.sampled_from(paths_of(value)))
    left = without(text.encode(), [path])
    if left is None:
        return
    again = build(left, Budget(), places=True).value
    assert again == removed(value, path)
    steps = SequenceMatcher(None, text.splitlines(), left.decode().splitlines(), autojunk=False).get_opcodes()
    changed = [
        line for step, *_, start, end in steps if step != "equal" for line in left.decode().splitlines()[start:end]
    ]
    assert len(changed) <= 1  # only a flow's own line may differ
    assert all("[" in line for line in changed)


def removed(value: Any, path: RawPath) -> Any:
    if isinstance(value, dict):
        return {k: removed(v, path[1:]) if k == path[0] else v for k, v in value.items() if (k,) != path}
    return [removed(v, path[1:]) if n == path[0] else v for n, v in enumerate(value) if (n,) != path]
