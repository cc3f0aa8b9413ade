"""The engine: tickets, prizes, draws, acts."""
