"""`serve` and `demo`: the parts put together and kept running."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor import logs
from auditor.cli import app, options
from auditor.model import Misuse, Policy

if TYPE_CHECKING:
    from auditor.daemon import Daemon
    from auditor.publish.state import Ran, State
    from auditor.settings import Settings
    from auditor.store import Store

Once = Annotated[bool, typer.Option("--once", help="Print the result and end, without serving pages.")]
Port = Annotated[int | None, typer.Option("--port", help="Port for pages and metrics. [default: 8080, or a free one]")]


@app.command()
def serve(settings: options.SettingsFile = None, debug: options.Debug = False) -> int:
    """Run on a schedule, with pages, metrics and reports.

    Ends with SIGTERM or Ctrl-C.
    """
    from auditor import daemon as daemons
    from auditor.kube.secrets import new_key
    from auditor.store import opened

    if settings is None:
        raise Misuse("no settings file is given", remedy="name one with --settings; docs/settings.md has every setting")
    chosen = options.load_settings(settings)
    logs.configure("debug" if debug else chosen.log_level)
    policies = options.chosen(chosen.audit.select, chosen.audit.ignore)
    if not chosen.sources:
        raise Misuse(f"{settings}: sources: none is given", remedy="name at least one git source; see docs/settings.md")
    with opened(chosen.store) as store:
        assert store is not None
        published = Published(chosen, store, policies)
        daemon = daemons.Daemon(
            settings=chosen,
            store=store,
            policies=policies,
            key=new_key(),
            report=lambda due: deliver(chosen, store, due),
            changed=published.changed,
            led=published.led,
        )
        return daemons.serve(daemon, lambda running: pages(running, published))


@app.command()
def demo(
    once: Once = False,
    port: Port = None,
    output: options.Form = options.Output.TEXT,
    show_all: options.All = False,
    debug: options.Debug = False,
) -> int:
    """See all of it on a built-in example, without a cluster.

    A repository made on the spot is audited against a recorded live state. Nothing is left behind.
    """
    import tempfile

    from auditor.cli import example
    from auditor.cli.evaluate import quiet_logs
    from auditor.kube.secrets import new_key
    from auditor.publish import jsonform, text
    from auditor.run import run
    from auditor.store import opened

    quiet_logs(debug)
    with tempfile.TemporaryDirectory(prefix="auditor-demo-") as folder:
        settings = example_settings(Path(folder))
        policies = options.chosen((), ())
        with opened(settings.store) as store:
            assert store is not None
            result = run(
                settings,
                policies=policies,
                key=new_key(),
                store=store,
                trigger="startup",
                at=example.recorded_at(),
            ).audit
            if output is options.Output.JSON:
                options.write(jsonform.dumps(jsonform.audit_form(result)))
            else:
                options.say(text.audit_text(result, policies, options.look(show_all)))
            if not once:
                show_pages(Published(settings, store, policies), port)
    return 0


def example_settings(folder: Path) -> Settings:
    """Settings for the built-in example, with its repository, store and cache in a folder."""
    from auditor.cli import example
    from auditor.settings import load

    repository = example.repository(folder / "shop.git")
    source = {"name": "shop", "url": f"file://{repository}", "folder": "apps", "allow_local": True}
    return load(
        flags={
            "sources": (source,),
            "cluster": {"live": str(example.LIVE), "name": "demo"},
            "store": {"url": f"sqlite:///{folder / 'demo.db'}"},
            "cache": folder / "cache",
        }
    )


class Published:
    """What pages and metrics read: one immutable State, swapped whole after each run."""

    def __init__(self, settings: Settings, store: Store, policies: Sequence[Policy]) -> None:
        from auditor import __version__
        from auditor.desired import source_name
        from auditor.publish.state import ClusterState, State
        from auditor.run import cluster_name
        from auditor.settings import GitSource

        self.store, self.name = store, cluster_name(settings.cluster)
        self.changing = threading.Lock()
        self.shown: object = None
        self.state = State(
            clusters=(ClusterState(self.name),),
            policies=tuple(policies),
            every=timedelta(minutes=settings.schedule.every_minutes),
            repositories={source_name(s): s.url for s in settings.sources if isinstance(s, GitSource)},
            version=__version__,
        )
        self.refresh()

    def current(self) -> State:
        return self.state

    def changed(self, ran: Ran | None) -> None:
        """After a run, after a report, and every few seconds on a replica that follows (None)."""

        from auditor.model import Unavailable
        from auditor.publish.state import after_run

        with self.changing:
            if ran is not None:
                self.state = after_run(self.state, ran)
            try:
                self.refresh()
            except Unavailable as broken:  # what was read last is shown on, with its age
                logs.logger().warning("the pages could not be brought up to date", reason=broken.message)

    def led(self, leads: bool) -> None:
        """Whether this replica leads, where there may be several."""
        from dataclasses import replace

        with self.changing:
            self.state = replace(self.state, leader=leads if self.store.takes_replicas else None)

    def refresh(self) -> None:
        """Adds what only the store knows: the last published run, since when, and the scores of a week before."""
        from dataclasses import replace

        from auditor.publish.state import ClusterState, Then

        made = [report.changed for report in self.store.reports(self.name) if report.state == "made"]
        last = self.store.runs(self.name, status="published", limit=1)
        found = ([run.id for run in last], made)
        if found == self.shown:
            return
        latest = self.store.latest(self.name)
        cluster = self.state.cluster(self.name) or ClusterState(self.name)
        if latest is not None:
            before = self.store.state(self.name, latest.audit.at - timedelta(days=7))
            cluster = replace(
                cluster,
                audit=latest.audit,
                attempted_at=max(filter(None, (cluster.attempted_at, latest.run.started))),
                succeeded_at=latest.audit.at,
                since=latest.finding_since,
                earlier=Then(before.audit.at, before.audit.scores) if before else None,
            )
        reports = {"weekly": max(made)} if made else {}
        self.state = replace(self.state, clusters=(cluster,), reports=reports)
        self.shown = found


def pages(daemon: Daemon, published: Published) -> Callable[[], None]:
    """Serves pages, metrics and health in a thread; the function returned stops them."""

    from auditor.web import Server, application

    server = Server(
        application(published.current, healthy=daemon.healthy),
        daemon.settings.web.host,
        daemon.settings.web.port,
    )
    server.start()
    logs.logger().info("serving", address=server.address)
    return server.stop


def show_pages(published: Published, port: int | None) -> None:
    """Pages of the demo, until Ctrl-C."""
    import signal

    from auditor.cli import example
    from auditor.web import Server, application

    began = datetime.now(UTC)
    pages_of = application(
        published.current, now=lambda: example.recorded_at() + (datetime.now(UTC) - began)
    )  # the example's time goes on from its recording: a page that calls itself stale would mislead a newcomer
    server = Server(pages_of, "127.0.0.1", 8080 if port is None else port, free_if_taken=port is None)
    server.start()
    print(
        f"\npages    {server.address}/\nmetrics  {server.address}/metrics\nCtrl-C ends it; nothing is left behind.",
        flush=True,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    server.stop()


def deliver(settings: Settings, store: Store, due: datetime) -> None:
    """One report of the period that ended at `due`: into the folder and by mail, as set. Raises `Unavailable`."""
    from zoneinfo import ZoneInfo

    from auditor.publish import mail, report
    from auditor.publish.gathered import gather
    from auditor.run import cluster_name

    name = cluster_name(settings.cluster)
    # Days on the clock of the report: a week in which that clock is set is an hour shorter or longer.
    start = due.astimezone(ZoneInfo(settings.report.timezone)) - timedelta(days=settings.report.days)
    data = gather(store, name, start.astimezone(UTC), due, zone=settings.report.timezone)
    if settings.report.folder is not None:
        report.write(settings.report.folder, data)
    if settings.report.mail is not None:
        mail.send(settings.report.mail, data)
