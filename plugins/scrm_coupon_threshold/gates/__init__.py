"""Gates (领取门槛): the tasks that open a claim, proven from events."""
