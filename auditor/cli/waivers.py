"""`waivers`: what git says may be as it is, and what that covers."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from auditor.cli import app, options
from auditor.cli.evaluate import desired_side, quiet_logs


@app.command()
@options.spread
def waivers(
    *,
    paths: options.SomePaths = None,
    desired: options.Desired = None,
    at: options.At = None,
    settings: options.SettingsFile = None,
    printing: options.Printing,
) -> int:
    """List every waiver that git grants, and what it covers.

    By annotation and by waivers file; also those that cannot be read, have ended or waive nothing: then the exit code is 1.
    """
    from auditor.audit import audit
    from auditor.exemptions import Terms
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, text

    quiet_logs(printing.debug)
    chosen = options.load_settings(settings, options.Sides(desired=desired).flags())
    side = desired_side(chosen, paths, key=new_key(), deadline=time.monotonic() + 600)
    result = audit(
        side,
        None,
        policies=options.chosen((), ()),
        at=options.moment(at) or datetime.now(UTC),
        terms=Terms(chosen.audit.annotation_waivers, chosen.audit.longest_waiver_days),
    )
    faults = tuple(one for one in result.problems if one.code.startswith("WVR"))
    printing.show(
        lambda: jsonform.waivers_form(result.at, result.waivers, faults),
        lambda look: text.waivers_text(result.waivers, faults, look),
    )
    return 1 if faults else 0
