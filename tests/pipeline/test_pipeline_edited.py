"""What a run keeps as JSON, edited anywhere: one line, or what it said."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutated_json import mutated

from weaklabel.engine.store import VoteStore
from weaklabel.engine.stream import StoredVotes
from weaklabel.errors import ArtifactError
from weaklabel.generation import generated
from weaklabel.metrics import Interval
from weaklabel.pipeline.run_figures import RunFigures
from weaklabel.pipeline.sweep import Worth

FIGURE = Interval(0.7, 0.6, 0.8, 40)
REPORT = RunFigures(
    "base",
    {
        "ours": {"accuracy": FIGURE, "nll": Interval(math.nan, -math.inf, math.inf, 0)},
        "longer": {"accuracy": FIGURE},
    },
    {"longer": {"accuracy": FIGURE}},
    {"ours": FIGURE},
    True,
    {"pairs": 300, "dev": 40},
    ("40 pairs.",),
    {"longer": {"accuracy": FIGURE}},
    {"ours": Worth(math.inf, 31.5, math.inf, 40, 5, 40)},
    "ours",
)


def line_of(load: Callable[[], Any]) -> tuple[Any, str]:
    """What loads, or why it does not; anything but one error of ours fails the test."""
    try:
        return load(), ""
    except ArtifactError as error:
        return None, str(error)


def test_an_edited_table_of_figures_is_one_line_or_a_table(tmp_path: Path) -> None:
    REPORT.save(tmp_path)
    assert str(RunFigures.load(tmp_path)) == str(REPORT)
    refused, draw = 0, random.Random(0)
    for _ in range(200):
        (tmp_path / "report.json").write_text(json.dumps(mutated(REPORT.to_dict(), draw)[0]))
        found, line = line_of(lambda: RunFigures.load(tmp_path))
        assert "\n" not in line
        assert len(line) < 700
        if found is None:
            refused += 1
            continue
        assert str(found)
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["kind"] == "report"
        assert all(isinstance(text, str) for text in (found.name, *found.arms, *found.notes))
    assert refused > 80


def test_edited_addresses_of_votes_are_one_line(tmp_path: Path) -> None:
    store, draw = VoteStore(tmp_path), random.Random(0)
    state = StoredVotes(store, ("f", "g"), ("1" * 64, "2" * 64), (("s1", "s2"), ("s1", "s2"))).to_dict()
    for _ in range(100):
        edited, _ = mutated(state, draw)
        found, line = line_of(lambda edited=edited: StoredVotes.from_dict(edited, store))
        assert "\n" not in line
        if found is not None:
            assert len(found.lf_names) == len(found.fingerprints) == len(found.addresses)
            assert all(isinstance(text, str) for text in (*found.lf_names, *found.fingerprints))


def test_an_edited_manifest_of_generated_pairs_is_that_of_no_file_of_ours(tmp_path: Path) -> None:
    out, run = tmp_path / "pairs.jsonl", {"inputs": {}, "settings": {}}
    manifest = generated._manifest_path(out)
    for runs in (None, 3, {}, [3], [{}], [{"inputs": {}}], [[run]]):
        about: dict[str, Any] = {"kind": generated.KIND, "runs": runs, "all_made_here": True}
        manifest.write_text(json.dumps(about))
        assert generated._about(out) == {}
    manifest.write_text(json.dumps({"kind": generated.KIND, "runs": [run], "all_made_here": True}))
    assert generated._about(out)["runs"] == [run]
