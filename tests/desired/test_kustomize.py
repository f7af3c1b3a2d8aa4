"""Kustomizations, rendered by the real kubectl: what is declared, where each field comes from, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor import desired
from auditor.desired import tool
from auditor.kube.secrets import Key, key_of
from auditor.model import Problem, Severity, Snapshot
from auditor.settings import FolderSource, GitSource, RenderSettings
from tests.components import missing
from tests.controlplane import build
from tests.desired.repositories import Made, config_map

pytestmark = pytest.mark.component

Render = Callable[..., Snapshot]


@pytest.fixture(scope="session")
def kubectl() -> Path:
    found = build.look_up().get("kubectl")
    if found is None:
        missing("no kubectl of the control plane", remedy=build.REMEDY)
    return found


@pytest.fixture
def render(made: Made, key: Key, cache: Path, kubectl: Path) -> Render:
    """The snapshot of a commit of these files, read from git in a folder of it."""

    def rendered(given: Mapping[str, str | bytes] | None, /, *, folder: str = "", **settings: Any) -> Snapshot:
        if given is not None:
            made.commit(given)
        source = GitSource.model_validate(
            {
                "url": made.path.as_uri(),
                "allow_local": True,
                "folder": folder,
                "render": RenderSettings(kubectl=kubectl, **settings),
            }
        )
        return desired.fetch(source, cluster="test", key=key, cache=cache, deadline=time.monotonic() + 60)

    return rendered


def errors(snapshot: Snapshot) -> list[Problem]:
    return [problem for problem in snapshot.problems if problem.severity is Severity.ERROR]


def names(snapshot: Snapshot) -> list[str]:
    return sorted(str(resource.ref) for resource in snapshot.resources)


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: side
        image: example.com/side:1
      - name: web
        image: example.com/web:1
        env:
        - {name: MODE, value: slow}
"""
OVERLAY = {
    "base/kustomization.yaml": "resources:\n- deployment.yaml\nconfigMapGenerator:\n- name: conf\n  files:\n  - app.conf\n  literals:\n  - mode=fast\n",
    "base/deployment.yaml": DEPLOYMENT,
    "base/app.conf": "x=1\n",
    "overlays/prod/kustomization.yaml": """\
resources:
- ../../base
namePrefix: prod-
namespace: shop
labels:
- pairs:
    tier: front
images:
- name: example.com/web
  newTag: "2"
patches:
- path: replicas.yaml
- target: {kind: Deployment}
  patch: |
    - op: replace
      path: /spec/template/spec/containers/1/env/0/value
      value: quick
""",
    "overlays/prod/replicas.yaml": "# more of it\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 5\n",
    "plain.yaml": config_map("plain"),
}


@pytest.fixture(scope="module")
def overlay(tmp_path_factory: pytest.TempPathFactory, kubectl: Path) -> Snapshot:
    folder = tmp_path_factory.mktemp("overlay")
    made = Made(folder / "r.git")
    made.commit(OVERLAY)
    source = GitSource.model_validate(
        {"url": made.path.as_uri(), "allow_local": True, "render": RenderSettings(kubectl=kubectl)}
    )
    return desired.fetch(
        source,
        cluster="test",
        key=key_of(b"only for tests, all of them"),
        cache=folder / "c",
        deadline=time.monotonic() + 60,
    )


def test_an_overlay_is_what_kustomize_makes_of_it_and_its_files_are_nothing_else(overlay: Snapshot) -> None:
    snapshot = overlay
    assert snapshot.problems == ()
    assert [name for name in names(snapshot) if "conf" not in name] == [
        "ConfigMap shop/plain",
        "Deployment shop/prod-web",
    ]
    (conf,) = [resource for resource in snapshot.resources if "conf" in resource.ref.name]
    assert conf.ref.name.startswith("prod-conf-")
    assert conf.body["data"] == {"app.conf": "x=1\n", "mode": "fast"}
    deployment = next(resource for resource in snapshot.resources if resource.ref.kind == "Deployment")
    assert deployment.annotations() == {}, "what only we asked for is taken away"
    assert deployment.body["spec"]["replicas"] == 5


