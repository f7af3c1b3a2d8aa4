"""The daemon: runs on a schedule, makes reports when they are due, serves pages, and survives a run that failed.

In: settings and an open store. Out: an exit code. APScheduler is only the timer; what is due is decided from the store,
with a watchdog on the monotonic clock, so that neither a restart nor a stepped clock loses or doubles a run.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from auditor.daemon.due import cron_trigger, last_due
from auditor.kube.secrets import Key
from auditor.logs import logger
from auditor.model import Misuse, Policy, Unavailable
from auditor.publish.state import Failure, Phase, Ran, Trigger
from auditor.run import cluster_name, run
from auditor.settings import Settings
from auditor.store import PACE, Keep, Lead, Pace, Store

log = logger()

PHASES: tuple[Phase, ...] = ("fetch", "collect", "evaluate", "store")

RUNS = "runs"

WATCH_SECONDS = 5.0
STEP_SECONDS = 10.0
"""A clock that is moved by more than this was stepped; less than that is what time servers do all day."""

STORE_SECONDS = 180.0
"""How long a run may go on after its deadline, to be stored."""

GRACE_SECONDS = 8.0
"""How long a run may go on after SIGTERM; then the process ends, and the run's one transaction was never made."""


@dataclass(slots=True)
class Daemon:
    """What the threads share. `report(period_end)` makes one report and delivers it, or raises `Unavailable`."""

    settings: Settings
    store: Store
    policies: Sequence[Policy]
    key: Key
    report: Callable[[datetime], None]
    changed: Callable[[Ran | None], None]
    """Called after every run, with how it went, and after every report, with None."""
    led: Callable[[bool], None] = lambda leads: None
    """Called when this process begins or ends to lead the audits, where several may serve on one store."""
    pace: Pace = PACE
    lead: Lead | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    busy: threading.Lock = field(default_factory=threading.Lock)
    scheduler: BackgroundScheduler = field(default_factory=lambda: BackgroundScheduler(timezone=UTC))
    offset: float = field(default_factory=lambda: time.time() - time.monotonic())
    """Between the clock on the wall and the one that nobody steps."""
    last_start: float = float("-inf")
    alive_at: float = field(default_factory=time.monotonic)

    def audit(self, trigger: Trigger) -> None:
        """One run; the only place where a failed one is survived. Two never overlap. Who does not lead runs none."""
        lead = self.lead
        if lead is None or self.stopping.is_set() or not self.busy.acquire(blocking=False):
            return
        self.last_start = time.monotonic()
        ran = Ran(cluster_name(self.settings.cluster), datetime.now(UTC), trigger, "failed")
        try:
            done = run(
                self.settings, policies=self.policies, key=self.key, store=self.store, lead=lead, trigger=trigger
            )
            whole = done.audit.coverage.ratio in (None, 1.0)
            ran = replace(
                ran,
                at=done.audit.at,
                outcome="success" if whole else "partial",
                audit=done.audit,
                phases={phase: done.phases[phase] for phase in PHASES if phase in done.phases},
            )
        except Unavailable as broken:
            if not lead.holds() or broken.reason == "superseded":
                log.warning("run given up", reason=broken.message, remedy=broken.remedy)
                ran = replace(ran, outcome="skipped")
                return
            log.error("run failed", reason=broken.message, remedy=broken.remedy)
            failure = Failure(ran.at, broken.stage, broken.message, broken.remedy, broken.reason)
            failed = ((broken.source, broken.reason),) if broken.stage == "git" else ()
            ran = replace(ran, failure=failure, fetch_failures=failed)
        except Misuse as broken:
            log.error("run failed", reason=broken.message, remedy=broken.remedy)
            ran = replace(ran, failure=Failure(ran.at, "settings", broken.message, broken.remedy))
        except Exception as fault:
            log.exception("run failed by a fault of the auditor's own; please report it")
            ran = replace(ran, failure=Failure(ran.at, "auditor", f"{type(fault).__name__}: see the log"))
        finally:
            self.busy.release()
            self.changed(ran)

    def tick(self) -> None:
        """The timer's sign of life, and the report if one is due."""
        self.alive_at = time.monotonic()
        self.make_due_report()

    def watch(self) -> None:
        """Looks after the timer from outside of it, by a clock that nobody steps: a stepped clock, a run that waits for ever, a
        run that the timer lost."""
        now = time.monotonic()
        stepped = time.time() - now - self.offset
        running = now - self.last_start
        if abs(stepped) > STEP_SECONDS:
            log.warning("the clock was stepped: the schedule goes on from the new time", seconds=round(stepped))
            self.offset += stepped
            self.rearm()
        elif self.busy.locked() and running > self.settings.audit.deadline_seconds + STORE_SECONDS:
            log.error("the run waits for the database for too long; its connections are broken off")
            self.store.sever()
        elif self.lead is not None and running > 2 * 60 * self.settings.schedule.every_minutes:
            log.warning("no run began for twice the interval; one begins now")
            self.last_start = now
            self.due(datetime.now(UTC))

    def rearm(self) -> None:
        """Asks the timer anew when each job is due: what it knows is in the time before the step."""
        now, every = datetime.now(UTC), 60 * self.settings.schedule.every_minutes
        for job in self.scheduler.get_jobs():
            fires = job.trigger.get_next_fire_time(None, now)
            if job.id == RUNS:
                fires = now + timedelta(seconds=max(0.0, every - (time.monotonic() - self.last_start)))
            job.modify(next_run_time=fires)

    def due(self, at: datetime) -> None:
        """Moves the next run."""
        self.scheduler.modify_job(RUNS, next_run_time=at)

    def follow(self) -> None:
        """What the one who leads has published."""
        if self.lead is None:
            self.changed(None)

    def lead_changed(self, lead: Lead | None) -> None:
        """This process leads from now on, or no longer: then what it is doing ends, whoever it waits for."""
        self.lead = lead
        if lead is None:
            self.store.sever()
            if not self.stopping.is_set():
                log.warning("this replica no longer leads the audits")
        else:
            log.info("this replica leads the audits", token=lead.token)
            for interrupted in lead.interrupted:
                log.warning("a run was interrupted before; nothing of it was published", run=interrupted)
            self.last_start = time.monotonic()
            self.due(self.next_run(lead))
        self.led(lead is not None)

    def next_run(self, lead: Lead) -> datetime:
        """When a new leader runs first: at once in place of a run that was interrupted, else when the next one is due."""
        now, every = datetime.now(UTC), timedelta(minutes=self.settings.schedule.every_minutes)
        before = None if lead.interrupted else self.store.last_attempt(lead.cluster)
        return max(now, min(before + every, now + every)) if before else now

    def make_due_report(self) -> None:
        """The newest report that fell due since the daemon first ran, once for each period over all replicas."""
        if self.lead is None or not self.lead.holds():
            return
        try:
            made = self._make_due_report(cluster_name(self.settings.cluster))
        except Unavailable as broken:  # of the store: who has claimed the report shall say so there, and cannot
            log.error("report failed", reason=str(broken), remedy=broken.remedy)
        else:
            if made:
                self.changed(None)

    def _make_due_report(self, name: str) -> bool:
        since = self.store.reports_since(name, self.settings.report.days)
        due = last_due(self.settings.report, since, datetime.now(UTC)) if since else None
        if due is None or not self.store.claim_report(name, due.isoformat()):
            return False
        try:
            self.report(due)
        except Unavailable as broken:
            log.error("report failed", reason=str(broken), remedy=broken.remedy)
            self.store.release_report(name, due.isoformat(), str(broken))
        else:
            self.store.report_made(name, due.isoformat(), datetime.now(UTC))
        return True

    def prune(self) -> None:
        """Removes history that need not be kept, and returns its space; one replica does."""
        if self.lead is None or not self.lead.holds():
            return
        try:
            gone = self.store.prune(self.keep(datetime.now(UTC)))
            if gone:
                self.store.give_back()
                log.info("old history was removed", rows=gone)
        except Unavailable as broken:
            log.error("old history could not be removed", reason=broken.message, remedy=broken.remedy)

    def keep(self, now: datetime) -> Keep:
        """What the settings say is kept, and whatever they say, what the next reports need."""
        chosen, needed = self.settings.store, timedelta(days=2 * self.settings.report.days)
        return Keep(
            details=now - max(timedelta(days=chosen.keep_days), needed),
            scores=now - max(timedelta(days=chosen.keep_scores_days), timedelta(days=chosen.keep_days), needed),
            rows=chosen.keep_rows,
            at_least=now - needed,
        )

    def free(self) -> bool:
        """Whether this process could lead: not while a run goes on that it gave up."""
        return not self.busy.locked() and not self.stopping.is_set()

    def healthy(self) -> bool:
        """Whether the timer still ticks: a wedged scheduler is for the kubelet to restart, a failed run is not."""
        return time.monotonic() - self.alive_at < 180


