"""Jobs: what runs by itself, how the last runs ended, when the next one is, and one at once."""

from __future__ import annotations

from typing import Any

import flask
from flask import Response, request

from scrm_core.api import current_actor, current_brand, cut_page, permission, query_number, staff_visit

from .frame import fragment, page, pages

ROWS = 50


@pages.get("/b/<brand>/jobs")
@permission("jobs:read")
def jobs() -> Response:
    before = query_number("before", 0)
    runs, older = cut_page(current_brand().jobs.runs(before=before or None, limit=ROWS + 1), ROWS)
    return page(
        "jobs.html",
        **_jobs(),
        runs=runs,
        before=before,
        older=older,
        done=request.args.get("done", ""),
    )


@pages.get("/b/<brand>/jobs/list")
@permission("jobs:read")
def job_list() -> Response:
    """The list by itself, for the console's script, which asks for it while something is asked for or runs."""
    return fragment("jobs_list.html", **_jobs())


def _jobs() -> dict[str, Any]:
    return {"jobs": current_brand().jobs.list(), "may_ask": staff_visit().allows("jobs:write")}


@pages.post("/b/<brand>/jobs/ask")
@permission("jobs:write")
def ask_job() -> Response:
    """Have a job run at the workers' next look: the same act as ``scrm job ask`` and ``/jobs:ask``."""
    new = current_brand().jobs.ask(request.form.get("plugin", ""), request.form.get("job", ""), actor=current_actor())
    return flask.redirect(flask.url_for("console.jobs", done="asked" if new else "already"), 303)  # type: ignore[return-value]
