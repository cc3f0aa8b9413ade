"""One call to WeCom: counted, with the shared token, repeated only where repeating is safe.

=====================================  ==========================================
what happened                          what follows
=====================================  ==========================================
no connection                          nothing was done: tried again, 3 times
no whole answer                        a call that only reads is tried again; of one
                                       that acts nobody knows: kind ``uncertain``
40014, 42001                           the token is fetched anew, once, and the call repeated once
-1, 6000                               a call that only reads is tried again; else ``busy``
45033 too many at one moment           not done: tried again after growing pauses
45009                                  the API is left alone (:mod:`.limits`), ``gettoken`` too
no token, unless the settings forbid   nothing was done: kind ``away``
any other code                         an error that says what to do (:mod:`.codes`)
=====================================  ==========================================
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from scrm_core.api import PluginError

from .answers import exact, number
from .codes import AWAY, BUSY, CONFIG, CROWDED, NO_API, RATE, TOKEN, UNCERTAIN, WecomError, meaning_of, refused
from .limits import Counter
from .tokens import Tokens

if TYPE_CHECKING:
    from scrm_core.api import Brand

ANSWER_BYTES = 8 * 1024 * 1024
"""The longest answer: a hundred customers with everything that staff wrote are below 1 MB."""

TRIES = 3
PAUSES = (0.2, 0.6, 1.5)
MOST_TOKEN = 512
_IDLE_SECONDS = 5.0

log = logging.getLogger("scrm.plugin.wecom")


class File(NamedTuple):
    """A file that is uploaded."""

    name: str
    data: bytes


class Calls:
    """Calls of one brand's application; several threads use it. Use it outside transactions."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any], pause: Callable[[float], None] = time.sleep) -> None:
        self.brand = brand
        self._settings = settings
        self._base = settings["api"].rstrip("/")
        self._pause = pause
        self._counter = Counter(brand, settings["calls_per_minute"], settings["calls_per_hour"])
        application = "\0".join((self._base, settings["corp_id"], settings["secret"]))
        self._tokens = Tokens(brand, application, self._fetch_token, pause)
        self._places = threading.BoundedSemaphore(settings["at_once"])
        self._lock = threading.Lock()
        self._client: Any = None
        self._closed: set[str] | None = None

    @contextmanager
    def asking_once(self) -> Iterator[None]:
        """Inside, an API that the application may not use (48002) is asked once; then it is refused without a call."""
        self._closed = set()
        try:
            yield
        finally:
            self._closed = None

    def read(
        self, api: str, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None,
        until: float | None = None,
    ) -> Any:  # fmt: skip
        """The answer of a call that changes nothing there; with ``body`` a POST. Raises WecomError, Limited.

        ``until`` (of ``time.monotonic()``) is when somebody cannot wait for it any longer.
        """
        return self._call(api, params or {}, body, safe=True, until=until)

    def act(self, api: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any:
        """The answer of a call that changes something; ``repeatable``: twice is as good as once. Raises the same."""
        return self._call(api, {}, body, safe=repeatable)

    def upload(self, api: str, params: Mapping[str, str], name: str, data: bytes) -> Any:
        """The answer of a call that takes a file called ``media``; tried again, since twice is as good as once."""
        return self._call(api, params, File(name, data), safe=True)

    def _call(
        self, api: str, params: Mapping[str, str], body: Mapping[str, Any] | File | None, *, safe: bool,
        until: float | None = None,
    ) -> Any:  # fmt: skip
        renewed, closed = False, self._closed
        if closed is not None and api in closed:
            raise refused(api, NO_API)
        for attempt in range(TRIES + 2):
            token = self._tokens.get()
            _left(api, until)
            self._counter.take(api)
            try:
                return self._ask(api, {**params, "access_token": token}, body, until)
            except WecomError as error:
                if error.kind == TOKEN and not renewed:
                    self._tokens.drop(token)
                    renewed = True
                    continue
                again = error.kind in (AWAY, CROWDED) or (safe and error.kind in (BUSY, UNCERTAIN))
                if error.kind == RATE:
                    raise self._counter.block(api) from None
                if error.errcode == NO_API and closed is not None:
                    closed.add(api)
                if not again or attempt - renewed >= TRIES:
                    raise
                pause = PAUSES[attempt - renewed]
                if until is not None and time.monotonic() + pause >= until:
                    raise
                self._pause(pause)
        raise AssertionError("unreachable")

    def _fetch_token(self) -> tuple[str, int]:
        self._counter.take("gettoken")
        who = {"corpid": self._settings["corp_id"], "corpsecret": self._settings["secret"]}
        try:
            told = self._ask("gettoken", who, None)
        except WecomError as error:
            if error.kind == RATE:
                raise self._counter.block("gettoken") from None
            if error.kind == CONFIG:
                raise
            # Whatever WeCom did with this question, the call behind it was not begun.
            raise WecomError(str(error), kind=AWAY, errcode=error.errcode) from None
        token, seconds = exact(told, "access_token", MOST_TOKEN), number(told, "expires_in", -1)
        if not token or seconds < 0:
            raise WecomError("gettoken: the answer has no token", kind=AWAY)
        return token, seconds

    def _ask(
        self, api: str, params: Mapping[str, str], body: Mapping[str, Any] | File | None, until: float | None = None
    ) -> dict[str, Any]:
        if not self._places.acquire(timeout=_left(api, until)):
            raise _no_time(api)
        try:
            status, data = self._send(api, params, body, until)
        finally:
            self._places.release()
        try:
            told = json.loads(data)
        except (ValueError, RecursionError):
            told = None
        errcode = told.get("errcode", 0) if isinstance(told, dict) else None
        if not isinstance(told, dict) or type(errcode) is not int:
            # A proxy's page, say. What acts may have been done behind it.
            raise WecomError(f"{api}: status {status} without an answer of WeCom's", kind=UNCERTAIN)
        if errcode:
            error = refused(api, errcode)
            level = logging.INFO if meaning_of(errcode).kind in (TOKEN, CROWDED, BUSY) else logging.WARNING
            log.log(level, "%s", error)
            raise error
        return told

    def _send(
        self, api: str, params: Mapping[str, str], body: Mapping[str, Any] | File | None, until: float | None
    ) -> tuple[int, bytes]:
        import httpx

        client, left = self._open(), _left(api, until)
        timeout = client.timeout if left is None else httpx.Timeout(
            min(left, self._settings["read_timeout"]), connect=min(left, self._settings["connect_timeout"])
        )
        # Real UTF-8: some APIs refuse \uXXXX (40033).
        file = body if isinstance(body, File) else None
        plain = body is None or file is not None
        content = None if plain else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Accept-Encoding": "identity", "User-Agent": "scrm-wecom"}
        if content is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        answer = bytearray()
        try:
            with client.stream(
                "GET" if body is None else "POST", f"{self._base}/cgi-bin/{api}", params=dict(params), headers=headers,
                content=content, files=None if file is None else {"media": (file.name, file.data)}, timeout=timeout,
            ) as response:  # fmt: skip
                for chunk in response.iter_raw():
                    answer += chunk
                    _left(api, until)
                    if len(answer) > ANSWER_BYTES:
                        raise WecomError(f"{api}: the answer is longer than {ANSWER_BYTES} bytes", kind=UNCERTAIN)
                return response.status_code, bytes(answer)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise WecomError(f"{api}: no connection to WeCom ({type(exc).__name__})", kind=AWAY) from None
        except httpx.HTTPError as exc:
            # The address holds the token: only the kind of failure is told.
            raise WecomError(f"{api}: no whole answer of WeCom ({type(exc).__name__})", kind=UNCERTAIN) from None

    def _open(self) -> Any:
        with self._lock:
            if self._client is None:
                try:
                    import httpx
                except ImportError:
                    raise PluginError("calling WeCom needs httpx: pip install 'scrm[wecom]'") from None
                # httpx notes every address at level INFO: with the token in it.
                logging.getLogger("httpx").setLevel(logging.WARNING)
                self._client = httpx.Client(
                    timeout=httpx.Timeout(self._settings["read_timeout"], connect=self._settings["connect_timeout"]),
                    limits=httpx.Limits(max_connections=None, keepalive_expiry=_IDLE_SECONDS),
                    follow_redirects=False,
                    trust_env=False,
                )
            return self._client


def _left(api: str, until: float | None) -> float | None:
    """The seconds that are left for a call, None for as many as it takes; raises WecomError where none is."""
    left = None if until is None else until - time.monotonic()
    if left is not None and left <= 0:
        raise _no_time(api)
    return left


def _no_time(api: str) -> WecomError:
    return WecomError(f"{api}: there was no time to wait for the answer", kind=AWAY)
