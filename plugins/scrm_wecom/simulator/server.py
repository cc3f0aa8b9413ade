"""The simulator over HTTP: the platform's API, the act door, and pages to look at.

``/cgi-bin/...`` is the API. Everything else is the simulator's own: ``/`` the
status page, ``/simulator/...`` the act door, ``/scan/...`` and ``/ca/...`` pages
on which one can be the customer.

The door has no password. It answers only to names of the loopback (or the host
that it was given) and refuses requests that a page of another site makes a
browser send.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

import flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from scrm_core.api import Forbidden, Invalid, NotFound, ScrmError, code_picture

from .accounts import CallbackTarget
from .acts import Outcome
from .api.call import Upload
from .archive import decrypted
from .arguments import Arguments
from .simulator import Request, Simulator
from .state import corp_state, state_of

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
BODY_BYTES = 24 * 1024 * 1024
"""A little more than the largest file of ``media/upload``."""

_PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1H0z" fill="{}"/></svg>'
_COLOURS = ("#1f6f8b", "#99a8b2", "#b5651d", "#5b8c5a", "#7d5ba6", "#c05a5a", "#3d5a80", "#8d6a9f")


def create_app(simulator: Simulator, *, hosts: frozenset[str] = LOOPBACK) -> flask.Flask:
    """The WSGI application of a simulator; the door answers to ``hosts`` alone."""
    app = flask.Flask("scrm_wecom_simulator", root_path=str(Path(__file__).parent), static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_blueprint(_api(simulator))
    app.register_blueprint(_door(simulator, hosts))
    return app


def _api(simulator: Simulator) -> flask.Blueprint:
    api = flask.Blueprint("api", __name__)

    @api.route("/cgi-bin/<path:path>", methods=["GET", "POST"])
    def call(path: str) -> Any:
        asked = flask.request
        upload = None
        if (asked.mimetype or "") == "multipart/form-data":
            file = asked.files.get("media")
            upload = Upload(file.filename or "", file.read()) if file is not None else Upload("", b"")
        body = b"" if upload is not None else asked.get_data()
        answer = simulator.answer(
            Request(
                method=asked.method,
                path=path,
                query=asked.args.to_dict(),
                ip=asked.remote_addr or "",
                body=body,
                upload=upload,
                url=asked.host_url.rstrip("/"),
            )
        )
        kind = "application/json; charset=UTF-8" if answer.status == 200 else "text/html; charset=UTF-8"
        return flask.Response(answer.body, status=answer.status, content_type=kind)

    return api


def _door(simulator: Simulator, hosts: frozenset[str]) -> flask.Blueprint:
    door = flask.Blueprint("door", __name__)

    @door.before_request
    def guard() -> None:
        _guard(hosts)

    @door.errorhandler(ScrmError)
    def refused(error: ScrmError) -> Any:
        told = {"code": error.code, "detail": error.message}
        if isinstance(error, Invalid) and error.field:
            told["field"] = error.field
        return told, error.status

    _look(door, simulator)
    _command(door, simulator)
    _be_somebody(door, simulator)
    return door


def _guard(hosts: frozenset[str]) -> None:
    name = urlsplit(f"//{flask.request.host}").hostname or ""
    if name not in hosts:
        raise Forbidden(f"this server is not called {name!r}")
    origin = flask.request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != flask.request.host:
        raise Forbidden("a page of another site may not act here")


def _look(door: flask.Blueprint, simulator: Simulator) -> None:
    @door.get("/")
    def status() -> str:
        return flask.render_template("wecom_simulator/status.html", state=state_of(simulator))

    @door.get("/simulator/state")
    def state() -> Any:
        return flask.jsonify(state_of(simulator))

    @door.get("/simulator/<corpid>/state")
    def state_of_corp(corpid: str) -> Any:
        return flask.jsonify(corp_state(simulator, simulator.corp(corpid)))

    @door.get("/simulator/callbacks/<int:number>")
    def callback(number: int) -> Any:
        return flask.jsonify(simulator.outbox.found(number).shown())

    @door.get("/simulator/qr/<corpid>/<config_id>")
    def qr(corpid: str, config_id: str) -> Any:
        simulator.corp(corpid)
        address = f"{flask.request.host_url}scan/{corpid}/{config_id}"
        picture = unquote_to_bytes(code_picture(address, extra="wecom").partition(",")[2])
        return flask.Response(picture, content_type="image/svg+xml")

    @door.get("/simulator/avatar/<int:number>.svg")
    def avatar(number: int) -> Any:
        colour = _COLOURS[number % len(_COLOURS)]
        return flask.Response(_PICTURE.format(colour), content_type="image/svg+xml")


def _command(door: flask.Blueprint, simulator: Simulator) -> None:
    @door.post("/simulator/<corpid>/acts/<name>")
    def act(corpid: str, name: str) -> Any:
        outcome = simulator.act(corpid, name, _body())
        return {**outcome.shown(), "sent": _sent(simulator, outcome)}

    @door.post("/simulator/<corpid>/callback")
    def set_callback(corpid: str) -> Any:
        given = _given("callback", url=str, token=str, aes_key=str, agentid=int | None, check=bool)
        target = CallbackTarget(given.get("url", ""), given.get("token", ""), given.get("aes_key", ""))
        simulator.set_callback(corpid, target, given.get("agentid"), check=given.get("check", True))
        return {"saved": True}

    @door.post("/simulator/<corpid>/revoke")
    def revoke(corpid: str) -> Any:
        given = _given("revoke", agentid=int | None, errcode=int)
        return {"ended": simulator.revoke(corpid, **given)}

    @door.post("/simulator/<corpid>/trust")
    def trust(corpid: str) -> Any:
        given = _given("trust", agentid=int | None, addresses=list[str] | None)
        simulator.trust(corpid, given.get("addresses"), given.get("agentid"))
        return {"trusted": given.get("addresses")}

    @door.post("/simulator/<corpid>/archive")
    def archive_key(corpid: str) -> Any:
        given = _given("archive", public_key=str, version=int)
        simulator.set_archive_key(corpid, given.get("public_key", ""), given.get("version", 1))
        return {"saved": True}

    @door.post("/simulator/<corpid>/archive/chatdata")
    def archive_data(corpid: str) -> Any:
        given = _given("chatdata", seq=int, limit=int)
        return simulator.archive_data(corpid, given.get("seq", 0), given.get("limit", 100))

    @door.post("/simulator/<corpid>/archive/decrypt")
    def archive_decrypt(corpid: str) -> Any:
        items = _body().get("items")
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise Invalid("items are a list of encrypt_key and encrypt_chat_msg", field="items")
        found = [decrypted(str(each.get("encrypt_key")), str(each.get("encrypt_chat_msg"))) for each in items]
        return {"messages": found}

    @door.post("/simulator/<corpid>/app")
    def set_app(corpid: str) -> Any:
        given = _given("app", agentid=int | None, enabled=bool)
        app = simulator.app(corpid, given.get("agentid"))
        app.enabled = given.get("enabled", True)
        return {"agentid": app.agentid, "enabled": app.enabled}

    @door.post("/simulator/clock")
    def clock() -> Any:
        return {"now": simulator.advance(_given("clock", advance_seconds=float).get("advance_seconds", 0))}

    @door.post("/simulator/faults")
    def add_fault() -> Any:
        types = {"value": float, "api": str, "corpid": str, "seconds": float | None, "times": int | None, "after": bool}
        given = _given("faults", kind=str, **types)
        return simulator.fault(given.pop("kind", ""), **given).shown()

    @door.delete("/simulator/faults")
    def clear_faults() -> Any:
        simulator.clear_faults()
        return {"faults": []}

    @door.post("/simulator/callbacks/<what>")
    def callbacks(what: str) -> Any:
        given = _given(what, order=str, copies=int, count=int, how=str, number=int)
        outbox, count = simulator.outbox, given.get("count", 1)
        if what == "hold":
            outbox.hold()
        elif what == "release":
            outbox.release(order=given.get("order", "same"), copies=given.get("copies", 1))
        elif what == "drop":
            outbox.drop(count)
        elif what == "spoil":
            outbox.spoil(given.get("how", ""), count)
        elif what == "replay":
            return outbox.replay(given.get("number", 0)).shown()
        elif what == "resend":
            return outbox.resend(given.get("number", 0)).shown()
        else:
            raise NotFound("there are hold, release, drop, spoil, replay and resend")
        return {"waiting": outbox.waiting()}


def _be_somebody(door: flask.Blueprint, simulator: Simulator) -> None:
    """Pages on which one is the customer: what the code of a contact way and an acquisition link lead to."""

    def page(corpid: str, title: str, outcome: Outcome | None = None) -> str:
        corp = simulator.corp(corpid)
        person = flask.request.form.get("person") or flask.request.args.get("person", "")
        with simulator.lock:
            external = corp.external_userid(simulator.people.number(person)) if person else ""
            said = [each for each in corp.effects if external and each.get("external_userid") == external]
        return flask.render_template(
            "wecom_simulator/scan.html",
            corp=corp.account.name,
            title=title,
            outcome=outcome,
            person=person,
            again=urlencode({**flask.request.args, "person": person}),
            said=said,
            sent=[] if outcome is None else _sent(simulator, outcome),
        )

    @door.route("/scan/<corpid>/<config_id>", methods=["GET", "POST"])
    def scan(corpid: str, config_id: str) -> str:
        outcome = None
        if flask.request.method == "POST":
            given = {"config_id": config_id, "person": flask.request.form.get("person", "")}
            outcome = simulator.act(corpid, "scan", given)
        return page(corpid, "Contact way 联系我", outcome)

    @door.route("/ca/<link_id>", methods=["GET", "POST"])
    def follow(link_id: str) -> str:
        corpid = next((each.corpid for each in simulator.corps.values() if link_id in each.links), "")
        if not corpid:
            raise NotFound("no acquisition link is at this address")
        outcome = None
        if flask.request.method == "POST":
            given = {"link_id": link_id, "person": flask.request.form.get("person", "")}
            channel = flask.request.args.get("customer_channel", "")
            outcome = simulator.act(corpid, "click", {**given, "channel": channel})
        return page(corpid, "Acquisition link 获客链接", outcome)


def _sent(simulator: Simulator, outcome: Outcome) -> list[dict[str, Any]]:
    return [simulator.outbox.found(number).shown() for number in outcome.callbacks]


def _body() -> dict[str, Any]:
    """The JSON object of a request; nothing is an empty one."""
    body = flask.request.get_json(force=True, silent=True) if flask.request.get_data() else {}
    if not isinstance(body, dict):
        raise Invalid("the body is to be a JSON object")
    return body


def _given(name: str, **types: Any) -> dict[str, Any]:
    """The arguments of a command."""
    return Arguments(name, types).checked(_body())


# Serving ------------------------------------------------------------------------


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: the journal of calls has it all."""


