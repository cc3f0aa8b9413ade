"""Every route of the API, read from the OpenAPI document and from the plugins' own tables, and what each may be sent.

Routes of the core are what ``/api/openapi.json`` says. Those of plugins are described here in the same way: path,
method and permission as the plugin declares them, the body by the marshmallow schema that the view names in its source.
"""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema
from shop_scene import bundled

from scrm_core.web import openapi
from scrm_core.web.mounts import application_of

NOBODY = "no-such-thing-0000"
"""An id that nothing has."""
SCOPE = re.compile(r"Needs the scope `([a-z-]+:[a-z-]+)`")
ROOT = "/api/v1/{brand}"
_FLASK_VARIABLE = re.compile(r"<(?:(\w+):)?(\w+)>")
_SCHEMA_NAME = re.compile(r"\b(_?[A-Z]\w*(?:Body|Schema|Input))\b")


@dataclass(frozen=True)
class Operation:
    """One method of one path below the brand's."""

    method: str
    path: str
    permission: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def variables(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    def at(self, brand: str, values: dict[str, str] | str = "x") -> str:
        """The address for a brand, with values for its variables, or one for all."""
        path = self.path
        for name in self.variables:
            path = path.replace(f"{{{name}}}", values if isinstance(values, str) else values[name])
        return f"/api/v1/{brand}{path}"


@cache
def document() -> dict[str, Any]:
    """An OpenAPI document of every route: the core's own, and the bundled plugins' added in the same form."""
    made = openapi.build()
    for name, cls in sorted(bundled().items()):
        if cls.blueprint is not None:
            _add(made, name, cls)
    return made


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the document, with the permission that it states."""
    found = []
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            stated = SCOPE.search(operation.get("description", ""))
            found.append(Operation(method.upper(), path.removeprefix(ROOT), stated[1] if stated else ""))
    return tuple(found)


REFUSALS = (400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 503)


def _add(made: dict[str, Any], name: str, cls: type[Any]) -> None:
    app = application_of(cls)
    marshmallow = MarshmallowPlugin(schema_name_resolver=_name_of)
    spec = APISpec(title="", version="", openapi_version="3.1.0", plugins=[marshmallow])
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for rule in app.url_map.iter_rules():
        path = f"{ROOT}/plugins/{name}" + _FLASK_VARIABLE.sub(r"{\2}", rule.rule)
        view = app.view_functions[rule.endpoint]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            operation: dict[str, Any] = {
                "operationId": f"{name}.{rule.endpoint}.{method}",
                "description": f"Needs the scope `{getattr(view, 'scrm_permission', '')}`",
                "security": [{"key": []}],
                "parameters": [
                    {"in": "path", "name": each, "required": True, "schema": {"type": "string"}}
                    for each in ("brand", *sorted(rule.arguments))
                ],
                "responses": {
                    "2XX": {"description": "done"},
                    **{str(status): {"description": "refused", "content": problem} for status in REFUSALS},
                },
            }
            if method != "GET":
                body = body_schema(view) or {"type": "object"}
                operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
            spec.path(path=path, operations={method.lower(): operation})
    described = spec.to_dict()
    for path, operations in described["paths"].items():
        made["paths"].setdefault(path, {}).update(operations)
    made["components"]["schemas"].update(described.get("components", {}).get("schemas", {}))


def _name_of(schema: Any) -> str:
    cls = schema if isinstance(schema, type) else type(schema)
    return f"{cls.__module__}.{cls.__qualname__}"


def body_schema(view: Any) -> type[Schema] | None:
    """The schema that a view checks its body with, as its source names it; None where it hands the body on."""
    function = inspect.unwrap(view)
    if not isinstance(function, FunctionType):
        return None
    for name in _SCHEMA_NAME.findall(inspect.getsource(function)):
        named = function.__globals__.get(name)
        if isinstance(named, type) and issubclass(named, Schema):
            return named
    return None


def told(client: Any, operation: Operation, brand: str, key: str | None, values: Any = NOBODY, body: Any = None) -> Any:
    """The status, the headers and the body of the answer, without what belongs to this one call."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    given = {} if operation.method == "GET" else {"json": {} if body is None else body}
    answer = client.open(operation.at(brand, values), method=operation.method, headers=headers, **given)
    kept = {name: value for name, value in answer.headers if name != "X-Request-Id"}
    text = answer.get_data().decode("utf-8", "replace")
    if answer.is_json or "json" in answer.content_type:
        members = json.loads(text)
        if isinstance(members, dict):
            members.pop("request_id", None)
        text = json.dumps(members, sort_keys=True, ensure_ascii=False)
        kept.pop("Content-Length", None)
    return answer.status_code, kept, text
