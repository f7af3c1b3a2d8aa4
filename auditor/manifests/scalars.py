"""What a YAML scalar means to kubectl: text in, the JSON value that the API server would be sent out.

The rules are those of sigs.k8s.io/yaml over go.yaml.in/yaml/v2 (its resolve.go and decode.go), checked against kubectl itself:
y, n, yes, no, on and off are booleans, 0644 and 0o644 octal, 1e3 a number, and there are neither dates nor sexagesimals.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import math
import re
import struct
from decimal import Decimal
from typing import Any, Final

_NOT_A_NUMBER: Final = (".nan", ".NaN", ".NAN")
_INFINITE: Final = tuple(sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF"))

WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(_NOT_A_NUMBER, math.nan),
    **{word: -math.inf if word.startswith("-") else math.inf for word in _INFINITE},
}

TAG: Final = "tag:yaml.org,2002:"
_RESOLVABLE: Final = {TAG + word for word in ("str", "bool", "int", "float", "null", "timestamp")}

# Go's base 0: a prefix chooses the base, and a bare leading zero means octal. Underscores are gone by then.
_INTEGER = re.compile(r"([-+]?)(?:(0|[1-9][0-9]*)|0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+))", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_POINT_FLOAT = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?", re.ASCII)
_SIGN_IN_BINARY = re.compile(r"0b([-+][01]+)", re.ASCII)
_TIMESTAMP = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)"
    r"(?:(?:[Tt](?P<h>\d\d?):(?P<m>\d\d?):(?P<s>\d\d?)(?:\.\d+)?(?:Z|[-+]\d\d:\d\d))|(?: (?P<h2>\d\d?):(?P<m2>\d\d?):(?P<s2>\d\d?)(?:\.\d+)?))?",
    re.ASCII,
)

_LEAST, _MOST = -(2**63), 2**63 - 1
_MOST_UNSIGNED = 2**64 - 1


EACH_BYTE: Final = "auditor-each-byte"
"""An error handler for decoding: every byte that is no UTF-8 becomes one U+FFFD, as Go has it."""


def _each_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error(EACH_BYTE, _each_byte)


class Unacceptable(ValueError):
    """A scalar that kubectl refuses: the reason, without the scalar."""


def plain(text: str) -> Any:
    """The value of an untagged scalar without quotes: str, int, float, bool or None. `.inf` and `.nan` come back as floats."""
    value = resolve(text)
    return whole(value) if isinstance(value, float) else value


def resolve(text: str) -> Any:
    """As `plain`, but what is written as a float is one: 1e3 gives 1000.0. Keys and tags ask for the difference."""
    if text in WORDS:
        return WORDS[text]
    first = text[0]
    if first == ".":
        return _float(text.replace("_", ""), text) if _POINT_FLOAT.fullmatch(text) else text
    if first not in "+-0123456789":
        return text
    digits = text.replace("_", "")
    if match := _INTEGER.fullmatch(digits):
        sign, decimal, hexadecimal, binary, octal = match.groups()
        value = _integer(decimal, 10) or _integer(hexadecimal, 16) or _integer(binary, 2) or _integer(octal, 8)
        value = -value if sign == "-" else value
        if _LEAST <= value <= _MOST or (not sign and value <= _MOST_UNSIGNED):
            return value
    if _FLOAT.fullmatch(digits):
        return _float(digits, text)
    if match := _SIGN_IN_BINARY.fullmatch(digits):
        value = int(match[1][:70], 2)
        return value if _LEAST <= value <= _MOST else text
    return text


def _integer(digits: str | None, base: int) -> int:
    # Longer than any 64 bit number in any base: Python would spend quadratic time on it, and refuse beyond 4,300 digits.
    if digits is None:
        return 0
    digits = digits.lstrip("0")
    return int(digits, base) if 0 < len(digits) <= 64 else _MOST_UNSIGNED + 1 if digits else 0


def _float(digits: str, text: str) -> float | str:
    value = float(digits)
    # Out of range Go leaves it a string, which saves hashes such as 1234e567.
    return text if math.isinf(value) else value


def whole(value: float) -> int | float:
    """A float as Kubernetes reads its JSON: 1000.0 is written 1000 and read as an integer, if it is one of 64 bits."""
    if not value.is_integer():
        return value
    # Go writes the shortest digits that tell the float, and zeros; from 2**53 on that is not the float's own value.
    number = int(value) if abs(value) < 2**53 else int(Decimal(repr(value)))
    return number if _LEAST <= number <= _MOST else value


def tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit tag (long form). Unknown and local tags mean nothing. Raises Unacceptable."""
    if tag == TAG + "binary":
        return _binary(text)
    if tag not in _RESOLVABLE or tag == TAG + "str":
        return text
    short = "!!" + tag.removeprefix(TAG)
    if tag == TAG + "timestamp":
        if _timestamp(text):
            return text
        raise Unacceptable(f"a value tagged {short} is none")
    value = resolve(text)
    if tag == TAG + "float" and type(value) is int and value <= _MOST:
        value = float(value)
    wanted = {"!!bool": bool, "!!null": type(None), "!!int": int, "!!float": float}[short]
    if type(value) is not wanted:
        raise Unacceptable(f"a value tagged {short} is none")
    return value


def _timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        return False
    month, day = int(match["month"]), int(match["day"])
    hour, minute, second = (int(match[a] or match[b] or 0) for a, b in (("h", "h2"), ("m", "m2"), ("s", "s2")))
    return 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 60


def _binary(text: str) -> str:
    digits = text.replace("\n", "").replace("\r", "")
    try:
        data = base64.b64decode(digits, validate=True)
    except (binascii.Error, ValueError):
        data = None
    if data is None or len(digits) % 4:
        raise Unacceptable("a value tagged !!binary is not base64")
    return data.decode("utf-8", EACH_BYTE)


def key_text(value: Any) -> str:
    """The JSON key that a YAML key of this value (as `resolve` gives it) becomes. Raises Unacceptable for null and for integers beyond 64 bits."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not _LEAST <= value <= _MOST:
            raise Unacceptable("a key is an integer beyond 64 bits")
        return str(value)
    if isinstance(value, float):
        return _short_float(value)
    raise Unacceptable("a key is empty or null" if value is None else "a key is a list or a map")


def _short_float(value: float) -> str:
    """As Go's FormatFloat(value, 'g', -1, 32) words it, which is what sigs.k8s.io/yaml makes of float keys."""
    if math.isnan(value):
        return ".nan"
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        single = math.copysign(math.inf, value)
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    if single == 0:
        return "-0" if math.copysign(1, single) < 0 else "0"
    for precision in range(1, 10):
        mantissa, exponent = f"{single:.{precision - 1}e}".split("e")
        if struct.unpack("f", struct.pack("f", float(f"{mantissa}e{exponent}")))[0] == single:
            break
    power = int(exponent)
    digits = mantissa.replace(".", "").lstrip("-")
    if power < -4 or power >= 6:
        return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    return f"{float(f'{mantissa}e{exponent}'):.{max(len(digits) - 1 - power, 0)}f}"
