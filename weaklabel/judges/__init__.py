"""Judges: LLMs that are asked in both orders, verdicts that the data already holds, and crowd workers."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
