"""Everything that answers "does B beat A?": loading it, and yardsticks to hold it against."""
