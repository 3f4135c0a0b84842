"""How chains are laid out: rows of their own, or several in a row.

padded    a chain per row, in random order
bucketed  the same, in batches of like length
packed    chains behind one another in rows of `max_length`; none sees another, and positions begin anew with each
blocks    as published: chains behind one another without a break, cut into blocks of `max_length` that see all before them

In `blocks` the loss is the mean over a block's learned tokens, then over blocks, so a token counts the more the fewer its block
has; everywhere else every token counts alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from weaklabel._validation import lookup
from weaklabel.errors import ConfigError
from weaklabel.training.chains.tokens import TokenChain
from weaklabel.training.layout import Batch, Choice, Layout, unwrapped
from weaklabel.training.layout.architectures import why_not_shared
from weaklabel.training.layout.base import padded_rows
from weaklabel.training.layout.shared import PADDING


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Chains in one row of a batch; none of them sees another."""

    documents: tuple[TokenChain, ...]

    def __len__(self) -> int:
        return sum(len(each.ids) for each in self.documents)

    @property
    def weight(self) -> float:
        """What its learned tokens count together."""
        return sum(sum(each.weights) for each in self.documents)

    def weightless(self) -> TokenRow:
        """The same with every weight zero: it takes part in a step and changes nothing."""
        return replace(self, documents=tuple(each.weightless() for each in self.documents))


def collate(rows: Sequence[TokenRow], pad_id: int) -> Batch:
    """Rows as tensors.

    Returns:
        `input_ids`, `attention_mask`, `position_ids` and `segments` (from 1, a number per chain; -1 where padded), int64
        (n_rows, longest); and of the learned tokens `targets` and `places` (which predict them, in the flattened states) int64,
        `w` float32 and `unlikely` bool, all (n_tokens,).
    """
    ids = padded_rows([list(chain(*(each.ids for each in row.documents))) for row in rows], pad_id)
    width = ids.shape[1]
    positions, segments, targets, places, w, unlikely = [], [], [], [], [], []
    for at, row in enumerate(rows):
        starts = accumulate((len(each.ids) for each in row.documents[:-1]), initial=at * width)
        for start, each in zip(starts, row.documents, strict=True):
            targets += [each.ids[place] for place in each.places]
            places += [start + place - 1 for place in each.places]
            w += each.weights
            unlikely += [each.unlikely] * len(each.places)
        positions.append([place for each in row.documents for place in range(len(each.ids))])
        segments.append([number for number, each in enumerate(row.documents, 1) for _ in each.ids])
    numbers = padded_rows(segments, PADDING)
    return {
        "input_ids": ids,
        "attention_mask": (numbers != PADDING).long(),
        "position_ids": padded_rows(positions, 0),
        "segments": numbers,
        "targets": torch.tensor(targets, dtype=torch.int64),
        "places": torch.tensor(places, dtype=torch.int64),
        "w": torch.tensor(w, dtype=torch.float32),
        "unlikely": torch.tensor(unlikely, dtype=torch.bool),
    }


def sizes(rows: Sequence[TokenRow]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One row each, as long as it is."""
    return np.array([len(row) for row in rows], dtype=np.int64), np.ones(len(rows), dtype=np.int64)


CHAIN_LAYOUTS: Final[Mapping[str, Layout[TokenRow]]] = {
    name: Layout(name, collate, sizes, bucketed=name == "bucketed")
    for name in ("padded", "bucketed", "packed", "blocks")
}


def laid_out(chains: Sequence[TokenChain], layout: str, *, max_length: int, seed: int) -> list[TokenRow]:
    """The rows that a layout makes of chains; `seed` draws what meets in a row.

    >>> one = TokenChain([7, 8, 9], [2], [1.0])
    >>> [len(row) for row in laid_out([one] * 3, "packed", max_length=8, seed=0)]
    [6, 3]
    """
    if layout not in ("packed", "blocks"):
        return [TokenRow((each,)) for each in chains]
    drawn = [chains[k] for k in np.random.default_rng(seed).permutation(len(chains))]
    return _blocks(drawn, max_length) if layout == "blocks" else _packed(drawn, max_length)


def _packed(chains: Sequence[TokenChain], max_length: int) -> list[TokenRow]:
    rows: list[list[TokenChain]] = []
    room = 0
    for each in chains:
        if len(each.ids) > room:
            rows.append([])
            room = max_length
        rows[-1].append(each)
        room -= len(each.ids)
    return [TokenRow(tuple(row)) for row in rows]


def _blocks(chains: Sequence[TokenChain], max_length: int) -> list[TokenRow]:
    """Blocks of `max_length`, the last one shorter; one without a learned token is left out."""
    if any(each.unlikely for each in chains):
        raise ConfigError(
            "layout 'blocks' joins what is to become likely and unlikely. Use 'packed' or 'bucketed'."
        )
    ids = [token for each in chains for token in each.ids]
    starts = accumulate((len(each.ids) for each in chains[:-1]), initial=0)
    weight_of = {
        start + place: w
        for start, each in zip(starts, chains, strict=True)
        for place, w in zip(each.places, each.weights, strict=True)
    }
    rows = []
    for start in range(0, len(ids), max_length):
        block = ids[start : start + max_length]
        places = [place for place in range(1, len(block)) if start + place in weight_of]
        weights = [weight_of[start + place] for place in places]
        if total := sum(weights):
            rows.append(TokenRow((TokenChain(block, places, [w / total for w in weights]),)))
    return rows


def choose_chain_layout(model: nn.Module, requested: str, *, masked: bool) -> Choice:
    """The layout for a language model: "auto" is "bucketed".

    Args:
        masked: whether links of attention are dropped, which needs a mask of its own.

    Raises:
        UnknownNameError: no layout of that name.
        ConfigError: a model that takes no such mask, with the reason.
    """
    obstacle = why_not_shared(unwrapped(model).config)
    if masked and obstacle:
        raise ConfigError(f"link_dropout and token_dropout do not fit: {obstacle}. Leave them out.")
    if requested == "auto":
        return Choice("bucketed", "chains of like length share a batch")
    lookup("layout", CHAIN_LAYOUTS, requested)
    if requested == "packed" and obstacle:
        raise ConfigError(f"layout 'packed' does not fit: {obstacle}. Use 'auto' or 'bucketed'.")
    return Choice(requested, "as requested")