@dataclass(frozen=True, slots=True)
class Server:
    """A simulator that is being served. ``url`` is what a client takes instead of https://qyapi.weixin.qq.com."""

    simulator: Simulator
    url: str


@contextmanager
def serve(simulator: Simulator, *, host: str = "127.0.0.1", port: int = 0, tick_seconds: float = 0) -> Iterator[Server]:
    """Serve on threads until the block ends; port 0 is a free one. Raises OSError where nobody may listen.

    ``tick_seconds`` above 0 does what falls due without waiting for a request:
    for people, not for tests with a clock of their own.
    """
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    app = create_app(simulator, hosts=LOOPBACK | {host})
    # A socket of our own: werkzeug ends the process where the port is taken.
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    fd = listening.fileno()
    made: BaseWSGIServer = make_server(host, port, app, threaded=True, request_handler=_Quiet, fd=fd)
    over = threading.Event()

    def tick() -> None:
        while not over.wait(tick_seconds):
            simulator.tick()

    work = [threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)]
    if tick_seconds > 0:
        work.append(threading.Thread(target=tick, daemon=True))
    for thread in work:
        thread.start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield Server(simulator, f"http://{shown}:{listening.getsockname()[1]}")
    finally:
        over.set()
        simulator.close()
        made.shutdown()
        made.server_close()
        listening.close()
        for thread in work:
            thread.join(timeout=10)
