"""Which policies there are: the name of a package in, its policies out. No policy is named here; the folders are the list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from importlib import resources

from auditor.kube.nearest import nearest
from auditor.model import Misuse, Policy


def load_catalogue(package: str = "policies") -> tuple[Policy, ...]:
    """Every policy of a package of folders `<name>/policy.py`, by practice and id (practice 0, which cuts across, last).

    Raises ValueError where a folder and its function are not called alike, or an id or name is there twice.
    """
    found: dict[str, Policy] = {}
    names: set[str] = set()
    root = importlib.import_module(package)
    for module in pkgutil.iter_modules(root.__path__):
        if not module.ispkg:
            continue
        held = vars(importlib.import_module(f"{package}.{module.name}.policy"))
        policy = held.get(module.name)
        if not isinstance(policy, Policy) or policy.name != module.name.replace("_", "-"):
            raise ValueError(f"{package}/{module.name}/policy.py: it holds no policy {module.name}")
        if policy.id in found:
            raise ValueError(
                f"{package}/{module.name}/policy.py: {policy.id} is already the id of {found[policy.id].name}"
            )
        found[policy.id] = policy
        names.add(policy.name)
    return tuple(sorted(found.values(), key=lambda policy: (policy.practice or 11, policy.id)))


def choose(catalogue: Sequence[Policy], select: Iterable[str], ignore: Iterable[str]) -> tuple[Policy, ...]:
    """The policies to judge by: those selected (also ones that are off), else all that are on; without those ignored.

    Ids in any case, or names. Raises `Misuse` for a word that is neither.
    """
    selected = {_named(catalogue, word).id for word in select}
    ignored = {_named(catalogue, word).id for word in ignore}
    chosen = (policy for policy in catalogue if (policy.id in selected if selected else policy.enabled))
    return tuple(policy for policy in chosen if policy.id not in ignored)


def examples(policy: Policy) -> tuple[str, str]:
    """The good and the bad manifest that lie beside a policy's code, as text."""
    folder = resources.files(policy.rule.__module__.rpartition(".")[0])
    return folder.joinpath("good.yaml").read_text("utf-8"), folder.joinpath("bad.yaml").read_text("utf-8")


def _named(catalogue: Sequence[Policy], word: str) -> Policy:
    for policy in catalogue:
        if word.upper() == policy.id.upper() or word.lower() == policy.name:
            return policy
    meant = nearest(word.upper(), [policy.id for policy in catalogue]) or nearest(
        word.lower(), [p.name for p in catalogue]
    )
    raise Misuse(
        f"{word!r} is no policy" + (f"; did you mean {meant}?" if meant else ""),
        remedy="`auditor policies` lists them all",
    )
