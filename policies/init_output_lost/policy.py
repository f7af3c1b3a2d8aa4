from __future__ import annotations

from auditor.kube.fields import at, mapping, sequence, text
from auditor.kube.policy import policy
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, Container, containers, template
from auditor.model import Answer, Fault, NotApplicable, Resource, Severity

# Folders of scratch files, which nobody is meant to keep.
SCRATCH = ("/tmp", "/cache", "/dev/shm", "/root", "/run", "/var/cache", "/var/run", "/var/tmp")  # noqa: S108 - names to compare with, nothing is written


@policy(
    id="INIT002",
    practice=3,
    severity=Severity.WARNING,
    kinds=(TEMPLATED,),
    remedy="mount the volume in the container that shall read it",
)
def init_output_lost(resource: Resource, around: Surroundings) -> Answer:
    """What an init container prepares reaches the application.

    An emptyDir that only an init container mounts is filled and never read: the migration dump, the rendered configuration or the
    downloaded certificate is not there when the application starts. https://kubernetes.io/docs/concepts/workloads/pods/init-containers/
    """
    found = template(resource)
    asked = False
    for index, item in enumerate(sequence(found.spec.get("volumes")) if found else ()):
        volume = mapping(item)
        if "emptyDir" not in volume or at(volume, "emptyDir", "medium") == "Memory":
            continue
        mounts = [
            (container, at_mount, mapping(mount))
            for container in containers(resource)
            for at_mount, mount in enumerate(sequence(container.body.get("volumeMounts")))
            if at(mount, "name") == volume.get("name")
        ]
        writers = [
            (container, at_mount)
            for container, at_mount, mount in mounts
            if container.role == "init"
            and mount.get("readOnly") is not True
            and not _is_scratch(container, text(mount.get("mountPath")))
        ]
        if not writers:
            continue
        asked = True
        writer, at_mount = writers[0]
        # Whoever mounts it after the writer, or stays for the life of the Pod, may read it.
        later = [one for one, _, _ in mounts if one.role != "init" or one.path[-1] > writer.path[-1]]  # type: ignore[operator]
        if not later:
            path = (*writer.path, "volumeMounts", at_mount)
            message = (
                f"what {writer} writes to volume {volume.get('name', index)} is thrown away: nothing else mounts it"
            )
            yield Fault(path, message)
    return None if asked else NotApplicable("no init container writes to a volume of the Pod")


def _is_scratch(container: Container, path: str) -> bool:
    home = next(
        (text(at(entry, "value")) for entry in sequence(container.body.get("env")) if at(entry, "name") == "HOME"), ""
    )
    return any(path == folder or path.startswith(f"{folder}/") for folder in (*SCRATCH, home) if folder)
