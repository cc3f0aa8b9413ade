"""A test kit for plugins: an app with exactly the plugin classes that a test gives it, and two brands.

With pytest it is the fixture ``scrm_app``, which comes with the framework::

    def test_who_pays_a_large_order_is_tagged(scrm_app):
        shop = scrm_app(BigSpender, settings={"least_minor": 10_000}).brand
        ada = shop.lead()
        shop.order(ada, 10_000)
        shop.deliver()
        assert shop.tags(ada) == {("value", "big spender")}

Nothing is installed, nothing listens and time stands until it is moved. What
a test does goes through the doors that the brand's own systems use.
"""

from .app import App
from .checklist import Finding, assert_plugin_ok, check_plugin
from .clients import ApiClient
from .outbox import Outbox
from .shop import Outcome, Shop

__all__ = ["ApiClient", "App", "Finding", "Outbox", "Outcome", "Shop", "assert_plugin_ok", "check_plugin"]
