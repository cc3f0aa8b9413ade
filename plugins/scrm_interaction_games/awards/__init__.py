"""Awards by hand, welfare campaigns, and what each mode of interaction is worth."""
