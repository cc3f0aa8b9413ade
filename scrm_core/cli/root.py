"""The root command: core's commands by table, plugins' by name, both loaded when used."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..errors import ScrmError
from .codes import INTERRUPTED, Failure, failure
from .session import Session

# Command -> (module beside this one, what --help says of it). A test compares the
# words with each command's own, so that --help need not import any of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("projects", "Make a project: a folder with one brand."),
    "run": ("running", "Serve the web and deliver events."),
    "worker": ("running", "Deliver events and run jobs, without the web."),
    "migrate": ("upkeep", "Create and update every brand's tables."),
    "compact": ("compacting", "Make old events, visits and messages small, as the brand's file says."),
    "doctor": ("upkeep", "Check the installation and say what to do."),
    "brand": ("upkeep", "Brands and their files."),
    "move": ("moving", "Carry a brand to another database, whole and checked."),
    "backup": ("moving", "Write a brand into one file, while it runs."),
    "restore": ("moving", "Put a brand back as a backup has it; nothing is sent."),
    "key": ("keys", "API keys of a brand."),
    "user": ("users", "People who sign in to pages for staff, and their roles."),
    "import": ("importing", "Read a CSV file into a brand."),
    "imports": ("importing", "Imports of files, newest first: how far they are and what they refused."),
    "export": ("exporting", "Write contacts or orders as CSV or JSON lines."),
    "contact": ("people", "Show, merge, export or erase a person."),
    "channel": ("channels", "Channels 渠道: ways by which people come; make one, list them."),
    "tag": ("tags", "Tags of a brand: define one, list them."),
    "segment": ("insight", "Count or list the contacts of an expression; keep expressions under a name."),
    "rfm": ("insight", "Recency, frequency and money of a brand's buyers."),
    "report": ("insight", "Reports of a brand's plugins."),
    "recount": ("insight", "Count plugins' metrics of past days anew."),
    "plugin": ("plugins", "Plugins: what is there, make and check one, pause and resume."),
    "hooks": ("plugins", "What a plugin can react to."),
    "config": ("configuring", "What can be configured, and where; settings of plugins changed."),
    "outreach": ("outreach", "What is sent to people: runs, whom not to write to, the emergency switch."),
    "partner": ("partners", "Partner brands, and messages that did not arrive."),
    "job": ("looking", "Periodic jobs: when they run, how the last runs ended, one at once."),
    "audit": ("looking", "Who did what in a brand, newest first."),
    "events": ("events", "A brand's event log and its parked events."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used, not when they are listed."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table, which is the order in which one needs them."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; a plugin's name gives the plugin's commands."""
        if cmd_name in self.lazy:
            module = import_module(f"{__package__}.{self.lazy[cmd_name][0]}")
            command: click.Command = getattr(module, f"{cmd_name}_command")
            return command
        return self._of_plugin(ctx, cmd_name)

    def _of_plugin(self, ctx: click.Context, name: str) -> click.Command | None:
        try:
            command = _session(ctx).plugin_command(name)
        except ScrmError as exc:
            raise failure(exc) from exc
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of ``--help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in self.lazy.items()])
        with formatter.section("Plugins"):
            formatter.write_dl([("PLUGIN", "Commands of a plugin; `scrm plugin list` names them.")])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error of the framework becomes its message and exit code."""
        try:
            return super().invoke(ctx)
        except ScrmError as exc:
            raise failure(exc) from exc
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except Exception as exc:
            # A fault of the database that nobody expected, told apart without importing its driver.
            if type(exc).__module__.partition(".")[0] != "peewee":
                raise
            raise Failure(f"the database answered: {exc}; `scrm doctor` says more") from exc


def _session(ctx: click.Context) -> Session:
    if ctx.obj is None:
        project = ctx.params.get("project")
        ctx.obj = Session(Path(project) if project else None)
        ctx.call_on_close(ctx.obj.close)
    session: Session = ctx.obj
    return session


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="scrm", message="%(prog)s %(version)s")
@click.option(
    "--project",
    envvar="SCRM_PROJECT",
    type=click.Path(exists=True, file_okay=False),
    help="The project's folder; otherwise the one around the current folder.",
)
@click.pass_context
def root(ctx: click.Context, project: str | None) -> None:
    """A plugin-based social CRM (SCRM, 私域)."""
    _session(ctx)


def main() -> None:
    """The console script ``scrm``; does not return."""
    from .. import logs

    # Short commands too write no phone or token into whatever keeps their standard error.
    logs.configure(level=logging.WARNING, plain=True)
    root(prog_name="scrm")
