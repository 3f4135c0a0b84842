"""Commands for people who write labeling functions."""