@pytest.mark.parametrize(
    ("path", "file", "line"),
    [
        ((), "base/deployment.yaml", 1),
        (("metadata", "name"), "base/deployment.yaml", 4),
        (("metadata", "namespace"), "overlays/prod/kustomization.yaml", 4),
        (("metadata", "labels", "tier"), "overlays/prod/kustomization.yaml", 7),
        (("spec", "replicas"), "overlays/prod/replicas.yaml", 7),
        (("spec", "template", "spec", "containers", 0, "image"), "base/deployment.yaml", 15),
        (("spec", "template", "spec", "containers", 1, "image"), "overlays/prod/kustomization.yaml", 10),
        (("spec", "template", "spec", "containers", 1, "env", 0, "value"), "overlays/prod/kustomization.yaml", 14),
        (("spec", "template", "spec", "containers", 1, "livenessProbe"), "base/deployment.yaml", 16),
    ],
)
def test_a_field_leads_to_what_a_person_would_edit(overlay: Snapshot, path: Any, file: str, line: int) -> None:
    deployment = next(resource for resource in overlay.resources if resource.ref.kind == "Deployment")
    place = deployment.place(path)
    assert place is not None
    assert (place.file, place.line) == (file, line)


def test_what_a_generator_made_leads_to_its_literal_and_its_file(overlay: Snapshot) -> None:
    (conf,) = [each for each in overlay.resources if "conf" in each.ref.name]
    assert [str(conf.place(path)) for path in ((), ("data", "mode"), ("data", "app.conf"))] == [
        "base/kustomization.yaml:4",
        "base/kustomization.yaml:8",
        "base/app.conf:1",
    ]


def test_each_file_belongs_to_one_root_and_tools_are_named(overlay: Snapshot) -> None:
    (source,) = overlay.sources
    files = [name for root in source.roots for name in root.files]
    assert sorted(files) == sorted(set(files)) == sorted(OVERLAY)
    assert [(root.folder, root.renderer, root.objects) for root in source.roots] == [
        (".", "plain", 1),
        ("overlays/prod", "kustomize", 2),
    ]
    assert source.tools == (f"kubectl {build.version()}, kustomize v5.8.1",)


def test_a_base_beside_the_folder_of_the_source_is_found(render: Render) -> None:
    snapshot = render(OVERLAY, folder="overlays/prod")
    assert snapshot.problems == ()
    assert "Deployment shop/prod-web" in names(snapshot)


def test_a_folder_on_disk_reaches_as_far_as_its_work_tree(tmp_path: Path, key: Key, kubectl: Path) -> None:
    for name, text in OVERLAY.items():
        (tmp_path / "repo" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "repo" / name).write_text(str(text))
    source = FolderSource(path=str(tmp_path / "repo/overlays/prod"), render=RenderSettings(kubectl=kubectl))

    def read() -> Snapshot:
        return desired.fetch(source, cluster="", key=key, cache=None, deadline=time.monotonic() + 60)

    (problem,) = read().problems
    assert "leads out of what may be read, to ../../base" in problem.message
    (tmp_path / "repo/.git").mkdir()
    snapshot = read()
    assert snapshot.problems == ()
    (deployment,) = [each for each in snapshot.resources if each.ref.kind == "Deployment"]
    place = deployment.place(("spec", "replicas"))
    assert place is not None
    assert place.file == str(tmp_path / "repo/overlays/prod/replicas.yaml")


@pytest.mark.parametrize(
    "options", ["[originAnnotations]", "[managedByLabel]", "[originAnnotations, managedByLabel]", "[]"]
)
def test_what_the_kustomization_itself_wants_told_stays(
    render: Render, kubectl: Path, tmp_path: Path, options: str
) -> None:
    files = {"kustomization.yaml": f"resources: [a.yaml]\nbuildMetadata: {options}\n", "a.yaml": config_map("a")}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    said = subprocess.run([kubectl, "kustomize", tmp_path], capture_output=True, check=True, text=True).stdout
    (resource,) = render(files).resources
    assert ("origin" in str(resource.annotations())) == ("config.kubernetes.io/origin" in said)
    assert dict(resource.labels()) == (
        {"app.kubernetes.io/managed-by": "kustomize-v5.8.1"} if "managed-by" in said else {}
    )


def test_what_a_kustomization_does_not_use_is_not_applied_and_said(render: Render) -> None:
    files = {
        "kustomization.yaml": "resources: [a.yaml]\n",
        "a.yaml": config_map("a"),
        "b.yaml": config_map("b"),
        "old/kustomization.yaml": "resources: [c.yaml]\n",
        "old/c.yaml": config_map("c"),
    }
    snapshot = render(files)
    assert names(snapshot) == ["ConfigMap shop/a"]
    (problem,) = snapshot.problems
    assert problem.severity is Severity.WARNING
    assert problem.message == "old/kustomization.yaml: not used by kustomization.yaml, so not applied"


def test_a_component_is_used_by_others_and_rendered_by_none(render: Render) -> None:
    component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: x-\n"
    files = {"part/kustomization.yaml": component, "app/a.yaml": config_map("a")}
    assert names(render(files)) == ["ConfigMap shop/a"]
    files["app/kustomization.yaml"] = "resources: [a.yaml]\ncomponents: [../part]\n"
    assert names(render(files)) == ["ConfigMap shop/x-a"]


