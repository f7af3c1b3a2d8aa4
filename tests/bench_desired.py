"""How fast a git source is read: 10,000 documents cold and warm, against libyaml's event stream alone on the same bytes.

Part of `make bench`; alone: `python -m tests.bench_desired`. CPU seconds of fetching and reading with
all that it starts, without the interpreter's own start; the median of `RUNS`.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import estate
from tests.desired.repositories import Made

RUNS = 3
WORKLOADS = 2500
BARS = {"cold": 3.0, "warm": 0.5}
MEGABYTES = 300

FLOOR = """
import sys, yaml, pathlib
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.yaml")):
    loader = yaml.CLoader(path.read_bytes())
    while loader.check_event():
        loader.get_event()
"""
READ = """
import resource, sys, time
from pathlib import Path
import git
from auditor import desired
from auditor.desired import history, parsed, repository, tree
from auditor.kube.secrets import new_key

def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

source = desired.parse_source(sys.argv[1] + "@main")
before = cpu()
snapshot = desired.fetch(source, cluster="", key=new_key(), cache=Path(sys.argv[2]), deadline=time.monotonic() + 600)
found = next(each for each in snapshot.resources if each.ref.kind == "Deployment").place(("spec", "template"))
taken = cpu() - before
assert len(snapshot.resources) >= int(sys.argv[3]) and found and found.line > 1, (len(snapshot.resources), found)
print(taken, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def cpu(command: list[str]) -> tuple[float, str]:
    """CPU seconds of a command with its children, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    said = process.stdout.read().decode().strip()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[2][:60]}: exit {process.returncode}")
    return usage.ru_utime + usage.ru_stime, said


def rows(scratch: Path) -> None:
    """Prints a line for the floor, for a cold and for a warm reading."""
    folder = scratch / "reading"
    estate.write(folder, WORKLOADS)
    made = Made(scratch / "reading.git")
    made.commit({str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.yaml"))})
    size = sum(path.stat().st_size for path in folder.rglob("*.yaml")) / (1 << 20)
    floor = statistics.median(cpu([sys.executable, "-c", FLOOR, str(folder)])[0] for _ in range(RUNS))
    cache = scratch / "reading-cache"
    command = [sys.executable, "-c", READ, made.path.as_uri(), str(cache), str(WORKLOADS * 4)]
    for name, bar in BARS.items():
        seconds, memory = [], 0
        for _ in range(RUNS):
            if name == "cold":
                shutil.rmtree(cache / "parsed", ignore_errors=True)
            _, said = cpu(command)
            seconds.append(float(said.split()[0]))
            memory = max(memory, int(said.split()[1]))
        took = statistics.median(seconds)
        over = "  OVER" * (took > bar) + f"  {memory} MB OVER {MEGABYTES}" * (memory > MEGABYTES)
        print(
            f"read {WORKLOADS * 4} documents of git ({size:.1f} MiB), {name:5}  {took:7.2f} s of CPU  {took / floor:6.2f} x "
            f"event stream ({floor:.2f} s)  child {memory:4} MB  bar {bar:.2f} s{over}",
            flush=True,
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        rows(Path(scratch))
