"""Manifests as resources: the bytes of a file in, `Read` out. Bad input is among the problems; nothing is raised.

Values of Secrets are sealed before anything leaves this module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auditor.kube import kinds, secrets
from auditor.manifests import classes, parts
from auditor.manifests.budget import Budget
from auditor.manifests.documents import LARGEST, Document, documents, uncollected
from auditor.manifests.faults import faults_of, is_odd
from auditor.manifests.mistakes import QUOTES, Mistake, counter, in_file
from auditor.manifests.places import Places, Written
from auditor.model import Origin, Place, Problem, RawPath, Ref, Resource, Severity

if TYPE_CHECKING:
    from auditor.manifests import diagnosis

_WARNINGS: Final = {"this is not read: the document ended above it", QUOTES}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A document, or a whole file, that is no manifest, and what it is instead."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a file, or several, said."""

    resources: tuple[Resource, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    waivers: tuple[Resource, ...] = ()
    """The documents of waivers files, under the name of their file."""


def read(
    text: bytes,
    *,
    source: str,
    file: str,
    cluster: str,
    namespace: str | None,
    key: secrets.Key,
    places: bool = True,
    declared: bool = True,
    siblings: Collection[str] = (),
    largest: int = LARGEST,
) -> Read:
    """Read one file. `namespace` is for objects that name none; `declared` False for objects that come from a cluster, whose
    status is in order; `siblings`, the other files of the source, tell Helm charts; `largest` in bytes."""
    return read_many(
        [(file, text)],
        source=source,
        cluster=cluster,
        namespace=namespace,
        key=key,
        places=places,
        declared=declared,
        siblings=siblings,
        largest=largest,
    )


def read_many(
    files: Iterable[tuple[str, bytes]],
    *,
    source: str,
    cluster: str,
    namespace: str | None,
    key: secrets.Key,
    places: bool = True,
    declared: bool = True,
    siblings: Collection[str] = (),
    largest: int = LARGEST,
) -> Read:
    """Read many files as `read` does one, faster: scalars that were seen are not looked at again."""
    reading = _Reading(source, cluster, namespace, key, places, declared)
    budget = Budget()
    with uncollected():
        for file, text in files:
            _read_file(reading, file, text, budget, siblings, largest)
    return Read(tuple(reading.resources), tuple(reading.problems), tuple(reading.skipped), tuple(reading.waivers))


class _Reading:
    """What is gathered while files are read."""

    def __init__(
        self, source: str, cluster: str, namespace: str | None, key: secrets.Key, places: bool, declared: bool
    ) -> None:
        self.source, self.cluster, self.namespace, self.key = source, cluster, namespace, key
        self.places, self.declared = places, declared
        self.resources: list[Resource] = []
        self.problems: list[Problem] = []
        self.skipped: list[Skipped] = []
        self.waivers: list[Resource] = []
        self.looked = 0
        """Bytes of the file at hand that a diagnosis was asked of; beyond a limit, no more are."""


def _read_file(
    reading: _Reading, file: str, text: bytes, budget: Budget, siblings: Collection[str], largest: int
) -> None:
    what = classes.classify(file, siblings)
    if what == classes.HELM_TEMPLATE:
        reading.skipped.append(Skipped(Place(reading.source, file, 1), what))
        return
    reading.looked = 0
    for document in documents(text, budget, largest=largest):
        explained = _explained(reading, file, document) if document.mistakes and reading.declared else None
        if explained is not None:
            reading.problems.extend(explained)
        else:
            reading.problems.extend(_problem(reading, file, mistake) for mistake in document.mistakes)
        if not document.readable:
            continue
        reason = what or classes.no_manifest(document.value)
        if reason == classes.NO_MANIFEST and reading.declared and classes.holds_waivers(file):
            reading.waivers.append(_waivers(reading, file, document))
        elif reason:
            reading.skipped.append(Skipped(Place(reading.source, file, document.line), reason))
        else:
            _read_document(reading, file, document, told=explained is not None)


def _waivers(reading: _Reading, file: str, document: Document) -> Resource:
    """A document of a waivers file, as it is written: what is wrong with it, those will say who read waivers."""
    body = document.value if isinstance(document.value, dict) else {}
    places = Places(Written(document.text, document.first))
    ref = Ref(reading.cluster, "", classes.WAIVERS, None, file)
    return Resource(ref, "", body, Origin(reading.source, file, document.line), places)


def _explained(reading: _Reading, file: str, document: Document) -> list[Problem] | None:
    """What the author of a document that kubectl refuses, or would take for less than is written, probably meant.

    None where it cannot be told any better than the document's mistakes do.
    """
    first = document.mistakes[0]
    if first.code not in ("MAN001", "MAN002", "MAN003"):
        return None
    found = _diagnoses(reading, document)
    if document.readable:  # keys that are written twice, because a document begins that was not set apart
        return _told(reading, file, document, found) if len(found) > 1 else None
    if found and all(each.body is not None for each in found) and any(each.slips for each in found):
        return _told(reading, file, document, found)
    counted = counter(document.text)
    slips = [in_file(slip, document.first, counted) for each in found for slip in each.slips]
    if not slips:
        return None
    mistakes = slips if any(slip.line <= first.line for slip in slips) else [first, *slips]
    return [_problem(reading, file, mistake) for mistake in mistakes]


def _diagnoses(reading: _Reading, document: Document) -> list[diagnosis.Diagnosis]:
    reading.looked += len(document.text)
    from auditor.manifests import diagnosis  # what is well written needs none

    return diagnosis.diagnoses(document.text.decode("utf-8")) if reading.looked <= diagnosis.LARGEST else []


def _told(
    reading: _Reading, file: str, document: Document, found: Iterable[diagnosis.Diagnosis], ref: Ref | None = None
) -> list[Problem]:
    """The slips of a document and what the schema has to say of the rest, with lines and columns of the file."""
    counted = counter(document.text)
    problems: list[Problem] = []
    for each in found:
        mistakes = [in_file(slip, document.first, counted) for slip in (*each.slips, *each.doubts)]
        problems += [_problem(reading, file, mistake, ref) for mistake in mistakes]
        for fault, line, column in each.faults:
            place = Place(reading.source, file, document.first + line, column + 1)
            problems.append(Problem(fault.code, fault.severity, fault.message, fault.remedy, place, ref))
    return sorted(problems, key=lambda problem: problem.place.line if problem.place else 0)


def _problem(reading: _Reading, file: str, mistake: Mistake, ref: Ref | None = None) -> Problem:
    place = Place(reading.source, file, mistake.line, mistake.column)
    severity = Severity.WARNING if mistake.message in _WARNINGS else Severity.ERROR
    return Problem(mistake.code, severity, mistake.message, mistake.remedy, place, ref)


def _read_document(reading: _Reading, file: str, document: Document, *, told: bool = False) -> None:
    """`told`: what is wrong with it was said already."""
    written = Written(document.text, document.first)
    sealed = False
    for prefix, body in _objects(document.value, ()):
        places = Places(written, prefix)
        line = document.line
        if prefix:  # an item of a List
            line, _ = places(()) or (line, 1)
        sealed = sealed or secrets.is_secret(body)
        _read_object(reading, body, Origin(reading.source, file, line), places, None if prefix else document, told)
    if sealed and reading.places:
        written.forget_text()


def _objects(value: Mapping[str, Any], prefix: RawPath) -> Iterator[tuple[RawPath, Mapping[str, Any]]]:
    """The object itself, or the items of a List, which may be Lists again. Items of a typed list have their type from it."""
    kind, items = value.get("kind"), value.get("items")
    if not (
        isinstance(kind, str)
        and kind.endswith("List")
        and (isinstance(items, list) or (kind == "List" and items is None))
    ):
        yield prefix, value
        return
    for index, item in enumerate(items or ()):
        here = (*prefix, "items", index)
        if not isinstance(item, Mapping):
            yield here, {}
            continue
        if kind != "List" and "kind" not in item:
            item = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix("List"), **item}
        yield from _objects(item, here)


