"""A small HTTP server on the loopback that answers as WeChat's and WeCom's sign-in do, errors included.

Shapes: developers.weixin.qq.com (网页授权), developer.work.weixin.qq.com (获取访问用户身份).
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class WeChatServer:
    """Codes are good once; ``asked`` lists (path, parameters)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.codes: dict[str, dict[str, Any]] = {}
        self.used: set[str] = set()
        self.tokens = 0
        self.valid_token = ""
        self.raw: bytes | None = None
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                params = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
                outer.asked.append((parts.path, params))
                body = outer.raw if outer.raw is not None else json.dumps(outer.answer(parts.path, params)).encode()
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", "/sns/elsewhere")
                # WeChat says text/plain of its JSON.
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, params: dict[str, str]) -> dict[str, Any]:
        if path == "/sns/oauth2/access_token":
            return self._wechat_token(params)
        if path == "/sns/userinfo":
            return self._wechat_user(params)
        if path == "/cgi-bin/gettoken":
            return self._wecom_token(params)
        if path == "/cgi-bin/auth/getuserinfo":
            return self._wecom_user(params)
        return {"errcode": 40066, "errmsg": "invalid url"}

    def _spend(self, code: str) -> dict[str, Any] | None:
        """The error for a bad code, or None; a good one is used up."""
        if code in self.used:
            return {"errcode": 40163, "errmsg": "code been used, rid: 1"}
        if code not in self.codes:
            return {"errcode": 40029, "errmsg": "invalid code, rid: 1"}
        self.used.add(code)
        return None

    def _wechat_token(self, params: dict[str, str]) -> dict[str, Any]:
        if params.get("appid") != "wx123" or params.get("secret") != "s3cret":
            return {"errcode": 40125, "errmsg": "invalid appsecret, rid: 1"}
        refused = self._spend(params.get("code", ""))
        if refused:
            return refused
        shape = {"access_token": "AT", "expires_in": 7200, "refresh_token": "RT", "scope": "snsapi_base"}
        person = {k: v for k, v in self.codes[params["code"]].items() if k != "hidden_unionid"}
        return {**shape, **person}

    def _wechat_user(self, params: dict[str, str]) -> dict[str, Any]:
        for person in self.codes.values():
            if person.get("openid") == params.get("openid") and params.get("access_token") == "AT":
                told = {"openid": person["openid"], "nickname": "N", "sex": 0, "privilege": []}
                return told | ({"unionid": person["hidden_unionid"]} if "hidden_unionid" in person else {})
        return {"errcode": 40003, "errmsg": "invalid openid"}

    def _wecom_token(self, params: dict[str, str]) -> dict[str, Any]:
        if (params.get("corpid"), params.get("corpsecret")) != ("ww123", "c0rp"):
            return {"errcode": 40001, "errmsg": "invalid credential"}
        self.tokens += 1
        self.valid_token = f"T{self.tokens}"
        return {"errcode": 0, "errmsg": "ok", "access_token": self.valid_token, "expires_in": 7200}

    def _wecom_user(self, params: dict[str, str]) -> dict[str, Any]:
        if params.get("access_token") != self.valid_token:
            return {"errcode": 40014, "errmsg": "invalid access_token"}
        refused = self._spend(params.get("code", ""))
        return refused or {"errcode": 0, "errmsg": "ok", **self.codes[params["code"]]}
