"""Addresses of pages: any name in, a path out, and back. Names are those of clusters and objects, so anything may be in them.

`{kind.group}` is kubectl's word (`deployment.apps`), so that page and command agree.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes, urlencode

from auditor.model import Ref
from auditor.publish.words import kubectl_kind

_BAD_ESCAPE = re.compile(r"~(?![0-9A-F]{2})")


def segment(name: str) -> str:
    """One part of a path. What a path cannot hold is written `~2F`: `%2F` would be a slash again before routing sees it."""
    if name in ("", ".", ".."):
        return "~" + "".join(f"~{ord(c):02X}" for c in name)
    return quote(name, safe="-_.:@", errors="surrogatepass").replace("~", "~7E").replace("%", "~")


def name_of(part: str) -> str | None:
    """The name that `segment` wrote; None for what it never writes."""
    if part.startswith("~~") or part == "~":
        part = part[1:]
    if _BAD_ESCAPE.search(part):
        return None
    try:
        return unquote_to_bytes(part.replace("~", "%")).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def cluster_path(cluster: str, *rest: str) -> str:
    """`/c/prod-eu/drift`; `rest` are words of ours."""
    return "/".join(["/c", segment(cluster), *rest])


def namespace_path(cluster: str, namespace: str) -> str:
    return cluster_path(cluster, "ns", segment(namespace))


def object_path(cluster: str, ref: Ref) -> str:
    """Of an object; cluster-scoped ones, and those whose namespace nobody names, are under `cluster`."""
    where = ("ns", segment(ref.namespace)) if ref.namespace else ("cluster",)
    return cluster_path(cluster, *where, segment(kubectl_kind(ref)), segment(ref.name))


def with_query(path: str, **query: str | int | None) -> str:
    """The path with what is set of the query; nothing is appended where nothing is."""
    found = {key: str(value) for key, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(found, errors='surrogatepass')}" if found else path
