"""Pages that people play on, below ``/p/<brand>/interaction-games``."""
