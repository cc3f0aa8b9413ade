"""Requests made at random from the OpenAPI document: none ends in an error of the server or a shape not described."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from described_routes import document
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from real_ids import ids, named_by_id
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scrm_core.installation import Installation
from scrm_core.web import create_app

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@contextmanager
def described(installation: Installation) -> Iterator[Any]:
    """The document as schemathesis reads it, with the real rows' ids as examples of what a path may name."""
    made = copy.deepcopy(document())
    with installation.brand("acme") as brand:
        known = {f"/api/v1/{{brand}}{each.path}": ids(each, brand) for each in named_by_id()}
    for path, methods in made["paths"].items():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                if parameter["in"] != "path":
                    continue
                values = [row[parameter["name"]] for row in known.get(path, ()) if parameter["name"] in row]
                real = ["acme"] if parameter["name"] == "brand" else values[:4]
                if real:
                    parameter["schema"] = {"enum": real} if parameter["name"] == "brand" else {
                        "anyOf": [{"enum": real}, {"type": "string", "minLength": 1}]
                    }  # fmt: skip
    schema = schemathesis.openapi.from_dict(made)
    schema.app = create_app(installation)
    yield schema


def try_out(schema: Any, key: str, mode: GenerationMode, examples: int, number: int = 2026) -> tuple[int, set[str]]:
    """Send ``examples`` requests to each operation; how many were taken, and what was wrong."""
    taken, wrong = 0, set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @seed(number)
        @settings(
            max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            nonlocal taken
            answer = case.call(headers={"Authorization": f"Bearer {key}"})
            taken += answer.status_code < 300
            try:
                case.validate_response(answer, checks=CHECKS)
            except BaseExceptionGroup as failures:
                wrong.update(f"{operation.label}: {each}"[:700] for each in failures.exceptions)
            except AssertionError as failure:
                wrong.add(f"{operation.label}: {failure}"[:700])

        try:
            send()
        except Unsatisfiable:  # an operation without anything that could be wrong
            assert mode is GenerationMode.NEGATIVE, operation.label
    return taken, wrong


def test_random_requests_meet_no_error_of_the_server_and_no_shape_that_is_not_described(doors, shop):
    with described(doors[1]) as schema:
        taken, wrong = try_out(schema, shop.keys["acme"], GenerationMode.POSITIVE, 2)
    assert wrong == set()
    assert taken > 100


@pytest.mark.wide
def test_random_requests_that_break_the_description_are_refused_in_the_one_shape(doors, shop):
    with described(doors[1]) as schema:
        _, wrong = try_out(schema, shop.keys["acme"], GenerationMode.NEGATIVE, 1)
    assert wrong == set()


@pytest.mark.soak
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_many_random_requests_meet_no_error_of_the_server(doors, shop, mode):
    with described(doors[1]) as schema:
        for number in range(3):
            assert try_out(schema, shop.keys["acme"], mode, 15, number)[1] == set()
