"""Who may call: keys, scopes, brands, and what a stranger learns (nothing)."""

from __future__ import annotations

import pytest
from web_client import Api, assert_problem, new_key

from scrm_core.errors import Invalid, NotFound, Unauthorized
from scrm_core.web import create_app


def without_id(response):
    members = response.get_json()
    members.pop("request_id")
    return response.status_code, members, {k: v for k, v in response.headers if k not in ("X-Request-Id",)}


def test_a_key_opens_its_brand(api):
    assert api.get("/segments").status_code == 200


def test_a_key_is_shown_once_and_only_its_hash_is_kept(brand, engine):
    key = new_key(brand)
    secret = key.rpartition("_")[2]
    with brand:
        (view,) = brand.keys.list()
        from scrm_core.db.bulk import execute

        stored = execute("SELECT * FROM api_key").fetchall()
    assert len(secret) == 64
    assert secret not in repr(view)
    assert secret not in repr(stored)


def test_every_bad_key_gets_the_same_answer_for_any_brand(client, api, brand):
    good = api.key
    last = "0" if good[-1] != "0" else "1"
    revoked = new_key(brand)
    with brand:
        brand.keys.revoke(revoked.partition(".")[2].partition("_")[0])
    bad = [
        "",
        "x",
        "scrm_",
        good[:-1] + last,
        good[:-1],
        good + "0",
        good.replace("scrm_acme.", "scrm_moonco."),
        good.replace("scrm_acme.", "scrm_nosuch."),
        "scrm_acme." + "a" * 12 + "_" + "0" * 64,
        revoked,
        "scrm_../../etc.aaaaaaaaaaaa_" + "0" * 64,
        "scrm_acme\x01",
    ]
    answers = set()
    for key in bad:
        for path in ("acme", "moonco", "nosuch", "ACME", "a" * 300):
            response = client.get(f"/api/v1/{path}/segments", headers={"Authorization": f"Bearer {key}"})
            assert_problem(response, 401, "unauthorized")
            assert response.headers["WWW-Authenticate"] == "Bearer"
            answers.add(repr(without_id(response)))
    missing = client.get("/api/v1/acme/segments")
    basic = client.get("/api/v1/acme/segments", headers={"Authorization": f"Basic {good}"})
    answers |= {repr(without_id(missing)), repr(without_id(basic))}
    assert len(answers) == 1


def test_another_brand_and_no_brand_look_the_same_to_a_good_key(client, api):
    elsewhere = [
        client.get(path, headers=api.headers())
        for path in (
            "/api/v1/moonco/segments",
            "/api/v1/nosuch/segments",
            "/api/v1/moonco/segments/x",
            "/api/v1/nosuch/segments/x",
            "/api/v1/acme/nosuch",
            "/api/v1/moonco/plugins/package-card/report",
            "/api/v1/nosuch/plugins/package-card/report",
        )
    ]
    assert {repr(without_id(response)) for response in elsewhere} == {repr(without_id(elsewhere[0]))}
    assert_problem(elsewhere[0], 404, "not_found")


def test_another_brands_row_is_as_missing_as_any(api, other_api):
    other_api.post("/segments", {"name": "secret", "expression": "orders > 3"})
    theirs, nobodys = api.get("/segments/secret"), api.get("/segments/public")
    assert theirs.get_json()["detail"].replace("secret", "x") == nobodys.get_json()["detail"].replace("public", "x")
    assert_problem(theirs, 404, "not_found")
    assert api.get("/segments").get_json() == {"items": []}
    assert [item["name"] for item in other_api.get("/segments").get_json()["items"]] == ["secret"]


def test_a_revoked_key_fails_at_once_in_a_running_process(installation, brand):
    first, second = create_app(installation).test_client(), create_app(installation).test_client()
    key = new_key(brand)
    apis = [Api(first, "acme", key), Api(second, "acme", key)]
    assert [each.get("/segments").status_code for each in apis] == [200, 200]
    with brand:
        brand.keys.revoke(key.partition(".")[2].partition("_")[0])
    assert [each.get("/segments").status_code for each in apis] == [401, 401]


def test_revoking_twice_keeps_the_first_instant(brand, clock):
    with brand:
        key_id, _ = brand.keys.create("one", ["segments:read"])
        first = brand.keys.revoke(key_id)
        clock.advance(days=1)
        assert brand.keys.revoke(key_id) == first
        with pytest.raises(NotFound):
            brand.keys.revoke("a" * 12)


@pytest.mark.parametrize(
    ("scopes", "status"),
    [(["segments:read"], 200), (["segments:*"], 200), (["*"], 200), (["segments:write"], 403), (["orders:*"], 403)],
)
def test_a_scope_opens_what_it_names(client, brand, scopes, status):
    api = Api(client, "acme", new_key(brand, *scopes))
    response = api.get("/segments")
    assert response.status_code == status
    if status == 403:
        assert_problem(response, 403, "forbidden")


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("scopes", [[], ["segments:reed"], ["nosuch:*"], [""], ["segments:read", "**"]])
def test_a_key_with_an_unknown_scope_is_not_made(brand, scopes):
    with brand:
        with pytest.raises(Invalid):
            brand.keys.create("x", scopes)
        assert brand.keys.list() == []


def test_an_unknown_scope_is_answered_with_the_nearest(brand):
    with brand, pytest.raises(Invalid, match="did you mean 'segments:read'"):
        brand.keys.create("x", ["segments:reed"])


def test_the_keys_service_refuses_another_brands_key(brand, other):
    key = new_key(brand)
    with other, pytest.raises(Unauthorized):
        other.keys.authenticate(key)


def test_a_wrong_method_says_which_are_right(client, api):
    response = client.delete(api.path("/segments"), headers=api.headers())
    assert_problem(response, 405, "method_not_allowed")
    assert {"GET", "POST"} <= {word.strip() for word in response.headers["Allow"].split(",")}


def test_head_answers_like_get_without_a_body(client, api):
    response = client.head(api.path("/segments"), headers=api.headers())
    assert (response.status_code, response.data) == (200, b"")
    assert client.head(api.path("/segments")).status_code == 401


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("path", ["//api/v1/acme/segments", "/api/v1/acme//segments", "/api/v1/acme/segments/"])
def test_no_path_is_answered_with_a_redirect(client, api, path):
    response = client.get(path, headers=api.headers())
    assert response.status_code in (404, 200)
    assert "Location" not in response.headers


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("brand_id", ["..", "%2e%2e", "acme%00", "acme%2f..%2fmoonco", "\u00e4cme", "brands/acme", "."])
def test_a_brand_id_never_becomes_a_path(client, api, brand_id):
    assert client.get(f"/api/v1/{brand_id}/segments", headers=api.headers()).status_code == 404


def test_thousands_of_headers_are_survived(client, api):
    headers = api.headers({f"X-Flood-{n}": "x" * 50 for n in range(10_000)})
    assert client.get(api.path("/segments"), headers=headers).status_code == 200


def test_a_hostile_request_id_is_replaced(client):
    for given in ("a b", "x" * 65, "<script>", "é"):
        answered = client.get("/nope", headers={"X-Request-Id": given}).headers["X-Request-Id"]
        assert answered != given
        assert answered.isalnum()
    assert client.get("/nope", headers={"X-Request-Id": "trace-1.2_3"}).headers["X-Request-Id"] == "trace-1.2_3"
