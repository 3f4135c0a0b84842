"""Whether the answer is one: the right kind of thing, for the question that was asked, and nothing else."""

import re

import numpy as np

from weaklabel.lf import FloatArray, Pattern, TextColumn, features, response_scorer
from weaklabel.text.features.prompts import shared_words
from weaklabel.text.features.words import topics

_FLAGS = re.ASCII | re.IGNORECASE
_HOW_MANY = Pattern(
    r"\b(?:how (?:many|much|long|old|far|tall|often|big)|what (?:year|date|time|percentage)|calculate)\b",
    _FLAGS,
)
_YES_NO = Pattern(
    r"(?:^|[.!?\n] ?)(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have)\b[^.!?\n]{3,}\?\s*\Z",
    _FLAGS,
)
_LEAK = Pattern(
    r"^(?:Human|User|Assistant|### ?(?:Instruction|Response|Input|Human|Assistant)|Q|Input|Output):",
    re.M | re.ASCII,
)
_QUESTION = r"[^.!?\n]+\?"


_FIRST = 20
"""Words in which an answer comes to the point."""


@response_scorer(batch=True)
def gives_a_number(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """A question for a quantity is answered with a number; silent on other questions."""
    return np.where(_HOW_MANY.found(features.last_turn(prompt)), features.n_numbers(response) > 0, np.nan)


@response_scorer(batch=True)
def says_yes_or_no(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """A yes-or-no question is answered with a yes or a no; silent on other questions."""
    return np.where(
        _YES_NO.found(features.last_turn(prompt)), response.numbers("yes or no", _early_answers), np.nan
    )


def _early_answers(responses: TextColumn) -> FloatArray:
    """1 for each distinct response with a yes or a no among its first twelve words, else 0."""
    early = responses.words.first(12)
    return early.sums(early.vocabulary.per_word(_is_answer)) > 0


def _is_answer(word: str) -> bool:
    return word in ("yes", "no", "not")


@response_scorer(prefer="less", batch=True)
def speaks_for_others(response: TextColumn) -> FloatArray:
    """Lines that open another turn ("Human:", "### Instruction:"): a model that ran past its answer."""
    return _LEAK.count(response)


@response_scorer(min_gap=0.05, batch=True)
def final_question_coverage(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """Takes up more of the content words of the last question; silent where none is asked."""
    asked = features.last_turn(prompt)
    questions = asked.distinct.remember("last question", _last_questions)
    coverage = features.prompt_coverage(response, questions.take(asked.indices))
    return np.where(questions.series.str.len_bytes().to_numpy()[asked.indices] > 0, coverage, np.nan)


def _last_questions(requests: TextColumn) -> TextColumn:
    """The last question of each distinct request, "" where it asks none."""
    questions = requests.series.str.extract_all(_QUESTION).list.last().fill_null("")
    return TextColumn(questions.to_arrow())


@response_scorer(batch=True)
def subject_early(response: TextColumn, prompt: TextColumn) -> FloatArray:
    """More of the prompt's content words in the first twenty words: comes to the point."""
    early, asked = topics(response).first(_FIRST), features.last_turn(prompt)
    shared, n_asked = shared_words(early, response.indices, topics(asked), asked.indices)
    return shared / np.maximum(1, n_asked)
