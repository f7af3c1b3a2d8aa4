"""Which container of a workload answers on which port of a Service: Service and Containers in, their ports and matches out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from auditor.kube.fields import at, mapping, sequence, text, whole
from auditor.kube.workloads import Container
from auditor.model import RawPath, Resource

MESH: Final = frozenset({"consul-dataplane", "daprd", "envoy", "istio-proxy", "kuma-sidecar", "linkerd-proxy"})
"""Names of proxies that service meshes put into Pods; their probes and ports are the mesh's business."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a port of a Service leads. `port` is a number, or the name of a container's port; `path` is that of the Service's port."""

    port: int | str
    protocol: str
    path: RawPath


def targets(service: Resource) -> Iterator[Target]:
    """The target of each port; `targetPort` absent means the number of the port itself."""
    for index, item in enumerate(sequence(at(service.body, "spec", "ports"))):
        port = mapping(item)
        target = port.get("targetPort")
        if target is None or target in (0, ""):
            target = port.get("port")
        if isinstance(target, int | str) and not isinstance(target, bool):
            yield Target(target, text(port.get("protocol")) or "TCP", ("spec", "ports", index))


def answers(container: Container, target: Target) -> bool:
    """Whether the container declares the port, by name or number, with the same protocol (as the endpoints controller compares)."""
    field = "name" if isinstance(target.port, str) else "containerPort"
    return any(
        at(port, field) == target.port and (text(at(port, "protocol")) or "TCP") == target.protocol
        for port in sequence(container.body.get("ports"))
    )


def port_names(container: Container) -> frozenset[str]:
    """The names of the ports that the container declares."""
    names = (at(port, "name") for port in sequence(container.body.get("ports")))
    return frozenset(name for name in names if isinstance(name, str))


def port_numbers(container: Container) -> frozenset[int]:
    """The numbers of the ports that the container declares."""
    numbers = (whole(at(port, "containerPort")) for port in sequence(container.body.get("ports")))
    return frozenset(number for number in numbers if number is not None)
