"""The text of a message (文案): parts, variables, signature, opt-out words, checks, price."""
