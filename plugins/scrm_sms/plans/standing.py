"""The standing run of a plan, which writes to people one by one (rescue 挽留): it stops and goes on with its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import NotFound, RunView

from .book import OWNER
from .steps import ENDED

if TYPE_CHECKING:
    from scrm_core.api import Brand

_SUFFIX = "/rescue"


def standing_code(plan_code: str) -> str:
    """The code of the standing run of a plan."""
    return f"{plan_code}{_SUFFIX}"


def plan_code_of(run_code: str) -> str | None:
    """The code of the plan whose standing run this is, or None for any other run."""
    return run_code.removesuffix(_SUFFIX) if run_code.endswith(_SUFFIX) else None


def standing_run(brand: Brand, plan_code: str) -> RunView | None:
    """The standing run of a plan as long as it can send, or None."""
    try:
        run = brand.outreach.run(OWNER, standing_code(plan_code))
    except NotFound:
        return None
    return None if run.state in ENDED else run


def pause_standing(brand: Brand, plan_code: str, reason: str) -> bool:
    """Stop it; False when it does not run. Call it with the plan's row moved, as for the plan's own run."""
    run = standing_run(brand, plan_code)
    if run is None or run.state != "running":
        return False
    brand.outreach.pause(run.id, reason)
    return True


def resume_standing(brand: Brand, plan_code: str) -> bool:
    """Let it go on; False when it is not paused."""
    run = standing_run(brand, plan_code)
    if run is None or run.state != "paused":
        return False
    brand.outreach.resume(run.id)
    return True


def cancel_standing(brand: Brand, plan_code: str, reason: str) -> bool:
    """End it: whoever still waits in it gets nothing. False when there is none."""
    run = standing_run(brand, plan_code)
    if run is None:
        return False
    brand.outreach.cancel(run.id, reason)
    return True
