"""A saved labeler is data: its functions come from the caller, and nothing that it names is run, asked or read."""

from __future__ import annotations

import builtins
import importlib
import json
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_pairs import made_pairs

import weaklabel as wl
from weaklabel.artifacts import sealed
from weaklabel.comparers.loading import load
from weaklabel.errors import ArtifactError, DiscoveryError
from weaklabel.judges.crowd import crowd_workers
from weaklabel.labeler import Labeler, fit
from weaklabel.lf import column_scores, column_verdict, load_lfs
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import fingerprint
from weaklabel.types import Pairs

pytestmark = pytest.mark.same_everywhere


faults_are_expected = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")

CODE = """
from pathlib import Path
from weaklabel import response_scorer

Path("was_run").touch()

@response_scorer
def longer(response):
    return len(response)
"""
SECRET = "WEAKLABEL_TEST_SECRET"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def pairs() -> Pairs:
    rng = np.random.default_rng(0)
    texts = [("x" * a, "y" * b) for a, b in rng.integers(1, 30, (40, 2))]
    said = ["left" if i % 3 else "right" for i in range(40)]
    columns = {"rm_a": rng.normal(size=40), "rm_b": rng.normal(size=40), "said": said}
    return made_pairs(texts, gold=["b" if len(b) > len(a) else "a" for a, b in texts], columns=columns)


def saved(lfs: Sequence[LabelingFunction], pairs: Pairs, folder: str = "labeler") -> dict[str, Any]:
    """What a labeler of these functions is on disk."""
    fit(lfs, pairs, model="majority_vote").save(folder)
    state: dict[str, Any] = json.loads(Path(folder, "labeler.json").read_text(encoding="utf-8"))
    return state


def rewritten(state: dict[str, Any], spec: str) -> None:
    """A labeler whose first function is said to be found at `spec`, by somebody who knows how to seal it."""
    state["lfs"][0]["spec"] = spec
    state = sealed(state)
    Path("labeler", "labeler.json").write_text(json.dumps(state), encoding="utf-8")


@pytest.fixture
def nothing_is_reached(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No module is imported, no file but the labeler's opened, no address dialled, no secret read."""
    monkeypatch.setenv(SECRET, "hush")
    seen: list[str] = []
    real_open, real_import, real_get = builtins.open, importlib.import_module, os.environ.get

    def opened(file: Any, *rest: Any, **more: Any) -> Any:
        if any(name in str(file) for name in ("evil", "votes.jsonl")):
            seen.append(f"open {file}")
        return real_open(file, *rest, **more)

    def imported(name: str, *rest: Any) -> Any:
        if "evil" in name:
            seen.append(f"import {name}")
        return real_import(name, *rest)

    def got(key: str, default: Any = None) -> Any:
        if key == SECRET:
            seen.append(f"getenv {key}")
        return real_get(key, default)

    monkeypatch.setattr(builtins, "open", opened)
    monkeypatch.setattr(importlib, "import_module", imported)
    monkeypatch.setattr(os.environ, "get", got)
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: seen.append(f"dial {address}"))
    yield
    assert seen == []
    assert not Path("was_run").exists()


