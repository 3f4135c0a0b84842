"""The packed layout's index arithmetic against a dense mask; the CUDA kernel against its twin."""

from __future__ import annotations

import inspect

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_groups import PAD, some_groups  # noqa: E402

from weaklabel.training import LAYOUTS, TokenGroup  # noqa: E402
from weaklabel.training.layout import varlen  # noqa: E402
from weaklabel.training.layout.varlen import Segments  # noqa: E402

pytestmark = pytest.mark.trains


def test_the_indices_of_a_small_batch_by_hand():
    batch = varlen.collate([TokenGroup([1, 2], ([3], [4, 5]), ()), TokenGroup([], ([6],), ())], PAD)
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 5, 6]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 2, 3, 0]]
    assert batch["q_ends"].tolist() == [0, 2, 3, 5, 6]
    # the prompt; prompt and 3; prompt and 4, 5; 6, which has no prompt
    assert batch["keys"].tolist() == [0, 1, 0, 1, 2, 0, 1, 3, 4, 5]
    assert batch["k_ends"].tolist() == [0, 2, 5, 9, 10]
    assert batch["pool"].tolist() == [2, 4, 5]


def test_segments_know_the_longest():
    segments = Segments.of(varlen.collate([TokenGroup([1, 2], ([3], [4, 5]), ())], PAD))
    assert (segments.max_q, segments.max_k) == (2, 4)


def dense(q, k, v, batch, scale):
    """Every token against every token, with a mask that the segments spell out one pair at a time."""
    allowed = torch.zeros(q.shape[0], q.shape[0], dtype=torch.bool)
    q_ends, k_ends = batch["q_ends"].tolist(), batch["k_ends"].tolist()
    for at in range(len(q_ends) - 1):
        keys = batch["keys"][k_ends[at] : k_ends[at + 1]].tolist()
        for token in range(q_ends[at], q_ends[at + 1]):
            allowed[token, [key for key in keys if key <= token]] = True
    weights = (torch.einsum("qhd,khd->hqk", q, k) * scale).masked_fill(~allowed, float("-inf")).softmax(-1)
    return torch.einsum("hqk,khd->qhd", weights, v)


@pytest.mark.parametrize("responses", [2, 3, 4])
def test_one_call_per_segment_equals_dense_attention(responses):
    batch = varlen.collate(some_groups(3, responses), PAD)
    segments = Segments.of(batch)
    n = batch["input_ids"].shape[1]
    q, k, v = (torch.randn(n, 4, 8, dtype=torch.float64) for _ in range(3))
    found = varlen._one_by_one(q, k[segments.keys], v[segments.keys], segments, 0.3, 0.0)
    assert (found - dense(q, k, v, batch, 0.3)).abs().max() < 1e-12


OLD = "query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, is_causal=False"
NEW = "query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale=None, window_size=(-1, -1), enable_gqa=False"


@pytest.mark.parametrize("signature", [OLD, NEW])
def test_both_known_signatures_of_the_kernel_get_what_they_ask_for(signature, monkeypatch):
    from torch.nn.attention import varlen as home

    batch = varlen.collate(some_groups(3, 2), PAD)
    segments = Segments.of(batch)
    n = batch["input_ids"].shape[1]
    q, k, v = torch.randn(n, 4, 16), torch.randn(n, 2, 16), torch.randn(n, 2, 16)

    def kernel(given):
        assert (given["max_q"], given["max_k"]) == (segments.max_q, segments.max_k)
        if signature == OLD:  # causal by a flag, divides by sqrt(size), as many key heads as query heads
            assert given["is_causal"]
            assert given["key"].shape[1] == 4
        else:
            assert (given["window_size"], given["enable_gqa"]) == ((-1, 0), True)
        scale = given.get("scale", 16**-0.5)
        return varlen._one_by_one(given["query"], given["key"], given["value"], segments, scale, 0.0)

    made: dict[str, object] = {"kernel": kernel}
    exec(f"def varlen_attn({signature}): return kernel(locals())", made)
    monkeypatch.setattr(home, "varlen_attn", made["varlen_attn"])
    assert "scale" in inspect.signature(home.varlen_attn).parameters or signature == OLD
    keys, values = k[segments.keys], v[segments.keys]
    expected = varlen._one_by_one(q, keys, values, segments, 0.3, 0.0)
    found = varlen._by_kernel(q, keys, values, segments, 0.3, 0.0)
    assert (found - expected).abs().max() < 1e-5


def test_the_installed_kernel_has_one_of_the_known_signatures():
    from torch.nn.attention.varlen import varlen_attn

    known = inspect.signature(varlen_attn).parameters
    assert {"window_size", "is_causal"} & set(known)
    assert list(known)[:7] == ["query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"]


@pytest.mark.gpu
def test_the_cuda_kernel_equals_its_twin():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert varlen.check_kernel() < 5e-2


def test_the_layout_stands_in_the_table():
    assert LAYOUTS["varlen"].collate is varlen.collate
