"""The line of a manifest that a finding is about, for people: what may be secret on it is masked, and it fails closed.

In: a written line, the object and the path the finding names. Out: the line to show, and the column of the caret.
A value is shown only where its key, or its form, says that it cannot be a secret; everything else is `…`.
"""

from __future__ import annotations

import re
from typing import Final

from auditor.model import Ref
from auditor.publish.foreign import visible

_LINE: Final = re.compile(r"(?P<lead>\s*(?:-\s+)*)(?P<key>[A-Za-z][\w./-]*)(?P<colon>\s*:)(?P<gap>\s+|$)(?P<value>.*)")
_SHOWN_KEYS: Final = frozenset(
    [
        *("apiVersion", "kind", "name", "namespace", "generateName", "image", "imagePullPolicy", "restartPolicy"),
        *("serviceName", "serviceAccountName", "storageClassName", "priorityClassName", "ingressClassName"),
        *("runtimeClassName", "nodeName", "clusterIP", "type", "protocol", "schedule", "concurrencyPolicy", "policy"),
        *("dnsPolicy", "path", "mountPath", "whenUnsatisfiable", "topologyKey"),
    ]
)
# of a line that is no `key: value`, a first word that belongs to the format itself says what it is about
_STRUCTURE: Final = _SHOWN_KEYS | frozenset(
    [
        *(
            "metadata",
            "spec",
            "template",
            "selector",
            "matchLabels",
            "matchExpressions",
            "labels",
            "annotations",
            "data",
        ),
        *(
            "containers",
            "initContainers",
            "ports",
            "env",
            "envFrom",
            "args",
            "command",
            "resources",
            "limits",
            "requests",
        ),
        *("livenessProbe", "readinessProbe", "startupProbe", "httpGet", "exec", "tcpSocket", "replicas", "volumes"),
        *("volumeMounts", "strategy", "rollingUpdate", "status", "items", "rules", "subjects", "roleRef", "backend"),
        *(
            "containerPort",
            "targetPort",
            "port",
            "initialDelaySeconds",
            "periodSeconds",
            "securityContext",
            "valueFrom",
        ),
    ]
)
# numbers, quantities, booleans and null say nothing that is worth hiding, where the key is not of free data
_HARMLESS: Final = re.compile(
    r"(true|false|null|~|[-+]?[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?|[0-9]+%)?(\s+#.*)?"
)
_COMMENT: Final = re.compile(r"\s+#.*$")
_FREE: Final = re.compile(r"(^|\.)(env|envFrom|data|stringData|binaryData|annotations|args|command|value)(\b|$)")
TELLING_KEYS: Final = re.compile(r"(?i)(value|pass|secret|token|key|cred|auth|pin|pwd)")
_WIDEST: Final = 160


def written(line: str, column: int, ref: Ref | None, path: str) -> tuple[str, int]:
    """(the line as it may be shown, the caret's position from 0 or -1 for none). A tab is shown as one `→`.

    `ref` None: the object is not known (a file that cannot be read), so only values of well-known keys are shown.
    """
    found = _LINE.fullmatch(line.rstrip("\r\n"))
    if found is None:
        lead = re.match(r"(\s*(?:-\s*)?)([A-Za-z]*)", line)
        word = lead[2] if lead and lead[2] in _STRUCTURE else ""
        shown = (lead[1].rstrip("\r\n") if lead else "") + word + "…"
    else:
        value = _COMMENT.sub("", found["value"])
        shown = found["lead"] + found["key"] + found["colon"]
        if value:
            shown += found["gap"] + (value if _harmless(found["key"], value, ref, path) else "…")
    shown = visible(shown.replace("\t", "→"), _WIDEST)
    return shown, column - 1 if 0 < column <= len(shown) else -1


def _harmless(key: str, value: str, ref: Ref | None, path: str) -> bool:
    """Whether the value of this key may be shown: never of a Secret or of free data, never a flow of several values."""
    if ref is not None and (ref.kind == "Secret" or _FREE.search(path)):
        return False
    if value[0] in "{[&*!|>":
        return False
    if key in _SHOWN_KEYS:
        return "://" not in value and "=" not in value
    return ref is not None and not TELLING_KEYS.search(key) and _HARMLESS.fullmatch(value) is not None