JUDGE = {
    "name": "longer", "url": "http://192.0.2.1:9/v1", "model": "m", "api": "chat", "key_env": SECRET,
    "template": "{prompt} {response_a} {response_b}", "system": "", "words": ["A", "B", "tie"], "max_tokens": 1,
    "logprobs": 0, "body": {}, "min_gap": 1.0, "price_in": None, "price_out": None, "max_pairs": None,
    "max_cost": None, "concurrency": 1, "timeout": 1.0, "max_tries": 1, "cache": "evil_cache", "version": "1",
}  # fmt: skip
CROWD = {
    "name": "longer", "path": "votes.jsonl", "worker": "worker", "id": "id", "vote": "vote",
    "votes": {"a": "a"}, "shown": None, "workers": ["ann"], "version": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    "spec",
    [
        "evil.py::longer",
        "./evil.py:longer::longer",
        "evil_folder::longer",
        "::longer",
        ".::longer",
        "evil:longer::longer",
        f"judge:{json.dumps(JUDGE)}",
        f"crowd:{json.dumps(CROWD)}",
        f"snorkel:{json.dumps({'use': 'evil:LFS', 'votes': {'1': 'a', '2': 'b'}})}::longer",
        f"snorkel:{json.dumps({'use': 'evil.py:LFS', 'votes': {'1': 'a', '2': 'b'}})}::longer",
        "shipped:../evil::longer",
        "shipped:nothing::longer",
        "entry:evil::longer",
        "",
    ],
)
@pytest.mark.usefixtures("nothing_is_reached")
def test_what_a_labeler_names_is_not_loaded_and_its_hash_is_told(
    inside: Path, pairs: Pairs, spec: str
) -> None:
    state = saved(load_lfs("shipped:length")[:1], pairs)
    name = state["lfs"][0]["name"]
    for path in ("evil.py", "evil_folder/evil.py"):
        (inside / path).parent.mkdir(exist_ok=True)
        (inside / path).write_text(CODE)
    (inside / "votes.jsonl").write_text('{"worker": "ann", "id": "p0", "vote": "a"}\n')
    rewritten(state, spec)
    for folder in ("labeler", inside):  # a run's folder stands for the labeler in it
        with pytest.raises(ArtifactError, match=f"'{name}' of 'length' .*lfs=load_lfs") as told:
            load(folder)
        assert state["fingerprints"][name][:12] in str(told.value)


@pytest.mark.usefixtures("nothing_is_reached")
def test_a_functions_file_is_the_callers_even_where_the_labeler_names_another(
    inside: Path, pairs: Pairs
) -> None:
    (inside / "mine.py").write_text(CODE.replace('Path("was_run").touch()', ""))
    own = load_lfs("mine.py")
    state = saved(own, pairs)
    (inside / "evil.py").write_text(CODE)
    rewritten(state, "evil.py::longer")
    again = Labeler.load("labeler", own)
    assert again.lfs == tuple(own)
    # Worker processes find a function by its spec: that is the caller's, too.
    assert again.lfs[0].spec == "mine.py::longer"


def test_several_functions_that_are_missing_are_counted_and_some_are_named(
    inside: Path, pairs: Pairs
) -> None:
    text = "from weaklabel import response_scorer\n"
    text += "".join(
        f"\n@response_scorer\ndef f{i}(response):\n    return len(response) + {i}\n" for i in range(5)
    )
    (inside / "many.py").write_text(text)
    lfs = load_lfs("many.py")
    saved(lfs, pairs)
    with pytest.raises(
        ArtifactError, match=r"needs 4 labeling functions that were not given: 'f1' .* and 1 more"
    ):
        load("labeler", lfs[:1])


@faults_are_expected
def test_shipped_functions_columns_and_plug_ins_need_not_be_given(inside: Path, pairs: Pairs) -> None:
    lfs = [
        *load_lfs("shipped:length", "shipped:mt_bench"),
        column_scores("old", "rm_a", "rm_b", min_gap=0.5),
        column_verdict("said", "said", votes={"left": "a", "right": "b"}),
        *wl.judge_column("gpt", "said", "said", votes={"left": "a"}, shown_as={"left": "a", "right": "b"}),
    ]
    labeler = fit(lfs, pairs, model="majority_vote", max_fault_share=None)
    labeler.save("labeler")
    again = load("labeler")
    assert again.lfs == labeler.lfs
    one, two = (found.label(pairs, max_fault_share=None).logit for found in (again, labeler))
    assert (one == two).all()


def test_a_shipped_scorer_with_other_thresholds_comes_back_with_them(pairs: Pairs) -> None:
    plain = load_lfs("shipped:length")[0]
    lfs = [replace(plain, min_gap=3.0, max_gap=40.0)]
    saved(lfs, pairs)
    assert load("labeler").lfs == tuple(lfs)


def test_a_crowd_is_matched_by_its_workers_and_read_from_the_callers_file(inside: Path, pairs: Pairs) -> None:
    rows = "".join(
        json.dumps({"worker": "ann", "id": f"p{i}", "vote": "ab"[i % 2]}) + "\n" for i in range(40)
    )
    Path("here").mkdir()
    for name in ("votes.jsonl", "here/votes.jsonl"):
        Path(name).write_text(rows)
    labeler = fit(crowd_workers("votes.jsonl"), pairs, model="majority_vote")
    labeler.save("labeler")
    expected = labeler.label(pairs).p
    Path("votes.jsonl").unlink()
    with pytest.raises(ArtifactError, match=r"'crowd\.ann' of 'crowd'"):
        load("labeler")
    again = load("labeler", crowd_workers("here/votes.jsonl"))
    assert (again.label(pairs).p == expected).all()


