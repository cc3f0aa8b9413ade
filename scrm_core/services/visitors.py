"""Who opens a link: a person, or a program that only looks at it."""

from __future__ import annotations

import re

# Programs say what they are; those that fetch a link to draw its preview come right after a
# message with the link was sent, and would each count as a visit. WeChat's own browser
# (MicroMessenger) is a person, and so is the owner of a CUBOT telephone.
_BOT = re.compile(
    r"(?<!cu)bot(?:\b|_)|crawl|spider|slurp|preview|scrap|monitor|uptime|headless|lighthouse|validator"
    r"|facebookexternalhit|whatsapp|skypeuri|embedly|quora link|vkshare|pinterest/|feedfetcher|mediapartners"
    r"|google-|apis-google|bingpdf|yandex|baidu-|sogou web|bytespider|yisou|petal|mj12|ahrefs|semrush"
    r"|curl/|wget/|libwww|python|aiohttp|httpx|go-http|java/|okhttp|apache-http|axios|node-fetch|node\.js"
    r"|ruby|perl|php/|postman|insomnia|httpie|nmap|masscan|zgrab|censys",
    re.IGNORECASE,
)


def is_bot(agent: str) -> bool:
    """Whether a User-Agent belongs to a program. None at all counts as one: every browser sends it."""
    return not agent.strip() or _BOT.search(agent) is not None
