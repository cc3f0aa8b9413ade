"""``scrm init``: a project with one brand, or the demo with two."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from .codes import Failure
from .session import Session

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@click.command("init")
@click.argument("folder", metavar="NAME", type=click.Path(path_type=Path))
@click.option("--brand", help="The brand's id; default: made of the folder's name.")
@click.option("--title", help="The brand's name for people; default: its id.")
@click.option("--timezone", default="Asia/Shanghai", show_default=True, help="IANA zone of the brand's days.")
@click.option("--currency", default="CNY", show_default=True, help="ISO 4217 code.")
@click.option("--plugin", metavar="PLUGIN", help="Also write a plugin of one's own of this name, switched on.")
@click.option("--demo", is_flag=True, help="Make the demo: two brands with real sample orders.")
@click.option(
    "--examples",
    type=click.Path(file_okay=False, path_type=Path),
    default=EXAMPLES,
    help="Where the demo's files are; default: the source checkout.",
)
def init_command(
    folder: Path,
    brand: str | None,
    title: str | None,
    timezone: str,
    currency: str,
    plugin: str | None,
    demo: bool,
    examples: Path,
) -> None:
    """Make a project: a folder with one brand.

    Given again, it changes nothing. The brand's first API key is shown once;
    the demo keeps its keys in files below data/keys. With --plugin there is a
    plugin of twenty lines in the project's plugins folder, as `scrm plugin new
    PLUGIN --minimal` writes it.
    """
    if demo and plugin is not None:
        raise click.UsageError("--plugin is for a project of one's own, not for --demo")
    if demo:
        from .demo import make_demo

        make_demo(folder, examples)
    else:
        _make_own(folder, brand, title, timezone, currency, plugin)


def _make_own(
    folder: Path, brand_id: str | None, title: str | None, timezone: str, currency: str, plugin: str | None
) -> None:
    from ..project import PLUGINS, NewBrand, brand_id_for, make_project

    brand_id = brand_id or brand_id_for(folder)
    brand = NewBrand(brand_id, title or brand_id, timezone, currency)
    texts: dict[str, str] = {}
    if plugin is not None:
        texts = _plugin_texts(plugin)
        brand = replace(brand, plugins=f"{brand.plugins}\n[plugins.{plugin}]\n")
    _check(brand.text(), brand_id)
    written = make_project(folder, [brand], more=texts)
    if not written:
        told = "another key: scrm key create BRAND; a plugin: scrm plugin new NAME --minimal --in plugins"
        click.echo(f"{folder} is a project already; nothing was changed ({told})")
        return
    session = Session(folder)
    try:
        session.installation.migrate()
        with session.brand(brand_id) as made:
            _, key = made.keys.create("first", ["*"])
    finally:
        session.close()
    click.echo(f"Made {folder} with the brand {brand_id!r}.")
    click.echo(f"Its API key, shown this once:\n\n  {key}\n")
    for path in texts:
        click.echo(f"Its plugin {plugin!r} is yours to change: {folder / PLUGINS / path}\n")
    click.echo(f"Next:\n  cd {folder}\n  scrm run")


def _plugin_texts(name: str) -> dict[str, str]:
    """The files of a minimal plugin by their path in the plugins folder; Conflict for a name that is installed."""
    from ..clock import SystemClock, from_instant
    from ..errors import Conflict
    from ..loader import discover
    from ..scaffold import plugin_texts

    folder, texts = plugin_texts(name, minimal=True, year=from_instant(SystemClock().now()).year)
    installed = discover(None).get(name)
    if installed is not None:
        raise Conflict(f"a plugin {name!r} is installed already ({installed.origin}); choose another name")
    return {f"{folder}/{path}": text for path, text in texts.items()}


def _check(text: str, brand_id: str) -> None:
    """Refuse a brand before anything is written; the file's own checks say what is wrong."""
    import tempfile

    from ..config import load_brand
    from ..errors import ConfigError

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"{brand_id.replace('/', '-')}.toml"
        path.write_text(text, "utf-8")
        try:
            load_brand(path)
        except ConfigError as exc:
            problems = "\n".join(problem.removeprefix(f"{path}: ") for problem in exc.problems)
            raise Failure(f"the brand cannot be made:\n{problems}") from None
