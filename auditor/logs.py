"""Log lines: for people on a terminal, JSON elsewhere; always on stderr, the run's number in every line, never a local variable.

The logging library takes a seventh of a second to load, which a command that logs nothing need not wait for: `later` says how
lines shall look, and `logger` loads the library when there is one to write.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import structlog

_waiting: list[str] = []
"""The level that `later` was told, until it is used."""


def later(level: str) -> None:
    """As `configure`, but only when somebody asks for a `logger`; at once where the library is loaded already."""
    if "structlog" in sys.modules:
        configure(level)
    else:
        _waiting[:] = [level]


def logger() -> structlog.typing.FilteringBoundLogger:
    """What writes log lines."""
    import structlog

    if _waiting:
        configure(_waiting.pop())
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log


def configure(level: str) -> None:
    """Sets the least level ("debug" … "error") and the form for this process."""
    import structlog

    _waiting.clear()
    number = logging.getLevelNamesMapping()[level.upper()]
    human = sys.stderr.isatty()
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Both forms show local variables unless told otherwise, and these may hold a credential.
    if human:
        steps.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    else:
        without_locals = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        steps += [structlog.processors.ExceptionRenderer(without_locals), structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # what stderr is when a line is written
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module; what they say below an error is theirs, not the operator's.
    logging.basicConfig(
        level=max(number, logging.ERROR), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
