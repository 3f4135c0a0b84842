"""Texts as columns: tokens, a vocabulary that lives from shard to shard, linear-time patterns, n-grams, features."""
