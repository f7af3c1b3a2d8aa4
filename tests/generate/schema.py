"""Makes `auditor/kube/data/schema.json`, the shipped table of types, from Kubernetes itself.

In: swagger.json of the module k8s.io/kubernetes in the Go module cache, and what `types.go` beside this file says of the
same version's Go types. Out: the table, with its version. Needs Go; takes seconds where the control plane was built once,
minutes where it was not:

    .venv/bin/python tests/generate/schema.py

The table (see `auditor/kube/schema.py`, which reads it):

    {"kubernetes": "v1.36.3",
     "kinds": {"apps/Deployment": [["v1", 3], …preferred first]},
     "definitions": [{"n": name, "f": {field: type}, "r": [required], "p": [pointers], "d": {field: [defaults]}, "t": 1 if atomic}]}

A type is a letter (s string, i integer, n number, b boolean, q quantity, x int-or-string, a anything), the number of a
definition, ["A", type] an atomic struct, ["m", type] a map, ["M", type] an atomic map, or ["l", type, list type, keys…].
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TARGET = HERE.parent.parent / "auditor" / "kube" / "data" / "schema.json"
PREFIX = "#/definitions/"
LETTERS = {"string": "s", "integer": "i", "number": "n", "boolean": "b"}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"

# Published as "anything", though a mapping there is a schema again.
EMBEDDED = {
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1." + name: "JSONSchemaProps"
    for name in ("JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray")
}

# Defaults that depend on what stands beside them: `auditor/drift/defaults.py` works them out, the table must not guess.
CONTEXTUAL = {
    ("core.v1.Container", "imagePullPolicy"),
    ("core.v1.EphemeralContainer", "imagePullPolicy"),
    ("core.v1.ImageVolumeSource", "pullPolicy"),
    ("networking.v1.NetworkPolicySpec", "policyTypes"),
    ("batch.v1.JobSpec", "podReplacementPolicy"),
    ("autoscaling.v2.HPAScalingRules", "stabilizationWindowSeconds"),
    ("autoscaling.v2.HPAScalingRules", "policies"),
    ("resource.v1.DeviceTaint", "timeAdded"),
    ("resource.v1beta1.DeviceTaint", "timeAdded"),
    ("resource.v1beta2.DeviceTaint", "timeAdded"),
    ("resource.v1alpha3.DeviceTaint", "timeAdded"),
}


def go(*arguments: str, **extra: str) -> str:
    done = subprocess.run(
        ["go", *arguments], cwd=HERE, env=os.environ | extra, capture_output=True, text=True, check=False, timeout=1800
    )
    if done.returncode:
        raise SystemExit(f"go {' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def short(name: str) -> str:
    """core.v1.Container for io.k8s.api.core.v1.Container, meta.v1.ObjectMeta, apiextensions.v1.JSONSchemaProps."""
    return re.sub(r"^io\.k8s\.(api|apimachinery\.pkg\.apis|[a-z-]+\.pkg\.apis)\.", "", name)


class Table:
    def __init__(self, definitions: dict[str, Any], types: dict[str, Any]) -> None:
        self.source, self.types = definitions, types
        self.numbers: dict[str, int] = {}
        self.made: list[dict[str, Any]] = []

    def type_of(self, schema: dict[str, Any]) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(PREFIX)
            if name == QUANTITY:
                return "q"
            if name == INT_OR_STRING:
                return "x"
            if name in EMBEDDED:
                name = name.rpartition(".")[0] + "." + EMBEDDED[name]
            target = self.source[name]
            if "properties" not in target:
                return LETTERS.get(target.get("type", ""), "a")
            number = self.definition(name)
            atomic = "atomic" in (schema.get("x-kubernetes-map-type"), target.get("x-kubernetes-map-type"))
            return ["A", number] if atomic else number
        kind = schema.get("type")
        if kind == "array":
            return self.list_of(schema)
        if kind == "object":
            values = schema.get("additionalProperties")
            if values is None:
                return "a"
            return ["M" if schema.get("x-kubernetes-map-type") == "atomic" else "m", self.type_of(values)]
        return LETTERS[kind] if kind else "a"

    def list_of(self, schema: dict[str, Any]) -> list[Any]:
        keys = schema.get("x-kubernetes-list-map-keys")
        form = schema.get("x-kubernetes-list-type")
        merge = "merge" in schema.get("x-kubernetes-patch-strategy", "")
        if form is None and merge:  # older definitions know only the strategic merge
            key = schema.get("x-kubernetes-patch-merge-key")
            form, keys = ("map", [key]) if key else ("set", None)
        return ["l", self.type_of(schema["items"]), form or "atomic", *((keys or []) if form == "map" else [])]

    def definition(self, name: str) -> int:
        if name in self.numbers:
            return self.numbers[name]
        number = self.numbers[name] = len(self.made)
        made: dict[str, Any] = {"n": short(name)}
        self.made.append(made)
        source = self.source[name]
        made["f"] = {field: self.type_of(schema) for field, schema in sorted(source["properties"].items())}
        pointers = [field for field in self.types["pointers"].get(name, []) if field in made["f"]]
        defaults = {
            field: values
            for field, values in self.types["defaults"].get(name, {}).items()
            if (made["n"], field) not in CONTEXTUAL
        }
        optional = {"r": sorted(source.get("required", [])), "p": pointers, "d": defaults}
        made.update({key: value for key, value in optional.items() if value})
        return number


def order(version: str) -> tuple[int, int, int]:
    """GA before beta before alpha, newer before older: as the server prefers."""
    found = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if found is None:
        return (9, 0, 0)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (stage, -int(found[1]), -int(found[3] or 0))


def generated() -> str:
    """The table, as the file holds it."""
    types = json.loads(go("run", "-trimpath", "-modfile=../controlplane/go.mod", ".", CGO_ENABLED="0"))
    cache = go("env", "GOMODCACHE").strip()
    swagger = Path(cache) / "k8s.io" / f"kubernetes@{types['kubernetes']}" / "api" / "openapi-spec" / "swagger.json"
    definitions = json.loads(swagger.read_text())["definitions"]
    table = Table(definitions, types)
    kinds: dict[str, list[tuple[str, int]]] = {}
    for name, schema in sorted(definitions.items()):
        for known in schema.get("x-kubernetes-group-version-kind", []):
            if (
                "metadata" not in schema.get("properties", {})
                or known["kind"].endswith("List")
                or known["kind"] == "Status"
            ):
                continue
            kinds.setdefault(f"{known['group']}/{known['kind']}", []).append((known["version"], table.definition(name)))
    ordered = {key: sorted(found, key=lambda pair: order(pair[0])) for key, found in sorted(kinds.items())}
    out = {"kubernetes": types["kubernetes"], "kinds": ordered, "definitions": table.made}
    return json.dumps(out, separators=(",", ":")) + "\n"


def main() -> None:
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(generated())
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
