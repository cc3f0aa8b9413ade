"""The operator's console 控制台: a brand seen and acted on in a browser, by people with a role in it."""

from __future__ import annotations

from marshmallow import Schema

from scrm_core.api import Plugin

from .pages import pages


class Settings(Schema):
    """The console has nothing to set: what it shows is the brand's and its plugins'."""


class Console(Plugin):
    """Signing in, an overview, people, events that wait for a person, and the pages that other plugins bring."""

    name = "console"
    version = "0.1.0"
    summary = "The operator's console 控制台: a brand in a browser, for people with a role in it"
    summary_zh = "运营控制台：有角色的人在浏览器中管理品牌"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = Settings
    staff_pages = pages
