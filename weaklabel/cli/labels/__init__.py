"""Commands that make and use labels."""
