"""What a first user of the proxy loop ran into: functions that a saved model cannot find, and a model that is not the one asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import weaklabel as wl
from weaklabel.errors import ArtifactError, DataError
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.proxy.evaluation import check_evaluator
from weaklabel.stages.proxy.settings import ProxySettings

FUNCTIONS = """
import weaklabel as wl

@wl.response_scorer()
def vowels(response):
    return sum(letter in "aeiou" for letter in response)
"""


@wl.response_scorer()
def longer(response: str) -> int:
    return len(response)


@wl.labeling_function
def never_speaks(pair: wl.Pair) -> int:
    return wl.ABSTAIN


def of_file(folder: Path) -> tuple[LabelingFunction, ...]:
    (folder / "functions.py").write_text(FUNCTIONS)
    return tuple(wl.load_lfs(str(folder / "functions.py")))


def test_a_function_of_this_process_alone_is_refused_before_the_expert_is_asked(tmp_path: Path) -> None:
    settings = ProxySettings(from_scratch="tiny", evaluator="functions")
    with pytest.raises(
        ArtifactError, match=r"'longer' lives only in this process, so a saved evaluation model"
    ):
        check_evaluator(settings, (*of_file(tmp_path), longer))
    # One that compares pairs counts through what was taught, and is not saved with the model.
    check_evaluator(settings, (*of_file(tmp_path), never_speaks))
    check_evaluator(ProxySettings(from_scratch="tiny"), (longer,))


@pytest.mark.trains
def test_answers_too_few_to_weigh_functions_are_told(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")

    done = wl.stages.proxy(
        [{"prompt": f"Say something about number {k}."} for k in range(16)],
        output_dir=tmp_path / "proxy",
        expert=lambda prompt, response: len(response),
        lfs=of_file(tmp_path),
        evaluator="functions",
        queries=12,
        from_scratch="tiny",
        num_generations=4,
        max_new_tokens=6,
        max_steps=1,
        max_length=48,
        audit=False,
    )
    told = [note for note in done.notes if note.startswith("the evaluation model: ")]
    assert any("too few to weigh functions by" in note and "linear model" in note for note in told)


@pytest.mark.trains
@pytest.mark.parametrize("unit", ["pairs", "responses"])
def test_an_expert_who_likes_all_alike_is_told_of_and_what_was_paid_is_named(
    unit: str, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")

    with pytest.raises(DataError) as told:
        wl.stages.proxy(
            [{"prompt": f"Say something about number {k}."} for k in range(16)],
            output_dir=tmp_path / "proxy",
            expert=lambda prompt, response: 3,
            unit=unit,
            queries=12,
            query_batch=4,
            from_scratch="tiny",
            num_generations=4,
            max_new_tokens=6,
            max_steps=1,
            max_length=48,
            audit=False,
        )
    said = str(told.value)
    assert (
        "all 12 pairs to learn are ties" if unit == "pairs" else "all of 12 responses the score 3"
    ) in said
    assert f"answers_dir = {str(tmp_path / 'proxy' / 'answers')!r} pays nothing twice" in said
    assert "\n" not in said
    assert len(list((tmp_path / "proxy" / "answers").glob("*.jsonl"))) == 1
