"""``scrm run`` and ``scrm worker``."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

import click

from .codes import Failure
from .session import Session

if TYPE_CHECKING:
    from ..installation import Installation


@click.command("run")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen at.")
@click.option("--workers", type=click.IntRange(1, 64), help="Web processes; default: one per core.")
@click.option("--no-worker", is_flag=True, help="Serve the web only; `scrm worker` runs elsewhere.")
@click.pass_obj
def run_command(session: Session, host: str, port: int, workers: int | None, no_worker: bool) -> None:
    """Serve the web and deliver events.

    Starts nothing while an enabled plugin is broken or a brand's file has an
    error: each is named in a line of its own. A database that is away or locked
    is waited for, a minute at most. On SQLite the tables are brought
    up to date first; on PostgreSQL run `scrm migrate` yourself. Ctrl-C or
    SIGTERM stops after the work at hand, a second one at once.
    """
    from .. import serve

    installation = session.installation
    try:
        address = serve.resolve(host, port)
        serve.check_port(address)
        applied = serve.prepare(
            installation, patience=serve.DATABASE_PATIENCE, say=lambda line: click.echo(line, err=True)
        )
    except serve.NotReady as exc:
        raise Failure("cannot start:\n" + "\n".join(f"  {line}" for line in exc.problems)) from None
    for brand_id, names in applied.items():
        if names:
            click.echo(f"brand {brand_id}: {len(names)} migrations applied")
    warning = serve.misdirecting(address, installation.config.base_url)
    if warning:
        click.echo(f"Warning: {warning}", err=True)
    root = installation.config.root
    session.close()  # the supervisor itself holds no database

    def ready() -> None:
        click.echo(f"Serving {address.url}   project {root}   stop with Ctrl-C")
        if installation.config.demo:
            click.echo(f"API keys of the demo brands: {installation.config.data_dir / 'keys'}")

    code = serve.run(
        root,
        address,
        workers=workers or serve.cores(),
        with_worker=not no_worker,
        say=lambda line: click.echo(line, err=True),
        ready=ready,
    )
    raise click.exceptions.Exit(code)


@click.command("worker")
@click.option("--once", is_flag=True, help="Deliver events and messages to partners that wait now, then end.")
@click.pass_obj
def worker_command(session: Session, once: bool) -> None:
    """Deliver events and run jobs, without the web.

    Ends with 0 when told to stop, 70 after a hung handler and 71 when its
    memory outgrew its limit; whoever started it should then start it again.
    """
    from ..lifeline import end_with_parent, leave

    end_with_parent()
    if once:
        _deliver_now(session.installation)
        return
    from .. import logs
    from ..worker import Worker

    logs.configure()
    stop = threading.Event()
    worker = Worker(session.installation, stop)

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()
        worker.receiver.wake()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    code = worker.run()
    session.close()
    leave(code)


def _deliver_now(installation: Installation) -> None:
    """Hand out events and messages to partners until nothing is due: a message may be an event of the next brand."""
    from ..delivery import Delivery
    from ..values.masking import scrub

    brands = [installation.brand(brand_id) for brand_id in installation.brand_ids()]
    counts = {brand.id: [0, 0, 0] for brand in brands}
    busy = True
    while busy:
        busy = False
        for brand in brands:
            count = counts[brand.id]
            with brand:
                step = Delivery(brand).drain()
                while brand.partners.post():
                    count[2] += 1
                    busy = True
            for error in step.errors:
                click.echo(f"brand {brand.id}: {scrub(error)}", err=True)
            count[0] += step.delivered
            count[1] += step.parked
            busy = busy or bool(step.delivered)
    for brand in brands:
        delivered, parked, posted = counts[brand.id]
        waiting = 0
        if brand.partners.names():
            with brand:
                waiting = sum(n for (_, state), n in brand.partners.counts().items() if state == "waiting")
        click.echo(
            f"brand {brand.id}: {delivered} events handed out, {parked} parked"
            + (f"; partners called {posted} times" if posted else "")
            + (f"; {waiting} messages to partners wait, see `scrm partner list {brand.id}`" if waiting else "")
        )
