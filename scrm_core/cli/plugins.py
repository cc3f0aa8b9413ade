"""``scrm plugin`` and ``scrm hooks``."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigError, NotFound
from .output import json_option, print_json
from .session import Session

if TYPE_CHECKING:
    from ..config import BrandConfig


@click.group("plugin")
def plugin_command() -> None:
    """Plugins: what is there, make and check one, pause and resume.

    A plugin is switched on by a table in a brand's file, [plugins.NAME], and
    off by `enabled = false` in it, without a restart.
    """


def _configs(session: Session) -> list[BrandConfig]:
    from ..config import load_brand

    configs = []
    for brand_id in session.installation.brand_ids():
        try:
            configs.append(load_brand(session.config.brands_dir / f"{brand_id}.toml"))
        except ConfigError as exc:
            click.echo(f"left out: {exc}", err=True)
    return configs


@plugin_command.command("list")
@click.option("--check", is_flag=True, help="Import each one, in another process, and show why it cannot be used.")
@json_option
@click.pass_obj
def list_plugins(session: Session, check: bool, as_json: bool) -> None:
    """Every plugin that is installed or lies in the plugins folder; none is imported."""
    configs = _configs(session)
    candidates = session.installation.loader.candidates()
    named = sorted({*candidates, *(name for config in configs for name in config.plugins)})
    problems: dict[str, str] = {}
    if check:
        from ..doctor import import_problems

        problems = import_problems(session.config.root, named)
    rows = []
    for name in named:
        found = candidates.get(name)
        brands = [c.id for c in configs if name in c.plugins and c.plugins[name].enabled]
        problem = found.refused if found is not None else "not installed"
        rows.append(
            (
                name,
                found.version if found is not None else None,
                found.origin if found is not None else None,
                brands,
                problems.get(name) or problem or None,
            )
        )
    headings = ["name", "version", "origin", "on for", "problem"]
    if as_json:
        session.show([heading.replace(" ", "_") for heading in headings], rows, as_json=True)
    else:
        shown = headings if any(row[4] for row in rows) else headings[:4]
        session.show(shown, [row[: len(shown)] for row in rows])


@plugin_command.command("show")
@click.argument("name")
@json_option
@click.pass_obj
def show(session: Session, name: str, as_json: bool) -> None:
    """What a plugin declares, how it fares in each brand, and when its jobs ran last."""
    from ..config_reference import plugin_settings
    from ..hooks import HOOK_NAMES
    from ..plugin import Plugin

    cls = session.installation.loader.load(name)
    record: dict[str, Any] = {
        "name": cls.name,
        "version": cls.version,
        "summary": cls.summary,
        "requires_core": cls.requires_core,
        "hooks": [hook for hook in HOOK_NAMES if getattr(cls, hook) is not getattr(Plugin, hook)],
        "permissions": dict(cls.permissions),
        "reports": list(cls.reports),
        "jobs": [f"{job.name} every {job.every_seconds} s" for job in cls.jobs],
        "reward_kinds": list(cls.reward_kinds),
        "segment_fields": [f"{cls.name}.{field}" for field in cls.segment_fields],
        "commands": cls.commands is not None,
        "short_names": list(cls.short_names),
    }
    settings = [
        {"name": each.key, "default": each.default, "description": each.meaning} for each in plugin_settings([cls])
    ]
    states, runs = _states(session, name), _last_runs(session, name)
    if as_json:
        print_json({**record, "settings": settings, "brands": states, "last_runs": runs})
        return
    session.show_record({**record, "permissions": list(cls.permissions)})
    if settings:
        click.echo()
        session.show(["setting", "default", "meaning"], [list(setting.values()) for setting in settings])
    for table in filter(None, (states, runs)):
        click.echo()
        session.show(list(table[0]), [list(row.values()) for row in table])


def _states(session: Session, name: str) -> list[dict[str, Any]]:
    """The plugin's place in the log of each brand that has it on."""
    from .. import eventlog
    from ..delivery import parked_counts, read_cursors

    rows = []
    for config in _configs(session):
        if name not in config.plugins or not config.plugins[name].enabled:
            continue
        with session.core_brand(config.id):
            cursor = next((c for c in read_cursors() if c.plugin == name), None)
            rows.append(
                {
                    "brand": config.id,
                    "state": cursor.state if cursor is not None else "no events",
                    "waiting": eventlog.lag(cursor.position) if cursor is not None else None,
                    "parked": parked_counts().get(name, 0),
                    "reason": (cursor.reason or None) if cursor is not None else None,
                }
            )
    return rows


