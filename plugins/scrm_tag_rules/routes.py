"""The plugin's routes, below ``/api/v1/<brand>/plugins/tag-rules``."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import current_brand, permission

from .report import rules_report
from .schemas import rules_of
from .service import NAME, TagRuleBook

blueprint = flask.Blueprint("tag_rules", __name__)


def _book() -> TagRuleBook:
    brand = current_brand()
    return TagRuleBook(brand, rules_of(brand.plugins[NAME].settings))


@blueprint.get("/report")
@permission("tag-rules:read")
def report() -> Any:
    """The brand's rules and what they have done."""
    table = rules_report(_book())
    return flask.jsonify(table.record())


@blueprint.get("/rules")
@permission("tag-rules:read")
def rules() -> Any:
    """The brand's rules with their conditions, as its file says now."""
    return flask.jsonify(
        {
            "rules": [
                {
                    "name": rule.name,
                    "event": rule.event,
                    "conditions": dict(rule.conditions),
                    "group": rule.group,
                    "tag": rule.tag,
                    "plan": rule.plan,
                }
                for rule in _book().rules
            ]
        }
    )
