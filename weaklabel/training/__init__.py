"""The torch floor: groups become token batches, batches become rewards, rewards become a loss.

Runs where pandas, polars, pydantic, datasets and TRL are missing. The names open lazily, because most of
them import torch.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
