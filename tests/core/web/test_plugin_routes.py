"""Routes of plugins: there for the brands that switched the plugin on, absent for all others."""

from __future__ import annotations

import os

import flask
import pytest
from web_client import Api, assert_problem, new_key

from scrm_core.api import Conflict, Invalid, Plugin, Veto, current_brand, current_plugin, permission
from scrm_core.errors import PluginError
from scrm_core.shown import Report, ReportTable
from scrm_core.web import create_app

blueprint = flask.Blueprint("notes", __name__, template_folder="nowhere")


@blueprint.get("/hello")
@permission("notes:read")
def hello():
    return {"brand": current_brand().id, "plugin": current_plugin(Notes).name}


@blueprint.get("/fail")
@permission("notes:read")
def fail():
    raise RuntimeError("secret of the plugin")


@blueprint.get("/exit")
@permission("notes:read")
def leave():
    raise SystemExit(1)


@blueprint.get("/item/<int:number>")
@permission("notes:read")
def item(number):
    return {"number": number, "url": flask.url_for("notes.item", number=number)}


@blueprint.post("/save")
@permission("notes:write")
def save():
    body = flask.request.get_json()
    current_brand().segments.save(body["name"], "orders > 3")
    if body.get("then") == "conflict":
        raise Conflict("changed my mind")
    if body.get("then") == "veto":
        raise Veto("not today", "closed", status=422)
    if body.get("then") == "invalid":
        raise Invalid("no such then", field="then")
    if body.get("then") == "answer":
        return {"problem": "own error"}, 418
    if body.get("then") == "crash":
        raise RuntimeError("secret of the plugin")
    return {"saved": body["name"]}, 201


class Notes(Plugin):
    name = "notes"
    version = "1.0"
    summary = "keeps notes"
    requires_core = ">=0.1.0.dev0"
    blueprint = blueprint
    permissions = {"notes:read": "read notes", "notes:write": "write notes"}
    reports = {"notes": Report("figures", "Notes")}

    def figures(self) -> ReportTable:
        return ReportTable((), [])


class Quiet(Plugin):
    name = "quiet-one"
    version = "1.0"
    summary = "has no routes"
    requires_core = ">=0.1.0.dev0"


ON = "\n[plugins.notes]\n"


@pytest.fixture
def made(api_of):
    return api_of(plugins=(Notes, Quiet), acme=ON)


def test_a_route_answers_inside_its_brand(made):
    _, acme, _ = made
    assert acme.get("/plugins/notes/hello").get_json() == {"brand": "acme", "plugin": "notes"}


def test_a_brand_without_the_plugin_has_nothing_there(made):
    _, acme, moonco = made
    for path in ("/plugins/notes/hello", "/plugins/notes/save", "/plugins/nosuch/hello", "/plugins/quiet-one/hello"):
        assert_problem(moonco.get(path), 404, "not_found")
    assert_problem(acme.get("/plugins/quiet-one/hello"), 404, "not_found")
    assert_problem(acme.get("/plugins/notes/nosuch"), 404, "not_found")
    assert_problem(acme.get("/plugins/notes/../notes/hello"), 404, "not_found")


def test_a_key_of_another_brand_reaches_no_route(made):
    _, acme, moonco = made
    stranger = Api(acme.client, "acme", moonco.key)
    assert_problem(stranger.get("/plugins/notes/hello"), 404, "not_found")
    assert_problem(acme.client.get("/api/v1/acme/plugins/notes/hello"), 401, "unauthorized")


def test_each_route_needs_its_permission(made):
    installation, acme, _ = made
    reader = Api(acme.client, "acme", new_key(installation.brand("acme"), "notes:read"))
    assert reader.get("/plugins/notes/hello").status_code == 200
    assert_problem(reader.post("/plugins/notes/save", {"name": "x"}), 403, "forbidden")


def rewrite(installation, brand_id, change):
    path = installation.config.brands_dir / f"{brand_id}.toml"
    before = path.stat()
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    # Two writes within one tick of the file system's clock would look alike.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))


def test_a_plugin_switched_on_in_the_file_answers_without_a_restart(made):
    installation, acme, moonco = made
    assert moonco.get("/plugins/notes/hello").status_code == 404
    rewrite(installation, "moonco", lambda text: text + ON)
    assert moonco.get("/plugins/notes/hello").get_json()["brand"] == "moonco"
    rewrite(installation, "moonco", lambda text: text.replace(ON, ON + "enabled = false\n"))
    assert_problem(moonco.get("/plugins/notes/hello"), 404, "not_found")
    assert acme.get("/plugins/notes/hello").status_code == 200


def test_a_broken_change_of_the_file_keeps_the_routes(made):
    installation, acme, _ = made
    rewrite(installation, "acme", lambda text: text + "[plugins.notes\n")
    assert acme.get("/plugins/notes/hello").status_code == 200


