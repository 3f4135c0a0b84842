"""The stage `dpo`: labels become comparisons; what is learned and judged; one reference; bad input."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from made_labels import build_labels  # noqa: E402

import weaklabel as wl  # noqa: E402
from weaklabel.cli.main import main  # noqa: E402
from weaklabel.errors import ConfigError, DataError, NotCalibratedError, UnknownNameError  # noqa: E402
from weaklabel.stages.dpo import DPO  # noqa: E402
from weaklabel.stages.dpo_settings import DPOSettings  # noqa: E402
from weaklabel.stages.materials import Materials  # noqa: E402
from weaklabel.stages.taught import Taught  # noqa: E402
from weaklabel.training.dpo import reference as references  # noqa: E402
from weaklabel.types import Pairs  # noqa: E402

pytestmark = pytest.mark.trains

SETTINGS: dict[str, Any] = {
    "from_scratch": "tiny",
    "max_steps": 4,
    "save_steps": 2,
    "groups_per_batch": 4,
    "learning_rate": 1e-3,
    "max_length": 64,
    "audit": {"max_new_tokens": 8, "audit_prompts": 4},
}


def made_pairs(n: int = 48, word: str = "gladly") -> list[dict[str, str]]:
    """Pairs whose better response has a word that the other lacks."""
    draw = random.Random(0)
    words = ["adding", "one", "number", "to", "the", "other", "gives", "their", "sum"]
    rows = []
    for i in range(n):
        a, b = (" ".join(draw.choices(words, k=4)) for _ in "ab")
        gold = draw.choice("ab")
        a, b = (f"{word} {a}", b) if gold == "a" else (a, f"{word} {b}")
        rows.append(
            {"id": f"p{i}", "prompt": f"What is {i} + 1?", "response_a": a, "response_b": b, "gold": gold}
        )
    return rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in made_pairs()), encoding="utf-8")
    return path


def trained(data: Any, folder: Path, **more: Any) -> Any:
    return wl.stages.dpo(data, output_dir=folder, **SETTINGS | more)


@pytest.fixture(scope="module")
def from_python(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "dpo"
    trained(str(data), folder)
    return folder


def test_a_run_keeps_what_its_reference_says_beside_its_stages(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weaklabel.toml").write_text("[lfs]\nuse = []\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["dpo", "--data", str(data), "--from-scratch", "tiny", "--set", "stage.audit=false"]
    main([*words, "--set", "stage.max_steps=1", "--set", "stage.save_steps=1"], standalone_mode=False)
    assert list((tmp_path / "runs" / "base" / "reference").glob("*.parquet"))


def labels_of(n_pool: int = 30, n_gold: int = 60, n_test: int = 10, *, calibrated: bool = True) -> Any:
    """Labels with log-odds from -3 to 3 ; gold of the dev part is B."""
    draw = np.random.default_rng(0)
    parts = ["pool"] * n_pool + ["dev"] * n_gold + ["test"] * n_test
    rows = [
        (f"p{i}", f"What is number {i}?", None, None if part == "pool" else "b", part, z, 1.0)
        for i, (part, z) in enumerate(zip(parts, draw.uniform(-3, 3, len(parts)).tolist(), strict=True))
    ]
    return build_labels(calibrated, rows)


def test_labels_become_comparisons_and_gold_counts_where_it_is_known() -> None:
    labels = labels_of()
    made = DPO.of(DPOSettings(**SETTINGS), Materials(labels=lambda: labels))
    by_prompt = {prompt: row for row, prompt in enumerate(labels.pairs.table["prompt"].to_pylist())}
    learned = set()
    for group in made._taught.groups():
        (it,) = group.comparisons
        row = by_prompt[group.prompt]
        learned.add(row)
        if labels.pairs.parts[row] == "dev":
            assert it.p == 1.0
        else:
            assert it.p == labels.p[row]
    # Twenty gold pairs choose the checkpoint; test is not learned, and is asked by the audit's own means.
    assert len(learned) == 30 + 60 - 20
    assert made._gold is not None
    assert made._gold.y.tolist() == [1.0] * 20
    assert not learned & {by_prompt[p] for p in made._gold.pairs.table["prompt"].to_pylist()}
    assert all(labels.pairs.parts[row] != "test" for row in learned)
    assert made._taught.left_out == {
        "of the locked test part": 10,
        "of prompts that choose the checkpoint": 20,
    }


def test_few_prompts_with_many_pairs_each_give_five_to_choose_the_checkpoint() -> None:
    """Ten prompts of ten gold pairs: two would be twenty pairs, and five are half of the gold."""
    table = labels_of(n_pool=0, n_gold=100, n_test=0).pairs.table
    prompts = pa.array([f"What is number {i // 10}?" for i in range(100)])
    pairs = Pairs(table.set_column(table.schema.get_field_index("prompt"), "prompt", prompts))

    def held(some: Any, share: float = 0.1) -> Any:
        taught, gold = Taught.of(some, who="dpo").gold_apart(share, seed=0)
        assert gold is None or not set(taught.pairs.prompt_keys) & set(gold.pairs.prompt_keys)
        return gold

    assert len(held(pairs)) == 50
    assert len(set(held(pairs).pairs.prompt_keys)) == 5
    assert held(pairs, share=0.0) is None
    assert held(pairs.take(np.arange(100) < 90)) is None  # five of nine prompts are more than half


def test_confidence_filters_weighs_and_hardens_only_where_it_is_asked_to() -> None:
    labels = labels_of(n_gold=0)

    def taught(**more: Any) -> Any:
        made = DPO.of(DPOSettings(**SETTINGS | {"audit": False} | more), Materials(labels=lambda: labels))
        return made._weighted(made._taught)

    plain = taught()
    assert plain.p.tolist() == labels.p[:30].tolist()
    assert plain.w.tolist() == [1.0] * 30
    some = taught(min_confidence=0.8)
    sure = np.maximum(plain.p, 1 - plain.p) >= 0.8
    assert some.p.tolist() == plain.p[sure].tolist()
    assert some.left_out == {"of the locked test part": 10, "below the confidence 0.8": int((~sure).sum())}
    assert taught(weighting="confidence").w == pytest.approx(np.abs(2 * plain.p - 1))
    assert taught(weighting="confidence").p.tolist() == plain.p.tolist()
    assert taught(hard_labels=True).p.tolist() == (plain.p > 0.5).astype(float).tolist()


def test_a_word_that_makes_an_answer_better_is_learned_and_judged_on_locked_gold(tmp_path: Path) -> None:
    rows = made_pairs(120)
    pairs = wl.read_pairs(rows, test_share=0.4)
    result = trained(pairs, tmp_path / "dpo", max_steps=40, save_steps=20, learning_rate=3e-3)
    figures = result.rounds[0].figures
    assert figures["judged pairs"] == len(pairs.test)
    assert figures["accuracy"] >= 0.9, figures
    assert figures["accuracy low"] <= figures["accuracy"] <= figures["accuracy high"]
    assert figures["nll"] < np.log(2)
    assert figures["eval accuracy"] >= 0.9
    log = [json.loads(line) for line in (result.rounds[0].folder / "log.jsonl").read_text().splitlines()]
    names = {name for line in log for name in line}
    assert {"rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins"} <= names
    assert {"logps/chosen", "logps/rejected", "eval_nll"} <= names
    model = transformers.AutoModelForCausalLM.from_pretrained(result.model)
    assert model.config.vocab_size > 0
    assert "direct preference optimisation" in (result.model / "README.md").read_text()


def test_training_stops_when_held_out_gold_gets_no_better(tmp_path: Path) -> None:
    """Labels that say the opposite of gold: every step makes the gold's NLL worse."""
    labels = labels_of(n_pool=200, n_gold=40, n_test=0)
    object.__setattr__(labels, "logit", np.full(240, -4.0))
    result = trained(
        labels,
        tmp_path / "dpo",
        max_steps=40,
        save_steps=None,
        eval_steps=2,
        early_stopping_patience=2,
        learning_rate=3e-3,
        audit=False,
    )
    assert result.rounds[0].figures["steps"] < 40


