"""What a public call returns shows itself: a `repr` of one screen and ten rows in a notebook, escaped, at any size."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_report import HARMFUL

import weaklabel as wl
from weaklabel._shown import LINES, ROWS, WIDTH, Shown
from weaklabel.comparers.both_orders import OrderEffect
from weaklabel.comparers.evaluator import Evaluator
from weaklabel.data import PairsFile
from weaklabel.data.sample import sample_pairs
from weaklabel.engine.apply import apply_with_costs
from weaklabel.generation.generated import Generated
from weaklabel.judges import position_bias
from weaklabel.judges.prompted import JudgeSummary
from weaklabel.metrics import Interval
from weaklabel.pictures import Picture
from weaklabel.pipeline import Difference, RunFigures
from weaklabel.pipeline.diff import Flip
from weaklabel.pipeline.sweep.grid import GOLD_ONLY, Arm
from weaklabel.pipeline.sweep.result import SweepResult
from weaklabel.pipeline.sweep.row import SweepRow
from weaklabel.pipeline.sweep.worth import Worth
from weaklabel.reward import Candidates, RewardModel, best_of_n, evaluate_subsets
from weaklabel.reward.functions.model import FunctionsReward
from weaklabel.types import Fault, LabelsFile, SetAside

ROOMS = [
    "calibration",
    "data",
    "engine",
    "export",
    "judges",
    "labeler",
    "label_models",
    "metrics",
    "pipeline",
    "report",
    "reward",
    "shift",
]
OTHERWISE = {
    "Comparer": "a protocol: what answers it is a result of its own",
    "Text": "a text, and shown as one",
    "WeaklabelError": "an error",
    "Remark": "a line of the log",
    "Picture": "a drawing, whose contract is test_contract_pictures",
    "Layout": "a description in a registry, of code alone",
    "Exporter": "a function by name",
    "Metric": "a description in a registry, of code alone",
    "Executor": "a protocol",
    "Outcome": "between the engine and its workers",
    "Cell": "three short texts",
    "Step": "a part of a run, told by its counts",
    "StepRecord": "a part of a run, told by its counts",
    "Refit": "a protocol: what labels are made by once more",
    "PairFeatures": "a view on the texts of a model",
}
_NAMES = {
    **{name: getattr(wl, name) for name in wl.__all__},
    "RewardModel": RewardModel, "Evaluator": Evaluator, "Picture": Picture, "pd": pd, "Sequence": list, "Any": object,
}  # fmt: skip


def classes_in(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and hint.__module__.startswith("weaklabel"):
        yield hint
    for part in typing.get_args(hint):
        yield from classes_in(part)


def returned(function: Any) -> set[type]:
    said = SimpleNamespace(__annotations__={"return": function.__annotations__.get("return")})
    names = vars(sys.modules[function.__module__])
    return set(classes_in(typing.get_type_hints(said, names, _NAMES)["return"]))


def surface() -> dict[type, str]:
    """Every class that a public function, or a public method of such a class, returns; and by which call."""
    found: dict[type, str] = {}
    public = [getattr(wl, name) for name in wl.__all__]
    for room in ROOMS:
        module = importlib.import_module(f"weaklabel.{room}")
        public += [getattr(module, name) for name in module.__all__]
    todo: list[tuple[type, str]] = []
    for thing in public:
        if isinstance(thing, type) and thing.__module__.startswith("weaklabel"):
            todo.append((thing, thing.__name__))
        elif inspect.isfunction(thing):
            todo += [(cls, thing.__name__) for cls in returned(thing)]
    while todo:
        cls, how = todo.pop()
        if cls in found:
            continue
        found[cls] = how
        for name, member in inspect.getmembers_static(cls):
            function = next(
                (f for n in ("fget", "func", "__func__") if (f := getattr(member, n, None))), member
            )
            if not name.startswith("_") and inspect.isfunction(function):
                todo += [(other, f"{how}.{name}") for other in returned(function)]
    return found


SURFACE = sorted((cls for cls in surface() if cls.__name__ not in OTHERWISE), key=lambda c: c.__name__)


@pytest.mark.parametrize("cls", SURFACE, ids=lambda cls: cls.__name__)
def test_what_a_public_call_returns_shows_itself(cls: type) -> None:
    assert issubclass(cls, Shown), f"{surface()[cls]} returns {cls}"
    # What a dataclass generates is as long as its fields, and wraps a function; four numbers are no screen.
    assert cls is Interval or not hasattr(cls.__repr__, "__wrapped__"), f"{cls} needs repr=False"


def test_no_exception_is_kept_that_no_longer_is_one() -> None:
    assert set(OTHERWISE) <= {cls.__name__ for cls in surface()}


# ------------------------------------------------------------------------------------- at any size
SCRIPT = "<script>alert(1)</script>"
LONG = f"{SCRIPT} and **much** more $x^2$ to say\n" * 500
N = 100_000


@wl.response_scorer
def longer(response: str) -> int:
    """Longer is better <script>."""
    return len(response)


@wl.labeling_function(name=SCRIPT * 30)
def thanks(pair: wl.Pair) -> int:
    return wl.ABSTAIN if "h" not in pair.id else int("thank" in pair.response_b)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One of everything, of 100,000 pairs with long texts where it holds pairs."""
    folder = tmp_path_factory.mktemp("shown")
    small = harmed(sample_pairs(140, 110, 0))
    lfs = [longer, thanks]
    votes = wl.apply(lfs, small)
    labeler = wl.fit(lfs, small, model="weighted_vote", votes=votes)
    some = labeler.label(small, votes=votes)
    table = pa.concat_tables([small.table] * (N // len(small) + 1)).slice(0, N)
    names = pa.array([f"{SCRIPT * 40}{i}" if i < 20 else str(i) for i in range(N)])
    big = wl.Pairs(table.set_column(0, table.schema.field("id"), names), (SetAside(LONG, 1, LONG),) * 5000)
    rows = np.arange(N) % len(small)
    many = tuple(f"{SCRIPT}{j}" for j in range(60))
    L = np.repeat(votes.L[rows][:, :1], 60, axis=1)
    of_big = wl.Votes(L, L.astype(np.float32), many, big.ids, (Fault(many[0], LONG, "no_vote", LONG),) * N)
    labels = wl.Labels(
        big, of_big, some.logit[rows], some.w[rows], np.repeat(some.logit[rows][:, None], 60, axis=1) / 60,
        True, some.in_sample[rows], p_tie=np.zeros(N),
    )  # fmt: skip
    some_file, some_pairs = folder / "labels.parquet", folder / "pairs.parquet"
    written = wl.write_pairs(small, some_pairs)
    export = wl.export_parquet(some, folder / LONG[:20].replace("/", "-"), allow_uncalibrated=True)
    pa.parquet.write_table(some.to_table(), some_file)
    dev = small.dev
    reward = wl.train_reward(some, model="linear", allow_uncalibrated=True)
    of_functions = FunctionsReward(lfs=[longer], n_features=64).fit(dev, dev.y, gold=dev.y)
    because = of_functions.explain("q", LONG)
    about = Interval(0.7, 0.6, 0.8, 9)
    both = {"accuracy": about, "nll": about}
    worth = Worth(9.0, 3.0, 20.0, 5, 3, 40)
    row = SweepRow("r", 9, Arm(LONG, 3, 0.5), 9.0, 0.5, both, both, 0.01, worth)
    alone = replace(row, arm=GOLD_ONLY, n_weak=0.0, gains={}, se=0.0, worth=None)
    bias = position_bias(wl.judge_columns(name="x", first_a="u", first_b="v"), with_columns(small))
    kept = [Candidates(LONG, (LONG, "b"), (True, False))] * 3
    figures = {"accuracy": about, "nll": about, "ece": about}
    return {
        "pairs": big, "votes": of_big, "labels": labels, "labels file": LabelsFile(some_file), "labeler": labeler,
        "no labeler": wl.fit(lfs, small[:20], model="majority_vote"), "pairs file": PairsFile(some_pairs),
        "pair": big[0], "fault": of_big.faults[0], "set aside": big.set_aside[0], "explanation": labels.explain(big.ids[0]),
        "reason": labels.explain(big.ids[0]).reasons[0], "written": replace(written, set_aside=big.set_aside),
        "applied": apply_with_costs(lfs, small), "store": wl.VoteStore(folder), "longer": longer, "thanks": thanks,
        "batch votes": longer.vote_all(list(small[:3])), "model": labeler.model, "calibrator": labeler.calibrator,
        "analysis": wl.analyze(votes, gold=dev), "check": wl.check(lfs, small), "explore": wl.explore(small, limit=200),
        "tune": wl.tune([longer], small), "adds": wl.added_value(votes, small, model="ridge"),
        "sets": wl.compare_sets({"x": votes, LONG: votes}, small, model="ridge"), "bias": wl.label_bias(some),
        "dependencies": wl.dependencies(votes, dev), "mistakes": blown(wl.mistakes("longer", votes, small)),
        "next": wl.next_pairs(some, 40),
        "evaluation": wl.evaluate({LONG: labeler, "r": reward}, dev), "reward": reward, "export": export,
        "reward of functions": of_functions, "reward explanation": because, "reward reason": because.reasons[0],
        "subsets": evaluate_subsets({LONG: labeler}, small.test), "best of n": best_of_n({LONG: reward}, kept),
        "candidates": kept[0], "shift": labeler.shift(small, votes), "reference": labeler.reference,
        "sweep": SweepResult((alone, row), ((LONG, 3, about),), {"r": row.arm}, (LONG,) * 90),
        "sweep row": row, "worth": worth, "arm": row.arm, "judge report": JudgeSummary(bias, 9, None, (LONG,)),
        "position bias": bias, "judge columns": wl.judge_columns(name="x", first_a="u", first_b="v"),
        "generated": Generated(Path(LONG[:90]), 1, 2, 3, 4, {"empty": 3}, {LONG: (1, 2)}, None),
        "difference": Difference(
            LONG, LONG, 9, 1, 1, 3, 0.1, (Flip(LONG, LONG, "a", "b", 0.1, 0.9),) * 90, {LONG: about},
            ((LONG, "nll", 0.1, None),) * 90, (LONG,) * 90, (LONG,) * 90,
        ),
        "report": RunFigures(
            LONG, dict.fromkeys((*many, LONG), figures), {LONG: figures}, {LONG: about}, True, {}, (LONG,) * 90
        ),
        "order effect": OrderEffect(LONG, about, 0.1, 0.2, 9),
        "interval": about, "finding": wl.check_labeling_function(thanks, small)[0],
    }  # fmt: skip


def harmed(pairs: wl.Pairs) -> wl.Pairs:
    """The pairs with ids and the first prompts that try to do harm, and two columns of verdicts."""
    table = pairs.table
    texts = [f"{HARMFUL[i % len(HARMFUL)]} {i}" for i in range(len(pairs))]
    clean = [text.encode("utf-8", "replace").decode() for text in texts]
    prompts = [LONG, *clean[1:9], *table["prompt"].to_pylist()[9:]]
    for name, values in (("id", clean), ("prompt", prompts)):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), pa.array(values))
    return wl.Pairs(table)


