"""The clock's hands: the only file that knows APScheduler.

A tick says "look again" and does no work itself; any of them may be lost or come twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from scheduler import (
    audit,
    checks,
    collect,
    people,
    previews,
    renditions,
    trail,
    uploads,
    urgent,
    watch,
)
from scheduler.engine import Engine
from scheduler.hub import Hub
from scheduler.leftovers import remove_leftovers

log = structlog.get_logger()

DISPATCH_EVERY_S = 15
SETTLE_EVERY_S = 600
BEAT_EVERY_S = 10
WATCH_EVERY_S = 15


class Ticks:
    """
    Plan, dispatch, collect, settle and audit, watch, post, beat.

    ``post`` sends what lies in the outbox: the words of a letter are the face's.
    """

    def __init__(
        self, hub: Hub, engine: Engine, *, post: Callable[[], object] = lambda: None
    ) -> None:
        self.hub, self.engine, self._post = hub, engine, post
        self.last_beat: datetime | None = None
        self._looked_at = hub.clock.now() - timedelta(minutes=2)
        self._scheduler = BackgroundScheduler(
            timezone=hub.settings.zone,
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                # The default of 1 s drops every job that a busy moment delays.
                "misfire_grace_time": None,
            },
        )

    def start(self) -> None:
        settings = self.hub.settings
        zone, plan_at = settings.zone, settings.plan.at
        every_day = CronTrigger(hour=plan_at.hour, minute=plan_at.minute, timezone=zone)
        self._every("plan", self.engine.plan, every_day)
        self._every("dispatch", self._dispatch, IntervalTrigger(seconds=DISPATCH_EVERY_S))
        self._every("collect", self._collect, IntervalTrigger(seconds=settings.collect.every_s))
        self._every("settle", self._settle, IntervalTrigger(seconds=SETTLE_EVERY_S))
        self._every("watch", self._watch, IntervalTrigger(seconds=WATCH_EVERY_S))
        self._every("post", self._post, IntervalTrigger(seconds=WATCH_EVERY_S))
        self._every("beat", self._beat, IntervalTrigger(seconds=BEAT_EVERY_S))
        self._beat()
        self._scheduler.start()
        # Whatever the last process left behind is looked at now, not at the next tick.
        self.engine.plan()
        self._dispatch()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=True)

    def _every(self, name: str, tick: object, trigger: object) -> None:
        self._scheduler.add_job(tick, trigger, id=name, name=name)

    def _dispatch(self) -> None:
        if urgent.due_stations(self.hub):
            self.engine.bring_urgent()
        self.engine.dispatch()
        for programme_id in checks.to_check(self.hub)[:1]:  # its checker goes on to the others
            self.engine.check(programme_id)

    def _collect(self) -> None:
        self.engine.collect_all(collect.to_collect(self.hub))

    def _settle(self) -> None:
        collect.settle(self.hub)
        self.engine.audit_all(audit.to_audit(self.hub))
        self.engine.forecast()
        uploads.sweep(self.hub)
        remove_leftovers(self.hub)
        previews.sweep(self.hub)
        with self.hub.database.write() as session:
            people.forget_tries(session, self.hub.clock.now())
        trail.check_daily(self.hub)
        for programme_id in renditions.to_render(self.hub):
            self.engine.render(programme_id)

    def _watch(self) -> None:
        since, self._looked_at = self._looked_at, self.hub.clock.now()
        to_look_at = watch.to_look_at(self.hub, since)
        if watch.look(self.hub):
            # Now, not at its next turn: 15 of the 120 seconds in which somebody must hear of it.
            self._scheduler.modify_job("post", next_run_time=self.hub.clock.now())
        self.engine.collect_all(to_look_at)

    def _beat(self) -> None:
        self.last_beat = self.hub.clock.now()
