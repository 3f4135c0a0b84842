"""Responses beside their prompts."""

from __future__ import annotations

import re
from typing import overload

import numpy as np

from weaklabel.text.column import TextColumn
from weaklabel.text.features._registry import as_text, prompt_feature
from weaklabel.text.features.faults import distinct_trigrams, runs_at_once, trigrams
from weaklabel.text.features.words import content_words, topics
from weaklabel.text.tokens import Ints, Tokens, replaced
from weaklabel.types import FloatArray, Text


@prompt_feature
def prompt_coverage(response: Text, prompt: Text) -> float:
    """Share of the prompt's content words that the response takes up, in [0, 1]; 0 where it has none.

    >>> prompt_coverage("Paris is the capital.", "What is the capital of France?")
    0.5
    """
    asked = content_words(last_turn(prompt))
    return len(asked & content_words(response)) / len(asked) if asked else 0.0


@prompt_coverage.on_columns
def _(response: TextColumn, prompt: TextColumn) -> FloatArray:
    shared, asked = _shared_topics(response, last_turn(prompt))
    return shared / np.maximum(1, asked)


@prompt_feature
def copied_share(response: Text, prompt: Text) -> float:
    """Share of the response's distinct runs of three words that stand in the prompt, in [0, 1]."""
    own = trigrams(response)
    return len(own & trigrams(prompt)) / len(own) if own else 0.0


@copied_share.on_columns
def _(response: TextColumn, prompt: TextColumn) -> FloatArray:
    own, asked = response.words, prompt.words
    if asked.vocabulary is not own.vocabulary:  # the last was full when the second column was made
        codes = asked.numbers_in(own.vocabulary).take(asked.codes).astype(np.int32)
        asked = Tokens(codes, asked.offsets, own.vocabulary)
    mine, theirs = response.indices, prompt.indices
    found = np.zeros((2, len(response)))
    for rows, bits in runs_at_once(own.vocabulary, len(response)):
        given = distinct_trigrams(own.take(mine[rows]), bits)
        both = np.concatenate([given, distinct_trigrams(asked.take(theirs[rows]), bits)])
        both.sort()
        shared = both[:-1][both[1:] == both[:-1]]
        found[:, rows] = [
            np.bincount(keys >> 3 * bits, minlength=len(mine[rows])) for keys in (given, shared)
        ]
    n, shared = found
    return shared / np.maximum(1, n)


@prompt_feature
def new_content_words(response: Text, prompt: Text) -> float:
    """Distinct content words that the prompt does not hold: what the response adds."""
    return len(content_words(response) - content_words(prompt))


@new_content_words.on_columns
def _(response: TextColumn, prompt: TextColumn) -> Ints:
    shared, _ = _shared_topics(response, prompt)
    return topics(response).distinct.counts(len(response.distinct))[response.indices] - shared


def _shared_topics(response: TextColumn, prompt: TextColumn) -> tuple[Ints, Ints]:
    """Per row, `(n,)` each: content words that both have, and that the prompt has."""
    return shared_words(topics(response), response.indices, topics(prompt), prompt.indices)


def shared_words(own: Tokens, mine: Ints, asked: Tokens, theirs: Ints) -> tuple[Ints, Ints]:
    """Distinct words that two texts share, row by row.

    Args:
        own, asked: the words of some texts, and of others.
        mine, theirs: `(n,)` each, the text of a row in `own`, and in `asked`.

    Returns:
        `(n,)` each: distinct words that both texts have, and that the text in `asked` has.
    """
    n_asked = asked.distinct.counts(len(asked))
    # Every distinct word of every row's text in `asked`, looked up among those of the row's other text.
    n = n_asked[theirs]
    row = np.repeat(np.arange(len(n)), n)
    within = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    codes = asked.distinct.codes[(np.cumsum(n_asked) - n_asked)[theirs[row]] + within]
    if own.vocabulary is not asked.vocabulary:
        codes = asked.numbers_in(own.vocabulary)[codes]
    held = own.hold(mine[row], codes)
    return np.bincount(row[held], minlength=len(n)), n


_TURN = re.compile(r"^(?:Human|User): ?", re.MULTILINE)


@overload
def last_turn(prompt: TextColumn) -> TextColumn: ...
@overload
def last_turn(prompt: str) -> Text: ...
def last_turn(prompt: str | TextColumn) -> Text | TextColumn:
    """What was asked last: the prompt, or the last user turn of a `Human: ... Assistant: ...` transcript.

    >>> last_turn("Human: Hi\\n\\nAssistant: Hello!\\n\\nHuman: Who are you?")
    'Who are you?'
    """
    if isinstance(prompt, TextColumn):
        turns = prompt.distinct.remember("features:last_turn", _last_turns)
        if turns is None:
            return prompt
        return turns if prompt.rows is None else turns.take(prompt.rows)
    text = as_text(prompt)
    last = text.remember("features:last_turn", _last_turn)
    return text if last is None else last


def _last_turn(prompt: Text) -> Text | None:
    """None where the prompt is one turn: a text that remembers itself would never be freed."""
    turns = _TURN.split(prompt)
    return Text(turns[-1]) if len(turns) > 1 else None


def _last_turns(prompts: TextColumn) -> TextColumn | None:
    """None where every prompt is one turn."""
    rows = np.flatnonzero(prompts.series.str.contains(r"(?m)^(?:Human|User): ?").to_numpy())
    if not len(rows):
        return None
    last = [_TURN.split(text)[-1] for text in prompts.series.gather(rows).to_list()]
    return TextColumn(replaced(prompts.arrow, rows, last))
