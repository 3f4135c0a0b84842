"""A saved reward of functions is data: its functions come from the caller, by name and hash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

import weaklabel as wl
from weaklabel.errors import ArgumentError, ArtifactError, ConfigError
from weaklabel.lf import load_lfs
from weaklabel.report.card import model_card
from weaklabel.reward import load_reward, train_reward
from weaklabel.reward.functions.model import FunctionsReward
from weaklabel.types import Pairs

CODE = """
from pathlib import Path
from weaklabel import response_scorer

Path("was_run").touch()

@response_scorer
def reds(response):
    return response.count("red")

@response_scorer
def longer(response):
    return len(response)
"""


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pairs() -> Pairs:
    rng = np.random.default_rng(0)
    texts = [tuple(" ".join(rng.choice(["red", "blue", "grey"], 6)) for _ in range(2)) for _ in range(80)]
    return made_pairs(texts, gold=["b" if b.count("red") > a.count("red") else "a" for a, b in texts])


@pytest.fixture
def model(pairs: Pairs) -> FunctionsReward:
    Path("colours.py").write_text(CODE)
    found = train_reward(pairs, "functions", lfs=load_lfs("colours.py"), n_features=64)
    found.save("reward")
    Path("was_run").unlink()
    return found


def test_it_is_found_again_by_name_and_hash(model: FunctionsReward, pairs: Pairs) -> None:
    lfs = load_lfs("colours.py")
    for again in (load_reward("reward", lfs), wl.load("reward", lfs=lfs)):
        assert (again.compare(pairs) == model.compare(pairs)).all()
        assert again.explain("q", "red grey") == model.explain("q", "red grey")
        assert (again.notes, again.facts()) == (model.notes, model.facts())


def test_nothing_that_it_names_is_run(model: FunctionsReward) -> None:
    with pytest.raises(ArtifactError, match="reward needs 2 labeling functions that were not given: 'reds'"):
        load_reward("reward")
    assert not Path("was_run").exists()


def test_a_function_that_changed_is_refused_unless_allowed(model: FunctionsReward) -> None:
    Path("other.py").write_text(CODE.replace('count("red")', 'count("blue")'))
    lfs = load_lfs("other.py")
    with pytest.raises(
        ArtifactError, match=r"'reds' changed since the reward model was fitted .*allow_changed"
    ):
        load_reward("reward", lfs)
    assert load_reward("reward", lfs, allow_changed=True).score(["q"], ["red"]).shape == (1,)


def test_a_function_of_pairs_under_the_name_is_no_scorer(model: FunctionsReward) -> None:
    Path("pairwise.py").write_text(
        "from weaklabel import labeling_function\n\n@labeling_function\ndef reds(pair):\n    return -1\n"
        "\n@labeling_function\ndef longer(pair):\n    return -1\n"
    )
    with pytest.raises(ArtifactError, match="2 labeling functions that were not given: 'reds'"):
        load_reward("reward", load_lfs("pairwise.py"), allow_changed=True)


def test_shipped_functions_are_found_without(pairs: Pairs) -> None:
    model = train_reward(pairs, "functions", lfs=load_lfs("shipped:mt_bench"), n_features=64)
    model.save("shipped")
    assert (load_reward("shipped").compare(pairs) == model.compare(pairs)).all()


def test_a_function_of_this_process_alone_cannot_be_saved(pairs: Pairs) -> None:
    @wl.response_scorer
    def here(response: str) -> int:
        return len(response)

    model = train_reward(pairs, "functions", lfs=[here], n_features=64)
    with pytest.raises(ArtifactError, match="'here' lives only in this process, so a saved reward model"):
        model.save("reward")
    assert not Path("reward").exists()


def test_the_linear_one_of_little_gold_needs_no_functions(pairs: Pairs) -> None:
    Path("colours.py").write_text(CODE)
    few = pairs.take(np.arange(10))
    model = train_reward(few, "functions", lfs=load_lfs("colours.py"), n_features=64)
    model.save("few")
    assert (load_reward("few").compare(pairs) == model.compare(pairs)).all()
    assert "too few" in load_reward("few").facts()["note 1"]


def test_one_that_was_loaded_is_not_fitted_again_as_another_model(
    model: FunctionsReward, pairs: Pairs
) -> None:
    # Functions of pairs, and votes, are not saved with it: it would be fitted without them.
    again = load_reward("reward", load_lfs("colours.py"))
    with pytest.raises(ConfigError, match=r"was loaded from a folder.*Fit a new one: train_reward"):
        again.fit(pairs, pairs.y, gold=pairs.y)
    assert (again.compare(pairs) == model.compare(pairs)).all()


def test_its_card_says_which_functions_it_has_to_be_given(model: FunctionsReward, pairs: Pairs) -> None:
    card = model_card(model, None, n_given=80)["README.md"]
    assert 'wl.load("this folder", lfs=wl.load_lfs("lfs/"))' in card
    assert "`lfs` holds the labeling functions that it was fitted with: reds, longer." in card
    assert "- pairs that it was given to learn from: 80\n" in card
    shipped = train_reward(pairs, "functions", lfs=load_lfs("shipped:length"), n_features=64)
    assert 'wl.load("this folder")' in model_card(shipped, None)["README.md"]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda model: model.score("q", ["red"]), r"prompts is 'q'. Allowed: a list of texts: \['q'\]"),
        (lambda model: model.score(["q"], [None]), r"responses\[0\] is None. Allowed: a text"),
        (lambda model: model.explain("q", ["red"]), "response is a list. Allowed: a text"),
    ],
)
def test_what_is_no_text_is_refused(model: FunctionsReward, ask: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        ask(model)
