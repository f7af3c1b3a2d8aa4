"""What is read: one object, who it is and where it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

RawPath: TypeAlias = tuple[str | int, ...]
"""Keys and positions from the top of a body, as code walks them: `("spec", "containers", 0, "image")`.
People see keyed paths instead (`spec.containers[name=web].image`): `auditor.kube.paths` turns one into the other."""


Body: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as JSON gives it: camelCase keys, dicts, lists, scalars, and `Sealed` where a secret value stood.
Nobody changes a body after it was read; the tests hand out deep-frozen ones to prove it."""


class Ref(NamedTuple):
    """The identity of an object, on both sides. Without a version: git may say v1beta1 where the server says v1.

    A named tuple, as `Verdict` is: every lookup hashes one, and a dataclass does that five times as slowly.

    `namespace` is None for cluster-scoped objects and where neither the manifest nor its source names one;
    `cluster` is "" where there is none (files only).
    """

    cluster: str
    group: str
    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """For sorting: by cluster, namespace, kind, group, name; no namespace comes first."""
        return (self.cluster, self.namespace or "", self.kind, self.group, self.name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written. `file` is what a person can open: a path from where they stand, or within the repository.
    `line` and `column` count from 1."""

    source: str
    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Origin:
    """The document an object was read from: its source, file, and the line it begins on."""

    source: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is left of a secret value: enough to compare it and to judge it, nothing to read.

    Not a string, so that it cannot be printed or sent by accident. `mark` is an HMAC under the key `key_id`: marks under
    different keys compare as unknown. `facts` are what rules may know: "empty", "placeholder", "pem-private", "pem-public",
    "token", "encrypted" (SOPS), "invalid" (not base64).
    """

    key_id: str
    mark: str
    facts: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "<sealed>"

    __str__ = __repr__

    def same_as(self, other: Sealed) -> bool | None:
        """Whether both hide the same value; None where that cannot be known (another key, or encrypted)."""
        if self.key_id != other.key_id or "encrypted" in self.facts | other.facts:
            return None
        return self.mark == other.mark


Locate: TypeAlias = Callable[[RawPath], tuple[int, int] | None]
"""(line, column) of a path of one document, or of its nearest parent that is written; None when it cannot be told."""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One Kubernetes object of either side. Live objects have no origin."""

    ref: Ref
    api_version: str
    body: Body
    origin: Origin | None = None
    locate: Locate | None = field(default=None, repr=False)
    trace: Callable[[RawPath], Place] | None = field(default=None, repr=False)
    """Of a rendered object: where each field comes from, which may be another file than the object's own."""

    def place(self, path: RawPath = ()) -> Place | None:
        """Where the path is written, or its nearest written parent; None for a live object. Parses on demand."""
        if self.origin is None:
            return None
        if self.trace is not None:
            return self.trace(path)
        at = self.locate(path) if self.locate else None
        line, column = at or (self.origin.line, 1)
        return Place(self.origin.source, self.origin.file, line, column)

    @property
    def metadata(self) -> Mapping[str, Any]:
        return _mapping(self.body.get("metadata"))

    def labels(self) -> Mapping[str, Any]:
        return _mapping(self.metadata.get("labels"))

    def annotations(self) -> Mapping[str, Any]:
        return _mapping(self.metadata.get("annotations"))


def _mapping(value: Any) -> Mapping[str, Any]:
    if type(value) is dict:  # nearly always; the general test is slow
        return value
    return value if isinstance(value, Mapping) else {}
