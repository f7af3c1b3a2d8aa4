"""Log lines: for people on a terminal, JSON elsewhere; always on stderr, the run's number in every line."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(level: str) -> None:
    """Sets the least level ("debug" … "error") and the form for this process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    human = sys.stderr.isatty()
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if human:
        steps.append(structlog.dev.ConsoleRenderer())
    else:
        steps += [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=steps,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module; what they say below an error is theirs, not the operator's.
    logging.basicConfig(
        level=max(number, logging.ERROR), stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
