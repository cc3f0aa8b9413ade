"""The nine games, each a small class on the engine."""
