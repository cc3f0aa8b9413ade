"""Asking WeChat's servers, and what their error codes mean for the person who waits."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

from scrm_core.api import Forbidden, ScrmError

if find_spec("httpx") is None:  # imported when it is asked with: it costs every command of the brand 0.2 s
    raise ModuleNotFoundError("signing in with WeChat needs httpx: pip install 'scrm[wechat]'")

log = logging.getLogger("scrm.plugin.wechat-login")

INVALID_CODE = {40029, 40163, 41008, 42003, 50001, 50002}
"""The code is invalid, used, missing or expired, or its user is not allowed: the person begins again."""

STALE_TOKEN = {40001, 40014, 42001}
"""The access token is invalid or expired: it is fetched anew, once."""

BUSY = {-1, 45009, 45011}


class Away(ScrmError):
    """WeChat does not answer, or not sensibly."""

    status = 502
    code = "provider"


class ProviderError(Exception):
    """WeChat answered with an error code."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(f"{errcode} {errmsg}")
        self.errcode = errcode


class Remote:
    """One API of WeChat; redirects are not followed and nothing that it says is believed beyond its shape."""

    def __init__(self, base: str, timeout: int) -> None:
        self._base = base.rstrip("/")
        self._timeout = timeout

    def ask(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        """The JSON object of an answer; raises ProviderError for an ``errcode``, Away without a usable answer."""
        import httpx

        # httpx notes every address at level INFO: with the secret in it.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            with httpx.Client(timeout=self._timeout, follow_redirects=False, trust_env=False) as client:
                answer = client.get(self._base + path, params=params)
            answer.raise_for_status()
            told = answer.json()
        except (httpx.HTTPError, ValueError) as exc:
            # The address holds the secret: only the kind of failure is told.
            log.warning("%s%s: %s", self._base, path, type(exc).__name__)
            raise Away("WeChat does not answer; try again in a moment") from None
        if not isinstance(told, dict):
            raise Away("WeChat does not answer; try again in a moment")
        errcode = told.get("errcode", 0)
        if type(errcode) is not int:
            log.warning("%s%s: an errcode that is no number", self._base, path)
            raise Away("WeChat does not answer; try again in a moment")
        if errcode:
            log.warning("%s%s: errcode %s %s", self._base, path, errcode, str(told.get("errmsg", ""))[:200])
            raise ProviderError(errcode, str(told.get("errmsg", "")))
        return told


def refused(error: ProviderError) -> ScrmError:
    """What an error code means: the person begins again, or the shop's set-up or WeChat is at fault."""
    if error.errcode in INVALID_CODE:
        return Forbidden("WeChat did not confirm who you are; begin again", code="provider_refused")
    if error.errcode in BUSY:
        return Away("WeChat is busy; try again in a moment")
    return Away(f"WeChat refuses this shop's sign-in (error {error.errcode}); the log tells more")


def text(told: dict[str, Any], name: str) -> str:
    """A member of an answer as text; empty when it is not there or no text."""
    value = told.get(name)
    return value if isinstance(value, str) and len(value) <= 200 else ""
