"""The stage `hindsight`: soft labels and lists; how it is asked; the baselines; bad input."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from killed_stages import assert_same  # noqa: E402
from made_labels import build_labels  # noqa: E402

import weaklabel as wl  # noqa: E402
from weaklabel.errors import ConfigError, DataError, NotCalibratedError, UnknownNameError  # noqa: E402
from weaklabel.stages.hindsight.asking import answers, copying, refine  # noqa: E402
from weaklabel.stages.hindsight.ranked import Output, Ranked  # noqa: E402
from weaklabel.stages.hindsight.settings import HindsightSettings  # noqa: E402
from weaklabel.stages.hindsight.stage import Hindsight  # noqa: E402
from weaklabel.stages.hindsight.templates import TEMPLATES  # noqa: E402
from weaklabel.stages.materials import Materials  # noqa: E402
from weaklabel.training.decoding import Responder  # noqa: E402
from weaklabel.training.models.loading import load_language_model  # noqa: E402

pytestmark = pytest.mark.trains

SETTINGS: dict[str, Any] = {
    "from_scratch": "tiny",
    "max_steps": 4,
    "save_steps": 2,
    "groups_per_batch": 4,
    "learning_rate": 1e-3,
    "max_length": 128,
    "template": "questions",
    "link_dropout": 0.1,
    "audit": {"max_new_tokens": 8, "audit_prompts": 4},
}


def made_pairs(n: int = 48) -> list[dict[str, str]]:
    """Pairs whose better response is "yes" or "no" by whether the number is even."""
    draw = random.Random(0)
    rows = []
    for i in range(n):
        gold = draw.choice("ab")
        right, wrong = ("yes", "no") if i % 2 else ("no", "yes")
        a, b = (right, wrong) if gold == "a" else (wrong, right)
        rows.append({"id": f"p{i}", "prompt": f"Is {i} odd?", "response_a": a, "response_b": b, "gold": gold})
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in made_pairs()), encoding="utf-8")
    return path


def trained(data: Any, folder: Path, **more: Any) -> Any:
    return wl.stages.hindsight(data, output_dir=folder, **SETTINGS | more)


@pytest.fixture(scope="module")
def from_python(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "hindsight"
    trained(str(data), folder)
    return folder


def test_the_audit_asks_with_the_words_that_mean_good(from_python: Path) -> None:
    card = (from_python / "round-00" / "model" / "README.md").read_text()
    assert 'Ask it with "Question: PROMPT\\nA good answer:"' in card
    page = (from_python / "round-00" / "audit" / "audit.html").read_text()
    assert "A good answer:" in page
    assert "Is " in page


def test_copies_are_measured_at_the_end(from_python: Path) -> None:
    figures = json.loads((from_python / "rounds.json").read_text())["rounds"][0]["figures"]
    assert 0 <= figures["copying"] <= 1
    assert {"copying alone", "copied"} <= figures.keys()


def labels_of(n_pool: int = 40, n_gold: int = 60, n_test: int = 10, *, calibrated: bool = True) -> Any:
    """Labels with log-odds from -3 to 3; gold of the dev part is B."""
    draw = np.random.default_rng(0)
    parts = ["pool"] * n_pool + ["dev"] * n_gold + ["test"] * n_test
    rows = [
        (f"p{i}", f"What is number {i}?", None, None, part, z, 1.0)
        for i, (part, z) in enumerate(zip(parts, draw.uniform(-3, 3, len(parts)).tolist(), strict=True))
    ]
    return build_labels(calibrated, rows)


def test_soft_labels_write_their_thresholds_into_figures_and_card(tmp_path: Path) -> None:
    labels = labels_of()
    more = {
        "feedback": "soft",
        "unclear_quantile": 0.25,
        "much_quantile": 0.5,
        "max_steps": 1,
        "save_steps": None,
    }
    result = trained(labels, tmp_path / "soft", **more)
    figures = result.rounds[0].figures
    gaps = np.abs(labels.p[labels.pairs.parts != "test"] - 0.5)
    assert figures["lists"] == len(gaps) == 100
    assert figures["slightly better from |p - 1/2|"] == pytest.approx(
        np.quantile(gaps, 0.25, method="higher"), abs=1e-5
    )
    assert figures["much better from"] == pytest.approx(np.quantile(gaps, 0.5, method="higher"), abs=1e-5)
    assert figures["lists that tie"] == 25
    assert figures["chains"] == 4 * 75
    card = (result.model / "README.md").read_text()
    assert f"much better from: {figures['much better from']}" in card
    assert "A much better answer:" in card


LISTS = [
    {
        "prompt": f"Name fruit {i}.",
        "outputs": [{"text": text, "score": k} for k, text in enumerate(("axe", "pea", "fig"))],
    }
    for i in range(24)
]


def test_ranked_lists_are_learned_from_a_file_and_from_python(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*LISTS, {"prompt": "?"}]), encoding="utf-8")
    stage = Hindsight.of(HindsightSettings(lists=str(path), **SETTINGS), Materials())
    result = wl.stages.carry_out(stage, tmp_path / "file")
    figures = result.rounds[0].figures
    assert figures["lists"] == 20  # four prompts are the audit's
    assert figures["chains"] == 80
    assert any("1 rows could not be used" in note for note in result.notes)
    rows = [
        Ranked(row["prompt"], tuple(Output(o["text"], float(o["score"])) for o in row["outputs"]))
        for row in LISTS
    ]
    again = trained(rows, tmp_path / "python")
    assert_same(tmp_path / "file", again.folder)


def test_a_policy_does_as_it_is_told_and_betters_itself(tmp_path: Path) -> None:
    """After a training that is long enough: the words decide, and what was bad is mended in the next round."""
    rows = [Ranked(f"Name fruit {i}.", (Output("axe", 0.0), Output("fig", 1.0))) for i in range(24)]
    result = trained(
        rows, tmp_path / "run", max_steps=60, save_steps=60, learning_rate=3e-3, link_dropout=0.0
    )
    responder = Responder(*load_language_model(result.model))
    template, asked = TEMPLATES["questions"], ["Name fruit 3.", "Name fruit 9."]
    assert answers(responder, template, asked) == ["fig", "fig"]
    assert answers(responder, template, asked, feedback=template.bad[0]) == ["axe", "axe"]
    rounds = refine(responder, template, asked, rounds=3, first=template.bad[0])
    assert rounds == [["axe", "fig", "fig"]] * 2


def test_copying_is_similarity_to_the_first_output() -> None:
    found = copying(["a b c", "d"], ["a b c", "e"], ["x", "d"], seed=0)
    assert found["copied"].value == 0.5
    assert found["copying"].value == pytest.approx((1 - 0.5 / 27) / 2)
    assert found["copying alone"].value == pytest.approx(0.25)


@pytest.mark.parametrize("arm", ["conditional", "chosen", "unlikelihood"])
def test_the_baselines_are_stages_too(data: Path, tmp_path: Path, arm: str) -> None:
    result = trained(str(data), tmp_path / arm, arm=arm, max_steps=2, save_steps=None)
    figures = result.rounds[0].figures
    per_list = {"conditional": 2, "chosen": 1, "unlikelihood": 2}[arm]
    assert figures["chains"] == per_list * figures["lists"]
    assert "copying" not in figures
    asked_by_words = "Ask it with" in (result.model / "README.md").read_text()
    assert asked_by_words == (arm == "conditional")


def test_general_text_is_learned_beside(data: Path, tmp_path: Path) -> None:
    text = tmp_path / "general.txt"
    text.write_text("The moon is far, and the sea is wide. " * 40, encoding="utf-8")
    result = trained(
        str(data), tmp_path / "run", pretrain_data=str(text), pretrain_batch_size=2, logging_steps=1
    )
    lines = [json.loads(line) for line in (result.rounds[0].folder / "log.jsonl").read_text().splitlines()]
    assert sum("pretrain_nll" in line for line in lines) == 4
    told = Hindsight.of(
        HindsightSettings(data=str(data), pretrain_data=str(text), **SETTINGS), Materials()
    ).inputs
    assert "pretrain_data" in told


def test_comparisons_of_a_prompt_become_one_list(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{i}?", "response_a": a, "response_b": b, "gold": "b"}
        for i in range(24)
        for a, b in (("one", "two"), ("two", "three"), ("one", "three"))
    ]
    more = {"max_outputs": 3, "max_steps": 1, "save_steps": None, "held_out_share": 0.0, "audit": False}
    figures = trained(rows, tmp_path / "run", **more).rounds[0].figures
    assert (figures["lists"], figures["chains"]) == (24, 96)


def test_labels_that_were_never_calibrated_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotCalibratedError, match="never calibrated"):
        trained(labels_of(calibrated=False), tmp_path / "run")


FEW = [Ranked(f"{i}?", (Output("a", 0.0), Output("b", 1.0))) for i in range(4)]
THREE = [Ranked(f"{i}?", tuple(Output(text, float(k)) for k, text in enumerate("abc"))) for i in range(4)]
ENDING = [Ranked("?", (Output("a", 0.0, "bad<end>:"), Output("b", 1.0, "good:")))] * 2


@pytest.mark.parametrize(
    ("given", "more", "kind", "said"),
    [
        (FEW, {"template": "question"}, UnknownNameError, "Did you mean 'questions'"),
        (FEW, {"feedback": "soft"}, ConfigError, "on no known scale"),
        (ENDING, {}, DataError, "the feedback 'bad<end>:' holds '<end>'"),
        (THREE, {"max_length": 8, "kinds": {"np": 1.0}}, DataError, "4 do not fit into max_length = 8"),
        ([Ranked("?", (Output("a", 1.0), Output("b", 1.0)))] * 2, {}, DataError, "none of 0 chains"),
        (FEW, {"pretrain_data": "nowhere.txt"}, DataError, "nowhere.txt cannot be read"),
        ([{"prompt": "a"}], {}, DataError, "no layout recognises"),
        (FEW, {"layout": "shared"}, UnknownNameError, "no layout 'shared'"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, given: Any, more: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        trained(given, tmp_path / "run", **{"max_steps": 1, "save_steps": None, "audit": False} | more)
    assert "\n" not in str(caught.value)


def test_a_text_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.txt").write_bytes(b"abc\xff")
    with pytest.raises(DataError, match=r"not UTF-8 \(byte 3\)"):
        trained(FEW, tmp_path / "run", pretrain_data=str(tmp_path / "odd.txt"), audit=False)


def test_lists_that_tie_and_chains_that_are_cut_are_counted_and_told(tmp_path: Path) -> None:
    long = [Ranked(f"{i} " + "word " * 150, (Output("axe", 0.0), Output("fig", 1.0))) for i in range(8)]
    tied = [Ranked("equal?", (Output("axe", 1.0), Output("fig", 1.0)))]
    more = {"max_steps": 1, "save_steps": None, "audit": False, "max_length": 48}
    result = trained([*long, *tied], tmp_path / "run", **more)
    figures = result.rounds[0].figures
    assert figures["lists that tie"] == 1
    assert figures["introductions cut"] >= 8
    assert any("max_length is 48" in note and "raise max_length" in note for note in result.notes)
