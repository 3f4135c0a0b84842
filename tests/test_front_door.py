"""Every function of the front door, given what is of no use to it: one line that names the argument and what is allowed."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from made_pool import made_pool

import weaklabel as wl
from weaklabel._arguments import _FITS, Arguments, check_value, checked
from weaklabel.acquisition import get_acquisition
from weaklabel.data.sample import sample_pairs
from weaklabel.data.sources import PairSource
from weaklabel.errors import ArgumentError, ConfigError, WeaklabelError


@wl.response_scorer
def longer(response: str) -> int:
    return len(response)


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    pairs = sample_pairs(120, 80, 0)
    votes = wl.apply([longer], pairs)
    labeler = wl.fit([longer], pairs, model="majority_vote", votes=votes)
    return {"pairs": pairs, "votes": votes, "labeler": labeler, "labels": labeler.label(pairs, votes=votes)}


def good(name: str, made: dict[str, Any]) -> dict[str, Any]:
    """Arguments with which the function could begin; the bad one takes the place of its like."""
    lfs, pairs, votes, labels = [longer], made["pairs"], made["votes"], made["labels"]
    column = {"name": "x", "column": "c", "votes": {"1": "a"}}
    arguments: dict[str, dict[str, Any]] = {
        "analyze": {"votes": votes},
        "apply": {"lfs": lfs, "pairs": pairs},
        "check": {"lfs": lfs, "pairs": pairs},
        "check_acquisition": {"acquisition": get_acquisition("random"), "pool": made_pool()},
        "check_comparer": {"comparer": made["labeler"], "pairs": pairs},
        "check_label_model": {"make": lambda: None},
        "check_labeling_function": {"lf": longer},
        "column_scores": {"name": "x", "score_a": "p", "score_b": "q"},
        "column_verdict": column,
        "compare_sets": {"sets": {"x": votes}, "pairs": pairs},
        "crowd_workers": {"annotations": "nowhere.csv"},
        "dependencies": {"votes": votes},
        "evaluate": {"comparers": [made["labeler"]], "gold": pairs.dev},
        "explore": {"pairs": pairs},
        "export_datasets": {"labels": labels, "folder": "out"},
        "export_openrlhf": {"labels": labels, "folder": "out"},
        "export_parquet": {"labels": labels, "folder": "out"},
        "export_trl": {"labels": labels, "folder": "out"},
        "export_trl_kto": {"labels": labels, "folder": "out"},
        "fit": {"lfs": lfs, "pairs": pairs},
        "from_snorkel": {"lfs": []},
        "generate_pairs": {"prompts": [], "models": ["m"], "comparer": "c", "out": "o.parquet"},
        "judge": {"name": "x", "url": "http://127.0.0.1:1/v1", "model": "m"},
        "judge_column": column | {"shown": "s"},
        "judge_columns": {"name": "x", "first_a": "p", "first_b": "q"},
        "keyword_scorer": {"name": "x", "words": ["w"]},
        "label_bias": {"labels": labels},
        "labeling_function": {},
        "load": {"folder": "nowhere"},
        "load_lfs": {},
        "mistakes": {"lf": "longer", "votes": votes, "pairs": pairs},
        "next_pairs": {"labels": labels, "n": 5},
        "pattern_scorer": {"name": "x", "good": ["g"]},
        "read_pairs": {"source": pairs},
        "response_scorer": {},
        "sweep": {"lfs": lfs, "pairs": pairs},
        "threshold_scorer": {"name": "x", "feature": "n_words"},
        "train_reward": {"labels": labels},
        "tune": {"lfs": lfs, "pairs": pairs},
        "added_value": {"votes": votes, "pairs": pairs},
        "write_pairs": {"pairs": pairs, "path": "pairs.parquet"},
        "write_report": {"labels": labels, "path": "report.html"},
    }
    return arguments[name]


FUNCTIONS = sorted(name for name in wl.__all__ if inspect.isfunction(getattr(wl, name)))
# Nothing takes any of these; a parameter that takes everything does not stand in the table.
BAD = {"object": object(), "bytes": b"x", "generator": (i for i in [3]), "class": dict, "complex": 1j}


def parameters(name: str) -> list[str]:
    kinds = inspect.signature(getattr(wl, name)).parameters.values()
    named = [p for p in kinds if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [p.name for p in named if "Any" not in str(p.annotation).partition("[")[0]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_argument_of_a_type_that_is_never_right_comes_through(
    name: str, made: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    function = getattr(wl, name)
    for parameter in parameters(name):
        annotation = str(inspect.signature(function).parameters[parameter].annotation)
        for what, bad in BAD.items():
            if what == "class" and any(
                word in annotation for word in ("Callable", "Make", "OnD", "Clock", "Progress")
            ):
                continue  # a class can be called
            if what == "generator" and "Iterable" in annotation:
                continue
            with pytest.raises(ArgumentError) as caught:
                function(**good(name, made) | {parameter: bad})
            said = str(caught.value)
            assert said.startswith(f"{name}: {parameter} is "), said
            assert "Allowed: " in said
            assert "\n" not in said
    assert list(tmp_path.iterdir()) == []


TABLE: list[tuple[str, dict[str, Any], str]] = [
    ("apply", {"lfs": None}, "apply: lfs is None. Allowed: a list of labeling functions"),
    ("apply", {"lfs": []}, "apply: lfs is empty. Allowed: a list of labeling functions, .*, at least one"),
    ("apply", {"lfs": longer}, "apply: lfs is a ResponseScorer. Allowed: .*; put the one into a list"),
    ("apply", {"lfs": [longer, lambda pair: 0]}, r"apply: lfs\[1\] is the function '<lambda>'. Allowed: a labeling"),
    ("apply", {"lfs": (lf for lf in [longer])}, "apply: lfs is a generator"),
    ("apply", {"lfs": "lfs/"}, "apply: lfs is 'lfs/'"),
    ("apply", {"pairs": None}, "apply: pairs is None. Allowed: Pairs, as read_pairs returns"),
    ("apply", {"pairs": pd.DataFrame({"x": [1]})}, "apply: pairs is a DataFrame. Allowed: Pairs"),
    ("apply", {"workers": True}, "apply: workers is True. Allowed: a whole number"),
    ("apply", {"workers": 1.5}, "apply: workers is 1.5. Allowed: a whole number"),
    ("apply", {"workers": 10**30}, "apply: workers is 1000000"),
    ("apply", {"max_fault_share": float("nan")}, "max_fault_share is nan. Allowed: a number or None"),
    ("apply", {"max_fault_share": "0.1"}, "max_fault_share is '0.1'. Allowed: a number or None"),
    ("fit", {"seed": -1}, r"fit: seed is -1. Allowed: 0 to 4294967295"),
    ("fit", {"pairs": 3}, "fit: pairs is 3. Allowed: Pairs, a path, a glob, a list of paths or of dicts"),
    ("fit", {"model": None}, "fit: model is None. Allowed: a text or a LabelModel"),
    ("read_pairs", {"source": None}, "read_pairs: source is None. Allowed: Pairs, a path"),
    ("read_pairs", {"source": []}, "pairs cannot be read from list"),
    ("read_pairs", {"source": np.zeros((2, 3))}, "read_pairs: source is a ndarray. Allowed: Pairs, a path"),
    ("read_pairs", {"source": pd.DataFrame({"x": [1]})}, "x"),
    ("read_pairs", {"columns": {"prompt": 3}}, r"read_pairs: columns\['prompt'\] is 3. Allowed: a text"),
    ("read_pairs", {"columns": ["prompt"]}, "read_pairs: columns is a list. Allowed: a dict or None"),
    ("read_pairs", {"near_duplicates": "no"}, "near_duplicates is 'no'. Allowed: True or False"),
    ("keyword_scorer", {"words": "sorry"}, r"keyword_scorer: words is 'sorry'. Allowed: a list of texts: \['sorry'\]"),
    ("labeling_function", {"columns": "score"}, r"columns is 'score'. Allowed: a list of texts: \['score'\]"),
    ("evaluate", {"comparers": None}, "evaluate: comparers is None"),
    ("evaluate", {"comparers": [longer]}, r"evaluate: comparers\[0\] is a ResponseScorer. Allowed: a comparer"),
    ("evaluate", {"comparers": pd.DataFrame()}, "evaluate: comparers is a DataFrame"),
    ("mistakes", {"p": "high"}, "mistakes: p is 'high'. Allowed: a list or an array of numbers or None"),
    ("train_reward", {"labels": np.zeros(3)}, "labels is a ndarray. Allowed: Labels, as Labeler.label returns"),
    ("export_trl", {"labels": None}, "export_trl: labels is None"),
    ("export_trl", {"folder": ""}, "export_trl: folder: the path is empty"),
    ("export_trl", {"folder": "a\0b"}, "no path holds the character NUL"),
    ("export_trl", {"folder": "~nobody-of-this-name/x"}, "the home folder of '~nobody-of-this-name' is not known"),
    ("added_value", {"together": ["ab"]}, r"together\[0\] is 'ab'. Allowed: a list of texts: \['ab'\]"),
    ("write_pairs", {"pairs": [3]}, r"write_pairs: pairs\[0\] is 3. Allowed: a Batch"),
    ("write_report", {"figures": {}}, "write_report: figures has no 'rows'"),
    ("check", {"lfs": [None]}, r"check: lfs\[0\] is None. Allowed: a labeling function, made with @labeling_function"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "bad", "words"), TABLE, ids=lambda value: str(value)[:40])
def test_a_mistake_is_one_line_that_says_what_came_and_what_is_allowed(
    name: str,
    bad: dict[str, Any],
    words: str,
    made: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeaklabelError, match=words) as caught:
        getattr(wl, name)(**good(name, made) | bad)
    assert "\n" not in str(caught.value)


CONSTRUCTED: list[tuple[str, dict[str, Any], str]] = [
    ("Pairs", {"table": [1]}, "Pairs: table is a list. Allowed: a pyarrow Table"),
    ("Votes", {"L": [[1]]}, "Votes: L is a list. Allowed: a numpy array of numbers"),
    ("Votes", {"L": np.array([["a"]])}, "Votes: L is a ndarray"),
    ("Votes", {"lf_names": [3]}, r"Votes: lf_names\[0\] is 3. Allowed: a text"),
    ("Labels", {"pairs": None}, "Labels: pairs is None"),
    ("Labels", {"logit": 3}, "Labels: logit is 3"),
    ("Labels", {"calibrated": 1}, "Labels: calibrated is 1. Allowed: True or False"),
    ("Labeler", {"lfs": longer}, "Labeler: lfs is a ResponseScorer"),
    ("Labeler", {"model": "majority_vote"}, "Labeler: model is 'majority_vote'. Allowed: a LabelModel"),
    ("Pair", {"id": 3}, "Pair: id is 3. Allowed: a text"),
    ("Pair", {"prompt": None}, "prompt is NoneType, expected text"),
    ("Pair", {"columns": None}, "Pair: columns is None. Allowed: a dict"),
    ("VoteStore", {"folder": None}, "VoteStore: folder is None. Allowed: a text or a path"),
]


@pytest.mark.parametrize(("name", "bad", "words"), CONSTRUCTED, ids=lambda value: str(value)[:40])
def test_a_class_refuses_what_it_cannot_hold(
    name: str, bad: dict[str, Any], words: str, made: dict[str, Any]
) -> None:
    of = {
        "Pairs": made["pairs"],
        "Votes": made["votes"],
        "Labels": made["labels"],
        "Labeler": made["labeler"],
    }
    fields = {"id": "1", "prompt": "p", "response_a": "a", "response_b": "b"} if name == "Pair" else {}
    if name in of:
        fields = {field.name: getattr(of[name], field.name) for field in dataclasses.fields(of[name])}
    with pytest.raises(WeaklabelError, match=words):
        getattr(wl, name)(**fields | bad)


def test_every_annotation_of_the_front_door_is_understood() -> None:
    """A class that is renamed, or an alias that only type checkers import, must not turn good arguments away."""
    classes = {
        c.__name__
        for m in list(sys.modules.values())
        if "weaklabel" in m.__name__
        for c in vars(m).values()
        if isinstance(c, type)
    }
    for name in FUNCTIONS:
        (taker,) = (
            c.cell_contents for c in getattr(wl, name).__closure__ if isinstance(c.cell_contents, Arguments)
        )
        for parameter, kind in taker.kinds.items():
            for base in bases(kind):
                assert base in _FITS or base in classes, f"{name}: {parameter} is a {base}, which no value is"


def bases(kind: Any) -> Iterator[str]:
    if not (kind.base in ("", "list", "tuple", "Sequence", "Mapping", "Iterable") or kind.members):
        yield kind.base
    for inner in kind.inside:
        yield from bases(inner)


def test_sources_of_functions_are_checked_one_by_one() -> None:
    with pytest.raises(ArgumentError, match=r"load_lfs: sources is 3. Allowed: a text or a path"):
        wl.load_lfs("shipped", 3)  # type: ignore[arg-type]


def test_what_is_missing_or_not_known_is_told_by_python_itself() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'pairs'"):
        wl.apply([longer])  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        wl.explore(None, nothing=3)  # type: ignore[call-arg, arg-type]


def test_numbers_of_numpy_count_as_numbers_and_arrive_as_those_of_python() -> None:
    @checked
    def taken(n: int, share: float, flag: bool = False) -> list[Any]:
        return [n, share, flag]

    found = taken(np.int64(3), np.float32(0.5), np.bool_(True))  # type: ignore[arg-type]
    assert found == [3, 0.5, True]
    assert [type(value) for value in found] == [int, float, bool]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    @checked
    def taken(path: str | Path) -> str | Path:
        return path

    assert taken("~/x") == f"{tmp_path}/x"
    assert taken(Path("~/x")) == tmp_path / "x"
    assert taken("a/~x") == "a/~x"
    with pytest.raises(ConfigError, match=r"For a file of that name write './~x'"):
        taken("~x")


def test_kinds_that_no_function_has_yet_are_told_too() -> None:
    check_value("x", ("a", 1), "tuple[str, int]")
    with pytest.raises(
        ArgumentError, match=r"x is a tuple of 1. Allowed: a tuple of 2: a text, a whole number"
    ):
        check_value("x", ("a",), "tuple[str, int]")
    with pytest.raises(ArgumentError, match=r"a key of x is 1. Allowed: a text"):
        check_value("x", {1: 2}, "Mapping[str, int] | None")


# Annotated `Any`, wholly or in part, and why nothing better is known.
ANY = {
    "column_verdict: votes": "keys are values of a column, of any type",
    "crowd_workers: votes": "keys are values of a column, of any type",
    "judge_column: votes": "keys are values of a column, of any type",
    "judge_column: shown_as": "keys are values of a column, of any type",
    "judge_columns: votes": "keys are values of a column, of any type",
    "read_pairs: gold_values": "keys are values of a column, of any type",
    "fit: settings": "settings of whichever label model is named",
    "next_pairs: settings": "settings of whichever rule is named",
    "sweep: label_settings": "settings of whichever label model is named",
    "train_reward: settings": "settings of whichever reward model is named",
    "generate_pairs: body": "JSON that a server takes",
    "judge: body": "JSON that a server takes",
    "write_report: figures": "JSON values of an evaluation, as a run keeps them",
    "Text.remember: at_once": "computes values of any type, kept by name",
    "from_snorkel: lfs": "objects of a package that need not be installed, told by what they can do",
}


def signatures() -> Iterator[tuple[str, inspect.Parameter]]:
    """The parameters of public functions, and of public methods of public classes."""
    for name in wl.__all__:
        found = getattr(wl, name)
        takers = {name: found} if inspect.isfunction(found) else {}
        if isinstance(found, type) and found.__module__.startswith("weaklabel"):
            methods = ((n, getattr(m, "__func__", m)) for n, m in vars(found).items())
            takers = {f"{name}.{n}": m for n, m in methods if inspect.isfunction(m) and not n.startswith("_")}
        for owner, taker in takers.items():
            for parameter in inspect.signature(taker).parameters.values():
                yield owner, parameter


def test_a_public_parameter_has_a_type_wherever_one_is_known() -> None:
    anys = {f"{owner}: {p.name}" for owner, p in signatures() if re.search(r"\bAny\b", str(p.annotation))}
    bare = {f"{owner}: {p.name}" for owner, p in signatures() if p.annotation is p.empty} - selves()
    assert anys == set(ANY)
    assert not bare


def selves() -> set[str]:
    return {f"{owner}: {p.name}" for owner, p in signatures() if p.name in ("self", "cls")}


def test_what_stands_for_a_source_of_pairs_names_types_alone() -> None:
    assert "Any" not in PairSource.replace("Mapping[str, Any]", "")
    taken: list[Any] = [
        "p.jsonl",
        Path("p"),
        [{"prompt": "x"}],
        pa.table({"x": [1]}),
        pl.DataFrame(),
        pl.LazyFrame(),
    ]
    for source in [*taken, pd.DataFrame(), sample_pairs(5, 3, 0)]:
        check_value("read_pairs: source", source, "PairSource")
