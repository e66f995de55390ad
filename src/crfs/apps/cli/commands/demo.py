"""``crfs demo``: the main job."""

from __future__ import annotations

import click

from crfs.apps.cli.door import Door, pass_door
from crfs.apps.cli.lazily import command
from crfs.apps.cli.serving import host_option, port_option, serve


@command("demo")
@click.option("--no-serve", is_flag=True, help="End after the report.")
@host_option
@port_option
@pass_door
def demo(door: Door, no_serve: bool, host: str, port: int) -> None:
    """The main job, on real history and a simulated credit bureau.

    Models are trained and a portfolio's risk is measured; then the pages are served. A second run stores no row twice and finds the same numbers.
    """
    from crfs.apps.cli.reports.demo import show
    from crfs.workflows.demo import demo as main_job

    with door.session() as session:
        with door.progress() as progress:
            report = main_job(session, progress=progress)
        door.answer(report, lambda screen: show(screen, report))
        if not no_serve:
            serve(door, session.data_dir, host=host, port=port)
