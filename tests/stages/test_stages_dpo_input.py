"""What the stage `dpo` is given: nothing is left out in silence, nothing is guessed, and what is refused is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_labels import build_labels  # noqa: E402

import weaklabel as wl  # noqa: E402
from weaklabel.cli.main import main  # noqa: E402
from weaklabel.errors import ArtifactError, ConfigError, DataError  # noqa: E402
from weaklabel.stages.dpo import DPO  # noqa: E402
from weaklabel.stages.dpo_settings import DPOSettings  # noqa: E402
from weaklabel.stages.evaluators.settings import EvaluatorSettings  # noqa: E402
from weaklabel.stages.evaluators.stage import EvaluatorStage  # noqa: E402
from weaklabel.stages.materials import Materials  # noqa: E402
from weaklabel.stages.sft import SFT, SFTSettings  # noqa: E402

SETTINGS: dict[str, Any] = {"from_scratch": "tiny", "max_steps": 1, "max_length": 64, "audit": False}


def pairs_of(n: int, *, gold: str | None = "a", **more: Any) -> list[dict[str, Any]]:
    known = {} if gold is None else {"gold": gold}
    return [
        {"prompt": f"What is {i} + 1?", "response_a": f"gladly {i + 1}", "response_b": f"no {i}"}
        | known
        | more
        for i in range(n)
    ]


def made(data: Any, **more: Any) -> DPO:
    return DPO.of(DPOSettings(**SETTINGS | more), Materials(source=data))


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def told(stage: Any, words: str) -> str:
    (note,) = [note for note in stage.notes if words in note]
    return str(note)


def test_rows_that_could_not_be_used_are_counted_with_the_first_reason() -> None:
    rows = pairs_of(6)
    rows[1]["response_b"] = ""
    rows[4]["response_b"] = rows[4]["response_a"]
    said = told(made(rows), "could not be used")
    assert said.startswith("data: 2 rows could not be used; first: ")
    assert "response_b is empty" in said
    evaluator = EvaluatorStage.of(EvaluatorSettings(from_scratch="tiny"), Materials(source=rows))
    assert told(evaluator, "could not be used") == said


def test_pairs_of_the_locked_test_part_are_counted() -> None:
    rows = [row | {"part": "test" if i < 2 else "dev"} for i, row in enumerate(pairs_of(6))]
    assert told(made(rows), "left out") == "pairs left out: 2 of the locked test part."


def test_what_is_left_out_of_eval_data_is_told_by_its_name(tmp_path: Path) -> None:
    rows = [row | {"prompt": f"another {row['prompt']}"} for row in pairs_of(6)]
    rows[0]["response_b"] = ""
    del rows[1]["gold"]
    stage = made(pairs_of(6), eval_data=written(tmp_path / "judging.jsonl", rows))
    assert told(stage, "could not be used").startswith("eval_data: 1 rows")
    assert told(stage, "left out") == "eval_data: pairs left out: 1 neither gold nor a label that counts."


def test_prompts_that_are_trained_on_and_choose_the_checkpoint_are_told_as_by_sft(tmp_path: Path) -> None:
    judging = written(tmp_path / "judging.jsonl", [*pairs_of(2), pairs_of(1)[0] | {"prompt": "Another?"}])
    said = told(made(pairs_of(6), eval_data=judging), "trained on too")
    assert said.startswith(
        "2 of the 3 prompts of eval_data are trained on too, so that its figures favour what is"
    )
    demos = [{"prompt": row["prompt"], "completion": "yes"} for row in pairs_of(6)]
    chosen = [*demos[:2], {"prompt": "Another?", "completion": "no"}]
    settings = SFTSettings(**SETTINGS, eval_data=written(tmp_path / "demos.jsonl", chosen))
    assert told(SFT.of(settings, Materials(source=demos)), "trained on too") == said
    elsewhere = written(tmp_path / "other.jsonl", [pairs_of(1)[0] | {"prompt": "Another?"}])
    assert not any("trained on too" in note for note in made(pairs_of(6), eval_data=elsewhere).notes)


def test_eval_data_that_teaches_nothing_is_called_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dpo: eval_data: nothing to learn from"):
        made(pairs_of(6), eval_data=written(tmp_path / "judging.jsonl", pairs_of(3, gold=None)))


def test_a_confidence_that_no_pair_has_is_refused_with_the_surest() -> None:
    with pytest.raises(DataError, match=r"min_confidence is 0\.9, and the surest of 6 pairs has 0\.700"):
        made(pairs_of(6, gold=None, p=0.7), min_confidence=0.9)
    assert len(made(pairs_of(6, gold=None, p=0.7), min_confidence=0.7)._taught) == 6


@pytest.mark.parametrize("column", ["p", "p_a"])
def test_pairs_in_memory_with_beliefs_are_not_read_as_pairs_with_gold_alone(column: str) -> None:
    """Pairs that were read do not say whether `p` was about the order in which they stand: a reader may have turned it."""
    rows = (
        pairs_of(6)
        if column == "p"
        else [
            {"prompt": row["prompt"], "chosen": row["response_a"], "rejected": row["response_b"]}
            for row in pairs_of(9)
        ]
    )
    rows = [row | {"p" if column == "p" else "p_chosen": 0.7} for row in rows]
    pairs = wl.read_pairs(rows, test_share=0.0)
    assert column in pairs.table.column_names
    with pytest.raises(DataError, match=f"the Pairs have a column '{column}', a belief by its name"):
        made(pairs)
    assert set(np.round(made(rows)._taught.p, 6)) <= {0.0, 0.3, 0.7}  # the rows themselves are read


def test_one_pair_many_responses_and_contradictions_are_compared() -> None:
    assert len(made(pairs_of(1))._taught.groups()) == 1
    many = [{"prompt": "q?", "response_a": f"{i}", "response_b": f"{i + 1}", "gold": "b"} for i in range(49)]
    (group,) = made(many)._taught.groups()
    assert (len(group.responses), len(group.comparisons)) == (50, 49)
    rows = [{"prompt": "q?", "response_a": a, "response_b": b, "gold": "a"} for a, b in ("xy", "yx")]
    (group,) = made(rows)._taught.groups()
    assert [(c.i, c.j, c.p) for c in group.comparisons] == [(0, 1, 0.0), (1, 0, 0.0)]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"beta": float("inf")}, "beta is inf. Allowed: 1e-06 or more, and finite"),
        ({"loss_type": "margin", "loss_options": {"margin": float("inf")}}, "margin of loss 'margin' is inf"),
        ({"reference_store": ""}, "reference_store is ''. Name a folder"),
    ],
)
def test_settings_that_no_file_could_hold_are_refused(setting: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        DPOSettings(**SETTINGS | setting)


def test_infinity_is_one_line_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "weaklabel.toml").write_text("[lfs]\nuse = []\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    data = written(tmp_path / "pairs.jsonl", pairs_of(4))
    words = ["dpo", "--from-scratch", "tiny", "--data", data, "--set", "stage.beta=inf"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: beta is inf.")


ODD_STORES = {
    "other columns": pa.table({"x": [1]}),
    "texts": pa.table({"response": ["0"], "logp": ["x"]}),
    "nulls": pa.table({"response": ["0"], "logp": pa.array([None], pa.float64())}),
    "not finite": pa.table({"response": ["0"], "logp": [float("nan")]}),
}


@pytest.mark.parametrize("odd", [*ODD_STORES, "torn", "a folder"])
def test_a_file_of_the_store_that_holds_something_else_is_refused_in_one_line(
    tmp_path: Path, odd: str
) -> None:
    store = tmp_path / "store"
    wl.stages.dpo(pairs_of(4), output_dir=tmp_path / "first", reference_store=str(store), **SETTINGS)
    (file,) = store.glob("*.parquet")
    if odd == "torn":
        file.write_bytes(file.read_bytes()[:100])
    elif odd == "a folder":
        file.unlink()
        file.mkdir()
    else:
        pq.write_table(ODD_STORES[odd], file)
    with pytest.raises(ArtifactError, match="cannot be read as reference log-probabilities") as caught:
        wl.stages.dpo(pairs_of(4), output_dir=tmp_path / "second", reference_store=str(store), **SETTINGS)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_store_that_cannot_be_written_is_refused_before_the_model_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from weaklabel.training.dpo import reference

    def asked(*_: Any, **__: Any) -> None:
        raise AssertionError("the model was asked")

    monkeypatch.setattr(reference, "group_logps", asked)
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    for store in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ArtifactError, match=r"cannot be kept in .*Name a folder that can be written to"):
            wl.stages.dpo(pairs_of(4), output_dir=tmp_path / "dpo", reference_store=str(store), **SETTINGS)
    assert not list((tmp_path / "dpo").glob("round-00"))


def test_labels_outside_test_are_counted_with_the_rest() -> None:
    rows = [
        (f"p{i}", f"What is number {i}?", None, None, part, z, w)
        for i, (part, z, w) in enumerate([("pool", 1.0, 1.0), ("pool", 0.0, 0.0), ("test", 1.0, 1.0)])
    ]
    labels = build_labels(True, rows)
    stage = DPO.of(DPOSettings(**SETTINGS), Materials(labels=lambda: labels))
    assert told(stage, "left out") == (
        "pairs left out: 1 of the locked test part, 1 neither gold nor a label that counts."
    )
