"""Settings of a plugin: a form made of its schema, a preview of the change, and the brand's file as the one truth."""

from __future__ import annotations

from typing import Any

import flask
from flask import Response, request

from scrm_core.api import (
    ConfigError,
    Conflict,
    Invalid,
    NotFound,
    current_actor,
    current_brand,
    own_transactions,
    permission,
    staff_visit,
)

from .frame import page, pages
from .parts import summary_of

# Switched off here, nobody could switch it on again here.
_OWN = "console"


@pages.get("/b/<brand>/settings/<plugin>")
@permission("settings:read")
def settings(plugin: str) -> Response:
    """What the file says, key by key."""
    return _shown(plugin)


@pages.post("/b/<brand>/settings/<plugin>/preview")
@own_transactions
@permission("settings:write")
def preview_settings(plugin: str) -> Response:
    """What would change, and whether the brand could be used so; nothing is written."""
    return _shown(plugin, tried=True)


@pages.post("/b/<brand>/settings/<plugin>/write")
@own_transactions
@permission("settings:write")
def write_settings(plugin: str) -> Response:
    """Write what was previewed; what was typed otherwise since is previewed first, a file that is another one told."""
    brand, form = current_brand(), request.form
    desk = brand.installation.settings(brand.id)
    now = desk.form(plugin)
    values, enabled, wrong = _typed(now)
    if wrong or now.state != form.get("state", ""):
        return _shown(plugin, 422 if wrong else 409, tried=True, changed=not wrong)
    plan = desk.plan(plugin, values, enabled=enabled)
    if plan.problems or plan.result != form.get("result", ""):
        return _shown(plugin, 422 if plan.problems else 200, tried=True)
    try:
        desk.write(plugin, values, enabled=enabled, state=now.state, actor=current_actor())
    except (Conflict, ConfigError) as error:
        return _shown(plugin, 409, tried=True, changed=error.code == "settings_changed", refused=error.code)
    return flask.redirect(flask.url_for("console.settings", plugin=plugin, done="written"), 303)  # type: ignore[return-value]


def _typed(form: Any) -> tuple[dict[str, Any], bool | None, dict[str, str]]:
    """What was typed as values, whether the plugin is to be on, and what could not be read."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for each in form.fields:
        text = request.form.get(f"s.{each.name}", "")
        if each.kind == "file" or (each.secret and not text.strip() and f"unset.{each.name}" not in request.form):
            continue
        try:
            values[each.name] = each.read("" if f"unset.{each.name}" in request.form else text)
        except Invalid as error:
            wrong[each.name] = error.message
    enabled = None if form.plugin == _OWN else "enabled" in request.form
    return values, enabled, wrong


def _shown(
    plugin: str, status: int = 200, *, tried: bool = False, changed: bool = False, refused: str = ""
) -> Response:
    brand, visit = current_brand(), staff_visit()
    if plugin not in brand.installation.loader.candidates():
        raise NotFound("there is nothing at this address")
    desk = brand.installation.settings(brand.id)
    form = desk.form(plugin, visit.language)
    problems: dict[str, tuple[str, ...]] = {}
    plan = None
    typed = {each.name: each.given for each in form.fields}
    enabled = form.enabled
    if tried:
        values, wanted, wrong = _typed(form)
        typed = {each.name: request.form.get(f"s.{each.name}", "") for each in form.fields}
        enabled = form.enabled if wanted is None else wanted
        problems = {name: (words,) for name, words in wrong.items()}
        if not wrong:
            plan = desk.plan(plugin, values, enabled=wanted)
            problems = dict(plan.problems)
    who = ""
    if changed:
        last = next(iter(brand.audit.page(target=f"plugin:{plugin}", action="settings", limit=1)), None)
        who = last.actor if last is not None else ""
    return page(
        "settings.html",
        422 if status == 200 and problems else status,
        plugin=plugin,
        summary=summary_of(plugin),
        form=form,
        typed=typed,
        enabled=enabled,
        fixed=plugin == _OWN,
        plan=plan,
        problems=problems,
        changed=changed,
        who=who,
        refused=refused,
        may_write=visit.allows("settings:write"),
        done=request.args.get("done", ""),
    )
