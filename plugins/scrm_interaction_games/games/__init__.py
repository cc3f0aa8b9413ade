"""The nine games, each a small class on the engine. ``GAMES`` is their register, ``GAME_MODELS`` the tables of all."""

from __future__ import annotations

from typing import Any

from .bargain import Bargain
from .checkin import CheckIn
from .days_models import DAYS_MODELS
from .egg import Egg
from .grab import Grab
from .groupbuy import GroupBuy
from .invite import Invite
from .joingift import JoinGift
from .nurture import Nurture
from .social_models import SOCIAL_MODELS
from .wheel import Wheel

GAMES: tuple[Any, ...] = (Wheel, Egg, Grab, CheckIn, Nurture, Bargain, GroupBuy, JoinGift, Invite)

GAME_MODELS = (*DAYS_MODELS, *SOCIAL_MODELS)
