"""Amounts of CPU, memory and storage as Kubernetes reads them: text or a number in, an exact `Decimal` out.

The rules are those of the server's own parser, `resource.ParseQuantity` (k8s.io/apimachinery, pkg/api/resource), with its
leniencies: `1.G`, `.5` and a bare sign or suffix are amounts there, so they are here.
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Context, Decimal
from functools import lru_cache
from typing import Final

_FORM: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT: Final = re.compile(r"[eE]([+-]?[0-9]+)", re.ASCII)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_LARGEST: Final = Decimal(2**63 - 1)
_NANO: Final = Decimal("1e-9")
_MILLI: Final = Decimal("0.001")
_EXACT: Final = Context(prec=2_000, Emax=10**6, Emin=-(10**6), rounding=ROUND_UP)
_LONGEST: Final = 400
"""Longer texts and exponents are refused: no machine has them, and an amount must not cost us memory."""


def parse(text: str | int | float) -> Decimal:
    """The amount in its base unit (cores, bytes); finer than nano is rounded away from zero, as the server does.

    Raises ValueError with the reason where the server would refuse it.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(f"{text!r} is no quantity: it must be a number or a text such as 500m or 1Gi")
    return _parse(text if isinstance(text, str) else repr(text))


@lru_cache(maxsize=4096)
def _parse(text: str) -> Decimal:
    shown = text if len(text) <= 40 else text[:37] + "…"
    written = text.strip()
    if not written:
        raise ValueError("an empty text is no quantity")
    form = _FORM.fullmatch(written)
    if form is None or len(written) > _LONGEST:
        raise ValueError(f"{shown!r} is no quantity: it must be a number with at most one suffix, such as 500m or 1Gi")
    sign, whole, fraction, suffix = form.groups()
    number = Decimal(f"{sign}{whole or '0'}.{fraction or '0'}")
    if suffix in _BINARY:
        amount = _EXACT.multiply(number, Decimal(2 ** _BINARY[suffix]))
        return _EXACT.copy_sign(_LARGEST, amount) if abs(amount) > _LARGEST else _rounded(amount, _NANO)
    exponent = _DECIMAL.get(suffix)
    if exponent is None:
        power = _EXPONENT.fullmatch(suffix)
        exponent = int(power[1]) if power else None
    if exponent is None:
        raise ValueError(
            f"{shown!r} is no quantity: it has no suffix Kubernetes knows (n u m k M G T P E, Ki Mi Gi Ti Pi Ei)"
        )
    if abs(exponent) > _LONGEST:
        raise ValueError(f"{shown!r} is no quantity of this world")
    return _rounded(_EXACT.scaleb(number, exponent), _NANO)


def _rounded(amount: Decimal, unit: Decimal) -> Decimal:
    return _EXACT.quantize(amount, unit) if amount.as_tuple().exponent < unit.as_tuple().exponent else amount  # type: ignore[operator]


def milli(amount: Decimal) -> Decimal:
    """Rounded up (away from zero) to thousandths, as the server stores requests, limits and capacities.

    `SetDefaults_ResourceList`: https://github.com/kubernetes/kubernetes/issues/18538
    """
    return _rounded(amount, _MILLI)


def same(a: str | int | float, b: str | int | float) -> bool:
    """Whether both are one amount in a list of resources (rounded up to milli). What is no quantity equals only itself."""
    if type(a) is type(b) and a == b:
        return True
    try:
        return milli(parse(a)) == milli(parse(b))
    except ValueError:
        return False
