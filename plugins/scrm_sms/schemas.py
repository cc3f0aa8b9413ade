"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from marshmallow import RAISE, Schema

NAME = "sms"


class Strict(Schema):
    """A schema that refuses what it does not know."""

    class Meta:
        unknown = RAISE


class Settings(Strict):
    """``[plugins.sms]``."""
