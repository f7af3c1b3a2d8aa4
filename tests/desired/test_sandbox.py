"""The process that parses: what it may not do, and what happens when it dies."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import auditor
from auditor.desired import files, sandbox
from auditor.desired.files import File
from auditor.desired.sandbox import Limits, Request
from auditor.kube.secrets import Key
from auditor.model import Severity, Unavailable
from tests.desired.repositories import config_map

ROOT = str(Path(auditor.__file__).parent.parent)


@pytest.fixture
def request_(key: Key) -> Request:
    return Request("src", "test", None, key)


def soon(seconds: float = 30) -> float:
    return time.monotonic() + seconds


def maps(count: int, **texts: str) -> list[File]:
    """`count` files, of which those named (f3=…) hold something else."""
    return [File(f"{n}.yaml", texts.get(f"f{n}", config_map(f"m{n}")).encode()) for n in range(count)]


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading process in which a file that says TRAP runs the code behind it, as a fault in a parser would."""
    start = f"""
        import sys; sys.path[:0] = [{ROOT!r}]
        from auditor.desired import reader
        from auditor.manifests import reader as manifests
        true = manifests.read
        def read(text, **more):
            if text.startswith(b"TRAP"):
                exec(text[4:].decode().strip())
            return true(text, **more)
        manifests.read = read
        reader.main()
    """
    monkeypatch.setattr(sandbox, "_START", textwrap.dedent(start))


# --- confinement -------------------------------------------------------------------------------------------------------

ATTEMPTS = {
    "network": "import socket; socket.socket()",
    "socket of this machine": "import socket; socket.socket(socket.AF_UNIX)",
    "program": "os.execv('/bin/true', ['true'])",
    "child": "import subprocess; subprocess.run(['/bin/true'])",
    "write": "open('/tmp/of-the-reader', 'w')",
    "append": "open('/dev/null', 'a')",
    "remove": "os.unlink('/tmp/of-the-reader')",
    "rename": "os.rename('/tmp/a', '/tmp/b')",
    "mode": "os.chmod('/tmp', 0o777)",
    "signal": "os.kill(os.getppid(), 0)",
    "files": "kept = [open('/dev/null') for _ in range(100)]",
    "memory": "bytearray(1 << 30)",
    "more memory": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
}


@pytest.mark.usefixtures("trap")
def test_the_reading_process_can_neither_reach_out_nor_change_anything(request_: Request) -> None:
    lines = "TRAP\nimport os\ntry:\n  {}\nexcept (OSError, MemoryError, ValueError):\n  raise ZeroDivisionError\n"
    tried = [File(name, lines.format(code.replace("; ", "\n  ")).encode()) for name, code in ATTEMPTS.items()]
    read = sandbox.read(tried, request_, deadline=soon())
    succeeded = [
        file.name for file, each in zip(tried, read, strict=True) if "ZeroDivisionError" not in str(each.problems)
    ]
    if os.getuid() == 0 and "more memory" in succeeded:
        succeeded.remove("more memory")  # some roots may raise their own limits; in the image nobody is root
    assert succeeded == []


@pytest.mark.usefixtures("trap")
def test_it_has_nothing_of_our_environment(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_CANARY", "x")
    code = "TRAP\nimport os\nif set(os.environ) - {'LC_CTYPE'} or os.getcwd() != '/':\n  raise ZeroDivisionError\n"
    (read,) = sandbox.read([File("a.yaml", code.encode())], request_, deadline=soon())
    assert read.problems
    assert "ZeroDivisionError" not in str(read.problems)


def test_it_starts_without_the_heavy_libraries() -> None:
    code = f"import sys; sys.path[:0] = [{ROOT!r}]; import auditor.desired.reader; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {
        "pydantic",
        "git",
        "structlog",
        "typer",
        "sqlalchemy",
        "kubernetes",
        "asyncio",
        "subprocess",
        "socket",
        "urllib.request",
    }
    assert not heavy & set(said.split())


