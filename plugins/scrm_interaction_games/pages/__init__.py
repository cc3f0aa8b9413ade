"""Pages on which consumers play."""
