"""Pages for consumers and clerks."""
