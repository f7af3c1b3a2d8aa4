"""`serve` and `demo`: the parts put together and kept running."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import app, options
from auditor.model import Misuse, Unavailable

if TYPE_CHECKING:
    from auditor.daemon import Daemon
    from auditor.settings import Settings
    from auditor.store import Store


@app.command()
def serve(
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """Run on a schedule: audit, store, pages, metrics, reports. Ends with SIGTERM."""
    from auditor import daemon as daemons
    from auditor.cli.logs import configure
    from auditor.kube.secrets import new_key
    from auditor.store import opened

    if settings is None:
        raise Misuse("no settings file is given", remedy="name one with --settings; deploy/base/settings.yaml is an example")
    chosen = options.load_settings(settings)
    configure("debug" if debug else chosen.log_level)
    policies = options.chosen(chosen.audit.select, chosen.audit.ignore)
    if not chosen.sources:
        raise Misuse(f"{settings}: sources: none is given", remedy="name at least one git source; see docs/settings.md")
    with opened(chosen.store) as store:
        assert store is not None
        state = published(chosen, store, policies)
        daemon = daemons.Daemon(
            settings=chosen,
            store=store,
            policies=policies,
            key=new_key(),
            report=lambda due: send_report(chosen, store, due),
            changed=state.refresh,
        )
        return daemons.serve(daemon, lambda d: pages(d, state))
