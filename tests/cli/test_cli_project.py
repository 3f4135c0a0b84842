"""One project from `init` to `diff`, through the commands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import answer
from command_line import printed as run

from weaklabel.data.sample import write_sample

LFS = """
from weaklabel import response_scorer

@response_scorer(prefer="less")
def shouts(response):
    return response.count("!")

@response_scorer(prefer="more")
def digits(response):
    return sum(c.isdigit() for c in response)
"""

FAST = ("--set", "reward.settings.n_features=1024")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project after `init` and `run`."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
        write_sample(folder / "data", n_pairs=240, n_gold=120, seed=3)
        run("init", "data/pairs.jsonl")
        toml = Path("weaklabel.toml").read_text(encoding="utf-8")
        toml = toml.replace('# gold = "data/gold.jsonl"', 'gold = "data/gold.jsonl"')
        Path("weaklabel.toml").write_text(toml.replace('["lfs/", "shipped"]', '["lfs/"]'), encoding="utf-8")
        (folder / "lfs/mine.py").write_text(LFS, encoding="utf-8")
        run("run", *FAST)
        yield folder


@pytest.fixture
def project(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(finished)
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
    return finished


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestInit:
    def test_it_lays_out_a_project_whose_settings_are_valid(self, empty: Path) -> None:
        run("init")
        assert sorted(p.name for p in empty.iterdir()) == [".gitignore", "data", "lfs", "weaklabel.toml"]
        assert answer("config")["settings"]

    def test_it_overwrites_nothing(self, empty: Path) -> None:
        (empty / "weaklabel.toml").write_text("[data]\n", encoding="utf-8")
        assert "overwrites nothing" in run("init", code=2)[1]
        assert (empty / "weaklabel.toml").read_text(encoding="utf-8") == "[data]\n"
        assert not (empty / "lfs").exists()

    def test_it_names_the_layout_of_the_file(self, empty: Path) -> None:
        row = {"prompt": "p", "chosen": "x", "rejected": "y"}
        (empty / "d.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        run("init", "d.jsonl")
        rows = {row["key"]: row["value"] for row in answer("config")["settings"]}
        assert (rows["data.pairs"], rows["data.layout"]) == ("d.jsonl", "trl")

    def test_it_guesses_columns_and_says_which_are_left(self, empty: Path) -> None:
        row = {"question": "q", "ans1": "x", "other": "y"}
        (empty / "d.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
        run("init", "d.jsonl")
        rows = {row["key"]: row["value"] for row in answer("config")["settings"]}
        assert rows["data.columns"] == {
            "prompt": "question",
            "response_a": "FILL IN",
            "response_b": "FILL IN",
        }
        assert "other" in (empty / "weaklabel.toml").read_text(encoding="utf-8")

    def test_a_file_elsewhere_is_named_as_seen_from_the_project(self, empty: Path) -> None:
        (empty / "d.jsonl").write_text('{"prompt": "p", "chosen": "x", "rejected": "y"}\n', encoding="utf-8")
        run("init", "d.jsonl", "--folder", "new")
        assert 'pairs = "../d.jsonl"' in (empty / "new/weaklabel.toml").read_text(encoding="utf-8")


def test_run_wrote_everything_that_a_run_has(project: Path) -> None:
    found = {path.name for path in (project / "runs/base").iterdir()}
    assert {
        "pairs.parquet",
        "votes.parquet",
        "labeler",
        "labels.parquet",
        "export",
        "reward",
        "report.json",
    } <= found


def test_run_prints_the_table_and_nothing_but_json_with_json(project: Path) -> None:
    out, err = run("run")
    assert "longer_response" in out
    assert "unchanged" in err
    report = answer("run")
    assert {row["arm"] for row in report["rows"]} >= {"longer_response", "reward model: gold only"}
    assert {"arm", "metric", "value", "low", "high", "n"} == set(report["rows"][0])


def test_an_option_of_a_command_that_failed_is_not_kept(project: Path) -> None:
    run("fit", "--model", "nope", code=2)
    assert "nope" not in run("fit")[1]


def test_a_run_stays_in_its_folder(project: Path) -> None:
    assert "'../evil'" in run("fit", "--name", "../evil", code=2)[1]


@pytest.mark.parametrize(
    ("a", "b"), [("answer_1", "answer_2"), ("model_a_answer", "model_b_answer"), ("ans1", "ans2")]
)
def test_init_names_both_responses_in_their_order(a: str, b: str, empty: Path) -> None:
    (empty / "d.jsonl").write_text(json.dumps({"question": "q", a: "x", b: "y"}) + "\n", encoding="utf-8")
    run("init", "d.jsonl")
    rows = {row["key"]: row["value"] for row in answer("config")["settings"]}
    assert rows["data.columns"] == {"prompt": "question", "response_a": a, "response_b": b}


def test_a_folder_that_cannot_be_made_is_one_line(empty: Path) -> None:
    (empty / "d.jsonl").write_text('{"prompt": "p", "chosen": "x", "rejected": "y"}\n', encoding="utf-8")
    (empty / "runs").write_text("in the way", encoding="utf-8")
    assert "error: " in run("apply", "--pairs", "d.jsonl", "--lfs", "shipped:mt_bench", code=2)[1]


def test_analyze_leaves_the_locked_prompts_alone(project: Path) -> None:
    found = answer("analyze")
    report = json.loads((project / "runs/base/report.json").read_text(encoding="utf-8"))
    assert found["n_pairs"] == 240 - report["counts"]["test"]
    assert found["n_gold"] <= report["counts"]["dev"]


def test_apply_fit_and_label_describe_the_same_run(project: Path) -> None:
    names = {"more_lines", "fewer_apologies", "ends_properly", "shouts", "digits"}
    assert {row["lf"] for row in answer("apply")["lfs"]} == names
    assert answer("fit")["model"] == "pair_model"
    found = answer("label")
    assert found["n_pairs"] == 240 == sum(found["labels"].values())
    assert "confidence" in run("label")[0]


def test_any_label_can_be_explained(project: Path) -> None:
    import pyarrow.parquet as pq

    pair_id = pq.read_table("runs/base/labels.parquet")["id"][0].as_py()
    found = answer("label", "--explain", pair_id)
    assert sum(r["log_odds"] for r in found["reasons"]) == pytest.approx(found["logit"])
    assert pair_id in run("label", "--explain", pair_id)[0]
    assert "no pair 'zz'" in run("label", "--explain", "zz", code=2)[1]


def test_export_writes_the_formats_asked_for(project: Path) -> None:
    found = answer("export", "--format", "openrlhf", "--format", "parquet", "--name", "base")
    assert set(found["exports"]) == {"openrlhf", "parquet"}
    assert (project / "runs/base/export/openrlhf").is_dir()
    assert "there is no export format 'trk'" in run("export", "--format", "trk", code=2)[1]
    assert "min_confidence is 0.3" in run("export", "--min-confidence", "0.3", code=2)[1]


def test_plain_holds_for_every_format_of_messages(project: Path) -> None:
    names = ("trl", "trl_kto", "openrlhf")
    answer("export", "--plain", *(word for name in names for word in ("--format", name)), "--name", "base")
    for name in names:
        lines = Path(f"runs/base/export/{name}/train.jsonl").read_text(encoding="utf-8").split("\n")
        row = json.loads(lines[0])
        assert all(isinstance(row[text], str) for text in ("prompt", "chosen", "completion") if text in row)
        belief = "p_desirable" if name == "trl_kto" else "p_chosen"
        assert row[f"{belief}_low"] <= row[belief] <= row[f"{belief}_high"]
        assert row["w"] == 1.0


def test_reward_train_reports_on_held_out_prompts(project: Path) -> None:
    assert "reward model" in answer("reward", "train")["evaluation"]["figures"]


def test_check_exits_1_on_findings_and_0_without(project: Path) -> None:
    lf = "from weaklabel import labeling_function\n\n@labeling_function\ndef first(pair):\n    'Says a.'\n    return 0\n"
    Path("first.py").write_text(lf, encoding="utf-8")
    found = answer("check", "--lfs", "first.py", "--sample", "50", code=1)
    assert {finding["lf"] for finding in found["findings"]} == {"first"}
    good = "from weaklabel import response_scorer\n\n@response_scorer\ndef n(response):\n    'Longer.'\n    return len(response)\n"
    Path("good.py").write_text(good, encoding="utf-8")
    assert answer("check", "--lfs", "good.py", "--sample", "50")["findings"] == []
    both = ["--lfs", "good.py", "--lfs", "shipped:length", "--sample", "50"]
    assert answer("check", *both)["lfs"] == ["n"]
    assert "shipped functions are left out" in run("check", *both)[1]
    assert len(json.loads(run("check", *both, "--shipped", "--json", code=None)[0])["lfs"]) > 1


def test_explore_ranks_what_goes_with_gold(project: Path) -> None:
    out, _ = run("explore")
    assert len(out.splitlines()) > 5
    assert answer("explore")


def test_diff_shows_what_changed(project: Path) -> None:
    run("label", "--name", "mv", "--model", "majority_vote")
    found = answer("diff", "base", "mv")
    assert (found["before"], found["after"], found["n_common"]) == ("base", "mv", 240)
    assert "labels flipped" in run("diff", "base", "mv")[0]
    assert "no run 'nothing'; there are: base, mv." in run("diff", "base", "nothing", code=2)[1]
    run("run")
    same, _ = run("diff", "base", "base")
    assert "change" not in same.partition("figures did not change")[0]
    assert re.search(r"(\d+) of \1 figures did not change", same)


def test_commands_work_from_a_folder_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project / "lfs")
    assert answer("label")["n_pairs"] == 240
    assert answer("apply", "--lfs", "example.py", "--name", "below")["n_pairs"] == 240


def test_options_alone_are_enough(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
    write_sample(empty, n_pairs=120, n_gold=60, seed=1)
    run("apply", "--pairs", "pairs.jsonl", "--gold", "gold.jsonl", "--lfs", "shipped:length", "--name", "r")
    assert answer("fit", "--name", "r")["calibrated"]
    assert answer("label", "--name", "r")["n_pairs"] == 120


def test_demo_writes_the_sample_and_runs_the_job(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaklabel.pipeline.figures.snorkel_is_installed", lambda: False)
    report = answer("demo", "--n-pairs", "200", "--folder", "here")
    assert report["counts"]["pairs"] == 200
    assert (empty / "here/runs/base/report.json").is_file()
    assert "unchanged" in run("demo", "--n-pairs", "200", "--folder", "here")[1]
