"""Health, metrics and the start page: useful to those who may see them, silent to all others."""

from __future__ import annotations

import html
import shlex
from dataclasses import replace

import flask
import pytest
from web_client import Api, assert_problem, new_key

from scrm_core.api import Column, Plugin, Report, ReportTable, current_brand, hookimpl, permission
from scrm_core.web import create_app

blueprint = flask.Blueprint("card", __name__)


@blueprint.get("/one/<number>")
@permission("card:read")
def one(number):
    return {"number": number}


@blueprint.get("/figures")
@permission("card:read")
def figures():
    return {"brand": current_brand().id}


class Card(Plugin):
    name = "card"
    version = "1.0"
    summary = "counts <b>cards</b>"
    requires_core = ">=0.1.0.dev0"
    blueprint = blueprint
    permissions = {"card:read": "read cards"}
    reports = {"card": Report("figures", "Cards 卡片"), "broken": Report("fail", "Broken")}

    @hookimpl
    def on_lead(self, event):
        return None

    def figures(self):
        columns = (
            Column("name", "Name"),
            Column("n", "Count", "count"),
            Column("rate", "Rate", "rate"),
            Column("sum", "Sum", "money"),
            Column("mean", "Mean", "money"),
            Column("at", "At", "instant"),
            Column("none", "None", "rate"),
        )
        row = {
            "name": "<script>x</script>",
            "n": 3267,
            "rate": 0.0719,
            "sum": 613130,
            "mean": 187.67,
            "at": 0,
            "none": None,
        }
        return ReportTable(columns, [row])

    def fail(self):
        raise RuntimeError("secret of the report")


ON = "\n[plugins.card]\n"


@pytest.fixture
def served(new_installation):
    """An installation with a plugin on for acme only, and a function that serves it with other settings."""
    installation = new_installation(plugins=(Card,), acme=ON)

    def serve(**settings):
        installation.config = replace(installation.config, **settings)
        return create_app(installation).test_client()

    return installation, serve


def test_the_process_lives_and_its_brands_answer(client):
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ready", "brands": 2, "failing": 0}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_readiness_counts_brands_that_fail_without_naming_them(installation, client):
    client.get("/readyz")
    for brand_id, status, code in (("acme", "degraded", 200), ("moonco", "failing", 503)):
        installation.close()
        for file in installation.config.data_dir.glob(f"{brand_id}.db*"):
            file.unlink()
        response = client.get("/readyz")
        assert (response.status_code, response.get_json()["status"]) == (code, status)
        assert brand_id not in response.get_data(as_text=True)
    assert int(response.headers["Retry-After"]) > 0


def test_metrics_count_requests_and_what_waits_for_a_plugin(served):
    installation, serve = served
    client = serve()
    api = Api(client, "acme", new_key(installation.brand("acme")))
    for n in range(3):
        api.post("/leads", {"phone": f"1380013800{n}", "key": str(n)})
    client.get("/no/such/path/4711")
    text = client.get("/metrics").get_data(as_text=True)
    assert 'route="/api/v1/<brand>/leads",status="201"} 3.0' in text
    assert 'scrm_events_waiting{brand="acme",plugin="card"} 3.0' in text
    assert 'scrm_plugin_paused{brand="acme",plugin="card"} 0.0' in text
    assert "4711" not in text
    assert "13800138" not in text


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("token", "given", "address", "forwarded", "status"),
    [
        ("", "", "127.0.0.1", "", 200),
        ("", "", "::1", "", 200),
        ("", "", "203.0.113.9", "", 404),
        ("", "", "127.0.0.1", "203.0.113.9", 404),
        ("t0ken", "t0ken", "203.0.113.9", "", 200),
        ("t0ken", "t0ken", "127.0.0.1", "203.0.113.9", 200),
        ("t0ken", "t0keN", "127.0.0.1", "", 404),
        ("t0ken", "", "127.0.0.1", "", 404),
    ],
)
def test_metrics_are_for_this_machine_or_the_token(served, token, given, address, forwarded, status):
    _, serve = served
    client = serve(metrics_token=token)
    headers = {"Authorization": f"Bearer {given}"} if given else {}
    if forwarded:
        headers["X-Forwarded-For"] = forwarded
    response = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert response.status_code == status
    if status == 404:
        assert_problem(response, 404, "not_found")


def test_the_start_page_says_nothing_of_an_ordinary_installation(served):
    _, serve = served
    response = serve().get("/")
    page = response.get_data(as_text=True)
    assert response.status_code == 200
    for word in ("acme", "Acme", "moonco", "Moon", "card", "Shanghai", "CNY"):
        assert word not in page


def test_the_start_page_of_a_demo_shows_brands_plugins_and_figures(served):
    _, serve = served
    page = serve(demo=True).get("/").get_data(as_text=True)
    acme, moonco = page.index('id="brand-acme"'), page.index('id="brand-moonco"')
    assert acme < page.index(">card</span>") < moonco
    assert "Acme 母婴" in page
    for shown in ("3,267", "7.19 %", "¥6,131.30", "¥1.8767", "1970-01-01T08:00:00+08:00", "–"):
        assert shown in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert "<b>cards" not in page
    assert "unavailable" in page
    assert "secret of the report" not in page


def test_the_next_commands_of_the_start_page_work(served):
    installation, serve = served
    client = serve(demo=True, base_url="http://localhost")
    keys = {brand_id: new_key(installation.brand(brand_id)) for brand_id in ("acme", "moonco")}
    page = client.get("/").get_data(as_text=True)
    blocks = [part.split("</code></pre>")[0] for part in page.split("<pre><code>")[1:]]
    post, count, switch = (shlex.split(html.unescape(block).replace("\\\n", "")) for block in blocks)
    headers = {"Authorization": f"Bearer {keys['acme']}", "Content-Type": "application/json"}
    assert "data/keys/acme.txt" in " ".join(post)
    assert client.post(post[-1], data=post[post.index("-d") + 1], headers=headers).status_code == 201
    expression = count[count.index("--data-urlencode") + 1].removeprefix("expression=")
    assert client.get(count[-1], query_string={"expression": expression}, headers=headers).get_json() == {"count": 1}
    assert switch[:2] == ["printf", "\\n[plugins.card]\\n"]
    path = installation.config.root / "brands/moonco.toml"
    assert switch[2:4] == [">>", "brands/moonco.toml"]
    address = switch[-1].removeprefix("http://localhost")
    headers = {"Authorization": f"Bearer {keys['moonco']}"}
    assert client.get(address, headers=headers).status_code == 404
    path.write_text(path.read_text("utf-8") + ON, "utf-8")
    assert client.get(address, headers=headers).get_json() == {"brand": "moonco"}


def test_answers_carry_the_headers_that_keep_browsers_safe(client, api):
    for path in ("/", "/api/docs", "/healthz", "/nope", api.path("/segments")):
        response = client.get(path, headers=api.headers())
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-Id"]
    assert client.get(api.path("/segments"), headers=api.headers()).headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in client.get("/").headers["Content-Security-Policy"]
