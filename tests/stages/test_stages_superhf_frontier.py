"""SuperHF at several values of a setting: each arm once, a table, a picture, from Python and the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import weaklabel as wl
from weaklabel.cli.main import UserError, main
from weaklabel.errors import ConfigError
from weaklabel.stages.superhf.frontier import ArmResult, Frontier

pytestmark = pytest.mark.trains

SETTINGS: dict[str, Any] = {
    "from_scratch": "tiny",
    "superbatch_size": 2,
    "prompt_accumulation_steps": 4,
    "max_new_tokens": 4,
    "max_length": 32,
    "max_steps": 1,
}


def vowels(prompt: str, response: str) -> float:
    return sum(letter in "aeiou" for letter in response) / len(response)


def prompts() -> list[dict[str, str]]:
    return [{"prompt": f"Say {k}."} for k in range(8)]


def frontier(folder: Path, **more: Any) -> Any:
    given = {"values": [0.0, 0.5], "comparer": vowels} | SETTINGS | more
    return wl.stages.superhf_frontier(prompts(), output_dir=folder, **given)


def test_each_value_and_seed_is_a_stage_that_is_made_once(tmp_path: Path) -> None:
    found = frontier(tmp_path, seeds=[0, 1])
    assert [(arm.value, arm.seed) for arm in found.arms] == [(0, 0), (0, 1), (0.5, 0), (0.5, 1)]
    told = json.loads((tmp_path / "frontier.json").read_text())
    assert [arm["folder"] for arm in told["arms"]] == [
        "beta-0-seed-0",
        "beta-0-seed-1",
        "beta-0.5-seed-0",
        "beta-0.5-seed-1",
    ]
    for arm in found.arms:
        about = json.loads((arm.folder / "rounds.json").read_text())
        assert (about["settings"]["beta"], about["settings"]["seed"]) == (arm.value, arm.seed)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.safetensors")}
    again = frontier(tmp_path, seeds=[0, 1], values=[0.0, 0.5, 2.0])
    assert len(again.arms) == 6
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert "<svg" in (tmp_path / "frontier.svg").read_text()
    assert str(again).splitlines()[0].split()[:2] == ["beta", "reward"]


def test_the_table_holds_means_and_the_range_over_seeds(tmp_path: Path) -> None:
    figures = [{"reward after": 1.0, "sameness": 0.2}, {"reward after": 2.0, "sameness": 0.4}]
    found = Frontier("beta", tuple(ArmResult(0.1, k, tmp_path, each) for k, each in enumerate(figures)))
    assert found.table() == (
        ["beta", "reward", "sameness"],
        [["0.1", "1.5 [1, 2]", "0.3 [0.2, 0.4]"]],
    )
    (row,) = found.picture().rows
    assert row[0] == "beta 0.1"
    lacking = Frontier("beta", (*found.arms, ArmResult(0.1, 2, tmp_path, {"sameness": 0.1})))
    assert lacking.figure("reward after", 0.1) is None


def test_the_command_carries_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    (tmp_path / "weaklabel.toml").write_text("[lfs]\nuse = []\n")
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts()))
    (tmp_path / "checks.py").write_text(
        "def vowels(prompt, response):\n    return sum(c in 'aeiou' for c in response) / len(response)\n"
    )
    monkeypatch.chdir(tmp_path)
    words = ["superhf", "--from-scratch", "tiny", "--data", "prompts.jsonl", "--comparer", "checks.py:vowels"]
    for name, value in SETTINGS.items():
        words += [] if name == "from_scratch" else ["--set", f"stage.{name}={json.dumps(value)}"]
    main([*words, "--frontier", "superbatch_size=2,3", "--seeds", "0,1"], standalone_mode=False)
    told = capsys.readouterr()
    assert told.out.split()[:2] == ["superbatch_size", "reward"]
    assert "superbatch_size 3, seed 1: reward" in told.err
    made = tmp_path / "runs" / "base" / "superhf-frontier"
    assert len(list(made.glob("superbatch_size-*-seed-*/round-00"))) == 4
    for bad, said in (("beta=0,x", "Write numbers with commas"), ("model=1,2", "a setting that is a number")):
        with pytest.raises(UserError, match=said):
            main([*words, "--frontier", bad], standalone_mode=False)
    with pytest.raises(UserError, match="--seeds are of a frontier"):
        main([*words, "--seeds", "0,1"], standalone_mode=False)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"setting": "comparer"}, "the frontier is over 'comparer'"),
        ({"setting": "seed"}, "the frontier is over 'seed'"),
        ({"values": []}, r"the values of the frontier are \[\]"),
        ({"seeds": [1, 1]}, r"the seeds of the frontier are \[1, 1\]"),
        ({"audit": False}, "a frontier needs the audit"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        frontier(tmp_path, **more)
    assert "\n" not in str(caught.value)
