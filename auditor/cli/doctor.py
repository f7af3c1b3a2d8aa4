"""`doctor`: what would stop an audit, tried out rather than guessed."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from auditor.cli import app, options
from auditor.cli.evaluate import quiet_logs, with_cache
from auditor.model import CellState, Misuse, Unavailable

if TYPE_CHECKING:
    from auditor.model import Cell, Problem, Snapshot
    from auditor.settings import Settings
    from auditor.store import Store

SKEW_SECONDS = 30.0
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was looked at. "stops": an audit ends with it, or is incomplete; "warns": it goes on, and what it says of
    ages is off."""

    part: Literal["git", "cluster", "database", "clock"]
    state: Literal["ok", "warns", "stops"]
    message: str
    remedy: str = ""


@app.command()
def doctor(
    desired: options.Desired = None,
    live: options.Live = None,
    kubeconfig: options.Kubeconfig = None,
    namespace: options.Namespaces = None,
    database: options.Database = None,
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """Say what would stop an audit, with the mend for each; exit 3 if anything would.

    Fetches the sources, lists what an audit would list, and looks at the database and the clocks. Changes nothing.
    """
    quiet_logs(debug)
    sides = options.Sides(desired=desired, live=live, kubeconfig=kubeconfig, namespace=namespace)
    chosen = with_cache(options.load_settings(settings, sides.flags(), options.stored(database)))
    stops = False
    for said in examined(chosen):
        stops |= said.state == "stops"
        print(f"{said.state:6} {said.part:9} {said.message}")
        if said.remedy:
            print(f"{'':17}mend: {said.remedy}")
    return 3 if stops else 0


def examined(settings: Settings) -> Iterator[Said]:
    """Everything that was looked at, in the order in which an audit needs it."""
    deadline = time.monotonic() + settings.audit.deadline_seconds
    sides: list[Snapshot] = []
    yield from _git(settings, sides, deadline)
    yield from _cluster(settings, sides, deadline)
    yield from _database(settings)


def _git(settings: Settings, sides: list[Snapshot], deadline: float) -> Iterator[Said]:
    from auditor import desired
    from auditor.kube.secrets import new_key
    from auditor.run import cluster_name

    if not settings.sources:
        yield Said("git", "stops", "no source is given", "name one with --desired, or under sources: in the settings")
    for source in settings.sources:
        name = desired.source_name(source)
        try:
            side = desired.fetch(
                source, cluster=cluster_name(settings.cluster), key=new_key(), cache=settings.cache, deadline=deadline
            )
        except (Unavailable, Misuse) as broken:
            yield Said("git", "stops", f"{name}: {broken.message}", broken.remedy)
            continue
        sides.append(side)
        revision = side.sources[0].revision if side.sources else None
        yield Said(
            "git", "ok", f"{name}: {f'{revision[:7]}, ' if revision else ''}{_count(len(side.resources), 'object')}"
        )
        yield from (_problem("git", problem) for problem in side.problems if problem.code.startswith("SRC"))


def _problem(part: Literal["git", "cluster", "clock"], problem: Problem) -> Said:
    return Said(part, "warns", f"{problem.code} {problem.message}", problem.remedy)


def _cluster(settings: Settings, sides: list[Snapshot], deadline: float) -> Iterator[Said]:
    from auditor import desired
    from auditor.audit import wanted
    from auditor.kube.secrets import new_key
    from auditor.run import read_live

    try:
        policies = options.chosen(settings.audit.select, settings.audit.ignore)
        side = desired.combine(sides) if sides else None
        want = wanted(side, policies, settings.cluster.namespaces)
        live = read_live(settings, want, key=new_key(), deadline=deadline)
    except (Unavailable, Misuse) as broken:
        yield Said("cluster", "stops", broken.message, broken.remedy)
        return
    listed = {(cell.group, cell.kind) for cell in live.cells if cell.state is CellState.LISTED}
    yield Said("cluster", "ok", f"{_count(len(listed), 'kind')} listed, {_count(len(live.resources), 'object')}")
    refused: dict[tuple[str, str, CellState], list[Cell]] = defaultdict(list)
    for cell in live.cells:
        if cell.state in (CellState.DENIED, CellState.UNAVAILABLE):
            refused[cell.group, cell.kind, cell.state].append(cell)
    for (group, kind, state), cells in sorted(refused.items()):
        yield _refused(group, kind, state, cells)
    for problem in live.problems:
        yield _problem("clock" if problem.code == "SRC303" else "cluster", problem)


def _refused(group: str, kind: str, state: CellState, cells: list[Cell]) -> Said:
    from auditor.kube.kinds import known

    found = known(group, kind)
    resource = f"{found.plural if found else kind}{'.' + group if group else ''}"
    spaces = sorted({cell.namespace for cell in cells if cell.namespace})
    where = (
        f" in {', '.join(spaces[:_SHOWN])}{f' and {len(spaces) - _SHOWN} more' * (len(spaces) > _SHOWN)}"
        if spaces
        else ""
    )
    if state is CellState.DENIED:
        rule = f'apiGroups: ["{group}"], resources: ["{found.plural if found else "…"}"], verbs: ["list"]'
        return Said(
            "cluster", "stops", f"{resource}: may not be listed{where}", f"give the auditor's role the rule {rule}"
        )
    reasons = ", ".join(sorted({cell.reason for cell in cells if cell.reason}))
    return Said("cluster", "stops", f"{resource}: cannot be read{where}{f': {reasons}' if reasons else ''}")


def _database(settings: Settings) -> Iterator[Said]:
    from auditor.run import cluster_name
    from auditor.store import opened, revision
    from auditor.store.tables import HEAD

    url = settings.store.url
    try:
        found = revision(settings.store)
        if found is None:
            yield _new(url)
            return
        if found != HEAD:
            said = f"it is at {found}, this version needs {HEAD}"
            yield Said("database", "warns", said, "`auditor db upgrade` brings it there; so does the next audit")
            return
        with opened(settings.store) as store:
            assert store is not None
            store.refuse_pooling()
            yield from _store(store, cluster_name(settings.cluster))
    except (Unavailable, Misuse) as broken:
        yield Said("database", "stops", broken.message, broken.remedy)


def _new(url: str) -> Said:
    from pathlib import Path

    if not url.startswith("sqlite:"):
        return Said("database", "ok", "it is empty; the next audit makes its tables")
    folder = Path(url.removeprefix("sqlite:///")).absolute().parent
    if not os.access(folder, os.W_OK | os.X_OK):
        return Said("database", "stops", f"{folder} cannot be written to", "make the folder, for the auditor to write")
    return Said("database", "ok", "there is none yet; the next audit makes it")


def _store(store: Store, cluster: str) -> Iterator[Said]:
    found = store.runs(cluster, limit=1)
    last = f"the last run of {cluster!r} began {found[0].started:%Y-%m-%d %H:%M} UTC" if found else "no run yet"
    yield Said("database", "ok", last)
    now = datetime.now(UTC)
    theirs = store.now()
    if theirs is not None and abs((theirs - now).total_seconds()) > SKEW_SECONDS:
        ahead = (now - theirs).total_seconds()
        yield Said("clock", "warns", f"ours is {ahead:+.0f} s from the database's", "let both follow a time server")
    if found and (found[0].started - now).total_seconds() > SKEW_SECONDS:
        yield Said("clock", "warns", "the last run began in the future", "see whether the clock was set back")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