def serve(daemon: Daemon, serve_pages: Callable[[Daemon], Callable[[], None]]) -> int:
    """Until SIGTERM or SIGINT; 0 when it ended as asked, within about ten seconds even during a run.

    On PostgreSQL it serves pages from the start and runs audits while it leads; on SQLite it leads, or raises `Unavailable`.
    """
    cron_trigger(daemon.settings.report)  # a typing error is said at start, not on Monday
    name = cluster_name(daemon.settings.cluster)

    def stop(signum: int, frame: FrameType | None) -> None:
        daemon.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with ExitStack() as leaving:
        alone = None
        if not daemon.store.takes_replicas:
            alone = leaving.enter_context(daemon.store.leading(name))
        else:
            daemon.store.refuse_pooling()
        stop_pages = serve_pages(daemon)
        schedule(daemon)
        log.info("started", cluster=name, every_minutes=daemon.settings.schedule.every_minutes)
        ended = threading.Event()
        if alone is not None:
            daemon.lead_changed(alone)
        else:
            daemon.led(False)
            candidate = threading.Thread(
                target=daemon.store.campaign,
                args=(name,),
                kwargs={"ready": daemon.free, "changed": daemon.lead_changed, "ended": ended, "pace": daemon.pace},
                name="leadership",
                daemon=True,
            )
            candidate.start()
            leaving.callback(candidate.join, 5)
        leaving.callback(ended.set)
        while not daemon.stopping.wait(WATCH_SECONDS):
            daemon.watch()
        log.info("stopping")
        daemon.scheduler.shutdown(wait=False)
        stop_pages()
        if not daemon.busy.acquire(timeout=GRACE_SECONDS):
            _give_up(daemon, name)
    return 0


