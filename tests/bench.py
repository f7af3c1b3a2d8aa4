"""Speed and memory of the commands people wait for, as ratios against a floor in the same run: `make bench`.

The floor of a row decodes the same bytes in a fresh interpreter and judges nothing. Seconds are the median of `RUNS`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests import bench_desired, estate
from tests.drift import speed

RUNS = 3
FLOOR_YAML = """
import sys, yaml, pathlib
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.yaml")):
    list(yaml.load_all(path.read_bytes(), Loader=yaml.CSafeLoader))
"""
FLOOR_BOTH = FLOOR_YAML + "\nimport orjson; orjson.loads(pathlib.Path(sys.argv[2]).read_bytes())\n"


@dataclass(frozen=True)
class Taken:
    seconds: float
    megabytes: float


def measured(command: list[str]) -> Taken:
    """Median seconds and largest peak memory of a command, children included."""
    seconds, peak = [], 0.0
    for _ in range(RUNS):
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(time.monotonic() - start)
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(command)}: exit {process.returncode}: {said.decode()[-500:]}")
        peak = max(peak, usage.ru_maxrss / 1024)
    return Taken(statistics.median(seconds), peak)


def row(name: str, taken: Taken, floor: Taken | None, bar: float | None) -> None:
    ratio = f"{taken.seconds / floor.seconds:6.2f} x floor ({floor.seconds:.2f} s)" if floor else " " * 24
    asked = f"bar {bar:.2f} s" + ("" if taken.seconds <= bar else "  OVER") if bar else ""
    print(f"{name:44} {taken.seconds:7.2f} s  {ratio}  {taken.megabytes:6.0f} MB  {asked}", flush=True)


def main() -> int:
    auditor = str(Path(sys.executable).parent / "auditor")
    with tempfile.TemporaryDirectory() as scratch:
        row("auditor --help", measured([auditor, "--help"]), measured([sys.executable, "-c", "pass"]), 0.25)
        for objects, bar in ((1000, 1.5), (5000, 4.0)):
            folder = Path(scratch) / str(objects)
            estate.write(folder, objects // 4)
            floor = measured([sys.executable, "-c", FLOOR_YAML, str(folder)])
            row(f"check, {objects} objects", measured([auditor, "check", str(folder), "-o", "json"]), floor, bar)
        folder, dump = Path(scratch) / "audit", Path(scratch) / "live.json"
        estate.write(folder, 2000)
        dump.write_bytes(estate.live(2000))
        floor = measured([sys.executable, "-c", FLOOR_BOTH, str(folder), str(dump)])
        command = [auditor, "audit", "--desired", str(folder), "--live", str(dump), "--live-complete", "-o", "json"]
        row("audit, 2000 workloads (8000 objects a side)", measured(command), floor, None)
        bench_desired.rows(Path(scratch))
    for name, seconds, floor_seconds, most in speed.rows():
        over = "" if seconds <= most * floor_seconds else "  OVER"
        print(f"{name:52} {seconds:7.2f} s  {seconds / floor_seconds:6.2f} x floor, bar {most:.1f} x{over}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
