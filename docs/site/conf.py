"""The documentation as a site: what ``make docs`` builds, every warning an error.

The pages stay as they are, plain Markdown that a code host shows too. The menu is written down once, in
``docs/index.md``: a heading there is a caption of the menu, the pages that the lines below it name are its entries.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

project = "scrm"
author = "The scrm authors"
(release,) = re.findall(r'^__version__ = "(.+)"$', (ROOT / "scrm_core" / "__init__.py").read_text("utf-8"), re.M)
extensions = ["myst_parser"]

# The sources are the checkout itself: a link from a page to a plugin's README is the same link here and on a code host.
root_doc = "docs/index"
include_patterns = ["*.md", "docs/*.md", "plugins/*/README.md", "examples/README.md", "examples/**/README.md"]
exclude_patterns = [".*", "build", "dist", "demo-project", "artefacts", "htmlcov", "tests", "**/__pycache__"]

# Anchors are those that code hosts make of headings.
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_title = f"scrm {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_extra_path = ["index.html"]
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
html_domain_indices = False
html_show_copyright = False

Menu = list[tuple[str, list[tuple[str, str]]]]


def menu(index: str) -> Menu:
    """Each heading of the index page with the pages that the lines below it name, as (title, path without ``.md``).

    A page that is named again stays where it was first; pages above the first heading are in no menu.
    """
    found: Menu = []
    seen: set[str] = set()
    for line in index.splitlines():
        if line.startswith("## "):
            found.append((line[3:], []))
        for title, target in re.findall(r"\[([^\]]+)\]\(([\w./-]+)\.md\)", line) if found else ():
            page = posixpath.normpath(posixpath.join(posixpath.dirname(root_doc), target))
            if page not in seen:
                seen.add(page)
                found[-1][1].append((title, page))
    return found


def toctrees(sections: Menu) -> str:
    """The menu in Sphinx's words: a hidden block for each caption."""
    blocks = []
    for caption, pages in sections:
        entries = "\n".join(f"{title} </{page}>" for title, page in pages)
        blocks.append(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{entries}\n```\n")
    return "".join(blocks)


def setup(app: Any) -> None:
    """Sphinx calls it: the index page gets the menu that it describes."""

    def read(_app: Any, docname: str, source: list[str]) -> None:
        if docname == root_doc:
            source[0] += toctrees(menu(source[0]))

    app.connect("source-read", read)
