"""`baseline`: what is there today, so that `check --baseline` fails only for what is new or worse."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import app, options
from auditor.cli.check import judged
from auditor.cli.evaluate import quiet_logs
from auditor.cli.named import manifests_at
from auditor.model import Misuse, Severity

if TYPE_CHECKING:
    from auditor.publish.listed import Listed

baseline = typer.Typer(
    help="Keep what a check says today, so that only what is new or worse fails.", no_args_is_help=True
)
app.add_typer(baseline, name="baseline")

File = Annotated[Path, typer.Option("--file", "-f", metavar="FILE", help="The baseline.")]
DEFAULT = Path("auditor-baseline.json")


@baseline.command()
@options.spread
def create(
    *,
    paths: options.Paths,
    file: File = DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Also over a baseline that is there.")] = False,
    at: options.At = None,
    debug: options.Debug = False,
) -> int:
    """Write down everything that a check of these paths says now."""
    from auditor.publish import baseline as baselines

    quiet_logs(debug)
    if file.exists() and not force:
        raise Misuse(
            f"{file} is there already", remedy="`auditor baseline update` takes out what is gone; --force makes it anew"
        )
    said = everything(paths, at)
    written(file, baselines.text(said))
    print(f"{file}: {len(said.open):,} findings are known from now on")
    return 0


@baseline.command()
@options.spread
def update(*, paths: options.Paths, file: File = DEFAULT, at: options.At = None, debug: options.Debug = False) -> int:
    """Take out what is gone, and lower what got less severe; nothing is added."""
    from auditor.publish import baseline as baselines

    quiet_logs(debug)
    before = known(file)
    data, better = baselines.ratcheted(before, everything(paths, at))
    written(file, data)
    print(f"{file}: {better:,} of {len(before):,} findings are gone or less severe")
    return 0


def everything(paths: list[str], at: str | None) -> Listed:
    """What a check of these paths says, by all policies that are on."""
    from auditor.kube.secrets import new_key
    from auditor.publish.listed import listed

    policies = options.chosen((), ())
    desired = manifests_at(paths, deadline=time.monotonic() + 600, key=new_key())
    result = judged(desired, policies, (), Severity.INFO, options.moment(at) or datetime.now(UTC))
    return listed(result, policies)


def known(file: Path) -> Mapping[str, Severity]:
    """The baseline in a file: fingerprint -> severity. Raises `Misuse`."""
    from auditor.publish import baseline as baselines

    try:
        data = file.read_bytes()
    except OSError as error:
        said = (error.strerror or "error").lower()
        raise Misuse(
            f"baseline {file}: {said}", remedy=f"make it: auditor baseline create --file {file} PATH"
        ) from None
    return baselines.read(data, str(file))


def written(file: Path, data: bytes) -> None:
    """Writes a file. Raises `Misuse` where that cannot be."""
    try:
        file.write_bytes(data)
    except OSError as error:
        said = (error.strerror or "error").lower()
        raise Misuse(f"baseline {file}: {said}", remedy="name a file that can be written with --file") from None
