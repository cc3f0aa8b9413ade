"""The seven steps of a card campaign (七步): an ordered, audited state machine."""