def schedule(daemon: Daemon) -> None:
    """Starts the timer: runs, and every few seconds what else may be due."""
    every = IntervalTrigger(minutes=daemon.settings.schedule.every_minutes, timezone=UTC)
    for job, trigger, name in (
        (lambda: daemon.audit("schedule"), every, RUNS),
        (daemon.tick, IntervalTrigger(seconds=20, timezone=UTC), "tick"),
        (daemon.follow, IntervalTrigger(seconds=5, timezone=UTC), "follow"),
        (daemon.prune, IntervalTrigger(hours=1, timezone=UTC), "prune"),
    ):
        # misfire_grace_time None: a job that was late still runs; coalesce: once, however late.
        daemon.scheduler.add_job(job, trigger, id=name, misfire_grace_time=None, coalesce=True, max_instances=1)
    daemon.scheduler.start()


def _give_up(daemon: Daemon, name: str) -> None:
    """Ends the process although a run goes on. Nothing of the run was published."""
    if daemon.lead is not None:
        with (
            suppress(Unavailable),
            daemon.store.within(1.0),
        ):  # where the database is silent, the next leader closes the run
            for interrupted in daemon.store.close_interrupted(name, daemon.lead.token):
                log.warning("the run did not end in time and is given up; nothing of it was published", run=interrupted)
    sys.stderr.flush()
    os._exit(0)  # Python would wait for the run's thread, and it waits for somebody who does not answer
