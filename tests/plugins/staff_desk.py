"""Browsers of people with roles at the console of two brands, for tests of the pages that plugins bring."""

from __future__ import annotations

import ast
import html
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from scrm_core import errors
from scrm_core.brands import Brand
from scrm_core.installation import Installation
from scrm_core.web import create_app

WORD = "correct horse battery"
ROOT = "/staff/console/"
ROLES = {
    "mia": {"acme": "owner", "moonco": "analyst"},
    "otto": {"acme": "operator"},
    "cleo": {"acme": "clerk"},
    "ana": {"acme": "analyst"},
    "luna": {"moonco": "owner"},
    "nobody": {},
}
EVIL = """<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}"""
_HIDDEN = re.compile(r'type="hidden" name="([^"]+)" value="([^"]*)"')


class Browser:
    """A browser of one person."""

    def __init__(self, app: Any, name: str = "", language: str = "en") -> None:
        self.client = app.test_client()
        self.language = language
        self.csrf = ""
        if name:
            assert self.sign_in(name).status_code == 303

    def get(self, path: str, **query: Any) -> Any:
        return self._seen(self.client.get(self._address(path), query_string=query or None, headers=self._headers))

    def post(self, path: str, **form: Any) -> Any:
        return self._seen(
            self.client.post(self._address(path), data={"csrf": self.csrf, **form}, headers=self._headers)
        )

    def press(self, path: str, act: str, **typed: Any) -> Any:
        """Open a page and send its form with the button ``act``, as it stands but for what is typed."""
        return self.post(path, act=act, **{**self.hidden(path, act), **typed})

    def hidden(self, path: str, act: str) -> dict[str, str]:
        """What the hidden fields of a page's form with the button ``act`` hold."""
        forms = re.findall(r"<form.*?</form>", self.get(path).text, re.S)
        (form,) = (each for each in forms if f'name="act" value="{act}"' in each)
        return {name: html.unescape(text) for name, text in _HIDDEN.findall(form)}

    def sign_in(self, name: str, password: str = WORD, **form: Any) -> Any:
        self.get("sign-in")
        return self.post("sign-in", name=name, password=password, **form)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept": "text/html", "Accept-Language": self.language, "Sec-Fetch-Site": "same-origin"}

    def _address(self, path: str) -> str:
        return path if path.startswith("/") else ROOT + path

    def _seen(self, answer: Any) -> Any:
        found = re.search(r'name="csrf" value="(\w+)"', answer.get_data().decode("utf-8", "replace"))
        self.csrf = found[1] if found else self.csrf
        return answer


def unsaid(templates: Path, words: Mapping[str, tuple[str, str]]) -> set[str]:
    """Keys that templates say by ``word("...")`` and that have no words."""
    said = {key for file in templates.rglob("*.html") for key in re.findall(r'word\("([^"]+)"\)', file.read_text("utf-8"))}
    assert len(said) > 20
    return said - words.keys()


class Desk:
    """Somebody at the page of one thing that is taken through steps; its forms carry the version that was seen."""

    page: ClassVar[str]

    def __init__(self, browser: Browser, code: str = "MAY") -> None:
        self.browser, self.code = browser, code
        self.text = ""

    def look(self, step: str = "") -> str:
        answer = self.browser.get(self.page, id=self.code, **({"step": step} if step else {}))
        assert answer.status_code == 200, answer.text
        self.text = answer.text
        return self.text

    def version(self, step: str = "") -> str:
        """The version in the first form of the page; empty where there is none."""
        found = re.search(r'name="version" value="(\d+)"', self.look(step))
        return found[1] if found else ""

    def act(self, act: str, *, step: str = "", version: str = "", expect: int = 303, **form: Any) -> Any:
        """Press the button of this act, on the page as it is now or as it was at a version."""
        seen = version or self.version(step)
        if seen:
            form["version"] = seen
        answer = self.browser.post(f"{self.page}?id={self.code}&step={step}", act=act, **form)
        assert answer.status_code == expect, answer.text[:3_000]
        self.text = answer.text
        return answer

    def now(self) -> str:
        """The step that the page shows by itself."""
        found = re.search(r'data-step="([\w-]+)"', self.look())
        assert found is not None
        return found[1]


def desks(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, **more: dict[str, str]
) -> Callable[..., Browser]:
    """A function that gives the browser of somebody of :data:`ROLES`, or of ``more`` people, who is signed in."""
    monkeypatch.setattr("scrm_core.users.passwords._METHOD", "scrypt:1024:8:1")
    for name, roles in {**ROLES, **more}.items():
        installation.users.create(name, WORD)
        for brand, role in roles.items():
            installation.users.set_role(name, brand, role)
    app = create_app(installation)
    return lambda name="", language="en": Browser(app, name, language)


def refusal(answer: Any) -> str:
    """What the console tells above a page whose form was refused; or nothing."""
    found = re.search(r"data-refused>(.*?)</p>", answer.text, re.S)
    return found[1] if found else ""


def statements(brand: Brand, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the databases of brands and users were asked since the list was emptied."""
    found: list[str] = []
    database = type(brand.handle.database)
    real = database.execute_sql
    monkeypatch.setattr(
        database, "execute_sql", lambda self, sql, *more, **named: found.append(sql) or real(self, sql, *more, **named)
    )
    return found


def asks_the_same(browser: Browser, asked: list[str], pages: Sequence[str], fill: Callable[[int], None]) -> None:
    """Each page asks as many queries, one to thirty, with ``fill(300)`` as with ``fill(10)``; ``asked`` notes them."""
    counts: dict[str, set[int]] = {}
    for count in (10, 300):
        fill(count)
        for page in pages:
            browser.get(page)
            asked.clear()
            assert browser.get(page).status_code == 200, page
            counts.setdefault(page, set()).add(len(asked))
            assert 1 <= len(asked) <= 30, (page, asked)
    assert {page: len(each) for page, each in counts.items()} == dict.fromkeys(pages, 1), counts


def turned(browser: Browser, folder: str, page: str, mark: str) -> tuple[list[str], list[str]]:
    """What stands on the first page of a list and on the next, by the attribute that marks each; none is on both."""
    text = browser.get(folder + page).text
    following = re.search(r'rel="next" href="([^"]+)"', text)
    assert following is not None
    first, second = (re.findall(rf'{mark}="([^"]+)"', each) for each in (text, browser.get(folder + html.unescape(following[1])).text))
    assert not set(first) & set(second)
    return first, second


def codes_of(plugin: type) -> set[str]:
    """The codes of the errors that the modules of a plugin's folder make, read from their source; not of what broke."""
    found = set()
    for path in Path(inspect.getfile(plugin)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            kind = getattr(errors, getattr(node.func, "id", ""), None) if isinstance(node, ast.Call) else None
            if isinstance(kind, type) and issubclass(kind, errors.ScrmError) and kind.status < 500:
                given = [each.value for each in node.keywords if each.arg == "code"]
                found.update(each.value for each in given if isinstance(each, ast.Constant))
                found.update([] if given else [kind.code])
    return found


def english(text: str) -> list[str]:
    """What of a text reads like an English sentence: four words in a row that are no command."""
    found = re.findall(r"[A-Za-z'’]{2,}(?: [a-z'’]+){3,}", html.unescape(re.sub(r"<[^>]*>", "\n", text)))
    return [each for each in found if not each.startswith("scrm ")]
