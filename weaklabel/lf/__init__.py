"""Labeling functions: write them, build them, find them, check them.

What a file of labeling functions needs can be imported from here. Text features are in `weaklabel.text.features`,
LLM judges, judge columns and crowds in `weaklabel.judges`. The names of `__init__.pyi` are loaded when they are first
used: a configuration reads the settings classes of this room, and shall not load what votes.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
