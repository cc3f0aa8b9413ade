"""WeChat and WeCom sign-in 微信登录 for consumer pages."""

from __future__ import annotations

from scrm_core.api import Plugin


class WechatLogin(Plugin):
    """WeChat and WeCom sign-in 微信登录 for consumer pages."""

    name = "wechat-login"
    version = "0.1.0"
    summary = "WeChat and WeCom sign-in 微信登录 for consumer pages"
    requires_core = ">=0.1.0.dev0,<1"
