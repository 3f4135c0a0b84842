"""Shipped functions on columns: what their plain twins, kept in `plain/`, say of one text at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_texts import odd_texts

from weaklabel.lf import TextColumn
from weaklabel.lf.batch import PairBatch
from weaklabel.lf.core import ResponseScorer
from weaklabel.lf.discovery import load_lfs
from weaklabel.types import Text

_COLUMNS = {lf.name: lf for lf in load_lfs("shipped", "shipped:mathematics")}
_PLAIN = {lf.name: lf for lf in load_lfs(str(Path(__file__).parent / "plain"))}

_PIECES = [
    "at most 5 words", "In three sentences. ", "no more than a hundred words", "2 paragraphs or less", "One Paragraph ",
    "give me five tips ", "List 10 words ", "Suggest the top three names", "a haiKu", "Sonnet?", "as JSON ", "a bulleted list",
    '{"a": 1}', "```\n{}\n```", "numbered list\n1. a\n2. b", "a table | b |\n|a|\n|b|", "ALL CAPS ONLY", "write a function ", "def x():\n",
    "no commas", "one per line", 'Start with "Good" ', "end your answer with 'not'", 'use the word "running"', 'avoid "sorry"',
    "answer yes or no", "only give the number", "in German ", "into FRENCH", "der die das und ist nicht ein ", "the of and to in is that ",
    "и в не на что с по как ", "日本の漢字かな漢字", "日本漢字", "`код` ", "http://x.y/ж ", "How many apples? ", "Is it good? ", "Yes, ", "no ",
    "\n### Instruction: x", "\nQ: ", "12 * 3 = 36 ", "20% of 50 is 10. ", "1 + 1 is 3 ", "10 / 4 = 2.5 ", "$3 times 2 makes $6 ", "2-1=1 ",
    "31 parks ", "31 Parks and 2 gardens ", "Anna met McDonald in Paris. The ", "3,000.5 ", "kill ", "i can't ", "not a good idea ",
    "- a\n- A\n\n", "2) B\n2. b\n", "\t• é\n- É\n", "- \n", " \n \n",
]  # fmt: skip
_texts = st.one_of(
    odd_texts, st.lists(st.one_of(st.sampled_from(_PIECES), odd_texts), max_size=8).map("".join)
)


@pytest.mark.parametrize("name", sorted(_PLAIN))
@settings(max_examples=25, deadline=None)
@given(pairs=st.lists(st.tuples(_texts, _texts), min_size=1, max_size=6))
def test_a_column_scores_what_its_plain_twin_scores(name: str, pairs: list[tuple[str, str]]) -> None:
    scorer, twin = _COLUMNS[name], _PLAIN[name]
    assert isinstance(scorer, ResponseScorer)
    assert isinstance(twin, ResponseScorer)
    responses, prompts = (TextColumn.of(texts) for texts in zip(*pairs, strict=True))
    rows = np.repeat(np.arange(len(pairs)), 2)  # a text may stand in several rows
    given = (
        (responses.take(rows), prompts.take(rows[::-1])) if scorer.sees_prompt else (responses.take(rows),)
    )
    expected = [twin.fn(*map(Text, texts)) for texts in zip(*(column.raw for column in given), strict=True)]
    np.testing.assert_array_equal(np.asarray(scorer.fn(*given), np.float64), np.array(expected, np.float64))


def test_every_twin_is_of_a_function_on_columns_with_the_same_settings() -> None:
    for name, twin in _PLAIN.items():
        assert isinstance(scorer := _COLUMNS[name], ResponseScorer)
        assert scorer.batch
        assert scorer.parameters == twin.parameters


@pytest.mark.parametrize("texts", [[], [""] * 3, [""] * 40])
def test_shards_of_nothing_get_no_votes_and_no_faults(texts: list[str]) -> None:
    columns = {
        name: pa.array(texts, pa.large_string()) for name in ("id", "prompt", "response_a", "response_b")
    }
    batch = PairBatch(pa.table(columns))
    for lf in _COLUMNS.values():
        found = lf.vote_batch(batch)
        assert (found.votes.tolist(), found.faults) == ([-1] * len(texts), ())
