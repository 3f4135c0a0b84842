"""Dropped links of attention against a mask that is made by hand, entry by entry; what stays seen; how much is dropped."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from weaklabel.training.chains.masking import draw_links  # noqa: E402
from weaklabel.training.runs.randomness import isolated_randomness  # noqa: E402

# Two rows: chains of 3 and 4 tokens; one of 5 with two places of padding.
SEGMENTS = torch.tensor([[1, 1, 1, 2, 2, 2, 2], [1, 1, 1, 1, 1, -1, -1]])
POSITIONS = torch.tensor([[0, 1, 2, 0, 1, 2, 3], [0, 1, 2, 3, 4, 0, 0]])


def drawn(seed: int, **rates: float) -> Any:
    with isolated_randomness():
        torch.manual_seed(seed)
        return draw_links(SEGMENTS, POSITIONS, **rates)


def by_hand(seed: int, links: float, tokens: float) -> Any:
    """The same draws in the same order, and each entry decided on its own."""
    n, length = SEGMENTS.shape
    with isolated_randomness():
        torch.manual_seed(seed)
        each_link, each_rate = torch.rand(n, length, length), torch.rand(n, 3) * links
        each_token, token_rate = torch.rand(n, length), torch.rand(n, 3) * tokens
    seen = torch.zeros(n, length, length, dtype=torch.bool)
    for row in range(n):
        for query in range(length):
            for key in range(query + 1):
                own, other = int(SEGMENTS[row, query]), int(SEGMENTS[row, key])
                if own != other:
                    continue
                if own < 0 or POSITIONS[row, key] == 0:
                    seen[row, query, key] = True
                    continue
                kept = bool(each_link[row, query, key] >= each_rate[row, own])
                gone = bool(each_token[row, key] < token_rate[row, own])
                seen[row, query, key] = kept and (not gone or query == key)
    return seen


@pytest.mark.parametrize("seed", range(20))
def test_the_mask_equals_one_made_entry_by_entry(seed: int) -> None:
    assert torch.equal(drawn(seed, link_dropout=0.6, token_dropout=0.5), by_hand(seed, 0.6, 0.5))


@pytest.mark.parametrize("rates", [{}, {"link_dropout": 0.9}, {"token_dropout": 0.9}])
def test_the_first_token_is_always_seen_and_chains_never_see_each_other(rates: dict[str, float]) -> None:
    for seed in range(10):
        seen = drawn(seed, **rates)
        assert seen[0, :3, 0].all()
        assert seen[0, 3:, 3].all()
        assert seen[1, :5, 0].all()
        assert not seen[0, 3:, :3].any()
        assert not seen.triu(1).any()
        assert seen.any(dim=2).all(), "no row of the softmax is empty"


def test_without_rates_everything_before_is_seen() -> None:
    seen = drawn(0)
    assert torch.equal(seen[1, :5, :5], torch.ones(5, 5, dtype=torch.bool).tril())


@pytest.mark.parametrize("kind", ["link_dropout", "token_dropout"])
def test_as_much_is_dropped_as_the_rate_says(kind: str) -> None:
    """A rate is even from 0 to .4, so a fifth is gone; rates differ between sequences by more than chance."""
    n, length = 400, 40
    segments, positions = torch.ones(n, length, dtype=torch.int64), torch.arange(length).expand(n, length)
    with isolated_randomness():
        torch.manual_seed(0)
        seen = draw_links(segments, positions, **{kind: 0.4})
    below = torch.ones(length, length, dtype=torch.bool).tril(-1)
    below[:, 0] = False
    shares = 1 - seen[:, below].float().mean(dim=1)
    assert float(shares.mean()) == pytest.approx(0.2, abs=0.02)
    assert float(shares.std()) == pytest.approx(0.4 / 12**0.5, abs=0.03)


def test_dropped_tokens_are_dropped_for_all_that_come_behind() -> None:
    seen = drawn(3, token_dropout=0.9)
    for row in range(2):
        for key in range(7):
            behind = [
                bool(seen[row, q, key]) for q in range(key + 1, 7) if SEGMENTS[row, q] == SEGMENTS[row, key]
            ]
            assert len(set(behind)) <= 1
            assert seen[row, key, key]
