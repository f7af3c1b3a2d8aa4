"""A baseline: what it knows does not fail, what is new or worse does, and it only ever shrinks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.cli import run

Capture = pytest.CaptureFixture[bytes]


def pod(name: str, *containers: str) -> str:
    held = "\n".join(f"    - {{name: {one}, image: 'registry.example/{one}:1.0.0'}}" for one in containers)
    return (
        f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  containers:\n{held}\n"
    )


class Folder:
    def __init__(self, path: Path, capture: Capture) -> None:
        self.path, self.capture = path, capture
        self.file = path / "baseline.json"

    def write(self, *texts: str) -> None:
        (self.path / "app.yaml").write_text("".join(texts))

    def baseline(self, verb: str, *more: str) -> tuple[int, str]:
        code = run(["baseline", verb, str(self.path / "app.yaml"), "--file", str(self.file), *more])
        said = self.capture.readouterr()
        return code, (said.out + said.err).decode()

    def check(self, *more: str) -> tuple[int, list[str]]:
        """The exit code, and the names of the containers and Pods of which something new is said."""
        code = run(["check", str(self.path / "app.yaml"), "--baseline", str(self.file), "-o", "csv", *more])
        rows = [line.split(",") for line in self.capture.readouterr().out.decode().splitlines()]
        return code, [f"{row[2]} {row[6]}" for row in rows if row[0] == "open"]


@pytest.fixture
def folder(tmp_path: Path, capfdbinary: Capture) -> Folder:
    return Folder(tmp_path, capfdbinary)


def test_what_the_baseline_knows_does_not_fail_and_what_is_new_does(folder: Folder) -> None:
    folder.write(pod("a", "web"))
    assert folder.baseline("create")[0] == 0
    assert folder.check("--fail-on", "info") == (0, [])
    folder.write("# moved\n\n", pod("b", "web"), pod("a", "web"))
    code, said = folder.check()
    assert code == 1
    assert "POD001 b" in said
    assert not [one for one in said if one.endswith(" a")]


def test_a_second_container_of_a_known_object_is_new(folder: Folder) -> None:
    folder.write(pod("a", "web"))
    folder.baseline("create")
    folder.write(pod("a", "web", "proxy"))
    code, said = folder.check("--select", "RES001", "--fail-on", "warning")
    assert (code, said) == (1, ["RES001 a"])


def test_what_got_worse_fails_and_what_got_less_severe_does_not(folder: Folder) -> None:
    folder.write(pod("a", "web"))
    folder.baseline("create")
    form = json.loads(folder.file.read_bytes())
    for entry in form["findings"]:
        entry["severity"] = "warning" if entry["policy"] == "POD001" else "error"
    folder.file.write_text(json.dumps(form))
    assert folder.check("--fail-on", "info") == (1, ["POD001 a"])


def test_an_update_takes_out_what_is_gone_and_adds_nothing(folder: Folder) -> None:
    folder.write(pod("a", "web"), pod("b", "web"))
    folder.baseline("create")
    before = json.loads(folder.file.read_bytes())["findings"]
    folder.write(pod("b", "web"), pod("c", "web"))
    code, said = folder.baseline("update")
    after = json.loads(folder.file.read_bytes())["findings"]
    gone = [one for one in before if one["object"] == "Pod shop/a"]
    assert (code, len(gone) > 0) == (0, True)
    assert f"{len(gone)} of {len(before)} findings are gone" in said
    assert after == [one for one in before if one not in gone]
    code, new = folder.check()
    assert (code, {one.split()[1] for one in new}) == (1, {"c"})


def test_a_baseline_is_the_same_whatever_the_order_of_the_manifests(folder: Folder) -> None:
    folder.write(pod("a", "web"), pod("b", "web"))
    folder.baseline("create")
    one = folder.file.read_bytes()
    folder.write(pod("b", "web"), pod("a", "web"))
    assert folder.baseline("create")[0] == 2
    assert folder.baseline("create", "--force")[0] == 0
    assert folder.file.read_bytes() == one


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such file"),
        ("{", "baseline.json:1: this is no JSON"),
        ("[]", "no baseline of version 1"),
        ('{"version": 2, "findings": []}', "no baseline of version 1"),
        ('{"version": 1, "findings": [{"fingerprint": "a", "severity": "bad"}]}', "entry 1 has no"),
    ],
)
def test_a_file_that_is_no_baseline_is_refused(text: str | None, words: str, folder: Folder) -> None:
    folder.write(pod("a", "web"))
    if text is not None:
        folder.file.write_text(text)
    code = run(["check", str(folder.path / "app.yaml"), "--baseline", str(folder.file)])
    said = folder.capture.readouterr()
    assert (code, said.out) == (2, b"")
    assert words in said.err.decode()
