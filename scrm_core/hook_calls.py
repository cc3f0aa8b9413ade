"""Calls of a brand's hooks: who implements each, in which order, and what a failure becomes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Any

import pluggy

from . import trace
from .db.faults import is_fault
from .errors import PluginError, Veto
from .hooks import HOOK_NAMES, PROJECT, HookSpecs
from .plugin import Plugin

log = logging.getLogger("scrm.brands")

Implementation = tuple[str, Callable[[Any], Any], bool]
"""Plugin name, bound method, whether it also receives backfilled events."""


class Hooks:
    """The hook implementations of one brand, in the order of its configuration."""

    def __init__(self, brand_id: str, plugins: dict[str, Plugin]) -> None:
        tracing = trace.wanted()
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(HookSpecs)
        # pluggy calls the last registered first; configuration order is call order.
        for name, plugin in reversed(plugins.items()):
            self.manager.register(plugin, name)
        self.manager.check_pending()
        self._resolved: dict[str, tuple[Implementation, ...]] = {}
        for hook in HOOK_NAMES:
            impls = getattr(self.manager.hook, hook).get_hookimpls()
            self._resolved[hook] = tuple(
                (
                    impl.plugin_name,
                    trace.traced(brand_id, impl.plugin_name, hook, impl.function) if tracing else impl.function,
                    getattr(impl.function, "scrm_backfill", False),
                )
                for impl in reversed(impls)
            )

    def implementations(self, hook: str) -> tuple[Implementation, ...]:
        """Who implements a hook, in call order."""
        return self._resolved[hook]

    def check(self, hook: str, draft: Any) -> None:
        """Ask every guard; a Veto passes through, any other exception becomes a PluginError naming it."""
        for name, function, _ in self._resolved[hook]:
            try:
                answer = function(draft)
            except (Veto, KeyboardInterrupt):
                raise
            except BaseException as exc:  # SystemExit too: no guard ends who asks it
                if is_fault(exc):
                    raise  # a locked or absent database is nobody's mistake: it is answered as such
                raise PluginError(
                    f"plugin {name!r} failed in {hook}: {type(exc).__name__}: {exc}", plugin=name, hook=hook
                ) from exc
            if answer is not None:  # most likely meant as a refusal, which it is not
                raise PluginError(
                    f"plugin {name!r}: {hook} returned {answer!r}, which means nothing; "
                    "raise Veto(reason) to refuse, return nothing otherwise",
                    plugin=name,
                    hook=hook,
                )

    def collect(self, hook: str, query: Any, only: Collection[str] | None = None) -> list[tuple[str, Any, str | None]]:
        """Ask every plugin, or these ``only``: (name, answer, None), or (name, None, reason) where it failed."""
        out: list[tuple[str, Any, str | None]] = []
        for name, function, _ in self._resolved[hook]:
            if only is not None and name not in only:
                continue
            try:
                out.append((name, function(query), None))
            except KeyboardInterrupt:
                raise
            except BaseException as exc:  # SystemExit too
                log.exception("plugin %s failed in %s", name, hook)
                out.append((name, None, f"{type(exc).__name__}: {exc}"))
        return out
