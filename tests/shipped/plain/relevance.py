"""The functions of `labeling_functions/relevance.py`, one text at a time: what their columns have to equal."""

import math
import re

from weaklabel.lf import Text, features, response_scorer

_FLAGS = re.ASCII | re.IGNORECASE
_HOW_MANY = re.compile(
    r"\b(?:how (?:many|much|long|old|far|tall|often|big)|what (?:year|date|time|percentage)|calculate)\b",
    _FLAGS,
)
_YES_NO = re.compile(
    r"(?:^|[.!?\n] ?)(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have)\b[^.!?\n]{3,}\?\s*$",
    _FLAGS,
)
_LEAK = re.compile(
    r"^(?:Human|User|Assistant|### ?(?:Instruction|Response|Input|Human|Assistant)|Q|Input|Output):",
    re.M | re.ASCII,
)
_PIECE = re.compile(r"[^.!?\n]+\??")


@response_scorer
def gives_a_number(response: Text, prompt: Text) -> float:
    """A question for a quantity is answered with a number; silent on other questions."""
    return (
        float(features.n_numbers(response) > 0) if _HOW_MANY.search(features.last_turn(prompt)) else math.nan
    )


@response_scorer
def says_yes_or_no(response: Text, prompt: Text) -> float:
    """A yes-or-no question is answered with a yes or a no; silent on other questions."""
    asked = _YES_NO.search(features.last_turn(prompt))
    return float(bool({"yes", "no", "not"} & set(features.words(response)[:12]))) if asked else math.nan


@response_scorer(prefer="less")
def speaks_for_others(response: Text) -> float:
    """Lines that open another turn ("Human:", "### Instruction:"): a model that ran past its answer."""
    return len(_LEAK.findall(response))


@response_scorer(min_gap=0.05)
def final_question_coverage(response: Text, prompt: Text) -> float:
    """Takes up more of the content words of the last question; silent where none is asked."""
    questions = [p for p in _PIECE.findall(features.last_turn(prompt)) if p.endswith("?")]
    return features.prompt_coverage(response, Text(questions[-1])) if questions else math.nan


@response_scorer
def subject_early(response: Text, prompt: Text) -> float:
    """More of the prompt's content words in the first twenty words: comes to the point."""
    start = Text(" ".join(features.words(response)[:20]))
    return features.prompt_coverage(start, prompt)
