from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from auditor.kube.fields import at, mapping
from auditor.kube.policy import policy
from auditor.kube.quantities import parse
from auditor.kube.surroundings import Surroundings
from auditor.kube.workloads import TEMPLATED, containers, template
from auditor.model import Answer, Fault, NotApplicable, RawPath, Resource, Severity

MEBIBYTE = 1 << 20
CORES = 100


@policy(
    id="RES006",
    practice=8,
    severity=Severity.ERROR,
    kinds=(TEMPLATED,),
    remedy="write memory as 512Mi or 2Gi, and CPU as 250m or 2",
)
def suspicious_quantity(resource: Resource, around: Surroundings) -> Answer:
    """Quantities mean what their author meant.

    `1GB` is refused; `m` after memory means thousandths of a byte; `cpu: 1000` asks for a thousand cores and stays pending for ever.
    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    asked = False
    for path, name, value, who in _quantities(resource):
        asked = True
        try:
            amount = parse(value)
        except ValueError as reason:
            meant = _meant(value)
            hint = f"; did you mean {meant}?" if meant else ""
            yield Fault(path, f"{who}: {reason}{hint}")
            continue
        if doubt := _doubt(name, value, amount):
            yield Fault(path, f"{who}: {doubt}", Severity.WARNING)
    return None if asked else NotApplicable("it has no requests and no limits")


def _quantities(resource: Resource) -> Iterator[tuple[RawPath, str, Any, str]]:
    found = template(resource)
    for path, body, who in (
        *((one.path, one.body, str(one)) for one in containers(resource)),
        *(((found.path, found.spec, "the Pod"),) if found else ()),
    ):
        for field in ("requests", "limits"):
            for name, value in mapping(at(body, "resources", field)).items():
                if value is not None:
                    yield (*path, "resources", field, name), name, value, who


def _doubt(name: str, value: Any, amount: Decimal) -> str:
    if name == "memory" and amount != int(amount):
        return f"memory {value} is a fraction of a byte: m means thousandths"
    if name == "memory" and amount < MEBIBYTE:
        return f"memory {value} is less than 1Mi"
    if name == "cpu" and amount >= CORES:
        return f"cpu {value} is {_plain(amount)} cores" + (
            f"; did you mean {_plain(amount)}m?" if amount == int(amount) else ""
        )
    return ""


def _meant(value: Any) -> str:
    """1GB, 512mb, 2 Gi: the number with the suffix that was surely meant."""
    said = str(value).strip()
    number = said.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = {"k": "Ki", "m": "Mi", "g": "Gi", "t": "Ti"}.get(said[len(number) :].strip().lower().rstrip("ib"))
    return f"{number}{unit}" if unit and number.replace(".", "", 1).isdigit() else ""


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
