"""The simulator: corps, their apps and tokens, and what a call to the platform's API goes through."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scrm_core.api import Conflict, Invalid, NotFound

from .accounts import CallbackTarget, CorpAccount, demo_corps, network
from .acts import ACTS, Acts, Outcome
from .answers import Refused, refusal
from .api import ENDPOINTS, Call, Endpoint
from .api.call import Upload
from .asked import Asked
from .callbacks import ECHO_SECONDS, TIMEOUT_SECONDS, Callback, Outbox
from .corp import App, Corp
from .faults import Fault, Faults
from .limits import Limits, Rates
from .people import People
from .tokens import Tokens

CALLS_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Request:
    """A call as it came over HTTP; ``body`` is the raw JSON of a POST."""

    method: str
    path: str
    query: Mapping[str, str]
    ip: str
    body: bytes = b""
    upload: Upload | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: JSON with status 200, or what a fault made of it."""

    status: int
    body: bytes


@dataclass(slots=True)
class Called:
    """A line of the journal of calls."""

    at: int
    corpid: str
    agentid: int
    api: str
    errcode: int
    ignored: list[str] = field(default_factory=list)
    fault: str = ""


class Simulator:
    """A WeCom of its own, in memory: when it ends everything is gone.

    ``now`` gives epoch milliseconds (default: the machine's clock); it may be
    moved forward with :meth:`advance`. The same ``seed`` gives the same
    people, ids and order of things.
    """

    def __init__(
        self,
        corps: Sequence[CorpAccount] | None = None,
        *,
        now: Callable[[], int] | None = None,
        limits: Limits | None = None,
        seed: int = 1,
        callback_timeout: float = TIMEOUT_SECONDS,
        echo_timeout: float = ECHO_SECONDS,
    ) -> None:
        self._source = now or (lambda: time.time_ns() // 1_000_000)
        self._ahead = 0
        self.limits = limits or Limits()
        self.people = People(seed)
        accounts = demo_corps() if corps is None else corps
        self.corps = {a.corpid: Corp(a, self.people, self.limits, self.now()) for a in accounts}
        if len(self.corps) < len(accounts):
            raise Invalid("two corps have one corpid", field="corpid")
        self.tokens = Tokens(self.people, self.limits)
        self.rates = Rates(self.limits)
        self.faults = Faults()
        self.outbox = Outbox(self.now, seed=seed, timeout=callback_timeout, echo=echo_timeout)
        self.calls: deque[Called] = deque(maxlen=CALLS_KEPT)
        self.counts: Counter[tuple[str, str, int]] = Counter()
        self._acts = {corpid: Acts(corp, self) for corpid, corp in self.corps.items()}
        self.lock = threading.RLock()
        self._closing = threading.Event()
        self._refusals = 0

    # Time --------------------------------------------------------------------------

    def now(self) -> int:
        """The simulator's instant, epoch milliseconds."""
        return self._source() + self._ahead

    def advance(self, seconds: float) -> int:
        """Move the clock forward and do what falls due meanwhile; returns the new instant. Raises Invalid for back."""
        if seconds < 0:
            raise Invalid("the clock goes forward alone", field="seconds")
        self._ahead += round(seconds * 1_000)
        self.tick()
        return self.now()

    def tick(self) -> list[Callback]:
        """Do what has fallen due (transfers) and send what waits; returns what was sent."""
        with self.lock:
            for acts in self._acts.values():
                acts.settle()
        return self.deliver()

    def deliver(self) -> list[Callback]:
        """Send the events that wait; see :meth:`.Outbox.deliver`."""
        return self.outbox.deliver()

    def close(self) -> None:
        """Let slow answers go: the server ends."""
        self._closing.set()

    # People -------------------------------------------------------------------------

    def corp(self, corpid: str) -> Corp:
        """What the server holds of a corp; raises NotFound."""
        if corpid not in self.corps:
            raise NotFound(f"no corp {corpid!r}; there are {', '.join(self.corps)}")
        return self.corps[corpid]

    def acts(self, corpid: str) -> Acts:
        """What people of a corp can do. Its methods take no lock and only queue events; :meth:`act` does all of it."""
        self.corp(corpid)
        return self._acts[corpid]

    def act(self, corpid: str, name: str, arguments: Mapping[str, Any] | None = None) -> Outcome:
        """Do an act by name and send the events that it causes. Raises NotFound, Invalid, and what the act raises."""
        acts = self.acts(corpid)
        if name not in ACTS:
            raise NotFound(f"no act is called {name!r}; there are {', '.join(sorted(ACTS))}")
        checked = ACTS[name].arguments.checked(arguments or {})
        with self.lock:
            outcome: Outcome = getattr(acts, name)(**checked)
        self.deliver()
        while outcome.then is not None:
            # Outside the lock: whoever receives the first events calls the API meanwhile.
            with self.lock:
                rest = outcome.then()
            self.deliver()
            outcome = replace(rest, callbacks=outcome.callbacks + rest.callbacks)
        return outcome

    # Apps ---------------------------------------------------------------------------

    def app(self, corpid: str, agentid: int | None = None) -> App:
        """An app of a corp, the first without ``agentid``; raises NotFound."""
        apps = self.corp(corpid).apps
        if agentid is None:
            return next(iter(apps.values()))
        if agentid not in apps:
            raise NotFound(f"{corpid} has no app {agentid}")
        return apps[agentid]

    def set_callback(
        self, corpid: str, target: CallbackTarget, agentid: int | None = None, *, check: bool = True
    ) -> None:
        """Save an app's callback as the console does: only an address that gives the echo back.

        Raises Conflict with what it answered instead.
        """
        app = self.app(corpid, agentid)
        if check:
            right, said = self.outbox.check_url(corpid, target)
            if not right:
                raise Conflict(f"the address did not give the echo back: {said}")
        app.callback = target

    def set_archive_key(self, corpid: str, public_key: str, version: int) -> None:
        """Give the console's chat archive a public key (PEM) of a version; raises Invalid."""
        with self.lock:
            self.corp(corpid).archive.set_key(public_key, version)

    def archive_data(self, corpid: str, seq: int, limit: int) -> dict[str, Any]:
        """Archived messages behind ``seq``, as the platform's C library gives them."""
        with self.lock:
            return self.corp(corpid).archive.data(seq, limit, self.now())

    def trust(self, corpid: str, addresses: Sequence[str] | None, agentid: int | None = None) -> None:
        """Set an app's trusted addresses; each new one works after a minute (wecom section 13). None trusts all."""
        app = self.app(corpid, agentid)
        if addresses is None:
            app.trusted = None
            return
        since = self.now() + self.limits.trusted_ip_seconds * 1_000
        known = dict(app.trusted or ())
        wanted = [network(each) for each in addresses]
        app.trusted = [(each, known.get(each, since)) for each in wanted]

    def revoke(self, corpid: str, agentid: int | None = None, *, errcode: int = 40014) -> int:
        """End tokens before their time; calls with them get ``errcode`` (40014 or 42001). Returns how many ended."""
        if errcode not in (40014, 42001):
            raise Invalid("a token that has ended is 40014 or 42001", field="errcode")
        with self.lock:
            return self.tokens.end(self.corp(corpid), agentid, errcode=errcode)

    def fault(self, kind: str, value: float = 0, **more: Any) -> Fault:
        """Make a fault: see :meth:`.Faults.add`."""
        with self.lock:
            return self.faults.add(kind, value, now=self.now(), **more)

    def clear_faults(self) -> None:
        """End every fault and every block."""
        with self.lock:
            self.faults.clear()
            self.rates.forgive()

    # The API ------------------------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        """Answer one call to ``/cgi-bin/<path>``. Unknown paths are 404 without JSON, as no API is there."""
        with self.lock:
            corpid = self._whose(request)
            faults = self.faults.meet(request.path, corpid, self.now())
            crowded = not self.rates.begin(request.path, corpid)
        try:
            slow = sum(fault.value for fault in faults if fault.kind == "slow")
            if slow:
                # Outside the lock: others are answered meanwhile.
                self._closing.wait(slow)
            return self._answered_with(faults, request, corpid, crowded=crowded)
        finally:
            with self.lock:
                self.rates.end(request.path, corpid)

    def _answered_with(self, faults: list[Fault], request: Request, corpid: str, *, crowded: bool) -> Answer:
        instead = next((each for each in faults if not each.after and each.kind in ("errcode", "http", "empty")), None)
        if instead is not None:
            code = int(instead.value) if instead.kind == "errcode" else 0
            self._note(Called(self.now(), corpid, 0, request.path, code, fault=instead.kind))
            body: dict[str, Any] | None = self._refusal(Refused(code), request)
        else:
            body = self._dispatch(request, crowded=crowded)
        return Answer(404, b"404 page not found") if body is None else _spoilt(faults, body)

    def _dispatch(self, request: Request, *, crowded: bool) -> dict[str, Any] | None:
        endpoint = ENDPOINTS.get(request.path)
        if endpoint is None and request.path != "gettoken":
            return None
        line = Called(self.now(), "", 0, request.path, 0)
        try:
            with self.lock:
                if endpoint is None:
                    told = self._token(request, line)
                else:
                    told = self._called(endpoint, request, line, crowded=crowded)
            body = {"errcode": 0, "errmsg": "ok", **told}
        except Refused as refused:
            line.errcode = refused.errcode
            body = self._refusal(refused, request)
        self._note(line)
        return body

    def _refusal(self, refused: Refused, request: Request) -> dict[str, Any]:
        with self.lock:
            self._refusals += 1
            return refusal(refused, number=self._refusals, ip=request.ip)

    def _token(self, request: Request, line: Called) -> dict[str, Any]:
        """``gettoken`` (wecom section 1; dev:91039)."""
        now = self.now()
        corpid, secret = request.query.get("corpid", ""), request.query.get("corpsecret", "")
        self.rates.check_ban(request.ip, now)
        if not corpid:
            raise Refused(41002)
        if not secret:
            raise Refused(41004)
        corp = self.corps.get(corpid)
        if corp is None:
            raise Refused(40013, corpid)
        line.corpid = corpid
        self.rates.take("gettoken", corpid, request.ip, now, debug=False)
        app = next((each for each in corp.apps.values() if each.account.secret == secret), None)
        if app is None or not app.enabled:
            self.rates.wrong_secret(request.ip, now)
            others = (each.account.secret for c in self.corps.values() if c is not corp for each in c.apps.values())
            raise Refused(40091 if app is None and secret in others else 40001)
        line.agentid = app.agentid
        token, seconds = self.tokens.issue(corp, app, now)
        return {"access_token": token, "expires_in": seconds}

    def _called(self, endpoint: Endpoint, request: Request, line: Called, *, crowded: bool) -> dict[str, Any]:
        now = self.now()
        corp, app = self.tokens.check(request.query.get("access_token", ""), now)
        line.corpid, line.agentid = corp.corpid, app.agentid
        if crowded:
            raise Refused(45033, f"more than {self.limits.concurrent} calls at once")
        self.rates.take(endpoint.path, corp.corpid, request.ip, now, debug=request.query.get("debug") == "1")
        if not app.enabled:
            raise Refused(50003)
        if not app.trusts(request.ip, now):
            raise Refused(60020, request.ip)
        if endpoint.customers and not app.account.customer_contact:
            raise Refused(48002)
        asked = Asked(_values(endpoint, request))
        try:
            return endpoint.answer(Call(corp, app, asked, now, request.url, request.upload)) or {}
        finally:
            line.ignored = sorted(set(asked.ignored()) - {"access_token", "debug"})

    def _whose(self, request: Request) -> str:
        """The corp that a call names, also when it will be refused; "" for none."""
        try:
            return self.tokens.check(request.query.get("access_token", ""), self.now())[0].corpid
        except Refused:
            return request.query.get("corpid", "")

    def _note(self, line: Called) -> None:
        with self.lock:
            self.calls.append(line)
            self.counts[line.corpid, line.api, line.errcode] += 1


def _spoilt(faults: list[Fault], body: dict[str, Any]) -> Answer:
    text = json.dumps(body, ensure_ascii=False).encode()
    for fault in faults:
        if fault.kind == "http":
            return Answer(int(fault.value), b"<html><body>upstream failed</body></html>")
        if fault.kind == "empty":
            return Answer(200, b"")
        if fault.kind == "broken":
            return Answer(200, text[: len(text) // 2])
        if fault.kind == "errcode" and fault.after:
            lost = refusal(Refused(int(fault.value)), number=0, ip="")
            return Answer(200, json.dumps(lost, ensure_ascii=False).encode())
    return Answer(200, text)


def _values(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """The parameters: of the query, or for a JSON body of that."""
    if endpoint.method == "GET" or request.upload is not None or endpoint.path.startswith("media/"):
        return dict(request.query)
    if request.method != "POST":
        # The platform has no code for it: it finds no body, and so no parameters (dev:90313 on 40058).
        raise Refused(40058, "POST with a JSON body")
    try:
        values = json.loads(request.body.decode("utf-8"), parse_constant=_refuse)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused(40058, "the body is no JSON in UTF-8") from None
    if not isinstance(values, dict):
        raise Refused(40058, "the body is no JSON object")
    if _escaped(request.body):
        raise Refused(40033)
    return values


def _refuse(name: str) -> None:
    """``NaN`` and ``Infinity`` are no JSON."""
    raise ValueError(name)


def _escaped(body: bytes) -> bool:
    r"""Whether a body has a ``\uXXXX`` escape (40033): of some endpoints, nobody says which, so here of all."""
    place = body.find(b"\\")
    while place >= 0:
        if body[place + 1 : place + 2] == b"u":
            return True
        place = body.find(b"\\", place + 2)
    return False
