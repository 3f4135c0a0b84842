"""A training run: its folder and checkpoints, its random states, and what it says when memory runs out."""
