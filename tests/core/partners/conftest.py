"""The fixtures of :mod:`partner_scene`."""

from partner_scene import pair, remote_moonco

__all__ = ["pair", "remote_moonco"]
