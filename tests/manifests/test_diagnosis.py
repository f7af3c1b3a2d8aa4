"""Each slip in a broken manifest is told at its line, and nothing else is called broken."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kube.secrets import new_key
from auditor.manifests import read
from auditor.manifests.diagnosis import diagnosed
from auditor.manifests.documents import decoded, pieces

ROOT = Path(__file__).parent.parent.parent
SEED = ROOT / "tests/cases/seed/manifests"
EXPECTED = json.loads((ROOT / "tests/cases/malformed/seed-expected.json").read_text())
KEY = new_key()


def problems(text: str) -> list[tuple[int, str]]:
    found = read(text.encode(), source="s", file="f", cluster="", namespace=None, key=KEY).problems
    return [(p.place.line, p.message) for p in found if p.place]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith(".yaml")])
def test_every_fault_of_the_seed_manifests_is_told_and_no_other(name: str) -> None:
    said = {line for line, _ in problems((SEED / name).read_text())}
    wanted = {fault["line"] for fault in EXPECTED[name]}
    allowed = wanted | {line for fault in EXPECTED[name] for line in fault.get("also", [])}
    assert wanted <= said <= allowed


POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  labels:
    app: web
spec:
  containers:
  - name: web
    image: nginx
    args: [a, b]
    livenessProbe:
      httpGet:
        port: 80
        path: /
      periodSeconds: 5
    env:
    - name: A
      value: b
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("  containers:", "  containers", 8, "no colon follows containers"),
        ("  containers:", "  container", 8, "no colon follows the key, and the field is called containers"),
        ("  containers:", "  containers\uff1a", 8, "the colon after containers is a full-width one"),
        ("    image: ", "    image\uff1a", 10, "the colon after image is a full-width one"),
        ("  containers:", "  containers:\uff08\u5bb9\u5668\uff09", 8, "a remark without # follows containers"),
        ("  containers:", "  containers: \uff08\u5bb9\u5668\uff09", 8, "a remark without # follows containers"),
        ("  containers:", "  containers:(all of them)", 8, "a remark without # follows containers"),
        ("    image: nginx", "    image:nginx", 10, "no space follows the colon after image"),
        ("  - name: web", "  -name: web", 9, "no space follows the dash"),
        ("  name: web\n", "name: web\n", 4, "wrong depth: name belongs under metadata"),
        ("      periodSeconds", "    periodSeconds", 16, "wrong depth: periodSeconds belongs under livenessProbe"),
        ("        path: /", "      path: /", 15, "wrong depth: path belongs under httpGet"),
        ("    image: nginx", "      image: nginx", 10, "wrong depth: image belongs to the element of containers that begins above it"),
        ("  name: web\n", "   name: web\n", 4, "wrong depth: name does not line up with the fields below it"),
        ("    image: nginx", '    image: "nginx', 10, "the quote that opens here is never closed"),
        ("    args: [a, b]", "    args: [a, b", 11, "the bracket that opens here is never closed"),
        ("    image: nginx", "\timage: nginx", 10, "a tab is used for indentation"),
    ],
)  # fmt: skip
def test_a_slip_is_told_at_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in POD
    found = problems(POD.replace(old, new, 1))
    assert found[0] == (line, message)
    assert {at for at, _ in found} <= {line, line + 1}


def test_a_whole_element_out_of_line_is_one_problem() -> None:
    indented = re.sub(r"^    (?=[ a-z-])", "      ", POD, flags=re.MULTILINE).replace("      app: web", "    app: web")
    assert problems(indented) == [(10, "wrong depth: image belongs to the element of containers that begins above it")]


def test_a_field_that_is_there_already_was_not_meant_twice() -> None:
    text = POD.replace("    app: web\n", "    app: web\nname: other\n")
    assert diagnosed(text) == []
    assert problems(text) == [(7, "name is not a field of this kind")]


def test_a_quote_that_a_later_one_closes_is_told_where_it_opens() -> None:
    text = POD.replace("  name: web\n", '  name: "web\n', 1).replace("value: b", 'value: "b"')
    assert problems(text)[0] == (4, "the quote that opens here is not closed on its line")


def test_two_slips_are_two_problems() -> None:
    text = POD.replace("  name: web\n", "name: web\n", 1).replace("    image: nginx", "    image:nginx")
    assert [line for line, _ in problems(text)] == [4, 10]


def test_what_slips_do_not_explain_is_still_told() -> None:
    text = POD.replace("    args: [a, b]", "    args: @x").replace("    - name: A", "    -name: A")
    assert [line for line, _ in problems(text)] == [11, 18]


def valid() -> list[str]:
    files = [
        *ROOT.glob("policies/*/*.yaml"),
        *ROOT.glob("auditor/cli/example/**/*.yaml"),
        *ROOT.glob("tests/cases/drift/*/desired.yaml"),
    ]
    texts = [piece.decode() for file in files for _, piece, _ in pieces(decoded(file.read_bytes()))]
    # the two sides of a policy's example are told apart by a remark
    return [side for text in texts for side in re.split(r"^# side: .*$", text, flags=re.MULTILINE)] + [POD]


VALID = valid()


def test_nothing_is_said_of_manifests_that_are_right() -> None:
    assert len(VALID) > 50
    assert [(text, slip) for text in VALID for slip in diagnosed(text)] == []


@given(st.randoms(use_true_random=False))
def test_damage_breaks_neither_us_nor_the_count_of_lines(rng: random.Random) -> None:
    text = rng.choice(VALID)
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(text) + 1)
        piece = rng.choice(
            [":", "-", " ", "\n", "  ", "\uff1a", "'", '"', "[", "{", "#", "x", "- ", ": ", "\t", "|", "name", "\n\n"]
        )
        text = text[:at] + rng.choice([piece, ""]) + text[at + rng.randint(0, 3) :]
    last = text.count("\n") + 1
    assert all(1 <= line <= last for line, _ in problems(text))


_SLIPS = ["colon", "wide", "glue", "tight"]


@given(st.randoms(use_true_random=False), st.sampled_from(_SLIPS))
def test_one_slip_in_a_pod_is_told_on_its_line_or_the_next(rng: random.Random, slip: str) -> None:
    lines = POD.split("\n")
    at = rng.choice(
        [n for n, line in enumerate(lines) if re.match(r"^ +(- )?\w+:", line) and ("- " in line or slip != "glue")]
    )
    if "app: web" in lines[at] or ("env" in lines[at] and slip == "glue"):
        return
    change = {"colon": (":", ""), "wide": (":", "\uff1a"), "glue": ("- ", "-"), "tight": (": ", ":")}[slip]
    lines[at] = lines[at].replace(*change, 1)
    text = "\n".join(lines)
    if text != POD:
        found = [line for line, _ in problems(text)]
        assert found
        assert found[0] in (at + 1, at + 2)


def test_no_value_of_a_secret_is_quoted() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  password\uff1a C4NARY\n  C4NARY\uff1a x\n  C4NARY:(y)\n C4NARY: 1\n"
    found = read(text.encode(), source="s", file="f", cluster="", namespace=None, key=KEY)
    assert found.problems
    assert "C4NARY" not in repr(found.problems)
