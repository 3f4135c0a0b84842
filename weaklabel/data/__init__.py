"""Pairs in and out: every layout people have, read into one canonical table, split by prompt, written back."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
