"""The hostile corpus, read by the real programs: nothing crashes, hangs, reaches out or reads what is not its own, and the honest
manifest beside each case is audited all the same."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor import desired
from auditor.kube.secrets import key_of
from auditor.model import Problem, Snapshot
from auditor.settings import GitSource, RenderSettings
from tests.components import missing
from tests.controlplane import build
from tests.desired.hostile import CANARY, FILES, KUSTOMIZATIONS, TREES, Case
from tests.desired.repositories import Made, config_map

pytestmark = pytest.mark.component

SECONDS = 240


@dataclass(frozen=True)
class Read:
    """What was read of a corpus, how long it took, and who came to the server that counts."""

    snapshot: Snapshot
    seconds: float
    visitors: list[object]
    cache: Path


@pytest.fixture(scope="module")
def visited() -> Iterator[tuple[int, list[object]]]:
    """The port of a server that everything hostile points at, and everybody who came."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                came.append(address)
                connection.close()

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], came
        over.set()
        thread.join()


def read(cases: tuple[Case, ...], folder: Path, visited: tuple[int, list[object]]) -> Read:
    program = build.look_up().get("kubectl")
    if program is None:
        missing("no kubectl of the control plane", remedy=build.REMEDY)
    outside = folder / "outside.yaml"
    outside.write_text(config_map("outside", CANARY))
    port, came = visited
    files: dict[str, str | bytes] = {}
    for case in cases:
        files[f"honest/{case.name}.yaml"] = config_map(f"honest-{case.name}")
        for name, content in case.files.items():
            if isinstance(content, str):
                content = content.replace("CANARY_FILE", str(outside)).replace("PORT", str(port))
                content = content.replace("CANARY", CANARY).replace("{name: hostile}", f"{{name: {case.name}}}")
            files[f"{case.name}/{name}"] = content
    made = Made(folder / "r.git")
    made.commit(files)
    source = GitSource.model_validate(
        {
            "url": made.path.as_uri(),
            "allow_local": True,
            "render": RenderSettings(kubectl=program),
            "timeout_seconds": 600,
        }
    )
    begun = time.monotonic()
    snapshot = desired.fetch(
        source,
        cluster="test",
        key=key_of(b"only for tests, all of them"),
        cache=folder / "cache",
        deadline=time.monotonic() + 600,
    )
    return Read(snapshot, time.monotonic() - begun, came, folder / "cache")


@pytest.fixture(scope="module")
def files_read(tmp_path_factory: pytest.TempPathFactory, visited: tuple[int, list[object]]) -> Read:
    return read(FILES, tmp_path_factory.mktemp("files"), visited)


@pytest.fixture(scope="module")
def kustomizations_read(tmp_path_factory: pytest.TempPathFactory, visited: tuple[int, list[object]]) -> Read:
    return read(KUSTOMIZATIONS, tmp_path_factory.mktemp("kustomizations"), visited)


def about(case: Case, snapshot: Snapshot) -> list[Problem]:
    return [each for each in snapshot.problems if each.place and each.place.file.startswith(f"{case.name}/")]


def told(case: Case, snapshot: Snapshot) -> None:
    """It is said as the table says, or nothing is."""
    found = [f"{problem.code} {problem.message}" for problem in about(case, snapshot)]
    if case.says:
        assert any(case.says in each for each in found), found
    else:
        assert not [each for each in found if each.startswith(("SRC108", "SRC401", "SRC405"))], found
    assert not [each for each in found if "our own code failed" in each], found
    assert all(len(each) < 1500 for each in found), found


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_a_hostile_file_is_said_or_is_data(case: Case, files_read: Read) -> None:
    told(case, files_read.snapshot)


@pytest.mark.parametrize("case", KUSTOMIZATIONS, ids=lambda case: case.name)
def test_a_hostile_kustomization_is_refused_or_harmless(case: Case, kustomizations_read: Read) -> None:
    told(case, kustomizations_read.snapshot)


@pytest.mark.parametrize(("cases", "which"), [(FILES, "files_read"), (KUSTOMIZATIONS, "kustomizations_read")])
def test_beside_all_of_them_the_honest_files_are_audited(
    cases: tuple[Case, ...], which: str, request: pytest.FixtureRequest
) -> None:
    done: Read = request.getfixturevalue(which)
    honest = {each.ref.name for each in done.snapshot.resources if each.ref.name.startswith("honest-")}
    assert honest == {f"honest-{case.name}" for case in cases}
    assert done.seconds < SECONDS
    assert done.visitors == [], "nobody came by the network"
    assert not Path("/tmp/reached").exists()
    everything = repr(done.snapshot) + "".join(map(str, done.snapshot.problems))
    assert CANARY not in everything, "nothing outside of the repository was read, and no credential is repeated"
    assert "root:x:0" not in everything
    for kept in done.cache.glob("[pr]*/*"):
        assert CANARY.encode() not in kept.read_bytes()


def test_the_server_that_counts_can_count(visited: tuple[int, list[object]]) -> None:
    port, came = visited
    before = len(came)
    socket.create_connection(("127.0.0.1", port)).close()
    patience = time.monotonic() + 5
    while len(came) == before and time.monotonic() < patience:
        time.sleep(0.01)
    assert len(came) == before + 1
    came.clear()


def test_every_test_that_the_table_names_is_there() -> None:
    here = Path(__file__).parent
    assert [test for module, test, _ in TREES if f"def {test}(" not in (here / f"{module}.py").read_text()] == []


def test_the_corpus_is_as_large_as_is_said() -> None:
    names = [case.name for case in (*FILES, *KUSTOMIZATIONS)]
    assert len(names) == len(set(names)) >= 60
