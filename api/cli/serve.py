"""``loa serve`` and ``loa worker``: the processes that stay."""

from __future__ import annotations

import click
import structlog

from api.app import create_app
from api.cli.logs import everything
from api.cli.options import command
from api.cli.run import DONE, FAILED, Run
from api.cli.web import (
    WORKERS_MAY_TAKE_S,
    WebServer,
    address_of,
    leave,
    listen,
    stop_asked,
)
from api.i18n import mark as _
from api.noticewords import hub_wording
from scheduler.engine import Engine
from scheduler.outbox import send_due
from scheduler.ticks import Ticks

log = structlog.get_logger()


@command(
    "serve",
    "loa serve",
    "loa serve --host 0.0.0.0 --port 8080   # behind a proxy that speaks TLS",
    "loa serve --no-workers                 # loa worker does the work elsewhere",
)
@click.option("--host", help="The address to listen on; as in the settings.")
@click.option("--port", type=click.IntRange(0, 65535), help="As in the settings; 0: any free one.")
@click.option("--workers", type=click.IntRange(1, 256), help="Visits at once; as in the settings.")
@click.option("--no-workers", is_flag=True, help="Only the pages and the clock.")
@click.pass_obj
def serve(
    run: Run, host: str | None, port: int | None, workers: int | None, no_workers: bool
) -> None:
    """
    Run the web pages, the clock and the workers.

    All in one process, until SIGTERM or Ctrl-C: work under way may finish for some seconds, what
    does not is taken up again at the next start. A second signal ends it at once.
    """
    web = run.settings.web
    with listen(host or web.host, web.port if port is None else port) as door, run.hub() as hub:
        everything()
        engine = Engine(hub)
        wording = hub_wording(hub)
        ticks = Ticks(hub, engine, post=lambda: send_due(hub, wording))
        app = create_app(hub, engine, last_tick=lambda: ticks.last_beat)
        count = 0 if no_workers else workers or run.settings.push.workers
        with stop_asked() as stop:
            server = WebServer(app, door, stop)
            if not server.start():
                leave(FAILED)  # the log says why
            ticks.start()
            if count:
                engine.start_workers(count)
            _announce(run, address_of(door), count)
            stop.wait()
            log.info("stop_asked")
            code = FAILED if server.has_failed() else DONE
            server.end()
            ticks.stop()
            is_done = engine.stop_workers(WORKERS_MAY_TAKE_S) and server.has_ended()
            log.info("stopped", is_done=is_done)
    leave(code)


@command("worker", "loa worker", "loa worker -n 32")
@click.option(
    "-n", "count", type=click.IntRange(1, 256), help="Visits at once; as in the settings."
)
@click.pass_obj
def worker(run: Run, count: int | None) -> None:
    """
    Run workers only, next to a loa serve elsewhere.

    They take what the clock of "loa serve" hands out, on this host or, with PostgreSQL, on any
    that has the same data folder and settings.
    """
    count = count or run.settings.push.workers
    with run.hub() as hub:
        everything()
        engine = Engine(hub)
        with stop_asked() as stop:
            engine.start_workers(count)
            _tell_workers(run, count)
            stop.wait()
            log.info("stop_asked")
            log.info("stopped", is_done=engine.stop_workers(WORKERS_MAY_TAKE_S))
    leave(DONE)


def _announce(run: Run, address: str, workers: int) -> None:
    run.tell(
        {"address": address, "workers": workers},
        lambda screen: screen.say(_("Loa runs at {address} (Ctrl-C ends it)."), address=address),
    )


def _tell_workers(run: Run, count: int) -> None:
    run.tell(
        {"workers": count},
        lambda screen: screen.say(
            _("Workers that wait for work: {count} (Ctrl-C ends them)."), count=count
        ),
    )
