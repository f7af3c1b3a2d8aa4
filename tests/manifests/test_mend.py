"""Broken manifests are put right where that can be told, and left alone where it cannot; the real API server takes what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from auditor.cli import run
from auditor.manifests import mending
from auditor.manifests.documents import documents
from auditor.manifests.masking import masked
from auditor.publish.schema import schemas
from tests.controlplane.plane import Plane
from tests.manifests.test_diagnosis import EXPECTED, POD, ROOT, SEED, problems


def mended(text: str) -> str:
    return "\n".join(mending.mended(text.encode()).after)


def values(text: str) -> list[object]:
    return [document.value for document in documents(text.encode())]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  containers:", "  containers"),
        ("  containers:", "  container"),
        ("  containers:", "  containers\uff1a"),
        ("  containers:", "  containers: \uff08\u5bb9\u5668\uff09"),
        ("  containers:", "  containers\uff08\u5bb9\u5668\uff09:"),
        ("  containers:", "  containers: all of them"),
        ("    image: nginx", "    image:nginx"),
        ("    image: nginx", "    image\u00a0: nginx"),
        ("    image: nginx", "    image:\u00a0nginx"),
        ("    image: nginx", "\u00a0\u00a0\u00a0\u00a0image: nginx"),
        ("    image: nginx", "\timage: nginx"),
        ("    image: nginx", "      image: nginx"),
        ("    image: nginx", '    image: "nginx'),
        ("    args: [a, b]", "    args: [a, b"),
        ("    livenessProbe:", "    livenesProbe:"),
        ("  - name: web", "  -name: web"),
        ("  - name: web", "    name: web"),
        ("  - name: web", "   - name: web"),
        ("  - name: web", "\u2013 name: web"),
        ("        port: 80", '        port: "80"'),
        ("        port: 80", "        port: 80\uff08\u7aef\u53e3\uff09"),
        ("      periodSeconds: 5", '      periodSeconds: "5"'),
        ("      periodSeconds: 5", "      periodSeconds: \uff15"),
        ("      periodSeconds: 5", "    periodSeconds: 5"),
        ("      periodSeconds: 5", "      periodSeconds: 5 seconds"),
        ("  name: web\n", "name: web\n"),
        ("  name: web\n", "   name: web\n"),
        ("  name: web\n", "  name: web\n  name: web\n"),
        ("metadata:\n", ""),
        ("spec:\n", ""),
        ("apiVersion: v1\n", ""),
        ("kind: Pod\n", ""),
        ("apiVersion: v1", "apiVersion: apps/v1"),
        ("kind: Pod", "kind: Pood"),
        ("kind: Pod", "Kind: Pod"),
        ("spec:", "status: {phase: Running}\nspec:"),
        ("spec:", "the status is what counts\nspec:"),
    ],
)  # fmt: skip
def test_one_slip_is_put_right(old: str, new: str) -> None:
    damaged = POD.replace(old, new, 1)
    assert damaged != POD
    assert values(mended(damaged)) == values(POD)


def test_lines_that_are_right_stay_to_the_letter() -> None:
    text = "# about\r\n" + POD.replace("\n", "  # it\r\n").replace("  containers:  # it", "  containers  # it")
    changed = [pair for pair in zip(text.split("\n"), mended(text).split("\n"), strict=True) if pair[0] != pair[1]]
    assert changed == [("  containers  # it\r", "  containers:  # it\r")]


def test_a_second_document_without_a_line_is_set_apart() -> None:
    other = POD.replace("name: web", "name: other")
    for between in ("", "--\n", "\u2014\n", "# the other\n"):
        assert values(mended(POD + between + other)) == [*values(POD), *values(other)]


def test_what_may_be_meant_in_two_ways_is_left_alone_and_both_are_said() -> None:
    text = POD[: POD.index("    env:")] + "    terminationGracePeriodSeconds: 5\n"
    assert mended(text) == text
    said = [message for line, message in problems(text) if line == 17]
    assert said == [
        "wrong depth: terminationGracePeriodSeconds belongs under livenessProbe, or terminationGracePeriodSeconds belongs under spec: both can be meant"
    ]


@pytest.mark.parametrize("extra", ["{{ .Values.x }}", "a: [", "? [x]\n: y"])
def test_what_cannot_be_told_comes_back_as_it_is(extra: str) -> None:
    text = f"{extra}\n"
    assert mended(text) == text


def test_documents_beside_a_broken_one_stay() -> None:
    text = f"---\n{POD}---\n{POD.replace('  containers:', '  containers')}---\n# end\n{POD}"
    assert mended(text) == f"---\n{POD}---\n{POD}---\n# end\n{POD}"


def test_what_may_be_a_credential_is_not_shown() -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\n  annotations: {a: C4NARY}\nstringData:\n  password\uff1a C4NARY\n  C4NARY\uff1a x\n  key: |\n    C4NARY\n# C4NARY\n"
    pod = POD.replace("name: A\n      value: b", "name: DB_PASSWORD\n      value: C4NARY")
    shown = "\n".join(masked((secret + "---\n" + pod).split("\n")))
    assert "C4NARY" not in shown
    assert "kind: Secret" in shown
    assert "image: nginx" in shown


def test_the_command_prints_a_diff_and_says_what_is_left(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(POD.replace("  containers:", "  containers").replace("nginx", "nginx\n    colour: red"))
    assert run(["manifests", "--mend", str(file)]) == 1
    out, err = capfdbinary.readouterr()
    assert b"-  containers\n+  containers:\n" in out
    assert b"pod.yaml:11: MAN004 colour is not a field" in err
    file.write_text(POD)
    assert run(["manifests", "--mend", str(file)]) == 0
    assert capfdbinary.readouterr() == (b"", b"")
    assert run(["manifests", "--mend", "--whole", str(file)]) == 0
    assert capfdbinary.readouterr() == (POD.encode(), b"")


def test_the_diff_is_one_that_patch_understands(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["manifests", "--mend", "-o", "json", str(SEED)]) == 1
    said = json.loads(capfdbinary.readouterr()[0])
    Draft202012Validator(json.loads(schemas()["manifests-mend"])).validate(said)
    assert said["problems"] == []
    assert [Path(each["file"]).name for each in said["mends"]] == sorted(
        name for name in EXPECTED if name.endswith(".yaml")
    )
    for each in said["mends"]:
        assert values(each["text"]) == values(mended((ROOT / each["file"]).read_text()))
        removed = [line[1:] for line in each["diff"].splitlines()[2:] if line.startswith("-")]
        assert removed
        assert set(removed) <= set(Path(each["file"]).read_text().splitlines())


@pytest.mark.component
@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith(".yaml")])
def test_the_api_server_takes_every_document_of_the_mended_seed(plane: Plane, name: str) -> None:
    found = list(documents(mended((SEED / name).read_text()).encode()))
    assert found
    for document in found:
        done = plane.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=document.text.decode())
        assert "(server dry run)" in done
