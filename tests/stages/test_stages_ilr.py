"""The stage `ilr`: rounds that refine, every arm, the wall around truth, bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


import weaklabel as wl  # noqa: E402
from weaklabel.comparers.checker import Checker  # noqa: E402
from weaklabel.comparers.simulated import Simulated  # noqa: E402
from weaklabel.errors import ConfigError, DataError, LayoutError  # noqa: E402
from weaklabel.groups import folds_by_prompt  # noqa: E402
from weaklabel.stages.refinement.arms import ARMS  # noqa: E402
from weaklabel.stages.refinement.labels import read_labels  # noqa: E402

pytestmark = pytest.mark.trains

SETTINGS: dict[str, Any] = {
    "from_scratch": "tiny",
    "num_rounds": 2,
    "max_steps": 2,
    "save_steps": 1,
    "groups_per_batch": 8,
    "learning_rate": 1e-3,
    "max_length": 48,
    "audit": False,
    "alpha": 0.5,
    "proposals": {"max_new_tokens": 4, "temperature": 1.0},
    "samples": {"max_new_tokens": 4, "num_generations": 2},
}
CHECKS = """
def longer(prompt, response):
    return len(response)

def is_right(prompt, response):
    return response == prompt.replace("?", "")
"""


def is_right(prompt: str, response: str) -> bool:
    return response == prompt.replace("?", "")


def demonstrations(n: int = 16) -> list[dict[str, Any]]:
    """Half of them right, one of them pinned."""
    return [
        {"prompt": f"{k}{k}?", "completion": f"{k}{k}" if k % 2 else "no", "pinned": k == 4} for k in range(n)
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    (folder / "demos.jsonl").write_text("".join(json.dumps(row) + "\n" for row in demonstrations()))
    (folder / "checks.py").write_text(CHECKS)
    return folder


def refined(data: Path, folder: Path, **more: Any) -> Any:
    given = {"comparer": None, **SETTINGS, **more}
    comparer = (
        given.pop("comparer") or Checker(lambda prompt, response: len(response), name="longer").comparer()
    )
    return wl.stages.ilr(str(data / "demos.jsonl"), output_dir=folder, comparer=comparer, **given)


@pytest.fixture(scope="module")
def undisturbed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "ilr"
    refined(data, folder, truth=f"{data}/checks.py:is_right")
    return folder


def test_labels_change_only_where_a_proposal_was_accepted_and_never_where_they_are_pinned(
    undisturbed: Path,
) -> None:
    rounds = [read_labels(undisturbed / f"round-{k:02d}") for k in range(3)]
    assert [label.text for label in rounds[0]] == [row["completion"] for row in demonstrations()]
    told = json.loads((undisturbed / "rounds.json").read_text())["rounds"]
    for k in (1, 2):
        lines = (undisturbed / f"round-{k:02d}" / "decisions.jsonl").read_text().splitlines()
        decided = [json.loads(line) for line in lines]
        accepted = {row["prompt"]: row for row in decided if row["accepted"]}
        assert len(accepted) == told[k]["figures"]["replaced"]
        for old, new in zip(rounds[k - 1], rounds[k], strict=True):
            prompt = old.demonstration.prompt
            if prompt in accepted:
                assert (new.text, new.replaced) == (accepted[prompt]["proposal"], old.text)
                assert new.round == k
                assert new.belief == accepted[prompt]["belief"] > 0.5
            else:
                assert new == old
    assert rounds[2][4].pinned
    assert rounds[2][4] == rounds[0][4]
    assert sum(each["figures"].get("replaced", 0) for each in told) > 0
    # What the models say at such an age is not right, and the report knows it.
    assert told[1]["figures"]["accepted but wrong"] == told[1]["figures"]["replaced"]
    right = [is_right(label.demonstration.prompt, label.text) for label in rounds[1]]
    assert told[1]["figures"]["label accuracy"] == pytest.approx(np.mean(right), abs=1e-5)


def test_proposals_come_from_models_that_did_not_learn_the_prompt(undisturbed: Path) -> None:
    n = len(demonstrations())
    folds = folds_by_prompt(range(n), 2, seed=1)
    for label, fold in zip(read_labels(undisturbed / "round-01"), folds, strict=True):
        if label.round == 1:
            assert label.source == f"round 1, fold {fold}"


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_makes_a_round(data: Path, tmp_path: Path, arm: str) -> None:
    more = {"num_rounds": 1, "save_steps": None, "truth": is_right, "arm": arm}
    result = refined(data, tmp_path / "ilr", **more)
    figures = result.rounds[1].figures
    assert figures["demonstrations"] > 0
    assert "label accuracy" in figures
    n = len(read_labels(result.rounds[1].folder))
    expected = {"reliable_demos": 8, "filter_only": 16 - figures["accepted"]}.get(arm, 16)
    assert n == expected
    assert transformers.AutoModelForCausalLM.from_pretrained(result.model).config.vocab_size
    if arm == "oracle":
        assert figures["accepted wrong over right"] == 0
    if arm == "naive":
        assert figures["comparisons"] == 0
        assert figures["accepted"] == -(-figures["disagreed"] // 2)


def test_truth_changes_figures_and_nothing_else(data: Path, tmp_path: Path) -> None:
    """The wall: with truth, with its opposite, and with none, rounds decide the same."""
    more = {"num_rounds": 1, "save_steps": None}
    told = {
        "none": refined(data, tmp_path / "none", **more),
        "truth": refined(data, tmp_path / "truth", truth=is_right, **more),
        "opposite": refined(data, tmp_path / "opposite", truth=lambda p, r: not is_right(p, r), **more),
    }
    files = {
        name: [
            (each.folder / file).read_bytes()
            for each in result.rounds
            for file in ("labels.jsonl", "decisions.jsonl")
        ]
        for name, result in told.items()
    }
    assert files["none"] == files["truth"] == files["opposite"]
    shares = [told[name].rounds[0].figures["label accuracy"] for name in ("truth", "opposite")]
    assert shares == [0.5, 0.5]
    assert "label accuracy" not in told["none"].rounds[0].figures


def test_a_comparer_that_knows_the_truth_is_judged_as_such(data: Path, tmp_path: Path) -> None:
    rows = [{"prompt": f"{k}?", "completion": "x"} for k in range(40)]
    knows = Simulated(Checker(is_right).comparer(), accuracy=1.0)
    result = wl.stages.ilr(
        rows, output_dir=tmp_path / "ilr", comparer=knows, truth=is_right, **SETTINGS | {"num_rounds": 1}
    )
    figures = result.rounds[1].figures
    assert figures["accepted wrong over right"] == 0
    assert figures.get("comparer accuracy") in (None, 1.0)


def test_policies_are_tested_on_prompts_of_their_own(data: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    test.write_text("".join(json.dumps({"prompt": f"{k}0?", "completion": "?"}) + "\n" for k in range(6)))
    result = refined(
        data,
        tmp_path / "ilr",
        num_rounds=1,
        save_steps=None,
        truth=lambda p, r: len(r) > 0,
        test_data=str(test),
    )
    figures = result.rounds[0].figures
    assert 0 <= figures["test accuracy low"] <= figures["test accuracy"] <= figures["test accuracy high"] <= 1


@pytest.mark.parametrize(
    ("given", "more", "kind", "said"),
    [
        (None, {}, ConfigError, "no comparer"),
        ("longer", {"arm": "oracle"}, ConfigError, "decides by truth, and there is none"),
        ("longer", {"test_data": "nowhere.jsonl"}, DataError, "nowhere"),
        ("longer", {"n_folds": 40}, ConfigError, "n_folds is 40"),
        ("longer", {"agree": "nearly"}, wl.WeaklabelError, "nearly"),
    ],
)
def test_bad_input_is_one_line(
    data: Path, tmp_path: Path, given: Any, more: dict[str, Any], kind: type[Exception], said: str
) -> None:
    comparer = None if given is None else Checker(lambda prompt, response: len(response)).comparer()
    settings = SETTINGS | {"num_rounds": 1, "save_steps": None} | more
    with pytest.raises(kind, match=said) as caught:
        wl.stages.ilr(str(data / "demos.jsonl"), output_dir=tmp_path / "ilr", comparer=comparer, **settings)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("ilr/round-*"))  # it is said before anything is trained


def test_prompts_that_are_learned_and_tested_are_told(data: Path, tmp_path: Path) -> None:
    test = tmp_path / "test.jsonl"
    rows = [{"prompt": prompt, "completion": "?"} for prompt in ("11?", "11 ?", "500?")]
    test.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = refined(
        data, tmp_path / "ilr", num_rounds=1, save_steps=None, truth=is_right, test_data=str(test)
    )
    assert any("1 of the 3 prompts of test_data are trained on too" in note for note in result.notes)


def test_files_of_pairs_are_no_demonstrations(tmp_path: Path) -> None:
    rows = [{"prompt": "a?", "chosen": "b", "rejected": "c"}] * 3
    longer = Checker(lambda prompt, response: len(response)).comparer()
    with pytest.raises(LayoutError, match="pairs of responses"):
        wl.stages.ilr(rows, output_dir=tmp_path / "ilr", comparer=longer, **SETTINGS)


def test_functions_that_read_columns_cannot_judge_proposals(data: Path, tmp_path: Path) -> None:
    """A column may say which label is right; a proposal has none, so it would be the label's word against nothing."""

    @wl.labeling_function(columns=["is_right"])
    def smuggled(pair: Any) -> int:
        return wl.PREFER_A if pair.columns["is_right"] else wl.PREFER_B

    class Labeler:
        lfs = (smuggled,)

        def compare(self, pairs: Any) -> Any:
            raise AssertionError("it was asked")

    with pytest.raises(ConfigError, match="smuggled read columns of the data"):
        refined(data, tmp_path / "ilr", comparer=Labeler())


def test_proposals_that_are_all_empty_change_nothing_and_are_told(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weaklabel.stages.refinement import proposing

    monkeypatch.setattr(proposing, "answered", lambda *args, **more: [None] * len(args[2]))
    result = refined(data, tmp_path / "ilr", num_rounds=1, save_steps=None)
    figures = result.rounds[1].figures
    assert figures["empty proposals"] == 15  # the sixteenth is pinned
    assert figures["replaced"] == 0
    assert figures["share of rounds that change nothing"] == 1
    assert any(
        "0 proposals agree with their labels, 15 are empty, 1 labels are pinned" in n for n in result.notes
    )
    assert [label.text for label in read_labels(result.rounds[1].folder)] == [
        row["completion"] for row in demonstrations()
    ]
