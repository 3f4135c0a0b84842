"""What labeling functions share they cannot change: one that tries gets a fault with its name, the others their votes."""

from __future__ import annotations

import copy
import json
import pickle
from functools import partial

import pyarrow as pa
import pytest

from weaklabel import engine
from weaklabel.data import read_pairs
from weaklabel.lf import labeling_function, response_scorer
from weaklabel.types import Pairs

# Functions here fail on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")
apply = partial(engine.apply, max_fault_share=None)


TURNS = [{"role": "user", "content": "Is it?"}, {"role": "assistant", "content": "Yes."}]
SHARED = {"words": ["good", ["better"]], "about": {"mood": "good", "notes": ["calm"]}}


@pytest.fixture
def pairs() -> Pairs:
    rows = [
        {"id": f"{i}", "messages": TURNS[:1], "prompt": "Is it?", "response_a": f"a {i}", "response_b": "b"}
        for i in range(3)
    ]
    table = read_pairs(rows).table
    return Pairs(
        table.append_column("words", pa.array([["good", "better"]] * 3)).append_column(
            "about", pa.array([SHARED["about"]] * 3)
        )
    )


ATTEMPTS = {
    "a message": lambda pair: pair.messages[0].update(content="changed"),
    "a message's item": lambda pair: pair.messages[0].__setitem__("content", "changed"),
    "a column": lambda pair: pair.columns.__setitem__("words", []),
    "a list in a column": lambda pair: pair.columns["words"].append("changed"),
    "the order of a list": lambda pair: pair.columns["words"].sort(),
    "an object in a column": lambda pair: pair.columns["about"].pop("mood"),
    "a list in an object": lambda pair: pair.columns["about"]["notes"].clear(),
    "the pair": lambda pair: setattr(pair, "prompt", "changed"),
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_a_function_that_changes_what_others_see_has_a_fault_and_they_see_what_was_there(pairs, attempt):
    @labeling_function(columns=["words", "about"])
    def changes(pair):
        attempt(pair)
        return 0

    seen = []

    @labeling_function(columns=["words", "about"])
    def reads(pair):
        seen.append((pair.prompt, list(pair.messages), dict(pair.columns)))
        return 1

    votes = apply([changes, reads], pairs)
    assert [(fault.lf, fault.kind) for fault in votes.faults] == [("changes", "raised")] * 3
    expected = ("Is it?", TURNS[:1], {"words": ["good", "better"], "about": SHARED["about"]})
    assert seen == [expected] * 3


BATCH_ATTEMPTS = {
    "texts": lambda column: column.texts.sort(),
    "rows": lambda column: column.indices.__setitem__(0, 1),
}


@pytest.mark.parametrize("attempt", BATCH_ATTEMPTS.values(), ids=BATCH_ATTEMPTS)
def test_a_batch_scorer_cannot_change_the_column(pairs, attempt):
    @response_scorer(batch=True)
    def changes(response, prompt):
        attempt(response)
        return [0.0] * len(response)

    @response_scorer
    def reads(response, prompt):
        return len(response)

    votes = apply([changes, reads], pairs)
    assert {fault.lf for fault in votes.faults} == {"changes"}
    assert votes.select(["reads"]).L.tolist() == [[0]] * 3


def test_a_series_is_a_view_of_ones_own(pairs):
    @response_scorer(batch=True)
    def changes(response):
        response.series[0] = "a text that is much longer"
        return [0.0] * len(response)

    @response_scorer(batch=True)
    def reads(response):
        return response.series.str.len_chars()

    assert apply([changes, reads], pairs).select(["reads"]).L.tolist() == [[0]] * 3


@pytest.mark.parametrize("value", [TURNS, SHARED["about"]])
def test_a_copy_can_be_changed_and_what_is_shared_is_json_as_ever(pairs, value):
    from weaklabel.types.frozen import frozen

    shared = frozen(value)
    assert (shared, json.dumps(shared)) == (value, json.dumps(value))
    assert isinstance(shared, type(value))
    for made in (copy.copy(shared), copy.deepcopy(shared), pickle.loads(pickle.dumps(shared))):
        assert (made, type(made)) == (value, type(value))
