"""Intake: rows from the API and from files become checked values, or errors that name the place."""
