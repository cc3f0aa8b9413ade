"""What a command works with: the project it was called in, opened when first needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import NotFound, ScrmError
from . import output
from .codes import USAGE, Failure

if TYPE_CHECKING:
    from ..brands import Brand
    from ..clock import Clock
    from ..config import ProjectConfig
    from ..installation import Installation


class Session:
    """One call of ``scrm``. Commands get it by ``@click.pass_obj``.

    ``start`` is where the search for the project begins, ``clock`` replaces
    the machine's clock (tests), ``installation`` is one that is open already.
    """

    def __init__(
        self, start: Path | None = None, clock: Clock | None = None, *, installation: Installation | None = None
    ) -> None:
        self.start = start or Path()
        self._clock = clock
        self._installation = installation
        self._config: ProjectConfig | None = None if installation is None else installation.config

    @property
    def config(self) -> ProjectConfig:
        """The project's checked ``scrm.toml``.

        Outside a project this ends the command with exit code 2 and says how
        to make one; a faulty file raises ConfigError.
        """
        if self._config is None:
            from ..config import find_project, load_project

            try:
                root = find_project(self.start)
            except NotFound as exc:
                raise Failure(exc.message, USAGE) from None
            self._config = load_project(root)
        return self._config

    @property
    def installation(self) -> Installation:
        """The project's installation; writes through it wake a running worker."""
        if self._installation is None:
            from ..installation import Installation
            from ..nudge import make_nudge

            self._installation = Installation(self.config, clock=self._clock)
            self._installation.nudge = make_nudge(self.config)
        return self._installation

    def brand(self, brand_id: str) -> Brand:
        """A brand with its plugins; enter it: ``with session.brand("shop") as brand:``.

        Raises NotFound naming the brands there are, ConfigError for a faulty file.
        """
        self._know(brand_id)
        return self.installation.brand(brand_id)

    def core_brand(self, brand_id: str) -> Brand:
        """The brand without its plugins, for commands that must work while one of them is broken."""
        from ..brands import Brand
        from ..config import load_brand

        self._know(brand_id)
        config = load_brand(self.config.brands_dir / f"{brand_id}.toml")
        installation = self.installation
        return Brand(replace(config, plugins={}), installation, installation.engine.handle(brand_id), {})

    def _know(self, brand_id: str) -> None:
        self.installation.brand_file(brand_id)
        if not self.installation.has_tables(brand_id):
            raise Failure(f"brand {brand_id!r} has no tables yet; run: scrm migrate")

    def show(self, headings: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool = False) -> None:
        """Print rows as a table, or as a JSON array of objects keyed by the headings."""
        output.show(headings, rows, as_json=as_json)

    def show_record(self, record: dict[str, Any], *, as_json: bool = False) -> None:
        """Print one thing, its members below one another or as a JSON object."""
        output.show_record(record, as_json=as_json)

    def plugin_command(self, name: str) -> Any | None:
        """The click command of an installed plugin, by its name or a short name; None when there is no such plugin.

        Raises PluginError when the plugin is broken or the short name is another's too, Failure when it
        has no commands.
        """
        from importlib import import_module

        from ..errors import PluginError
        from ..loader import Loader

        try:
            plugins_dir = self.config.plugins_dir
        except (Failure, ScrmError):
            plugins_dir = None  # help for an installed plugin is there outside a project too
        cls = Loader(plugins_dir).named(name)
        if cls is None:
            return None
        if cls.commands is None:
            raise Failure(f"plugin {name!r} has no commands", USAGE)
        module, _, attribute = cls.commands.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as exc:
            raise PluginError(f"plugin {name!r}: its commands {cls.commands!r} cannot be loaded: {exc}") from exc

    def close(self) -> None:
        """Close what was opened."""
        if self._installation is not None:
            self._installation.close()
