"""What a database says that its brand has left: read where a brand starts, written by :mod:`scrm_core.moving`."""

SEAL = "moved_to"
"""The key in ``meta`` of a database that was moved away; its value says where to."""
MOVED = "this brand has moved to another database"
"""What a sealed database answers to whoever writes."""