def test_objects_without_a_namespace_take_that_of_the_source(made: Made, key: Key, cache: Path, kubectl: Path) -> None:
    made.commit(
        {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": config_map("a").replace("  namespace: shop\n", "")}
    )
    source = GitSource.model_validate(
        {"url": made.path.as_uri(), "allow_local": True, "namespace": "mine", "render": RenderSettings(kubectl=kubectl)}
    )
    snapshot = desired.fetch(source, cluster="test", key=key, cache=cache, deadline=time.monotonic() + 60)
    assert names(snapshot) == ["ConfigMap mine/a"]


def test_a_fault_in_what_was_rendered_is_said_at_its_source(render: Render) -> None:
    bad = DEPLOYMENT.replace("        env:\n", "        livenesProbe: {}\n        env:\n")
    snapshot = render({"kustomization.yaml": "namePrefix: x-\nresources: [d.yaml]\n", "d.yaml": bad})
    (problem,) = snapshot.problems
    assert "livenesProbe" in problem.message
    assert str(problem.place) == "d.yaml:18"


# --- what is kept ------------------------------------------------------------------------------------------------------


def test_what_did_not_change_is_not_rendered_again(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    first = render(OVERLAY)
    ran: list[tuple[str, ...]] = []
    real = tool.run

    def counted(job: tool.Job, *, deadline: float) -> tool.Done:
        ran.append(job.arguments or ("ours",))
        return real(job, deadline=deadline)

    monkeypatch.setattr(tool, "run", counted)
    again = render(None)
    assert not [job for job in ran if job[0] == "kustomize"]
    assert [resource.body for resource in again.resources] == [resource.body for resource in first.resources]
    assert [resource.place(("spec",)) for resource in again.resources] == [r.place(("spec",)) for r in first.resources]
    changed = {**OVERLAY, "base/app.conf": "x=2\n"}
    assert [r.body["data"]["app.conf"] for r in render(changed).resources if "prod-conf" in r.ref.name] == ["x=2\n"]
    assert [job for job in ran if job[0] == "kustomize"]


def test_nothing_of_a_secret_is_kept_or_told(render: Render, cache: Path) -> None:
    canary = "cAnary-s3cret-value"
    files = {
        "kustomization.yaml": f"secretGenerator:\n- name: s\n  literals: [k={canary}]\n- name: f\n  envs: [s.env]\n",
        "s.env": f"A={canary}\n",
    }
    snapshot = render(files)
    assert [resource.ref.kind for resource in snapshot.resources] == ["Secret", "Secret"]
    assert not list(cache.glob("rendered/*"))
    assert canary not in repr(snapshot)
    broken = {**files, "kustomization.yaml": f"secretGenerator:\n- name: s\n  literals: [{canary}]\n"}
    said = errors(render(broken))
    assert said
    assert canary not in str(said)


def test_a_record_that_was_cut_is_made_anew(render: Render, cache: Path) -> None:
    first = render(OVERLAY)
    for kept in cache.glob("rendered/*"):
        kept.write_bytes(kept.read_bytes()[:-40])
    assert [resource.body for resource in render(None).resources] == [resource.body for resource in first.resources]


# --- limits, and tools that are not there ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"memory_mib": 300}, "more than 300 MiB of address space → split it, or raise render.memory_mib"),
        ({"seconds": 0.05}, "longer than 0 seconds → split it, or raise render.seconds"),
        ({"output_mib": 1}, "renders to more than 1 MiB → split it, or raise render.output_mib"),
        ({"files": 1}, "needs 2 files; the limit is 1 → split it, or raise render.files"),
    ],
)
def test_what_goes_over_a_limit_is_said_with_its_setting(render: Render, settings: Any, words: str) -> None:
    large = config_map("large", "x" * (2 << 20))
    files = {"k/kustomization.yaml": "resources: [a.yaml]\n", "k/a.yaml": large, "honest.yaml": config_map("honest")}
    snapshot = render(files, **settings)
    assert names(snapshot) == ["ConfigMap shop/honest"]
    (problem,) = errors(snapshot)
    assert words in f"{problem.message} → {problem.remedy}"


def test_without_kubectl_a_kustomization_is_said_and_never_read_as_it_stands(
    made: Made, key: Key, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(shutil.which("git") or "").parent))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    made.commit(OVERLAY)
    source = GitSource.model_validate({"url": made.path.as_uri(), "allow_local": True})
    snapshot = desired.fetch(source, cluster="test", key=key, cache=cache, deadline=time.monotonic() + 30)
    assert names(snapshot) == ["ConfigMap shop/plain"]
    (problem,) = snapshot.problems
    assert problem.message == "overlays/prod/kustomization.yaml is not rendered: kubectl is not installed"