def with_columns(pairs: wl.Pairs) -> wl.Pairs:
    said = pa.array(["A", "B"] * (len(pairs) // 2))
    return wl.Pairs(pairs.table.append_column("u", said).append_column("v", said))


def blown(value: Any) -> Any:
    """A result with each of its lists five hundred times as long."""
    lists = {
        field.name: (*found[:1], *(found[1:] or found) * 500)
        for field in dataclasses.fields(value)
        if isinstance(found := getattr(value, field.name), tuple)
    }
    return replace(value, **lists)


def variants(results: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from results.items()
    for name in ("analysis", "check", "explore", "tune", "adds", "sets", "bias", "dependencies", "shift"):
        yield (
            f"many of {name}",
            blown(results[name]) if name not in ("analysis", "dependencies") else results[name],
        )


def test_a_repr_fits_on_a_screen(results: dict[str, Any]) -> None:
    for name, result in variants(results):
        said = repr(result)
        lines = said.split("\n")
        assert len(lines) <= LINES, (name, len(lines))
        assert len(said) <= LINES * WIDTH, (name, len(said))
        assert not set("\x1b\u202e\x00") & set(said), name


def test_a_notebook_shows_ten_rows_and_a_summary(results: dict[str, Any]) -> None:
    for name, result in variants(results):
        shown = result._repr_html_()
        assert shown.count("<tr>") <= ROWS + 1, (name, shown.count("<tr>"))
        assert len(shown) <= 50_000, (name, len(shown))
        assert "<p>" in shown or "<pre>" in shown, name


def test_a_notebook_obeys_nothing_that_it_shows(results: dict[str, Any]) -> None:
    allowed = {"div", "p", "table", "thead", "tbody", "tr", "th", "td", "pre"}
    for name, result in variants(results):
        shown = result._repr_html_()
        assert set(re.findall(r"<(\w+)", shown)) <= allowed, name
        assert not re.search(r"<[^>]*(on\w+|src|href)=", shown), name
        assert not set("\u202e\u202c\u2066\u200b\x00\x1b") & set(shown), name
    assert "&lt;script&gt;" in results["pairs"]._repr_html_()


def test_every_kind_of_result_is_among_those_tried(results: dict[str, Any]) -> None:
    tried = {cls for result in results.values() for cls in type(result).__mro__}
    small = [
        "Batch",
        "Change",
        "Clue",
        "Estimate",
        "Judge",
        "JudgeSummary",
        "Link",
        "Refusal",
        "Tally",
        "Threshold",
        "Tuned",
        "Version",
        "KeptRow",
        "Run",
    ]
    alike = [
        "ReliabilityBin",
        "ReliabilityRow",
        "StoredVotes",
        "AppliedFile",
        "Judged",
        "CrowdMatch",
        "Evaluator",  # which needs torch to be made
        "TieModel",
    ]
    columns = [
        "ColumnScores",
        "ColumnVerdict",
        "Beta",
        "Identity",
        "Isotonic",
        "Platt",
        "ShrunkTemperature",
        "Temperature",
        "VennAbers",
    ]
    left = {cls.__name__ for cls in SURFACE if cls not in tried}
    assert left <= {*small, *alike, *columns}, left - {*small, *alike, *columns}


def test_rows_that_were_not_kept_are_among_those_that_are_more(results: dict[str, Any]) -> None:
    few = replace(results["difference"], flips=results["difference"].flips[:2], n_flipped=3)
    assert "... and 1 more row<" in few._repr_html_()


def test_how_many_more_there_are_is_said(results: dict[str, Any]) -> None:
    assert "... and 99,990 more rows" in results["pairs"]._repr_html_()
    assert "... and 50 more rows" in results["votes"]._repr_html_()
    assert "... and 491 more rows" in blown(results["tune"])._repr_html_()
