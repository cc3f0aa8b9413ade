"""``/l/<code>``: the visit is recorded, the visitor is sent on, nobody is sent anywhere else."""

from __future__ import annotations

import pytest
from web_client import Api, assert_problem, new_key

from scrm_core.limits import LIMITS
from scrm_core.web import create_app
from scrm_core.web.shortlinks import VISITOR_COOKIE

PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0"}
TARGET = "https://shop.example/sale?from=card"


def new_link(api: Api, target: str = TARGET, **more) -> str:
    api.post("/channels", {"code": "card"})
    return api.post("/links", {"channel": "card", "target": target, **more}).get_json()["code"]


def visits(api: Api) -> list[dict]:
    items = api.get("/events").get_json()["items"]
    return [event["data"] for event in items if event["type"] == "link.visited"]


def test_a_person_is_sent_on_and_seen_again(client, api):
    code = new_link(api)
    first = client.get(f"/l/{code}", headers=PHONE)
    assert (first.status_code, first.headers["Location"]) == (302, TARGET)
    assert first.headers["Cache-Control"] == "no-store"
    cookie = client.get_cookie(VISITOR_COOKIE)
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site, len(cookie.value)) == (True, "Lax", 32)
    client.get(f"/l/{code}", headers=PHONE)
    assert [visit["visitor"] for visit in visits(api)] == [cookie.value] * 2
    assert visits(api)[0]["code"] == code


def test_a_program_is_sent_on_but_is_no_visitor(client, api):
    code = new_link(api)
    for headers in (
        {"User-Agent": "WhatsApp/2.23"},
        {"User-Agent": ""},
        {**PHONE, "Purpose": "prefetch"},
        {**PHONE, "Sec-Purpose": "prefetch;prerender"},
        {**PHONE, "X-Purpose": "preview"},
    ):
        response = client.get(f"/l/{code}", headers=headers)
        assert response.status_code == 302
        assert "Set-Cookie" not in response.headers
    head = client.head(f"/l/{code}", headers=PHONE)
    assert (head.status_code, head.headers["Location"], head.data) == (302, TARGET, b"")
    assert visits(api) == []


def test_each_brands_link_records_with_its_brand(client, api, other_api):
    mine, theirs = new_link(api), new_link(other_api, "https://moon.example/")
    for _ in range(2):  # the second time the owner of the code is remembered
        assert client.get(f"/l/{mine}", headers=PHONE).headers["Location"] == TARGET
        assert client.get(f"/l/{theirs}", headers=PHONE).headers["Location"] == "https://moon.example/"
    assert [visit["code"] for visit in visits(api)] == [mine] * 2
    assert [visit["code"] for visit in visits(other_api)] == [theirs] * 2


def test_an_ended_link_is_gone_at_once(client, api, clock):
    code = new_link(api)
    assert client.get(f"/l/{code}", headers=PHONE).status_code == 302
    api.post(f"/links/{code}/disable")
    page = client.get(f"/l/{code}", headers={**PHONE, "Accept": "text/html"})
    assert (page.status_code, page.mimetype) == (410, "text/html")
    assert "已失效" in page.get_data(as_text=True)
    assert "Location" not in page.headers
    assert_problem(client.get(f"/l/{code}", headers=PHONE), 410)
    expiring = new_link(api, expires_at=clock.now() + 1_000)
    assert client.get(f"/l/{expiring}", headers=PHONE).status_code == 302
    clock.advance(seconds=1)
    assert client.get(f"/l/{expiring}", headers=PHONE).status_code == 410


@pytest.mark.parametrize(
    "code",
    [
        "aaaaaaaaaaaa",
        "..",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "a%0d%0aLocation:%20x",
        "ä",
        "x" * 500,
        "'%20OR%201=1",
        "a/b",
    ],
)
def test_an_unknown_or_hostile_code_leads_nowhere(client, api, code):
    new_link(api)
    response = client.get(f"/l/{code}", headers={**PHONE, "Accept": "text/html"})
    assert response.status_code == 404
    assert "Location" not in response.headers
    assert visits(api) == []


def test_the_request_cannot_bend_the_target(client, api):
    code = new_link(api)
    response = client.get(f"/l/{code}?next=//evil.example&target=https://evil.example", headers=PHONE)
    assert response.headers["Location"] == TARGET


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("cookie", ["x", "é", "a" * 33, "A" * 32, "' OR 1=1 --"])
def test_a_forged_cookie_is_replaced(client, api, cookie):
    code = new_link(api)
    client.set_cookie(VISITOR_COOKIE, cookie)
    client.get(f"/l/{code}", headers=PHONE)
    (visit,) = visits(api)
    assert visit["visitor"] != cookie
    assert len(visit["visitor"]) == 32


def test_guessing_is_slowed_down_for_the_guesser_alone(client, api, clock):
    code = new_link(api)
    guesser = {**PHONE, "X-Forwarded-For": "203.0.113.9"}
    neighbour = {**PHONE, "X-Forwarded-For": "203.0.113.10"}
    for _ in range(LIMITS.code_guesses):
        assert client.get("/l/aaaaaaaaaaaa", headers=guesser).status_code == 404
    slowed = client.get(f"/l/{code}", headers=guesser)
    assert_problem(slowed, 429, "too_many_requests")
    assert int(slowed.headers["Retry-After"]) > 0
    assert client.get(f"/l/{code}", headers=neighbour).status_code == 302
    clock.advance(seconds=60)
    assert client.get(f"/l/{code}", headers=guesser).status_code == 302


def test_a_forwarded_address_is_believed_only_from_a_proxy_on_this_machine(client, api):
    stranger = {"REMOTE_ADDR": "198.51.100.7"}
    for n in range(LIMITS.code_guesses):
        client.get("/l/aaaaaaaaaaaa", headers={**PHONE, "X-Forwarded-For": f"10.0.0.{n}"}, environ_overrides=stranger)
    assert client.get("/l/aaaaaaaaaaaa", headers=PHONE, environ_overrides=stranger).status_code == 429


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_one_brands_missing_database_leaves_the_others_links_alone(installation, other):
    client = create_app(installation).test_client()
    code = new_link(Api(client, "moonco", new_key(other)))
    installation.close()
    for file in installation.config.data_dir.glob("acme.db*"):
        file.unlink()
    assert client.get(f"/l/{code}", headers=PHONE).status_code == 302


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_cookie_is_for_https_only_where_the_installation_is(new_installation):
    installation = new_installation()
    root = installation.config.root
    text = (root / "scrm.toml").read_text("utf-8")
    (root / "scrm.toml").write_text(text + 'base_url = "https://l.shop.example"\n', "utf-8")
    served = type(installation).open(root, clock=installation.clock)
    client = create_app(served).test_client()
    api = Api(client, "acme", new_key(served.brand("acme")))
    response = client.get(f"/l/{new_link(api)}", headers=PHONE)
    assert "Secure" in response.headers["Set-Cookie"]
    served.close()