def _read_object(
    reading: _Reading, body: Mapping[str, Any], origin: Origin, places: Places, document: Document | None, told: bool
) -> None:
    """Add a resource, and what is wrong with it, unless that was `told`. `document` is given for an object that is a document of its own."""
    api_version, kind, metadata = body.get("apiVersion"), body.get("kind"), body.get("metadata")
    known = isinstance(api_version, str) and isinstance(kind, str)
    group = kinds.split_api_version(api_version)[0] if isinstance(api_version, str) else ""
    faults = _faults(reading, body, group) if not told else []
    ref = None
    if known and api_version and kind and isinstance(metadata, Mapping):
        name = metadata.get("name")
        if name is not None and name != "" and isinstance(name, str | int | float):
            ref = Ref(reading.cluster, group, str(kind), _namespace(reading, group, str(kind), metadata), str(name))
            body = secrets.seal(body, reading.key)
            reading.resources.append(Resource(ref, str(api_version), body, origin, places if reading.places else None))
    if document is not None and reading.declared and not told and (faults or is_odd(document.text)):
        found = _diagnoses(reading, document)
        if any(each.slips or each.doubts for each in found) and all(each.body is not None for each in found):
            reading.problems.extend(_told(reading, origin.file, document, found, ref))
            return
    for fault in faults:
        line, column = places(fault.path) or (origin.line, 1)
        place = Place(origin.source, origin.file, line, column)
        reading.problems.append(Problem(fault.code, fault.severity, fault.message, fault.remedy, place, ref))


def _faults(reading: _Reading, body: Mapping[str, Any], group: str) -> list[parts.Fault]:
    if reading.declared:
        return faults_of(body)
    return [*parts.missing(body, group), *parts.misspelt(body)]


def _namespace(reading: _Reading, group: str, kind: str, metadata: Mapping[str, Any]) -> str | None:
    """As written, else the source's; none for what lives in no namespace. Custom kinds count as namespaced, unless their name says Cluster."""
    scope = kinds.scope(group, kind)
    if scope is False:
        return None
    written = metadata.get("namespace")
    if isinstance(written, str) and written:
        return written
    if scope is None and kind.startswith("Cluster"):
        return None
    return reading.namespace
