"""A pair has no direction: whatever the source's order, texts, gold and columns stay together."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.data import read_pairs
from weaklabel.data.readers.preference import two_sides
from weaklabel.types.messages import parse_transcript

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda t: t.strip() and "Human:" not in t and "Assistant:" not in t
)


def read_one(row: dict[str, Any], seed: int = 0) -> dict[str, Any]:
    return dict(read_pairs([row], seed=seed).table.to_pylist()[0])


@given(turns=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), other=TEXT)
@settings(max_examples=80, deadline=None)
def test_hh_split_recovers_the_dialogue(turns: list[tuple[str, str]], other: str) -> None:
    start = "".join(f"\n\nHuman: {q}\n\nAssistant: {a}" for q, a in turns[:-1]) + f"\n\nHuman: {turns[-1][0]}"
    good, bad = (f"{start}\n\nAssistant: {text}" for text in (turns[-1][1], other))
    context, chosen, rejected, *_ = two_sides({"chosen": good, "rejected": bad})
    prompt, messages = context.settled()
    spoken = [text.strip() for turn in turns for text in turn]
    assert [m["content"] for m in messages or ()] == spoken[:-1]
    assert (chosen, rejected) == (spoken[-1], other.strip())
    assert len(turns) > 1 or prompt == turns[0][0].strip()
    assert len(turns) == 1 or [m["content"] for m in parse_transcript(prompt)] == spoken[:-1]


@given(prompt=TEXT, x=TEXT, y=TEXT, seed=st.integers(0, 50))
@settings(max_examples=80, deadline=None)
def test_the_coin_moves_gold_and_columns_with_the_texts(prompt: str, x: str, y: str, seed: int) -> None:
    if x.strip() == y.strip():
        return
    row = read_one(
        {
            "prompt": prompt,
            "chosen": x,
            "rejected": y,
            "score_chosen": 2.0,
            "score_rejected": 1.0,
            "len_a": 7,
            "len_b": 8,
        },
        seed,
    )
    side = row["gold"]
    assert (row[f"response_{side}"], row[f"score_{side}"], row[f"len_{side}"]) == (x, 2.0, 7)
    assert row["swapped"] == (side == "b")


@given(prompt=TEXT, x=TEXT, y=TEXT, seed=st.integers(0, 50))
@settings(max_examples=80, deadline=None)
def test_both_orders_of_a_source_give_one_pair(prompt: str, x: str, y: str, seed: int) -> None:
    if x.strip() == y.strip():
        return
    one = read_one({"prompt": prompt, "chosen": x, "rejected": y}, seed)
    other = read_one({"prompt": prompt, "chosen": y, "rejected": x}, seed)
    same = ("id", "prompt", "response_a", "response_b")
    assert [one[name] for name in same] == [other[name] for name in same]
    assert one["gold"] != other["gold"]
    assert one["swapped"] != other["swapped"]


@given(prompt=TEXT, x=TEXT, y=TEXT, gold=st.sampled_from(["a", "b", "tie", None]))
@settings(max_examples=60, deadline=None)
def test_a_canonical_pair_and_its_mirror_image_are_swaps_of_each_other(
    prompt: str, x: str, y: str, gold: str | None
) -> None:
    if x.strip() == y.strip():
        return
    flip = {"a": "b", "b": "a", "tie": "tie", None: None}
    one = read_pairs([{"prompt": prompt, "response_a": x, "response_b": y, "gold": gold, "n_a": 1, "n_b": 2}])
    other = read_pairs(
        [
            {
                "prompt": prompt,
                "response_a": y,
                "response_b": x,
                "gold": flip[gold],
                "n_a": 2,
                "n_b": 1,
                "swapped": True,
            }
        ]
    )
    assert one.swapped().table.to_pylist() == other.table.to_pylist()


def test_the_coin_is_fair_and_hears_the_seed_only() -> None:
    rows = [{"prompt": f"Q{i}", "chosen": f"right {i}", "rejected": f"wrong {i}"} for i in range(2000)]
    first, second = read_pairs(rows, seed=1), read_pairs(rows, seed=2)
    assert 0.45 < (first.y == 1).mean() < 0.55
    assert 0.4 < (first.y == second.y).mean() < 0.6
    backwards = read_pairs(rows[::-1], seed=1)
    assert backwards.y.tolist() == first.y.tolist()[::-1]
