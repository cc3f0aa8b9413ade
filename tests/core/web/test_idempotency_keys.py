"""Idempotency-Key: one request, one effect, one answer."""

from __future__ import annotations

import json
import threading

import pytest
from web_client import Api, assert_problem, new_key

from scrm_core.db.bulk import execute
from scrm_core.jobs import due_jobs, run_job
from scrm_core.limits import LIMITS
from scrm_core.services.idempotency import forget_old
from scrm_core.web import create_app


def body(name: str = "x", above: int = 3) -> dict[str, str]:
    return {"name": name, "expression": f"orders > {above}"}


def test_the_first_answer_comes_again_byte_for_byte(api, clock):
    first = api.post("/segments", body(), Idempotency_Key="one")
    clock.advance(hours=3)
    second = api.post("/segments", body(), Idempotency_Key="one")
    assert (second.status_code, second.data, second.content_type) == (first.status_code, first.data, first.content_type)
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    fresh = api.post("/segments", body())
    assert fresh.data != first.data  # the clock moved, so a real second run shows


def test_another_request_with_the_key_is_refused(api):
    api.post("/segments", body(), Idempotency_Key="one")
    assert_problem(
        api.post("/segments", body(above=4), Idempotency_Key="one"), 422, "idempotency_mismatch", "Idempotency-Key"
    )
    assert [item["expression"] for item in api.get("/segments").get_json()["items"]] == ["orders > 3"]


def test_the_same_body_to_another_path_is_another_request(api):
    api.post("/segments", body(), Idempotency_Key="one")
    lead = {"source": "form", "phone": "13800138000"}
    api.post("/leads", lead, Idempotency_Key="two")
    assert_problem(api.post("/contacts", lead, Idempotency_Key="two"), 422, "idempotency_mismatch")


def test_two_callers_and_two_brands_may_choose_the_same_key(client, api, other_api, brand):
    colleague = Api(client, "acme", new_key(brand))
    answers = [each.post("/segments", body(), Idempotency_Key="one") for each in (api, colleague, other_api)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all("Idempotent-Replayed" not in answer.headers for answer in answers)


def test_what_is_kept_of_a_request_is_keyed_with_its_callers_secret(client, api, brand):
    """A plain hash of a short body, such as one with a card's code, would be found by trying."""
    colleague = Api(client, "acme", new_key(brand))
    for each in (api, colleague):
        each.post("/segments", body(), Idempotency_Key="one")
    with brand:
        first, second = (row[0] for row in execute("SELECT request_digest FROM idempotency").fetchall())
    assert len(first) == len(second) == 64
    assert first != second


def test_a_refused_request_leaves_no_trace_and_may_be_mended(api, brand):
    assert_problem(api.post("/segments", {"name": "x", "expression": "orders >"}, Idempotency_Key="one"), 422)
    with brand:
        assert execute("SELECT count(*) FROM idempotency").fetchone() == (0,)
    assert api.post("/segments", body(), Idempotency_Key="one").status_code == 200


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "é", "a\tb"])
def test_a_key_that_is_no_key_is_refused(api, key):
    assert_problem(api.post("/segments", body(), Idempotency_Key=key), 400, "idempotency_key", "Idempotency-Key")


def test_many_at_once_do_the_work_once(installation, brand, together):
    """Real processes post one request with one key; the clock of each differs, so the answers tell who ran."""
    key = new_key(brand)
    source = f"""
import json
from scrm_core.web import create_app

def run(brand, worker):
    client = create_app(brand.installation).test_client()
    response = client.post(
        "/api/v1/acme/segments",
        data={json.dumps(body()).encode()!r},
        headers={{"Authorization": "Bearer {key}", "Idempotency-Key": "one", "Content-Type": "application/json"}},
    )
    return [response.status_code, response.get_data(as_text=True), response.headers.get("Idempotent-Replayed")]
"""
    answers = together(installation, source, 4)
    assert {status for status, _, _ in answers} == {200}
    assert len({text for _, text, _ in answers}) == 1
    assert sorted(str(replayed) for _, _, replayed in answers) == ["None", "true", "true", "true"]


def test_threads_of_one_process_do_the_work_once(installation, brand):
    key, results = new_key(brand), []
    app = create_app(installation)
    start, end = threading.Barrier(6), threading.Barrier(6)

    def call() -> None:
        api = Api(app.test_client(), "acme", key)
        start.wait()
        results.append(api.post("/segments", body(), Idempotency_Key="one"))
        end.wait()
        installation.close()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.status_code for result in results] == [200] * 6
    assert sum("Idempotent-Replayed" not in result.headers for result in results) == 1


def test_old_answers_are_forgotten_after_their_days(api, brand, clock):
    api.post("/segments", body("old"), Idempotency_Key="old")
    clock.advance(days=LIMITS.idempotency_days)
    api.post("/segments", body("new"), Idempotency_Key="new")
    with brand:
        assert forget_old(brand) == 0
        clock.advance(days=1)
        for due in due_jobs(brand):
            assert run_job(brand, due)
        assert execute("SELECT key FROM idempotency").fetchall() == [("new",)]
    assert api.post("/segments", body("new"), Idempotency_Key="new").headers["Idempotent-Replayed"] == "true"
