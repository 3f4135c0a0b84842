"""Chains: outputs of a prompt in one text, each behind words that say how good it is, and how a model learns them."""
