"""Commands that judge a run."""
