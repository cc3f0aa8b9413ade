"""``scrm config``."""

from __future__ import annotations

import click

from .output import json_option
from .session import Session


@click.group("config")
def config_command() -> None:
    """What can be configured, and where; settings of plugins changed."""


@config_command.command("set")
@click.argument("brand")
@click.argument("plugin")
@click.argument("changes", metavar="KEY=VALUE...", nargs=-1)
@click.option("--unset", multiple=True, metavar="KEY", help="Take a key out: its default holds; repeat it.")
@click.option("--on/--off", "enabled", default=None, help="Switch the plugin on or off for the brand.")
@click.option("--dry-run", is_flag=True, help="Show and check the change, write nothing.")
@click.pass_obj
def set_settings(
    session: Session,
    brand: str,
    plugin: str,
    changes: tuple[str, ...],
    unset: tuple[str, ...],
    enabled: bool | None,
    dry_run: bool,
) -> None:
    """Change settings of a plugin in a brand's file, which keeps its comments; what would not work is not written.

    A VALUE is written as in the file (`3`, `true`, `["a", "b"]`); a text needs no
    quotation marks. It holds at once, without a restart.
    """
    from ..brand_files import MISSING, read_value
    from ..errors import ConfigError

    settings = session.installation.settings(brand)
    form = settings.form(plugin)
    kinds = {each.name: each.kind for each in form.fields}
    values = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise click.BadParameter(f"{change!r} is not KEY=VALUE", param_hint="KEY=VALUE")
        kind = kinds.get(key, "toml")
        as_written = text[:1] in ("[", "{", '"')
        values[key] = read_value("toml" if kind == "file" or (kind == "list" and as_written) else kind, text)
    values.update(dict.fromkeys(unset, MISSING))
    plan = settings.plan(plugin, values, enabled=enabled)
    for key, before, after in plan.changes:
        click.echo(f"{key}: {before} -> {after}")
    if not plan.changes:
        click.echo("nothing changes")
    if plan.problems:
        told = tuple(
            f"[plugins.{plugin}]{f' {key}' if key else ''}: {words}"
            for key, each in plan.problems.items()
            for words in each
        )
        raise ConfigError("\n".join(told), problems=told)
    if dry_run:
        click.echo("dry run: nothing was written", err=True)
    elif plan.changes:
        settings.write(plugin, values, enabled=enabled, state=form.state, actor="operator")
        click.echo(f"written to {session.installation.brand_file(brand)}", err=True)


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
