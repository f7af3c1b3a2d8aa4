"""Which files a check reads: patterns, single files, standard input, and what `.auditorignore` leaves out."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import pytest

from auditor.cli import run

Capture = pytest.CaptureFixture[bytes]


def pod(name: str) -> str:
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{containers: [{{name: a, image: 'b:1'}}]}}\n"


@pytest.fixture
def apps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a", "b", "vendor/c", "vendor/keep", "../charts/x/templates/t"):
        file = tmp_path / f"apps/{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(pod(name.rpartition("/")[2]))
    (tmp_path / "charts/x/templates/t.yaml").write_text("name: {{ .Values.x }}\n")
    (tmp_path / "charts/x/Chart.yaml").write_text("name: x\nversion: 1.0.0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def named(capture: Capture, *paths: str) -> tuple[int, list[str], list[str]]:
    """The exit code, the Pods that were judged, and the codes of problems."""
    code = run(["check", *paths, "--select", "POD001", "-o", "csv"])
    rows = list(csv.DictReader(io.StringIO(capture.readouterr().out.decode())))
    return (
        code,
        sorted(row["name"] for row in rows if row["policy"] == "POD001"),
        [row["policy"] for row in rows if row["policy"] != "POD001"],
    )


@pytest.mark.parametrize(
    ("paths", "pods"),
    [
        (["apps/*.yaml"], ["a", "b"]),
        (["apps/**/*.yaml"], ["a", "b", "c", "keep"]),
        (["apps/[a].yaml"], ["a"]),
        (["apps/a.yaml", "apps/vendor"], ["a", "c", "keep"]),
        (["apps/a.yaml", "apps/a.yaml"], ["a"]),
        (["apps/a.yaml", "charts/x/templates/t.yaml", "apps/b.yaml"], ["a", "b"]),
    ],
)
def test_patterns_and_several_paths_are_read_together(
    paths: list[str], pods: list[str], apps: Path, capfdbinary: Capture
) -> None:
    assert named(capfdbinary, *paths) == (1, pods, [])


def test_a_pattern_that_matches_nothing_is_a_misuse(apps: Path, capfdbinary: Capture) -> None:
    assert run(["check", "apps/*.txt"]) == 2
    assert "nothing matches 'apps/*.txt'" in capfdbinary.readouterr().err.decode()


def test_a_file_may_be_called_like_a_pattern(apps: Path, capfdbinary: Capture) -> None:
    (apps / "[a].yaml").write_text(pod("odd"))
    assert named(capfdbinary, "[a].yaml") == (1, ["odd"], [])


@pytest.mark.parametrize("where", [".", "apps"])
def test_what_auditorignore_leaves_out_is_as_if_it_were_not_there(
    where: str, apps: Path, capfdbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    (apps / ".auditorignore").write_text("# not ours\n/apps/vendor/*\n!keep.yaml\nb.yaml\n")
    (apps / "apps/b.yaml").write_text("kind: [")
    monkeypatch.chdir(apps / where)
    path = "apps" if where == "." else "."
    assert named(capfdbinary, path) == (1, ["a", "keep"], [])
    assert named(capfdbinary, f"{path}/b.yaml", f"{path}/vendor/c.yaml") == (0, [], [])
    (apps / ".auditorignore").unlink()
    assert named(capfdbinary, path) == (1, ["a", "c", "keep"], ["MAN001"])


def test_an_object_whose_other_version_is_left_out_is_not_called_double(apps: Path, capfdbinary: Capture) -> None:
    (apps / "apps/vendor/c.yaml").write_text(pod("a"))
    assert named(capfdbinary, "apps")[2] == ["SRC102"]
    for left_out in ("vendor/", "/apps/a.yaml"):
        (apps / ".auditorignore").write_text(f"{left_out}\nkeep.yaml\n")
        assert named(capfdbinary, "apps") == (1, ["a", "b"], [])
