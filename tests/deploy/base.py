"""The Kustomize base as tests read it: its files, and what kubectl makes of them. Nothing in, plain mappings out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
BASE: Final = DEPLOY / "base"
NAMESPACE: Final = "gitops-auditor"

Object = Mapping[str, Any]


def files() -> tuple[Object, ...]:
    """Every object of the base, as its files say."""
    kustomization = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    texts = [(BASE / name).read_text() for name in kustomization["resources"]]
    return tuple(document for text in texts for document in yaml.safe_load_all(text))


def one(objects: tuple[Object, ...], kind: str) -> Object:
    """The only object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


def pod(deployment: Object) -> Object:
    """The Pod spec of the Deployment."""
    spec: Object = deployment["spec"]["template"]["spec"]
    return spec


def container(deployment: Object) -> Object:
    """The only container of the Deployment."""
    (found,) = pod(deployment)["containers"]
    return found  # type: ignore[no-any-return]
