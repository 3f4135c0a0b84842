"""Splits by prompt: whole prompts, stratified, the same under a seed whatever the row order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaklabel.artifacts import content_hash
from weaklabel.data import read_pairs, split_by_prompt
from weaklabel.data.near_duplicates import link_near_duplicates
from weaklabel.errors import ConfigError, DataError
from weaklabel.types import Pairs, collapse_whitespace


def rows(
    n_prompts: int, per_prompt: int = 2, source: str = "s", gold: str | None = "a"
) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{source}-{i}-{k}",
            "prompt": f"{source} question {i}",
            "response_a": f"x{k}",
            "response_b": f"y{k}",
            "gold": gold,
            "source": source,
        }
        for i in range(n_prompts)
        for k in range(per_prompt)
    ]


def parts_by_id(pairs: Pairs) -> dict[str, str]:
    return dict(zip(pairs.ids, pairs.parts.tolist(), strict=True))


def test_half_of_the_gold_is_locked_away() -> None:
    pairs = read_pairs(rows(50))
    assert (len(pairs.dev), len(pairs.test)) == (50, 50)


def test_how_many_keys_are_remembered_changes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    talks = [
        {**row, "prompt": f"{row['prompt']} \ufeff{'x' * i}", "gold": "a" if i % 3 else None}
        | ({"messages": [{"role": "user", "content": f"talk {i % 7}"}]} if i % 2 else {})
        for i, row in enumerate(rows(30))
    ]
    many = read_pairs(talks)
    monkeypatch.setattr("weaklabel.data.splits._MOST_KEYS", 3)
    assert read_pairs(talks).table.equals(many.table)


def test_each_source_gets_its_share() -> None:
    pairs = read_pairs(rows(40, source="s") + rows(20, source="t"), test_share=0.25)
    sources = pairs.test.table["source"].to_pylist()
    assert (sources.count("s"), sources.count("t")) == (20, 10)


def test_a_source_of_its_own_for_every_prompt_still_gives_a_test_part() -> None:
    many = [row for i in range(40) for row in rows(1, source=f"s{i}")]
    assert len(read_pairs(many).test) == 40


@given(
    spec=st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from([None, "a", "b", "tie"])), min_size=1, max_size=40
    ),
    seed=st.integers(0, 5),
    share=st.floats(0, 1),
)
@settings(max_examples=60, deadline=None)
def test_no_split_separates_a_prompt(spec: list[tuple[int, str | None]], seed: int, share: float) -> None:
    table = [
        {"id": str(i), "prompt": f"Q{q}" + " " * (i % 3), "response_a": "x", "response_b": "y", "gold": gold}
        for i, (q, gold) in enumerate(spec)
    ]
    pairs = read_pairs(table, seed=seed, test_share=share)
    for group in np.unique(pairs.prompt_groups):
        here = pairs.prompt_groups == group
        (part,) = set(pairs.parts[here])
        assert (part == "pool") == (not pairs.has_gold[here].any())


@given(order=st.permutations(range(30)), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_row_order_has_no_say(order: list[int], seed: int) -> None:
    table = rows(10) + rows(5, source="t")
    kwargs: dict[str, Any] = {"seed": seed, "max_gold": 6, "near_duplicates": True}
    shuffled = [table[i] for i in order]
    assert parts_by_id(read_pairs(table, **kwargs)) == parts_by_id(read_pairs(shuffled, **kwargs))


def test_another_seed_locks_other_prompts() -> None:
    table = rows(50)
    assert parts_by_id(read_pairs(table, seed=0)) != parts_by_id(read_pairs(table, seed=1))


@pytest.mark.parametrize(("share", "dev", "test"), [(0.0, 20, 0), (1.0, 0, 20)])
def test_the_ends_of_test_share(share: float, dev: int, test: int) -> None:
    pairs = read_pairs(rows(10), test_share=share)
    assert (len(pairs.dev), len(pairs.test)) == (dev, test)


def test_a_pair_without_gold_follows_its_locked_prompt() -> None:
    table = [*rows(6), *({**row, "id": f"{row['id']}-u", "gold": None} for row in rows(6, 1))]
    parts = parts_by_id(read_pairs(table))
    for i in range(6):
        assert parts[f"s-{i}-0-u"] == parts[f"s-{i}-0"]


@pytest.mark.parametrize("n", [0, 10, 30])
def test_max_gold_hides_the_rest_of_dev(n: int) -> None:
    pairs = read_pairs(rows(50), max_gold=n)
    assert (len(pairs.dev), len(pairs.test), (pairs.parts == "pool").sum()) == (n, 50, 50 - n)
    assert not pairs.has_gold[pairs.parts == "pool"].any()


def test_more_gold_keeps_what_less_gold_kept() -> None:
    few, more = (set(read_pairs(rows(50), max_gold=n).dev.ids) for n in (10, 30))
    assert few < more


def test_max_gold_keeps_at_least_one_prompt() -> None:
    assert len(read_pairs(rows(2, per_prompt=20), max_gold=1).dev) == 20


def test_parts_that_are_there_stay() -> None:
    table = [{**row, "part": "test" if i < 4 else "dev"} for i, row in enumerate(rows(10))]
    pairs = read_pairs(table, seed=9, test_share=0.9)
    assert pairs.parts.tolist() == ["test"] * 4 + ["dev"] * 16
    assert split_by_prompt(pairs, test_share=0, redraw=True).parts.tolist() == ["dev"] * 20


def test_parts_that_separate_a_prompt_are_an_error() -> None:
    table = [{**row, "part": "test" if i % 2 else "dev"} for i, row in enumerate(rows(2))]
    with pytest.raises(DataError, match=r"the prompt of pair 's-0-0'.* is in dev and in test"):
        read_pairs(table)


def test_parts_that_separate_near_duplicates_are_an_error_when_asked() -> None:
    text = "Write a short story about a dog who learns to swim and then goes back to the farm"
    table = [
        {"prompt": text + end, "response_a": "x", "response_b": "y", "gold": "a", "part": part}
        for end, part in (("", "dev"), (" please", "test"))
    ]
    assert read_pairs(table).parts.tolist() == ["dev", "test"]
    with pytest.raises(DataError, match="is in dev and in test"):
        read_pairs(table, near_duplicates=True)


def test_a_foreign_column_called_part_is_carried_under_another_name() -> None:
    pairs = read_pairs([{**row, "part": "helpful"} for row in rows(2)])
    assert pairs.table["source_part"].to_pylist() == ["helpful"] * 4


def test_one_conversation_is_one_prompt_whatever_its_system_message() -> None:
    def row(system: str, i: int) -> dict[str, Any]:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": f"Q{i}"}]
        return {"messages": messages, "response_a": "x", "response_b": "y", "gold": "a"}

    pairs = read_pairs([row(system, i) for i in range(8) for system in ("brief", "long")])
    assert pairs.parts[::2].tolist() == pairs.parts[1::2].tolist()


def test_near_duplicate_prompts_stay_together_when_asked() -> None:
    text = "Write a short story about a dog who learns to {} and then goes back to the old farm number {}"
    table = [
        {"prompt": text.format("swim", i) + mark, "response_a": "x", "response_b": "y", "gold": "a"}
        for i in range(20)
        for mark in ("", " please")
    ]
    assert len(set(read_pairs(table, near_duplicates=True).parts)) == 1
    assert len(set(read_pairs(table).parts)) == 2


@given(st.lists(st.text("abc ", min_size=1, max_size=12), unique=True, max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_near_duplicate_link_is_a_true_one(prompts: list[str]) -> None:
    def shingles(text: str) -> set[tuple[str, ...]]:
        words = tuple(text.split()) or (text,)
        return {words[i : i + 3] for i in range(max(1, len(words) - 2))}

    for i, j in link_near_duplicates(sorted(prompts)):
        a, b = (shingles(sorted(prompts)[k]) for k in (i, j))
        assert len(a & b) >= 0.7 * len(a | b)


@pytest.mark.parametrize("bad", [{"test_share": 1.5}, {"test_share": -0.1}, {"max_gold": -1}])
def test_settings_out_of_range_are_errors(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(bad))} is"):
        read_pairs(rows(1), **bad)


LOOKS = ["\ufeff{}", "{}.", " {}\u200b", "{}\0", "{} \u00ad"]


@given(
    spec=st.lists(
        st.tuples(
            st.integers(0, 6), st.sampled_from(LOOKS), st.booleans(), st.sampled_from([None, "a", "b"])
        ),
        min_size=1,
        max_size=40,
    ),
    near=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_prompts_that_look_the_same_are_on_one_side(spec: Any, near: bool) -> None:
    table = [
        {
            "id": str(i),
            "prompt": look.format(f"Où est {q}" if lower else f"OÙ EST {q}"),
            "response_a": "x",
            "response_b": "y",
            "gold": gold,
        }
        for i, (q, look, lower, gold) in enumerate(spec)
    ]
    pairs = read_pairs(table, near_duplicates=near)
    of_question: dict[int, set[str]] = {}
    for (q, *_), part in zip(spec, pairs.parts.tolist(), strict=True):
        of_question.setdefault(q, set()).add(part)
    assert all(len(parts) == 1 for parts in of_question.values())


def test_a_prompt_that_is_spelt_in_one_way_is_drawn_by_the_hash_of_its_folded_text() -> None:
    # What projects have locked away stays locked away.
    pairs = read_pairs(rows(50, 1))
    drawn = {
        pair_id: content_hash("0:test", content_hash(collapse_whitespace(prompt))[:32])
        for pair_id, prompt in zip(pairs.ids, pairs.table["prompt"].to_pylist(), strict=True)
    }
    assert set(pairs.test.ids) == set(sorted(drawn, key=lambda i: drawn[i])[:25])


def test_a_part_that_separates_prompts_that_look_the_same_is_refused() -> None:
    table = [
        row | {"part": part, "prompt": prompt}
        for row, part, prompt in zip(rows(2, 1), ("dev", "test"), ("Why?", "\ufeffWHY?"), strict=True)
    ]
    with pytest.raises(DataError, match="or one that counts as the same, is in dev and in test"):
        read_pairs(table)
