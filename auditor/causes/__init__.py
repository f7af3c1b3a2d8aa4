"""Why something began or ended: what changed between two runs in, one `Cause` for each change out. Pure.

`Evidence` is what a run can show: the commits since the last published run and what they changed, who owns fields on the cluster,
which conditions the audit itself had. What none of it proves is unknown; what it only suggests is said to be likely.
"""

from __future__ import annotations

from auditor.causes.evidence import Commit, Event, Evidence
from auditor.causes.explain import brought, explain

__all__ = ["Commit", "Event", "Evidence", "brought", "explain"]