def test_methods_and_variables_are_the_blueprints(made):
    _, acme, _ = made
    answer = acme.get("/plugins/notes/item/7").get_json()
    assert answer == {"number": 7, "url": "/api/v1/acme/plugins/notes/item/7"}
    assert_problem(acme.get("/plugins/notes/item/x"), 404)
    wrong = acme.get("/plugins/notes/save")
    assert_problem(wrong, 405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"]


@pytest.mark.parametrize("path", ["/plugins/notes/fail", "/plugins/notes/exit"])
def test_a_route_that_fails_is_named_and_keeps_its_secret(made, path, caplog):
    _, acme, _ = made
    members = assert_problem(acme.get(path), 500, "plugin")
    assert "'notes'" in members["detail"]
    assert "secret" not in members["detail"]
    assert acme.get("/plugins/notes/hello").status_code == 200


@pytest.mark.parametrize(
    ("then", "status"), [("conflict", 409), ("veto", 422), ("invalid", 422), ("answer", 418), ("crash", 500)]
)
def test_a_refused_write_leaves_nothing(made, then, status):
    _, acme, _ = made
    for headers in ({}, {"Idempotency_Key": "one"}):
        response = acme.post("/plugins/notes/save", {"name": "x", "then": then}, **headers)
        assert response.status_code == status
    assert acme.get("/segments").get_json() == {"items": []}
    assert acme.post("/plugins/notes/save", {"name": "x"}, Idempotency_Key="one").status_code == 201


def test_a_write_is_done_once_per_idempotency_key(made):
    _, acme, _ = made
    first = acme.post("/plugins/notes/save", {"name": "x"}, Idempotency_Key="one")
    again = acme.post("/plugins/notes/save", {"name": "x"}, Idempotency_Key="one")
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert_problem(acme.post("/plugins/notes/save", {"name": "y"}, Idempotency_Key="one"), 422, "idempotency_mismatch")
    assert len(acme.get("/segments").get_json()["items"]) == 1


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"name": "x", "name": "y"}', b'{"name": NaN}', b""])
def test_a_plugin_gets_strict_json_too(made, body):
    _, acme, _ = made
    assert_problem(acme.raw("/plugins/notes/save", body), 400)
    assert acme.get("/segments").get_json() == {"items": []}


def test_a_route_without_a_permission_stops_the_start(new_installation):
    bare = flask.Blueprint("bare", __name__)

    @bare.get("/open")
    def open_to_all():
        return {}

    class Bare(Plugin):
        name = "bare"
        version = "1.0"
        summary = "forgot a permission"
        requires_core = ">=0.1.0.dev0"
        blueprint = bare

    installation = new_installation(plugins=(Bare,), moonco="\n[plugins.bare]\n")
    with pytest.raises(PluginError, match=r"'bare'.*'/open'.*@permission"):
        create_app(installation)


def test_a_permission_that_is_not_declared_stops_the_start(new_installation):
    odd = flask.Blueprint("odd", __name__)

    @odd.get("/x")
    @permission("odd:read")
    def view():
        return {}

    class Odd(Plugin):
        name = "odd"
        version = "1.0"
        summary = "declares nothing"
        requires_core = ">=0.1.0.dev0"
        blueprint = odd

    installation = new_installation(plugins=(Odd,), acme="\n[plugins.odd]\n")
    with pytest.raises(PluginError, match="'odd:read', which `permissions` does not declare"):
        create_app(installation)


def test_the_list_of_plugins_shows_what_this_brand_has(made):
    _, acme, moonco = made
    (shown,) = acme.get("/plugins").get_json()["items"]
    assert (shown["name"], shown["state"], shown["parked"]) == ("notes", "passive", 0)
    assert {"methods": ["POST"], "path": "/save", "permission": "notes:write"} in shown["routes"]
    assert moonco.get("/plugins").get_json() == {"items": []}
    offered = acme.get("/reports").get_json()["items"]
    assert [each for each in offered if each["plugin"] != "core"] == [{"name": "notes", "title": "Notes", "plugin": "notes"}]
    assert offered[0] == {"name": "goals", "title": "Goals of this month 本月目标", "plugin": "core"}
    assert acme.get("/reports/goals").get_json()["rows"] == []
    assert acme.get("/reports/notes").get_json()["rows"] == []
    assert_problem(moonco.get("/reports/notes"), 404, "not_found")


def test_a_plugins_permissions_are_known_scopes_where_it_is_enabled(made):
    installation, _, _ = made
    with installation.brand("acme") as brand:
        assert brand.keys.permissions()["notes:read"] == "read notes"
    with installation.brand("moonco") as brand:
        assert "notes:read" not in brand.keys.permissions()
        for scope in ("notes:read", "notes:*"):
            with pytest.raises(Invalid, match=r"'notes' is not switched on for brand 'moonco': .*\[plugins.notes\]"):
                brand.keys.create("x", [scope])
