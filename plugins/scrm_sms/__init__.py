"""SMS acquisition (短信引流)."""
