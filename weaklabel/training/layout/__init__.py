"""How a batch of groups is laid out for a model: four ways, one `score`, the same rewards.

padded    every response behind a copy of its prompt, a row each, groups in random order
bucketed  the same, in batches of like length (the sampler sorts)
shared    a group is one row: the prompt once, its responses behind it, each blind to the others
varlen    all rows packed without padding, the prompt once; a CUDA kernel that knows where segments end

A newcomer adds one file with a collate function and one line here; `self_test` holds it to the padded rewards.

Source: prefix sharing for pairs after arXiv 2410.20305, here for K responses, with an explicit mask instead of a
block mask and without a copy of the prompt's last token, since a reward is read from the response's last token.
"""

from __future__ import annotations

from weaklabel.training.layout.base import Batch, Layout
from weaklabel.training.layout.choice import Choice, choose_layout, proven_layout, self_test
from weaklabel.training.layout.model import kind_of, outputs, score, unwrapped
from weaklabel.training.layout.registry import LAYOUTS

__all__ = [
    "LAYOUTS",
    "Batch",
    "Choice",
    "Layout",
    "choose_layout",
    "kind_of",
    "outputs",
    "proven_layout",
    "score",
    "self_test",
    "unwrapped",
]
