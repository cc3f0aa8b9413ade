"""What bodies and parameters the API refuses: always a 4xx with a reason, never a 500, never stored."""

from __future__ import annotations

import fcntl
import io
import json

import pytest
from web_client import assert_problem

from scrm_core.db import sqlite
from scrm_core.errors import StorageFull
from scrm_core.limits import LIMITS
from scrm_core.services.segments import Segments

FINE = b'{"name": "x", "expression": "orders > 3"}'


def named(text: str) -> bytes:
    """A segment body whose name is a JSON text as written."""
    return b'{"name": ' + text.encode() + b', "expression": "orders > 3"}'


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "json_empty"),
        (b"   ", 400, "json_empty"),
        (b"{", 400, "json_syntax"),
        (b"name=x", 400, "json_syntax"),
        (b"\xef\xbb\xbf" + FINE, 400, "json_bom"),
        (b'{"name": "\xff\xfe"}', 400, "json_encoding"),
        (FINE.decode().encode("utf-16"), 400, None),
        (b"[" * 200_000, 400, "json_depth"),
        (b'{"a":' * 200_000, 400, "json_depth"),
        (b"[" * 65 + b"]" * 65, 400, "json_depth"),
        (b'{"name": "x", "name": "y", "expression": "orders > 3"}', 400, "json_duplicate_key"),
        (named("NaN"), 400, "json_number"),
        (named("-Infinity"), 400, "json_number"),
        (named("1e400"), 400, "json_number"),
        (named("9" * 4_000), 400, "json_number"),
        (named(str(2**53 + 1)), 400, "json_number"),
        (named('"\\ud800"'), 400, "json_surrogate"),
        (named('"a\\u0000b"'), 400, "json_nul"),
        (named("1.9"), 422, "invalid"),
        (named("true"), 422, "invalid"),
        (named("null"), 422, "invalid"),
        (named("[]"), 422, "invalid"),
        (named('"a\\u0007b"'), 422, "invalid"),
        (named('""'), 422, "invalid"),
        (named('"' + "x" * (LIMITS.name + 1) + '"'), 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b'"text"', 422, "invalid"),
        (b"{}", 422, "invalid"),
    ],
)
def test_a_hostile_body_is_refused_with_its_reason_and_nothing_is_stored(api, body, status, code):
    assert_problem(api.raw("/segments", body), status, code)
    assert api.get("/segments").get_json() == {"items": []}


def test_a_wrong_field_is_named(api):
    assert_problem(api.post("/segments", {"name": 7, "expression": "orders > 3"}), 422, "invalid", "name")
    assert_problem(api.post("/segments", {"name": "x", "expression": "orders >"}), 422, "segment", "expression")


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("field", ["id", "created_at", "brand_id", "state", "role", "balance", "__class__"])
def test_a_field_that_is_not_the_callers_to_set_is_refused(api, field):
    body = {"name": "x", "expression": "orders > 3", field: 1}
    assert_problem(api.post("/segments", body), 422, "invalid", field)
    assert api.get("/segments").get_json() == {"items": []}


def test_a_body_over_the_limit_is_refused_before_it_is_read(client, api):
    body = io.BytesIO(b" " * 30_000_000)
    response = client.post(
        api.path("/segments"),
        input_stream=body,
        headers=api.headers({"Content-Type": "application/json", "Content-Length": "30000000"}),
    )
    assert_problem(response, 413, "too_large")
    assert body.tell() <= LIMITS.body_bytes + 1


def test_a_body_of_unknown_length_is_cut_at_the_limit(client, api):
    response = client.post(
        api.path("/segments"),
        input_stream=io.BytesIO(b" " * (LIMITS.body_bytes + 10)),
        headers=api.headers({"Content-Type": "application/json", "Transfer-Encoding": "chunked"}),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert_problem(response, 413, "too_large")


def test_a_body_of_exactly_the_limit_is_read(api):
    body = FINE + b" " * (LIMITS.body_bytes - len(FINE))
    assert api.raw("/segments", body).status_code == 200


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
def test_another_media_type_is_refused(api, media):
    assert_problem(api.raw("/segments", FINE, Content_Type=media), 415, "unsupported_media_type")


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "application/vnd.scrm+json", "APPLICATION/JSON"])
def test_json_by_any_of_its_names_is_read(api, media):
    assert api.raw("/segments", FINE, Content_Type=media).status_code == 200


