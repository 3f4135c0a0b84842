"""METEOR by exact words and stems: by hand, and against nltk without its synonyms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaklabel.errors import DataError
from weaklabel.text.features.stemmer import Stemmer
from weaklabel.text.meteor import meteor, sameness

WORDS = ("run", "runs", "running", "cat", "cats", "the", "The", "a", "of", "house", "houses", "über")


class NoSynonyms:
    """In the place of WordNet."""

    def synsets(self, word: str) -> list[str]:
        return []


class Snowball:
    def stem(self, word: str) -> str:
        return str(Stemmer().stemWord(word))


def test_by_hand() -> None:
    # Four of five words in two chunks ("on the", "mat the"?): hypothesis and reference chosen so that it is plain.
    hypothesis, reference = "the dog ran home", "home the dog ran"
    # All four match; chunks: "the dog ran", "home" -> (1 - .5 (2/4)^3) * 1
    assert meteor(hypothesis, reference) == pytest.approx(1 - 0.5 * 0.125)
    # One of two words of the hypothesis, one of four of the reference, one chunk: P = 1/2, R = 1/4.
    mean = 0.5 * 0.25 / (0.9 * 0.5 + 0.1 * 0.25)
    assert meteor("dog blue", "the dog ran home") == pytest.approx(0.5 * mean)
    assert meteor("Dogs", "dog") == pytest.approx(0.5)  # a stem, lower-cased
    assert meteor("", "dog") == meteor("dog", "") == meteor("", "") == 0.0


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.lists(st.sampled_from(WORDS), max_size=12))
def test_it_is_nltks_without_synonyms(one: list[str], other: list[str]) -> None:
    score = pytest.importorskip("nltk.translate.meteor_score", reason="could not import 'nltk'")
    expected = score.single_meteor_score(other, one, stemmer=Snowball(), wordnet=NoSynonyms())
    assert meteor(" ".join(one), " ".join(other)) == pytest.approx(expected, abs=1e-12)


def test_sameness_is_the_mean_over_answers_to_different_prompts() -> None:
    answers, prompts = ["a b c", "a b c", "d", "a"], ["p", "p", "q", "r"]
    pairs = [(i, j) for i, j in itertools.permutations(range(4), 2) if prompts[i] != prompts[j]]
    expected = np.mean([meteor(answers[i], answers[j]) for i, j in pairs])
    found = sameness(answers, prompts)
    assert found.value == pytest.approx(expected)
    assert found.n == len(pairs) == 10
    assert found.low <= found.value <= found.high


def test_a_policy_that_says_one_thing_is_told_from_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    vocabulary = [f"word{i}" for i in range(2000)]
    prompts = [f"prompt {i}" for i in range(300)]
    varied = [" ".join(rng.choice(vocabulary, 12)) for _ in prompts]
    same = ["I am happy to help you with that question today"] * 300
    assert sameness(varied, prompts).high < 0.05
    assert sameness(same, prompts).low > 0.95
    assert sameness(varied, prompts) == sameness(varied, prompts)
    assert sameness(varied, prompts, n_pairs=50).n == 50


def test_most_answers_to_one_prompt() -> None:
    answers = ["one two"] * 400 + ["one three"]
    found = sameness(answers, ["p"] * 400 + ["q"], n_pairs=100)
    assert found.n == 100


def test_what_cannot_be_compared() -> None:
    with pytest.raises(DataError, match="2 answers came with 1 prompts"):
        sameness(["a", "b"], ["p"])
    with pytest.raises(DataError, match="fewer than two prompts"):
        sameness(["a", "b"], ["p", "p"])
