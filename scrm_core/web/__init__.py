"""The web floor: parse a request, call one service, answer. No rule of the business lives here.

==================  =============================================================
module              what it holds
==================  =============================================================
``app``             the application factory
``api``             the core's API, a WSGI application in front of Flask
``routes``          the one table of API routes with the permission beside each
``dispatch``        the steps of a call: key, brand, permission, one transaction
``calls``           what a view gets and gives
``problems``        every error as RFC 9457 ``application/problem+json``
``bodies``          strict JSON in, compact JSON out
``pages``           opaque cursors of keyset pages
``mounts``          routes of plugins, found at each request
``openapi``         the OpenAPI 3.1 document and its viewer
``shortlinks``      ``/l/<code>``
``partners``        ``/partner-messages/...``: signed messages of other installations
``plugin_pages``    public pages of plugins and the core's own for customers, ``/p/<brand>/...``
``consumer``        what a page for customers stands on: session, one-time forms, language
``consumer_pages``  joining, codes, one-person links, signing in and out
``consumer_words``  the frame's words in Chinese and English
``health``          ``/healthz``, ``/readyz`` and ``/metrics``
``home``            the start page
others              the views of one resource each
==================  =============================================================
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    # Plugins need `consumer` alone, in every command of theirs; all views beside it cost as much as it does.
    if name == "create_app":
        from .app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
