"""The command line: the only place where the parts are put together, and where an exit code is decided.

In: arguments. Out: the result on stdout, everything else on stderr, and the exit code of design section 8: 2 usage or
settings, 3 could not run, 4 incomplete, 1 findings or drift, 0. Each command imports what it needs when it runs, so that
`auditor --help` does not wait for libraries it does not use.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

import typer
import typer.core

from auditor.model import Misuse, Unavailable


class _Alphabetical(typer.core.TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        """By name, in whatever order the modules of the commands were loaded."""
        return sorted(self.commands)


app = typer.Typer(
    name="auditor",
    cls=_Alphabetical,
    help="Compares what runs in Kubernetes with what git says, judges it by best practices, and remembers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # looking for some takes time, and none is wanted here
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (BrokenPipeError, ValueError):  # nobody reads it any more
        pass
    os._exit(code)  # everything is closed; freeing a large audit object by object would take up to a second


def run(arguments: list[str]) -> int:
    """The exit code of a command line. A fault of the outside is one sentence; a traceback only with `--debug`."""
    # much is made and kept, little of it in cycles: looking for them seldom is faster by a third
    gc.set_threshold(100_000, 50, 100)
    # each adds its commands to `app`
    from auditor.cli import baseline, catalogue, check, doctor, evaluate, manifests, memory, serving, stored, waivers  # noqa: F401

    debug = "--debug" in arguments
    try:
        code = app(args=arguments, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (typer.Abort, KeyboardInterrupt):
        return _said("interrupted", "", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Misuse as error:
        if debug:
            raise
        return _said(error.message, error.remedy, 2)
    except Unavailable as error:
        if debug:
            raise
        return _said(error.message, error.remedy, 3)
    except Exception as error:
        if hasattr(error, "show") and hasattr(
            error, "exit_code"
        ):  # typer's usage errors are of a private module of its own
            error.show(file=sys.stderr)
            return int(error.exit_code)
        if debug:
            raise
        return _said(
            f"a fault of the auditor's own: {type(error).__name__}: {error}", "run again with --debug and report it", 3
        )


def _said(message: str, remedy: str, code: int) -> int:
    for line in message.splitlines():
        print(f"auditor: {line}", file=sys.stderr)
    if remedy:
        print(f"  mend: {remedy}", file=sys.stderr)
    return code