def _last_runs(session: Session, name: str) -> list[dict[str, Any]]:
    """When each of the plugin's jobs ran last in each brand that has it on, and how that ended."""
    from ..clock import iso

    rows = []
    for config in _configs(session):
        if name in config.plugins and config.plugins[name].enabled:
            with session.core_brand(config.id) as brand:
                for run in brand.jobs.newest(name):
                    ran = {"job": run.job, "last_run": iso(run.started_at, brand.zone), "state": run.state}
                    rows.append({"brand": config.id, **ran, "error": run.error or None})
    return rows


@plugin_command.command("new")
@click.argument("name")
@click.option("--minimal", is_flag=True, help="One file of twenty lines, scrm_NAME, for a project's plugins folder.")
@click.option(
    "--in", "parent", type=click.Path(exists=True, file_okay=False), default=".", help="The folder to write it into."
)
@click.pass_obj
def new(session: Session, name: str, minimal: bool, parent: str) -> None:
    """Write a new plugin: a distribution that can be installed, with tests that pass.

    It has a class with settings, a model with its migration, a route with its
    permission, a job, tests, a README, a CI file and a licence. Prints the
    commands that come next.
    """
    from pathlib import Path

    from ..clock import SystemClock, from_instant
    from ..scaffold import write_plugin

    year = from_instant(SystemClock().now()).year
    written = write_plugin(name, Path(parent), minimal=minimal, year=year)
    for file in written.files:
        click.echo(f"{written.folder}/{file}")
    click.echo("\nNext:")
    for command in written.commands:
        click.echo(f"  {command}")


@plugin_command.command("check")
@click.argument("path")
@click.option(
    "--settings", "file", type=click.Path(exists=True, dir_okay=False),
    help="A TOML file with the plugin's settings; tables [plugins.NAME] are other plugins to have beside it.",
)
@click.option("--without", multiple=True, metavar="CHECK", help="Leave a check out; may be given again.")
@json_option
@click.pass_obj
def check(session: Session, path: str, file: str | None, without: tuple[str, ...], as_json: bool) -> None:
    """Try a plugin against the checklist: in an app of its own, with two brands and every event.

    PATH is its folder or its distribution's, or the name of an installed plugin.
    Needs no project. Exit code 1 when a point is not met.
    """
    import logging
    import sys
    import warnings
    from importlib import import_module
    from pathlib import Path

    from ..deprecations import ScrmDeprecationWarning
    from ..errors import PluginError
    from ..loader import Loader, class_in

    before, bytecode = logging.root.manager.disable, sys.dont_write_bytecode
    logging.disable(logging.CRITICAL)  # what a handler raises is told below, with its remedy
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always", ScrmDeprecationWarning)
            # Only the plugin comes between the two looks: the test kit and other plugins load what it may not.
            import_module("scrm_core.api")
            there = frozenset(sys.modules)
            sys.dont_write_bytecode = True  # nothing is left in the plugin's folder
            if Path(path).is_dir():
                cls = class_in(Path(path))
            elif "/" in path:
                raise PluginError(f"{path} is not a folder")
            else:
                cls = Loader().load(path)
            # A module that was there before, in a process that does more than this, says nothing of its cost.
            loaded = None if cls.__module__ in there else frozenset(sys.modules) - there
            from ..testing.checklist import CHECKS, check_plugin

            unknown = sorted(set(without) - CHECKS.keys())
            if unknown:
                told = f"no check {unknown[0]!r}; there are {', '.join(CHECKS)}"
                raise click.BadParameter(told, param_hint="--without")
            settings, others = _check_settings(file, cls.name)
            found = check_plugin(cls, *others, settings=settings, without=without, loaded=loaded)
    finally:
        sys.dont_write_bytecode = bytecode
        logging.disable(before)
    for each in warned:
        if issubclass(each.category, ScrmDeprecationWarning):
            click.echo(f"warning: {each.filename}:{each.lineno}: {each.message}", err=True)
    if as_json:
        print_json([{"check": each.check, "problem": each.problem, "fix": each.fix} for each in found])
    else:
        for each in found:
            click.echo(str(each))
    if found:
        raise click.exceptions.Exit(1)
    if not as_json:
        click.echo(f"{cls.name} {cls.version}: every point is met ({', '.join(c for c in CHECKS if c not in without)})")


