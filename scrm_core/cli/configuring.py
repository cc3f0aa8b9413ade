"""``scrm config``."""

from __future__ import annotations

import click

from .output import json_option
from .session import Session


@click.group("config")
def config_command() -> None:
    """What can be configured, and where."""


@config_command.command("reference")
@click.argument("place", required=False)
@json_option
@click.pass_obj
def reference(session: Session, place: str | None, as_json: bool) -> None:
    """Every key with its default and meaning: of scrm.toml, of brand files, of every plugin that is installed.

    PLACE narrows it to a table and those below it: project, brand, outreach,
    plugins, plugins.sms. Needs no project; in one it knows the plugins folder.
    """
    import difflib

    from ..config import find_project
    from ..config_reference import brand_settings, plugin_settings, project_settings
    from ..errors import NotFound, PluginError
    from ..loader import Loader

    try:
        find_project(session.start)
        loader = session.installation.loader
    except NotFound:
        loader = Loader()
    classes = []
    for name in loader.candidates():
        try:
            classes.append(loader.load(name))
        except PluginError as exc:
            click.echo(f"left out: {exc}", err=True)
    known = [
        *(("project", each) for each in project_settings()),
        *((each.table, each) for each in (*brand_settings(), *plugin_settings(classes))),
    ]
    rows = [
        (table, each.key, each.default, each.meaning)
        for table, each in known
        if place is None or table == place or table.startswith(f"{place}.")
    ]
    if not rows:
        tables = dict.fromkeys(table for table, _ in known)
        near = difflib.get_close_matches(str(place), tables, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(tables)}"
        raise NotFound(f"no table {place!r} has keys; {hint}")
    session.show(["table", "key", "default", "meaning"], rows, as_json=as_json)
