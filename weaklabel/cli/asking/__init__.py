"""Commands that ask people and take their answers."""