def test_a_sweep_over_betas_and_seeds_asks_the_reference_once(
    data: Path, from_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    plain = references.group_logps

    def counted(model: Any, groups: Any, **more: Any) -> Any:
        asked.append(sum(len(group.responses) for group in groups))
        return plain(model, groups, **more)

    monkeypatch.setattr(references, "group_logps", counted)
    start_from = {"model": str(from_python / "round-00" / "model"), "from_scratch": None, "audit": False}
    short = {"max_steps": 1, "save_steps": None, "held_out_share": 0.0}
    for beta in (0.05, 0.1, 0.2, 0.5):
        for seed in range(3):
            folder = tmp_path / f"{beta}-{seed}"
            trained(
                str(data),
                folder,
                beta=beta,
                seed=seed,
                reference_store=str(tmp_path / "kept"),
                **start_from | short,
            )
    assert asked == [2 * 48]


def test_a_second_model_is_the_reference(data: Path, from_python: Path, tmp_path: Path) -> None:
    base = from_python / "round-00" / "model"
    chosen = {
        "model": str(base),
        "from_scratch": None,
        "audit": False,
        "save_steps": None,
        "logging_steps": 1,
    }
    chosen |= {"max_steps": 3, "lr_scheduler_type": "constant"}
    own = trained(str(data), tmp_path / "own", **chosen)
    same = trained(str(data), tmp_path / "same", ref_model=str(base), **chosen)
    assert same.rounds[0].figures["loss"] == own.rounds[0].figures["loss"]
    another = trained(
        str(data),
        tmp_path / "another",
        model=str(own.model),
        ref_model=str(base),
        **{name: value for name, value in chosen.items() if name != "model"},
    )
    first = [
        json.loads((each.rounds[0].folder / "log.jsonl").read_text().splitlines()[0])
        for each in (own, another)
    ]
    assert abs(first[0]["rewards/chosen"]) < 1e-5  # at the start the model is its own reference
    assert abs(first[1]["rewards/chosen"]) > 1e-4
    told = json.loads((tmp_path / "another" / "rounds.json").read_text())
    assert "reference" in json.dumps(told)
    rows = [
        {"prompt": "Wo?", "response_a": "hier, im Garten", "response_b": "dort, im Haus", "gold": "a"}
    ] * 2
    strange = trained(rows, tmp_path / "strange", audit=False, max_steps=1, save_steps=None)
    with pytest.raises(ConfigError, match="tokenizer of another vocabulary"):
        trained(str(data), tmp_path / "refused", ref_model=str(strange.model), **chosen)


SAME = [{"prompt": f"{i}?", "response_a": "b", "response_b": "b", "gold": "a"} for i in range(3)]
UNDECIDED = [{"prompt": f"{i}?", "response_a": "b", "response_b": "c", "gold": "tie"} for i in range(3)]
THREE = [{"prompt": f"{i}?", "response_a": "b", "response_b": "c", "gold": "a"} for i in range(3)]


@pytest.mark.parametrize(
    ("given", "more", "kind", "said"),
    [
        (SAME, {}, DataError, "3 compare identical responses|identical"),
        (UNDECIDED, {}, DataError, "all 3 comparisons have p = 0.5"),
        (THREE, {"weighting": "confident"}, ConfigError, "weighting is 'confident'"),
        (THREE, {"loss_type": "sigmoid_norm"}, UnknownNameError, "sigmoid"),
        (THREE, {"beta": 0.0}, ConfigError, "beta is 0"),
        (THREE, {"label_smoothing": 0.1, "loss_type": "geometric"}, ConfigError, "does not take it"),
        (THREE, {"min_confidence": 0.3}, ConfigError, "min_confidence is 0.3"),
        (THREE, {"max_length": 100_000}, ConfigError, "Lower max_length"),
        (THREE, {"ref_model": "nowhere/at-all"}, wl.WeaklabelError, "nowhere"),
        (THREE, {"model": "m"}, ConfigError, "dpo: got both of model and from_scratch"),
        (THREE, {"early_stopping_patience": 2}, ConfigError, "no gold to judge by"),
        ([{"prompt": "a", "completion": "b"}], {}, wl.WeaklabelError, "response"),
        ([], {}, DataError, "pairs"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path,
    given: Any,
    more: dict[str, Any],
    kind: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(kind, match=said) as caught:
        trained(given, tmp_path / "dpo", **{"max_steps": 1, "save_steps": None, "audit": False} | more)
    assert "\n" not in str(caught.value)


def test_labels_that_were_never_calibrated_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotCalibratedError, match="never calibrated"):
        trained(labels_of(calibrated=False), tmp_path / "dpo")


def test_answers_longer_than_the_context_are_cut_and_told(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"{i}?", "response_a": f"yes {i} " * 40, "response_b": f"no {i} " * 40, "gold": "a"}
        for i in range(8)
    ]
    result = trained(rows, tmp_path / "dpo", max_length=32, max_steps=1, save_steps=None, audit=False)
    assert result.rounds[0].figures["responses cut"] == 16
    assert any(
        "max_length is 32" in note and "Responses that differ only behind" in note for note in result.notes
    )


def test_from_labeling_functions_to_a_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`weaklabel run` with a table of kind dpo: functions, labels, a policy that learned what they prefer, its audit."""
    rows = made_pairs(300)
    for number, row in enumerate(rows):
        if number % 3:
            del row["gold"]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "lfs.py").write_text(
        "import weaklabel as wl\n\n"
        "@wl.labeling_function()\n"
        "def glad(pair):\n"
        "    a, b = ('gladly' in text for text in (pair.response_a, pair.response_b))\n"
        "    return wl.ABSTAIN if a == b else wl.PREFER_A if a else wl.PREFER_B\n\n"
        "@wl.labeling_function()\n"
        "def longer(pair):\n"
        "    return wl.PREFER_A if len(pair.response_a) > len(pair.response_b) else wl.PREFER_B\n",
        encoding="utf-8",
    )
    lines = ["[data]", 'pairs = "pairs.jsonl"', "[lfs]", 'use = ["lfs.py"]', "[reward]", 'model = "linear"']
    lines += ["[[stage]]", 'kind = "dpo"', 'from_scratch = "tiny"', "max_steps = 40", "learning_rate = 3e-3"]
    lines += [
        "groups_per_batch = 8",
        "max_length = 64",
        "save_steps = 20",
        "[stage.audit]",
        "max_new_tokens = 8",
    ]
    (tmp_path / "weaklabel.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    main(["run"], standalone_mode=False)
    folder = tmp_path / "runs" / "base" / "dpo"
    figures = json.loads((folder / "round-00" / "round.json").read_text())["figures"]
    assert figures["accuracy"] >= 0.9, figures
    assert figures["comparisons"] > 100
    assert (folder / "round-00" / "audit" / "audit.html").is_file()
    # Functions that watch say of the policy's answers what they say of pairs.
    assert figures["logps/accuracies"] >= 0.9