@pytest.mark.usefixtures("trap")
def test_a_kernel_without_the_filter_is_said_once_and_reading_goes_on(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = sandbox._START.replace(
        "reader.main()", "from auditor.desired import confine\nconfine._filter = lambda: False\nreader.main()"
    )
    monkeypatch.setattr(sandbox, "_START", start)
    sandbox._warn.cache_clear()
    with capture_logs() as logs:
        for _ in range(2):
            (read,) = sandbox.read(maps(1), request_, deadline=soon())
            assert len(read.resources) == 1
    assert len(logs) == 1


# --- deaths ------------------------------------------------------------------------------------------------------------

DEATHS = {
    "crash": ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    "abort": ("import os\nos.abort()", "SIGABRT"),
    "exit": ("import os\nos._exit(3)", "exit status 3"),
    "busy": ("while True:\n  pass", "more than 1 seconds"),
    "idle": ("import time\ntime.sleep(100)", "busy for more than 2 seconds"),
    "memory": ("held = [bytes(1 << 20) for _ in range(10000)]", "256 MiB of memory"),
    "large answer": ("import os\nwhile True:\n  os.write(1, b'x' * 65536)", "unfolds to more than 1 MiB"),
    "killed": (
        "import os, signal, resource\nresource.setrlimit(resource.RLIMIT_CPU, (0, 0))\nwhile True:\n  pass",
        "SIGKILL",
    ),
}


@pytest.mark.usefixtures("trap")
@pytest.mark.parametrize(("code", "said"), DEATHS.values(), ids=DEATHS.keys())
def test_a_file_that_kills_its_reader_is_named_and_all_others_are_read(code: str, said: str, request_: Request) -> None:
    limits = Limits(memory=256 << 20, seconds=1, patience=2 if "sleep" in code else 30, answer=1 << 20)
    read = sandbox.read(maps(5, f2=f"TRAP\n{code}"), replace(request_, limits=limits), deadline=soon())
    assert [len(each.resources) for each in read] == [1, 1, 0, 1, 1]
    (problem,) = read[2].problems
    assert (problem.code, problem.severity) == (files.READER, Severity.ERROR)
    assert problem.place is not None
    assert (problem.place.source, problem.place.file) == ("src", "2.yaml")
    assert said in problem.message
    assert not read[2].keepable


@pytest.mark.usefixtures("trap")
def test_a_failure_of_our_own_code_costs_one_file_and_tells_nothing_of_its_content(request_: Request) -> None:
    read = sandbox.read(maps(3, f1="TRAP\nraise KeyError('canary')"), request_, deadline=soon())
    assert [len(each.resources) for each in read] == [1, 0, 1]
    assert "KeyError at <string>:1" in read[1].problems[0].message
    assert "canary" not in str(read)


@pytest.mark.usefixtures("trap")
def test_after_many_deaths_the_rest_is_not_read_and_that_is_said(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "DEATHS", 3)
    texts = {f"f{n}": "TRAP\nimport os\nos._exit(1)" for n in range(sandbox.DEATHS)}
    read = sandbox.read(maps(sandbox.DEATHS + 2, **texts), request_, deadline=soon(60))
    assert all(not each.resources and each.problems for each in read)
    assert "too many files" in read[-1].problems[0].message


@pytest.mark.usefixtures("trap")
def test_the_deadline_ends_the_process(request_: Request) -> None:
    begun = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        sandbox.read(maps(2, f1="TRAP\nimport time\ntime.sleep(100)"), request_, deadline=soon(1.5))
    assert raised.value.reason == "timeout"
    assert time.monotonic() - begun < 4


def test_a_process_that_does_not_start_is_no_fault_of_the_first_file(
    request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_START", "raise SystemExit(7)")
    with pytest.raises(Unavailable, match="does not start: exit status 7"):
        sandbox.read(maps(1), request_, deadline=soon())


@pytest.mark.usefixtures("trap")
def test_a_process_that_answers_nonsense_is_not_believed(request_: Request) -> None:
    lies = ["nonsense", "{}", '{"keepable":1,"skipped":[],"problems":[],"resources":[{}]}', "[]", "null", '{"failed":']
    for lie in lies:
        answer = lie.encode() + b"\n" * 3
        code = f"TRAP\nimport os\nos.write(1, {answer!r})"
        read = sandbox.read(maps(2, f0=code), request_, deadline=soon())
        assert len(read) == 2
        assert read[0].problems


# --- reading -----------------------------------------------------------------------------------------------------------


def test_hostile_yaml_is_refused_file_by_file(request_: Request) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)
    )
    texts = {
        "f0": "[" * 100_000,
        "f1": "{a: " * 60_000,
        "f2": bomb,
        "f3": "a: &a {" + "".join(f"k{n}: 1, " for n in range(5)) + "}\n" + "b: &b {<<: [*a, *a]}\n" * 3,
        "f4": "\x00" * 1000,
        "f5": "- " * 100_000,
        "f6": "? " * 50_000,
        "f7": "!!python/object/apply:os.system ['touch /tmp/of-the-reader']\n",
        "f8": "&a [*a]\n",
        "f9": "'" + "x" * 100_000,
    }
    begun = time.monotonic()
    read = sandbox.read(maps(12, **texts), request_, deadline=soon())
    assert [len(each.resources) for each in read] == [0] * 10 + [1, 1]
    assert all(problem.code != files.READER for each in read for problem in each.problems)
    assert time.monotonic() - begun < 10


def test_many_files_are_shared_by_two_processes_and_stay_in_order(request_: Request) -> None:
    many = maps(sandbox.PARALLEL_FILES + 101)
    read = sandbox.read(many, request_, deadline=soon(60))
    assert [each.resources[0].ref.name for each in read] == [f"m{n}" for n in range(len(many))]


def test_no_files_need_no_process(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_START", "raise SystemExit(7)")
    assert sandbox.read([], request_, deadline=soon()) == []


def test_it_runs_where_the_package_is_installed_and_where_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: Request
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    (read,) = sandbox.read(maps(1), request_, deadline=soon())
    assert len(read.resources) == 1