def test_a_judge_is_matched_by_what_it_is_asked_and_reached_where_the_caller_says(pairs: Pairs) -> None:
    theirs = wl.judge("gpt", url="https://192.0.2.1:9/v1", model="m", key_env=SECRET, cache="theirs")
    mine = wl.judge("gpt", url="http://127.0.0.1:9/v1", model="m", cache="mine")
    labeler = Labeler(
        (theirs,), fit(load_lfs("shipped:length")[:1], pairs, model="majority_vote").model, None
    )
    labeler.save("labeler")
    with pytest.raises(ArtifactError, match=r"'gpt' of 'judges' .* endpoint of yours: wl.judge"):
        load("labeler")
    assert load("labeler", [mine]).lfs == (mine,)
    other = wl.judge("gpt", url="http://127.0.0.1:9/v1", model="another", cache="mine")
    with pytest.raises(ArtifactError, match="'gpt' changed since the labeler was fitted"):
        load("labeler", [other])


def test_a_changed_function_is_told_with_both_hashes(inside: Path, pairs: Pairs) -> None:
    (inside / "mine.py").write_text(CODE)
    before = load_lfs("mine.py")
    saved(before, pairs)
    (inside / "mine.py").write_text(CODE.replace("len(response)", "-len(response)"))
    now = load_lfs("mine.py")
    was, now_is = fingerprint(before[0]), fingerprint(now[0])
    with pytest.raises(
        ArtifactError, match=f"its hash was {str(was)[:12]} then and is {str(now_is)[:12]} now"
    ):
        load("labeler", now)
    assert load("labeler", now, allow_changed=True).lfs == tuple(now)


@pytest.mark.parametrize("source", ["", "  "])
def test_an_empty_source_is_an_error_and_runs_nothing(inside: Path, source: str) -> None:
    (inside / "evil.py").write_text(CODE)
    with pytest.raises(DiscoveryError, match="a source of labeling functions is empty"):
        load_lfs(source)
    (inside / "weaklabel.toml").write_text(f'[lfs]\nuse = ["{source}"]\n')
    with pytest.raises(DiscoveryError, match="a source of labeling functions is empty"):
        wl.load(labeler_of_shipped(inside))
    assert not Path("was_run").exists()


def labeler_of_shipped(inside: Path) -> Path:
    pairs = made_pairs([("x" * i, "y") for i in range(1, 9)])
    fit(load_lfs("shipped:length"), pairs, model="majority_vote").save(inside / "shipped")
    return inside / "shipped"


def test_in_a_project_its_own_functions_are_found_without_a_word(inside: Path, pairs: Pairs) -> None:
    (inside / "lfs").mkdir()
    (inside / "lfs" / "mine.py").write_text(CODE)
    (inside / "weaklabel.toml").write_text('[lfs]\nuse = ["lfs/", "shipped:length"]\n')
    labeler = fit(load_lfs("lfs/"), pairs, model="majority_vote")
    labeler.save("labeler")
    (inside / "deep").mkdir()
    os.chdir("deep")
    assert (wl.load("../labeler").compare(pairs) == labeler.compare(pairs)).all()
    with pytest.raises(ArtifactError, match="'longer' of 'mine'"):
        wl.load("../labeler", lfs=[])


def test_a_settings_file_that_comes_with_the_labeler_is_not_the_callers(inside: Path, pairs: Pairs) -> None:
    (inside / "theirs").mkdir()
    os.chdir("theirs")
    Path("evil.py").write_text(CODE)
    Path("weaklabel.toml").write_text('[lfs]\nuse = ["evil.py"]\n')
    saved(load_lfs("evil.py"), pairs, "runs/base/labeler")
    Path("was_run").unlink()
    os.chdir(inside)
    with pytest.raises(ArtifactError, match="'longer' of 'evil'"):
        wl.load("theirs/runs/base")
    assert not Path("was_run").exists()
    assert not Path("theirs/was_run").exists()
