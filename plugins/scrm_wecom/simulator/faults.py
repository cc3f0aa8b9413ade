"""Faults on command: any code, slow answers, statuses of a proxy, broken bodies (wecom section 15.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scrm_core.api import Invalid

KINDS = ("errcode", "slow", "http", "broken", "empty")
"""``errcode``: that code; ``slow``: seconds before the answer; ``http``: a status with a page, as a proxy
answers; ``broken``: half of the answer's JSON; ``empty``: status 200 without a body."""


@dataclass(slots=True)
class Fault:
    """One fault: ``api`` and ``corpid`` "" mean every one; it ends at ``until`` or after ``left`` calls.

    ``after`` faults take the call and spoil its answer: the change is made and the caller does not learn of it.
    """

    kind: str
    value: float = 0
    api: str = ""
    corpid: str = ""
    until: int | None = None
    left: int | None = None
    after: bool = False

    def shown(self) -> dict[str, Any]:
        """The fault for the status page."""
        return {name: getattr(self, name) for name in ("kind", "value", "api", "corpid", "until", "left", "after")}


@dataclass
class Faults:
    """The faults that hold now."""

    _held: list[Fault] = field(default_factory=list)

    def add(
        self,
        kind: str,
        value: float = 0,
        *,
        now: int,
        api: str = "",
        corpid: str = "",
        seconds: float | None = None,
        times: int | None = None,
        after: bool = False,
    ) -> Fault:
        """Add a fault for ``seconds``, for ``times`` calls, or until :meth:`clear`. Raises Invalid (``kind``)."""
        if kind not in KINDS:
            raise Invalid(f"no fault is called {kind!r}; there are {', '.join(KINDS)}", field="kind")
        if kind == "errcode" and not value:
            raise Invalid("an errcode of 0 is no fault", field="value")
        if kind == "http" and not 400 <= value <= 599:
            raise Invalid("the status of a proxy is 400 to 599", field="value")
        until = None if seconds is None else now + round(seconds * 1_000)
        fault = Fault(kind, value, api, corpid, until, times, after)
        self._held.append(fault)
        return fault

    def clear(self) -> None:
        """End every fault."""
        self._held.clear()

    def meet(self, api: str, corpid: str, now: int) -> list[Fault]:
        """The faults that a call meets; each of limited times is used once."""
        self._held = [f for f in self._held if (f.until is None or now < f.until) and f.left != 0]
        met = [f for f in self._held if f.api in ("", api) and f.corpid in ("", corpid)]
        for fault in met:
            if fault.left is not None:
                fault.left -= 1
        return met

    def shown(self, now: int) -> list[dict[str, Any]]:
        """What holds now."""
        return [f.shown() for f in self._held if (f.until is None or now < f.until) and f.left != 0]
