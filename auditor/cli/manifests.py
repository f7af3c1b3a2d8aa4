"""`manifests`: the desired side as it was read, or, with --mend, as it was probably meant."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import app, options
from auditor.cli.evaluate import desired_side, quiet_logs, with_cache
from auditor.model import Misuse, Problem, Severity, Snapshot

if TYPE_CHECKING:
    from auditor.publish.text import Look
    from auditor.settings import FolderSource, GitSource, Settings

Mend = Annotated[
    bool,
    typer.Option(
        "--mend", help="Print what broken manifests were probably meant to be, as a diff. Nothing is written."
    ),
]
Whole = Annotated[bool, typer.Option("--whole", help="With --mend: print the mended files whole, not as a diff.")]


@app.command()
@options.spread
def manifests(
    *,
    paths: options.SomePaths = None,
    desired: options.Desired = None,
    mend: Mend = False,
    whole: Whole = False,
    settings: options.SettingsFile = None,
    printing: options.Printing,
) -> int:
    """Show the desired side as it was read.

    Every object with file and line, and every problem. With --mend, broken manifests as they were probably meant.
    """
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform

    quiet_logs(printing.debug)
    chosen = options.load_settings(settings, options.Sides(desired=desired).flags())
    if mend:
        return _mended(_sources(chosen, paths), chosen, printing, whole=whole)
    if whole:
        raise Misuse("--whole is about --mend, which is not given", remedy="give both")
    snapshot = desired_side(chosen, paths, key=new_key(), deadline=time.monotonic() + 600)
    printing.show(lambda: jsonform.manifests_form(snapshot), lambda look: _text(snapshot, look))
    return 1 if any(problem.severity is not Severity.INFO for problem in snapshot.problems) else 0


def _text(snapshot: Snapshot, look: Look) -> str:
    from auditor.publish.text import manifests_text  # not where JSON is asked for

    return manifests_text(snapshot, look)


def _sources(settings: Settings, paths: list[str] | None) -> Sequence[FolderSource | GitSource]:
    from auditor.settings import FolderSource

    if not paths and not settings.sources:
        raise Misuse("no manifests are named", remedy="name files or folders, or a source with --desired")
    if paths and settings.sources:
        raise Misuse("both PATH and --desired (or sources of the settings) are given", remedy="give one of them")
    return [FolderSource(path=path) for path in paths] if paths else settings.sources


def _mended(
    sources: Sequence[FolderSource | GitSource], settings: Settings, printing: options.Printing, *, whole: bool
) -> int:
    """Prints the mends on stdout, and on stderr what is left; 1 where anything is wrong."""
    from auditor.desired.mend import mend
    from auditor.kube.secrets import new_key
    from auditor.publish import mends

    cache, deadline = with_cache(settings).cache, time.monotonic() + 600
    read = [mend(source, key=new_key(), cache=cache, deadline=deadline) for source in sources]
    files = [each for found, _ in read for each in found]
    changed = [each for each in files if each.changed]
    left = [problem for _, problems in read for problem in problems]
    if printing.output is options.Output.JSON:
        from auditor.publish.encoding import dumps

        options.write(dumps(mends.mends_form(changed, left)))
    else:
        shown = mends.whole_text(files) if whole else mends.diffs_text(changed, readable=sys.stdout.isatty())
        sys.stdout.buffer.write(shown.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
        _say(masked=any(each.masked for each in (files if whole else changed)), left=left)
    return 1 if changed or any(problem.severity is not Severity.INFO for problem in left) else 0


def _say(*, masked: bool, left: Sequence[Problem]) -> None:
    from auditor.publish.foreign import visible

    if masked:
        print("auditor: what may be a credential is shown as \u2026: mend those files by hand", file=sys.stderr)
    for problem in left:
        remedy = f" ({visible(problem.remedy)})" if problem.remedy else ""
        print(
            f"{visible(str(problem.place or ''))}: {problem.code} {visible(problem.message)}{remedy}", file=sys.stderr
        )
