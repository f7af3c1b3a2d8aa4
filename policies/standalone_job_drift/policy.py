from __future__ import annotations

from auditor.kube.fields import at
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.model import Answer, Fault, Judges, Resource, Severity

PATH = ("spec", "ttlSecondsAfterFinished")


@policy(
    id="CTL010",
    practice=2,
    severity=Severity.INFO,
    kinds=("Job",),
    remedy="make it a hook of the tool that applies it, or leave out ttlSecondsAfterFinished",
    judges=Judges.DECLARED,
    enabled=False,
    skips_hooks=True,
)
def standalone_job_drift(resource: Resource, around: Surroundings) -> Answer:
    """A Job in git is not deleted by itself.

    A Job that removes itself when it is done is missing for the GitOps tool, which makes it anew: it runs again and again. Off by
    default, because people who apply by hand want the opposite. https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
    """
    if at(resource.body, *PATH) is not None:
        yield Fault(PATH, f"Job {resource.ref.name} is deleted when it is done, and applied again by the next sync")
    return None
