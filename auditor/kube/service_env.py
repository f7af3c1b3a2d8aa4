"""The variables that the kubelet makes of Services, where a Pod template uses them: a Container in, uses out.

Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables; how `$(VAR)` is expanded:
https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from auditor.kube.fields import mapping, sequence, text
from auditor.kube.workloads import Container
from auditor.model import RawPath

# FOO_SERVICE_HOST, FOO_SERVICE_PORT, FOO_SERVICE_PORT_HTTP, FOO_PORT_80_TCP, FOO_PORT_80_TCP_ADDR …
_VARIABLE: Final = re.compile(
    r"([A-Z][A-Z0-9_]*?)(?:_SERVICE_HOST|_SERVICE_PORT(?:_([A-Z0-9_]+))?|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?)"
)
_EXPANDED: Final = re.compile(r"\$\$|\$\(([^()\s]+)\)")
_IN_SHELL: Final = re.compile(r"\$\$|\$\(([A-Z0-9_]+)\)|\$\{([A-Z0-9_]+)\}|\$([A-Z][A-Z0-9_]*)")
SHELLS: Final = frozenset({"ash", "bash", "dash", "sh", "zsh"})


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a variable. `service` is the name of the Service it is made of, `port` that of its port or ""."""

    path: RawPath
    variable: str
    service: str
    port: str


def uses(container: Container) -> Iterator[Use]:
    """Every use in env, command and args, as the API expands it, or as a shell does where the command is one."""
    words = [*sequence(container.body.get("command")), *sequence(container.body.get("args"))]
    shell = any(text(word).rpartition("/")[2] in SHELLS for word in words[:1])
    for field in ("env", "command", "args"):
        pattern = _IN_SHELL if shell and field != "env" else _EXPANDED
        for index, item in enumerate(sequence(container.body.get(field))):
            value = text(mapping(item).get("value")) if field == "env" else text(item)
            path = (*container.path, field, index, *(("value",) if field == "env" else ()))
            for use in pattern.finditer(value):
                variable = next((group for group in use.groups() if group), "")
                made = _VARIABLE.fullmatch(variable)
                if made and made[1] != "KUBERNETES":
                    yield Use(path, variable, made[1].lower().replace("_", "-"), made[2] or "")
