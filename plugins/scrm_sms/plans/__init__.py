"""Plans (短信计划): gated steps from goal to schedule, and the control of a running plan."""