def _check_settings(file: str | None, name: str) -> tuple[dict[str, Any], list[Any]]:
    """The settings of ``--settings`` by plugin, and the classes of the other plugins that it names.

    Those of the plugin that is checked stand at the top or, as in a brand's file, in its table.
    """
    import tomllib
    from pathlib import Path

    from ..loader import Loader

    if file is None:
        return {name: {}}, []
    try:
        read = tomllib.loads(Path(file).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{file}: {exc}") from exc
    tables = read.pop("plugins", {})
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise ConfigError(f"{file}: `plugins` holds a table for each plugin; write [plugins.NAME]")
    settings = {**tables, name: {**tables.get(name, {}), **read}}
    return settings, [Loader().load(other) for other in tables if other != name]


@plugin_command.command("pause")
@click.argument("brand")
@click.argument("plugin")
@click.option("--reason", default="paused by a person", show_default=True, help="Shown by doctor and plugin show.")
@click.pass_obj
def pause(session: Session, brand: str, plugin: str, reason: str) -> None:
    """Hand out no events to a plugin; they wait. Its routes and guards go on."""
    with session.core_brand(brand) as opened:
        opened.events.pause(plugin, reason)
    click.echo(f"{plugin} is paused for {brand}; go on with: scrm plugin resume {brand} {plugin}")


@plugin_command.command("resume")
@click.argument("brand")
@click.argument("plugin")
@click.pass_obj
def resume(session: Session, brand: str, plugin: str) -> None:
    """Hand out events again, from where the plugin stood."""
    with session.core_brand(brand) as opened:
        opened.events.resume(plugin)
    if session.installation.nudge is not None:
        session.installation.nudge(brand)
    click.echo(f"{plugin} receives events of {brand} again")


@click.command("hooks")
@click.argument("name", required=False)
@json_option
@click.pass_obj
def hooks_command(session: Session, name: str | None, as_json: bool) -> None:
    """What a plugin can react to.

    With NAME: that hook's contract, the fields of its argument and, in a
    project, which plugins of each brand implement it, in call order.
    """
    from ..hooks import HOOK_NAMES

    if name is None:
        hooks = [_hook(hook) for hook in HOOK_NAMES]
        rows = [(hook["name"], hook["argument"], hook["contract"].partition(". ")[0].rstrip(".")) for hook in hooks]
        session.show(["name", "argument", "contract"], rows, as_json=as_json)
        return
    if name not in HOOK_NAMES:
        import difflib

        close = difflib.get_close_matches(name, HOOK_NAMES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"hooks are {', '.join(HOOK_NAMES)}"
        raise NotFound(f"no hook {name!r}; {hint}")
    hook, brands = _hook(name), _implementers(session, name)
    if as_json:
        print_json({**hook, "brands": brands})
        return
    click.echo(f"{name}(self, {hook['parameter']}: {hook['argument']})\n\n{hook['contract']}\n\n{hook['meaning']}\n")
    click.echo(f"Since {hook['since']}.\n")
    session.show(["field", "type"], list(hook["fields"].items()))
    if brands is not None:
        click.echo()
        session.show(["brand", "called in this order"], [(each["brand"], each["plugins"]) for each in brands])


def _implementers(session: Session, name: str) -> list[dict[str, Any]] | None:
    """By brand, the plugins that implement a hook, in call order; None outside a project."""
    from ..config import find_project

    try:
        find_project(session.start)
    except NotFound:
        return None
    return [
        {"brand": brand.id, "plugins": [plugin for plugin, _, _ in brand.hooks.implementations(name)]}
        for brand in session.installation.brands()
    ]


def _hook(name: str) -> dict[str, Any]:
    """A hook as data: its argument's class and fields, and the words of its contract."""
    import dataclasses
    import typing

    from ..hooks import HookSpecs

    function = getattr(HookSpecs, name)
    (parameter,) = list(inspect.signature(function).parameters.values())[1:]
    cls = typing.get_type_hints(function)[parameter.name]
    return {
        "name": name,
        "parameter": parameter.name,
        "argument": cls.__name__,
        "since": function.scrm_since,
        "contract": _one_line(function.__doc__),
        "meaning": _one_line(cls.__doc__),
        "fields": {field.name: str(field.type) for field in dataclasses.fields(cls)},
    }


def _one_line(doc: str | None) -> str:
    return re.sub(r"\s+", " ", inspect.cleandoc(doc or ""))
