"""`auto`: chooses a label model from what the votes and the gold show."""
