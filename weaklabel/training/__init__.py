"""The torch floor: runs where only torch, transformers, pyarrow and numpy are installed."""
