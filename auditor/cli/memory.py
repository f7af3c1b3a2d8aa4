"""`history`, `blame`: what is remembered of an object, a score or a finding, from the store, with what git says beside it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli import app, options
from auditor.cli.evaluate import quiet_logs, with_cache
from auditor.cli.stored import ago
from auditor.model import Misuse, Ref

if TYPE_CHECKING:
    from auditor.store import Store

_OBJECT = "name it as KIND/NAMESPACE/NAME, such as Deployment/shop/web"


@app.command()
def history(
    what: Annotated[
        str,
        typer.Argument(metavar="OBJECT", help="KIND/NAMESPACE/NAME, KIND/NAME, a namespace, team:NAME, or `cluster`."),
    ],
    since: Annotated[str, typer.Option("--since", metavar="AGE", help="Of scores: how far back.")] = "7d",
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Of scores: its end; default: now.")
    ] = None,
    output: options.Form = options.Output.TEXT,
    cluster: options.Cluster = None,
    database: options.Database = None,
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """What became of an object: commits, drift, findings, score, each with its cause.

    Of a namespace, a team or the cluster: what moved its score, part by part, and what would bring it back.
    """
    from auditor import memory
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, memory_forms, text, text_memory
    from auditor.run import cluster_name
    from auditor.store import opened

    quiet_logs(debug)
    chosen = with_cache(options.load_settings(settings, options.stored(database, cluster)))
    name = cluster_name(chosen.cluster)
    with opened(chosen.store) as store:
        assert store is not None
        name = _known_cluster(store, name)
        if "/" in what:
            timeline = memory.history(store, _ref(store, name, what), chosen, key=new_key())
            blocks, form = text_memory.history_blocks(timeline), memory_forms.history_form(timeline)
        else:
            end = options.moment(until) or datetime.now(UTC)
            scope, _, of = what.partition(":") if ":" in what else ("namespace", "", what)
            if what == "cluster":
                scope, of = "cluster", ""
            if scope not in ("cluster", "namespace", "team"):
                raise Misuse(f"{what!r} is neither an object nor a score", remedy=_OBJECT)
            move = store.move(name, ago(since, end), end, scope=scope, name=of)
            if move is None:
                raise Misuse(
                    f"no score of {scope} {of} is on record by then", remedy="name another, or a later --until"
                )
            blocks, form = text_memory.moves_blocks([move]), memory_forms.history_form(None, [move])
    if output is options.Output.JSON:
        options.write(jsonform.dumps(form))
    else:
        options.say(text.render(blocks, options.look()))
    return 0


@app.command()
def blame(
    what: Annotated[
        str, typer.Argument(metavar="FINDING", help="A fingerprint or its beginning, a policy, or KIND/NAMESPACE/NAME.")
    ],
    of: Annotated[
        str | None, typer.Argument(metavar="[OBJECT]", help="With a policy: the object, as KIND/NAMESPACE/NAME.")
    ] = None,
    output: options.Form = options.Output.TEXT,
    cluster: options.Cluster = None,
    database: options.Database = None,
    settings: options.SettingsFile = None,
    debug: options.Debug = False,
) -> int:
    """Who brought a finding: a commit with author and line, or drift and by what tool.

    Of an object: who brought each of its open findings, and each field of it that drifts.
    """
    from auditor import memory
    from auditor.compliance import load_catalogue
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, memory_forms, text, text_memory
    from auditor.run import cluster_name
    from auditor.store import opened

    quiet_logs(debug)
    chosen = with_cache(options.load_settings(settings, options.stored(database, cluster)))
    catalogue = load_catalogue()
    with opened(chosen.store) as store:
        assert store is not None
        name = _known_cluster(store, cluster_name(chosen.cluster))
        ref = _ref(store, name, what if "/" in what else of) if "/" in what or of else None
        policy = next((p.id for p in catalogue if what.upper() == p.id or what == p.name), "")
        if not policy and "/" not in what and not re.fullmatch(r"[0-9a-f]{4,}", what):
            raise Misuse(
                f"{what!r} is no fingerprint, policy or object", remedy=f"see `auditor policies`, or {_OBJECT}"
            )
        prefix = "" if policy or "/" in what else what
        fingerprints = store.fingerprints(name, prefix=prefix, policy=policy, ref=ref)
        found = memory.blame(store, name, fingerprints, chosen, key=new_key(), policies=catalogue)
        if "/" in what:
            found = tuple(one for one in found if one.until is None)
        drifting = store.drifting(ref) if ref is not None and not policy else ()
    if not found and not drifting:
        raise Misuse(f"no finding of {what} {of or ''}".rstrip() + " is on record", remedy="see `auditor history`")
    if output is options.Output.JSON:
        options.write(jsonform.dumps(memory_forms.blame_form(found, drifting)))
    else:
        options.say(text.render(text_memory.blame_blocks(found, drifting), options.look()))
    return 0


def _known_cluster(store: Store, name: str) -> str:
    """The cluster that is meant: the one named, else the only one there is. Raises `Misuse`."""
    known = store.clusters()
    if name in known:
        return name
    if len(known) == 1 and not name:
        return known[0]
    if name == "in-cluster" and len(known) == 1:
        return known[0]  # the default of the settings, where the store tells better
    remedy = (
        f"name one with --cluster: {', '.join(known)}" if known else "publish a run first: auditor audit --database …"
    )
    raise Misuse(f"no run of the cluster {name!r} is on record", remedy=remedy)


def _ref(store: Store, cluster: str, text: str | None) -> Ref:
    """The object that is meant, in any group that the store has of that kind. Raises `Misuse`."""
    parts = (text or "").split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise Misuse(f"{text!r} names no object", remedy=_OBJECT)
    kind, namespace, name = parts[0], parts[1] if len(parts) == 3 else None, parts[-1]
    kind, _, group = kind.partition(".")
    found = [r for r in store.named(cluster, kind, namespace, name) if not group or r.group == group]
    if not found:
        raise Misuse(f"nothing is on record of {text}", remedy=_OBJECT)
    if len(found) > 1:
        groups = ", ".join(f"{kind}.{ref.group}" for ref in found)
        raise Misuse(f"{text} is in several API groups", remedy=f"write the kind as one of {groups}")
    return found[0]
