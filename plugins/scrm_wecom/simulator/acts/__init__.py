"""What people do: scan, add, delete, chat, tag in the client, confirm, publish, come and go.

Each act is a method of :class:`Acts` and an address of the act door
(``POST /simulator/<corpid>/acts/<name>`` with the method's arguments as JSON).
Acts cause the events that the platform would send; calls of the API cause none
(wecom section 2.3, dev:96361).
"""

from __future__ import annotations

from .act import ACTS, Act, Outcome
from .adding import Adding
from .grouping import Grouping
from .serving import Serving
from .tagging import Tagging

__all__ = ["ACTS", "Act", "Acts", "Outcome"]


class Acts(Adding, Tagging, Serving, Grouping):
    """Everything that people of one corp can do."""
