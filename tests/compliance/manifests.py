"""Snapshots of the two sides from YAML, as the tests of judge, score and waivers write them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from auditor.kube.secrets import new_key
from auditor.manifests import read
from auditor.model import Cell, CellState, Snapshot

KEY = new_key()


def git(text: str, source: str = "git") -> Snapshot:
    said = read(text.encode(), source=source, file="app.yaml", cluster="", namespace=None, key=KEY)
    return Snapshot(said.resources, said.problems)


def cluster(text: str, cells: Sequence[Cell] = (), otherwise: CellState = CellState.LISTED) -> Snapshot:
    said = read(text.encode(), source="", file="", cluster="", namespace=None, key=KEY, declared=False)
    resources = tuple(replace(one, origin=None, locate=None) for one in said.resources)
    return Snapshot(resources, cells=tuple(cells), otherwise=otherwise)


def deployment(
    name: str = "web", *, namespace: str = "shop", labels: str = "{app: web}", spec: str = "", more: str = ""
) -> str:
    """One Deployment with one container; `spec` are further lines of its spec, `more` of its container."""
    return f"""---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
spec:
  {spec}
  selector: {{matchLabels: {labels}}}
  template:
    metadata: {{labels: {labels}}}
    spec:
      containers:
        - name: {name}
          image: registry.example/{name}:1.0.0
          {more}
"""


def service(name: str = "web", *, namespace: str = "shop", selector: str = "{app: web}", more: str = "") -> str:
    return f"""---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
spec:
  selector: {selector}
  ports: [{{port: 80}}]
  {more}
"""