# --- what a renderer may not do --------------------------------------------------------------------------------------------


def run(*arguments: str, **more: Any) -> tool.Done:
    return tool.run(tool.Job("/bin/bash", ("-c", *arguments), **more), deadline=time.monotonic() + 30)


@pytest.mark.parametrize(
    "attempt",
    [
        "exec 3<>/dev/tcp/127.0.0.1/9 && echo reached",
        "echo > /tmp/of-a-renderer && echo reached",
        "/bin/true; echo reached",
        "(echo reached)",
        "echo $(echo reached)",
        "kill -0 1 && echo reached",
        "read x < /etc/passwd && echo reached",
        "cd /root && echo /root/.* | grep -q ssh && echo reached",
        "ulimit -v unlimited && echo reached",
    ],
)
def test_a_renderer_reaches_nothing(attempt: str) -> None:
    assert b"reached" not in run(attempt).output


def test_a_renderer_reads_what_it_is_given_and_has_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_CANARY", "x")
    (tmp_path / "given").write_text("given\n")
    done = run(f"read x < {tmp_path}/given; echo $x $AUDITOR_CANARY $HOME", readable=(str(tmp_path),))
    assert done.output == b"given /nonexistent\n"


def test_a_kernel_without_the_filter_renders_nothing(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    without = "import auditor.desired.confine as c; c._filter = lambda **_: False; "
    monkeypatch.setattr(tool, "_BECOME", without + tool._BECOME)
    monkeypatch.setattr("auditor.desired.kustomize._VERSIONS", {})
    snapshot = render(OVERLAY)
    assert names(snapshot) == ["ConfigMap shop/plain"]
    assert len(errors(snapshot)) == 1


def test_audit_and_manifests_see_what_was_rendered(made: Made, tmp_path: Path, kubectl: Path) -> None:
    made.commit(OVERLAY)
    live = tmp_path / "live.yaml"
    text = DEPLOYMENT.replace("name: web\nspec", "name: prod-web\n  namespace: shop\nspec").replace(
        "replicas: 1", "replicas: 9"
    )
    live.write_text(text)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(kubectl)

    def auditor(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            [
                Path(sys.executable).parent / "auditor",
                *arguments,
                "--desired",
                f"{made.path.as_uri()}@main",
                "-o",
                "json",
            ],
            capture_output=True,
            check=False,
            env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "c")},
        )
        assert done.stdout, done.stderr
        return dict(json.loads(done.stdout))

    said = auditor("audit", "--live", str(live))
    (drift,) = [one for one in said["drift"] if one["ref"]["name"] == "prod-web"]
    (replicas,) = [one for one in drift["changes"] if one["path"] == "spec.replicas"]
    assert (replicas["place"]["file"], replicas["place"]["line"]) == ("overlays/prod/replicas.yaml", 7)
    assert said["sources"][0]["tools"] == [f"kubectl {build.version()}, kustomize v5.8.1"]
    assert {root["renderer"] for root in auditor("manifests")["roots"]} == {"plain", "kustomize"}


# --- what earlier commits said ------------------------------------------------------------------------------------------


def test_earlier_commits_are_told_as_they_were_rendered(made: Made, key: Key, cache: Path, kubectl: Path) -> None:
    first = made.commit(OVERLAY)
    second = made.commit(
        {**OVERLAY, "overlays/prod/replicas.yaml": OVERLAY["overlays/prod/replicas.yaml"].replace("5", "6")}
    )
    source = GitSource.model_validate(
        {
            "url": made.path.as_uri(),
            "allow_local": True,
            "folder": "overlays/prod",
            "render": RenderSettings(kubectl=kubectl),
        }
    )
    made.commit({**OVERLAY, "base/deployment.yaml": DEPLOYMENT.replace("side:1", "side:2")})
    snapshot = desired.fetch(source, cluster="test", key=key, cache=cache, deadline=time.monotonic() + 60)
    revision = str(snapshot.sources[0].revision)
    told = desired.earlier(source, revision, cache=cache, key=key, cluster="test", commits=2)
    assert [str(ref) for ref in told] == ["Deployment shop/prod-web"]
    ((newer, older),) = told.values()
    assert [newer.revision, older.revision] == [second, first]
    assert newer.body is not None
    assert older.body is not None
    assert newer.body["spec"]["replicas"] == 6
    assert newer.body["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/side:1"
    assert older.body["spec"]["replicas"] == 5
