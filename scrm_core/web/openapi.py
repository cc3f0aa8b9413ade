"""``/api/openapi.json`` and its viewer ``/api/docs``, which loads nothing from elsewhere.

The document is made from the route table and the very schemas that check
requests, so it cannot say something else than the code does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response, render_template
from marshmallow import Schema, fields

from .. import __version__
from ..intake.fields import Instant
from ..intake.schemas import IntakeSchema
from ..limits import LIMITS
from ..services.keys import CORE_SCOPES
from .answers import ProblemSchema
from .bodies import encode
from .calls import Param, Route
from .problems import CONTENT_TYPE
from .routes import ROUTES

_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_PARAM_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "cursor": {"type": "string"},
    "instant": {"type": "string", "format": "date-time"},
    "limit": {"type": "integer", "minimum": 1, "maximum": LIMITS.page_rows},
}
_REFUSALS = {
    "400": "the request cannot be read",
    "401": "no valid key",
    "403": "the key lacks the scope",
    "404": "nothing here for this key",
    "409": "it contradicts what is stored, or a plugin refused it",
    "413": "larger than is accepted",
    "415": "not JSON",
    "422": "the input is wrong; `field` names the part",
    "503": "busy; see Retry-After",
    "507": "the disk is full; see Retry-After",
}
_READING = ("401", "403", "404", "422", "503")


def build() -> dict[str, Any]:
    """The OpenAPI 3.1 document as JSON values."""
    marshmallow = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="scrm",
        version=__version__,
        openapi_version="3.1.0",
        info={
            "description": (
                "Each brand (品牌) has its own path and its own keys. Money is integer minor units of the "
                "brand's currency; instants are ISO 8601 text. Plugins add routes below "
                "`/api/v1/{brand}/plugins/{plugin}/`; `GET /api/v1/{brand}/plugins` lists them."
            ),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        servers=[{"url": "/"}],
        plugins=[marshmallow],
    )
    assert marshmallow.converter is not None
    marshmallow.converter.add_attribute_function(_instant_property)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("key", {"type": "http", "scheme": "bearer", "bearerFormat": "scrm_..."})
    spec.components.schema("Problem", schema=ProblemSchema)
    for path, routes in _by_path(ROUTES).items():
        operations = {route.method.lower(): _operation(route) for route in routes}
        spec.path(path="/api/v1/{brand}" + _VARIABLE.sub(r"{\1}", path), operations=operations)
    document: dict[str, Any] = spec.to_dict()
    return document


def install(app: Flask) -> None:
    """Add the document and the viewer."""
    made: list[str] = []

    def openapi_document() -> Response:
        if not made:
            made.append(encode(build()))
        answer = Response(made[0], content_type="application/json")
        answer.headers["Cache-Control"] = "max-age=300"
        return answer

    def openapi_viewer() -> str:
        return render_template("docs.html")

    app.add_url_rule("/api/openapi.json", "openapi_document", openapi_document)
    app.add_url_rule("/api/docs", "openapi_viewer", openapi_viewer)


def _by_path(routes: Iterable[Route]) -> dict[str, list[Route]]:
    paths: dict[str, list[Route]] = {}
    for route in routes:
        paths.setdefault(route.path, []).append(route)
    return paths


def _operation(route: Route) -> dict[str, Any]:
    writes = route.method != "GET"
    parameters = [_path_parameter("brand", "the brand's id")]
    parameters += [_path_parameter(name, "") for name in _VARIABLE.findall(route.path)]
    parameters += [_query_parameter(param) for param in route.params]
    if writes:
        parameters.append(
            {
                "in": "header",
                "name": "Idempotency-Key",
                "required": False,
                "description": "sent again with the same request, gives the first answer and does nothing more",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            }
        )
    refusals = _REFUSALS if writes else {status: _REFUSALS[status] for status in _READING}
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "description": f"Needs the scope `{route.permission}`: {CORE_SCOPES[route.permission]}.",
        "tags": [route.permission.partition(":")[0]],
        "security": [{"key": []}],
        "parameters": parameters,
        "responses": {
            **{str(status): _answered(route) for status in route.statuses},
            **{status: _problem(text) for status, text in refusals.items()},
        },
    }
    body = route.body_schema()
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _rows(body) if route.batch else body}},
        }
    return operation


def _rows(schema: type[Schema]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["rows"],
        "additionalProperties": False,
        "properties": {"rows": {"type": "array", "maxItems": LIMITS.batch_rows, "items": schema}},
    }


def _answered(route: Route) -> dict[str, Any]:
    return {"description": "done", "content": {"application/json": {"schema": route.answers}}}


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _path_parameter(name: str, description: str) -> dict[str, Any]:
    return {"in": "path", "name": name, "required": True, "description": description, "schema": {"type": "string"}}


def _query_parameter(param: Param) -> dict[str, Any]:
    return {
        "in": "query",
        "name": param.name,
        "required": param.required,
        "description": param.description,
        "schema": _PARAM_TYPES[param.kind],
    }


def _schema_name(schema: Any) -> str:
    cls = schema if isinstance(schema, type) else type(schema)
    name: str = cls.__name__.removesuffix("Schema")
    # A row that comes in and the thing that goes out may share a word, never a shape.
    return f"{name}Input" if issubclass(cls, IntakeSchema) and not name.endswith("Input") else name


def _instant_property(self: Any, field: fields.Field[Any], **kwargs: Any) -> dict[str, Any]:
    if not isinstance(field, Instant):
        return {}
    types = ["string", "integer", "null"] if field.allow_none else ["string", "integer"]
    return {
        "type": types,
        "description": "ISO 8601 (the brand's zone when without an offset) or epoch milliseconds",
    }
