"""WeChat and WeCom sign-in (微信登录、企业微信登录) for pages that customers see."""

from __future__ import annotations

from typing import Any

from scrm_core.api import Plugin, SignIn, VerifiedIdentity

from .answers import Remote
from .schemas import WechatLoginSettings
from .settings_words import SETTINGS_ZH
from .wechat import WeChat
from .wecom import WeCom


class WechatLogin(Plugin):
    """Customers sign in with the official account (公众号) they follow, or through the brand's WeCom (企业微信)."""

    name = "wechat-login"
    version = "0.1.0"
    summary = "WeChat and WeCom sign-in 微信登录 for consumer pages"
    summary_zh = "微信与企业微信登录：用于客户页面"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = WechatLoginSettings
    settings_zh = SETTINGS_ZH
    sign_ins = {
        "wechat": SignIn("微信 WeChat", "begin_wechat", "finish_wechat", "wechat_offered"),
        "wecom": SignIn("企业微信 WeCom", "begin_wecom", "finish_wecom", "wecom_offered"),
    }

    def __init__(self, brand: Any, settings: dict[str, Any]) -> None:
        super().__init__(brand, settings)
        self.wechat = WeChat(settings, Remote(settings["wechat_api"], settings["timeout_seconds"]))
        self.wecom = WeCom(settings, Remote(settings["wecom_api"], settings["timeout_seconds"]), brand.now)

    def wechat_offered(self, agent: str) -> bool:
        """In WeChat's own browser, when an official account is configured: elsewhere the page would not open."""
        return bool(self.settings["appid"]) and "MicroMessenger" in agent

    def begin_wechat(self, return_address: str, state: str) -> str:
        """WeChat's authorisation page."""
        return self.wechat.address(return_address, state)

    def finish_wechat(self, args: dict[str, str]) -> list[VerifiedIdentity]:
        """Openid, and unionid where WeChat gives it."""
        return self.wechat.identify(args)

    def wecom_offered(self, agent: str) -> bool:
        """In the browsers of WeChat and WeCom, when a corporation is configured."""
        return bool(self.settings["corp_id"]) and ("MicroMessenger" in agent or "wxwork" in agent)

    def begin_wecom(self, return_address: str, state: str) -> str:
        """WeCom's authorisation page."""
        return self.wecom.address(return_address, state)

    def finish_wecom(self, args: dict[str, str]) -> list[VerifiedIdentity]:
        """The external contact, or the openid of a person who is none yet."""
        return self.wecom.identify(args)
