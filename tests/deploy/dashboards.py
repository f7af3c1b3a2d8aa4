"""The dashboards as tests read them: every panel and every query, and what Grafana would put in for its variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.deploy.base import DEPLOY

GRAFANA: Final = DEPLOY / "grafana"
DASHBOARDS: Final[Mapping[str, Mapping[str, Any]]] = {
    path.stem: json.loads(path.read_text()) for path in sorted(GRAFANA.glob("*.json"))
}


@dataclass(frozen=True)
class Query:
    """One query of one panel."""

    dashboard: str
    panel: Mapping[str, Any]
    target: Mapping[str, Any]

    @property
    def expr(self) -> str:
        text: str = self.target["expr"]
        return text

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel['title']}: {self.target['refId']}"


def panels() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(dashboard, panel) of every panel."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            yield name, panel


def queries() -> tuple[Query, ...]:
    return tuple(Query(name, panel, target) for name, panel in panels() for target in panel["targets"])


def variables(dashboard: str) -> Mapping[str, Mapping[str, Any]]:
    return {each["name"]: each for each in DASHBOARDS[dashboard]["templating"]["list"]}


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with Grafana's variables put in; `$1` is left alone, as Grafana leaves what it does not know."""
    return re.sub(r"\$(?:\{(\w+)\}|([a-z_]\w*))", lambda found: values[found[1] or found[2]], text)