@pytest.mark.parametrize(
    "name", ["母婴 · VIP", "{{7*7}}", "<script>alert(1)</script>", "'; DROP TABLE segment; --", "a/b?c"]
)
def test_any_text_is_data(api, name):
    assert api.post("/segments", {"name": name, "expression": "orders > 3"}).get_json()["name"] == name
    (item,) = api.get("/segments").get_json()["items"]
    assert item["name"] == name


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "1.9"}, "limit"),
        ({"limit": "１"}, "limit"),
        ({"limit": "9" * 5_000}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "a2EnIE9SIDE9MQ"}, "cursor"),
        ({"cursor": "a" * 5_000}, "cursor"),
        ({"cursor": "azk5OTk5OTk5OTk5OTk5OTk5OTk"}, "cursor"),
        ({"cursor": "é"}, "cursor"),
        ({"limit": ["1", "2"]}, "limit"),
        ({"sort": "id; DROP TABLE event"}, "sort"),
        ({"order_by": "1"}, "order_by"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(api, query, field):
    assert_problem(api.get("/events", **query), 422, None, field)


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("text", ["", "orders >", "orders > 3 or 1=1--", "(" * 400, "x" * 5_000, "name = 'x'", "\x00"])
def test_a_faulty_expression_is_refused(api, text):
    assert_problem(api.get("/segments:count", expression=text), 422, None, "expression")


def test_a_batch_of_something_else_is_a_clear_error(api):
    for body in ([], {"rows": {}}, {"rows": [], "more": 1}, {"items": []}, 7):
        assert_problem(api.post("/leads:batch", body), 422, "invalid", "rows")


def test_a_batch_above_the_limit_is_refused_whole(api):
    body = {"rows": [{} for _ in range(LIMITS.batch_rows + 1)]}
    assert_problem(api.post("/leads:batch", body), 413, "too_large", "rows")


def broken(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def save(self, name, expression, *, actor):
        raise error

    monkeypatch.setattr(Segments, "save", save)


def test_an_unexpected_error_tells_the_caller_nothing_and_the_log_everything(monkeypatch, api, caplog):
    broken(monkeypatch, RuntimeError("password=hunter2 in /srv/secret.py"))
    members = assert_problem(api.raw("/segments", FINE), 500, "error")
    assert "hunter2" not in json.dumps(members)
    assert "secret.py" not in json.dumps(members)
    assert "hunter2" in caplog.text
    assert members["request_id"] in caplog.text


def test_a_recursion_error_and_an_exit_end_the_request_only(monkeypatch, api):
    broken(monkeypatch, RecursionError())
    assert_problem(api.raw("/segments", FINE), 500)
    broken(monkeypatch, SystemExit(3))
    assert_problem(api.raw("/segments", FINE), 500)
    assert api.get("/segments").status_code == 200


def test_a_full_disk_is_507_with_a_time_to_try_again(monkeypatch, api):
    broken(monkeypatch, StorageFull("the disk is full"))
    response = api.raw("/segments", FINE)
    assert_problem(response, 507, "storage_full")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_missing_database_is_503_with_a_time_to_try_again(installation, api):
    installation.close()
    for file in installation.config.data_dir.glob("acme.db*"):
        file.unlink()
    response = api.raw("/segments", FINE)
    assert_problem(response, 503, "database_away")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_locked_database_is_503_and_reading_goes_on(installation, api, monkeypatch):
    monkeypatch.setattr(sqlite, "LIMITS", type("Short", (), {"busy_ms": 50, "open_brands": 16}))
    with open(installation.config.data_dir / "acme.db-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        response = api.raw("/segments", FINE)
        assert_problem(response, 503, "database_busy")
        assert int(response.headers["Retry-After"]) > 0
        assert api.get("/segments").get_json() == {"items": []}
    assert api.raw("/segments", FINE).status_code == 200


def test_a_body_that_ends_before_its_length_is_refused(client, api):
    response = client.post(
        api.path("/segments"),
        input_stream=io.BytesIO(FINE),
        headers=api.headers({"Content-Type": "application/json", "Content-Length": str(len(FINE) + 5)}),
        environ_overrides={"CONTENT_LENGTH": str(len(FINE) + 5)},
    )
    assert_problem(response, 400, "body_incomplete")
    assert api.get("/segments").get_json() == {"items": []}


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("length", ["-1", "1e3", "x", "9" * 30, "١"])
def test_a_length_that_is_no_number_never_reads_without_end(client, api, length):
    response = client.post(
        api.path("/segments"),
        input_stream=io.BytesIO(FINE),
        headers=api.headers({"Content-Type": "application/json"}),
        environ_overrides={"CONTENT_LENGTH": length},
    )
    assert response.status_code in (400, 413)
    assert api.get("/segments").get_json() == {"items": []}


def test_a_flood_of_parameters_is_refused(api):
    assert_problem(api.get("/events", **{f"p{n}": "x" for n in range(500)}), 422, "parameter")


def test_whatever_a_service_raises_the_request_is_answered(monkeypatch, api):
    class Odd(BaseException):
        pass

    broken(monkeypatch, Odd("x" * 10_000_000))
    members = assert_problem(api.raw("/segments", FINE), 500, "error")
    assert len(json.dumps(members)) < 1_000
    assert api.get("/segments").status_code == 200
