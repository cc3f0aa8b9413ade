"""The path (路径配置): the channel, the tracked link, the landing page with a running activity."""

from __future__ import annotations

from scrm_core.api import Invalid, execute, transactional

from ..results import landing
from .book import OWNER, Book, PlanView
from .steps import Goal, Path, content_of
from .store import clean_actor


class Paths:
    """Where the links of a plan lead."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.brand = book.brand

    @transactional
    def set_path(self, code: str, *, actor: str, channel: str = "", target: str = "") -> PlanView:
        """Lead recipients to the plan's landing page, or to ``target``, through links of a channel that exists.

        A notice may have no channel, and then no link. Raises NotFound for an
        unknown channel (a link without a channel code is refused) and Invalid
        for a bad address. Whether the landing page is complete is asked again
        when the plan is scheduled and while it runs.
        """
        plan, done = self.book.open_step(code, "path")
        actor = clean_actor(actor)
        if not channel:
            if content_of(done, Goal).kind != "notice" or target:
                raise Invalid("a path needs the code of a channel (渠道活码)", field="channel")
            return self.book.take(plan, done, "path", Path("", "", "", page=False), actor)
        url = target or landing.url_of(self.brand, code)
        before = done.get("path")
        if before is not None and (before.content.channel, before.content.target) == (channel, url):
            return self.book.view(code)
        link = self.brand.links.create(channel, url, owner=OWNER, campaign=code)
        path = Path(channel, link.code, url, page=not target or content_of(done, Goal).kind != "notice")
        return self.book.take(plan, done, "path", path, actor)


def path_problems(book: Book, code: str, path: Path, at: int) -> list[str]:
    """What keeps a path from being used at an instant: no activity, no welcome, a link that was switched off."""
    if not path.channel:
        return []
    problems = list(landing.problems(book.brand, code, at)) if path.page else []
    (disabled,) = execute("SELECT disabled_at FROM link WHERE code = ?", (path.link,)).fetchone()
    if disabled is not None:
        problems.append(f"the plan's link {path.link} was switched off")
    return problems
