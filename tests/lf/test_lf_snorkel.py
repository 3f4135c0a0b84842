"""Functions as Snorkel makes them, first as look-alikes that need no torch, then the real ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from made_pairs import made_pairs

from weaklabel.errors import (
    ArgumentError,
    DiscoveryError,
    LabelingFunctionError,
    MissingExtraError,
    UnknownNameError,
    VoteError,
)
from weaklabel.lf.checks import check_labeling_function
from weaklabel.lf.discovery import load_lfs
from weaklabel.lf.snorkel import from_snorkel, load_snorkel, position_dependent_share
from weaklabel.lf.writing import labeling_function
from weaklabel.types import ABSTAIN, Pair

PAIR = Pair("p", "Hi", "Hello there", "Hey")  # type: ignore[arg-type]


class LookAlike:
    """A name and a call, as a Snorkel labeling function has."""

    def __init__(self, f: Callable[[Any], Any], name: str = "old") -> None:
        self.name, self._f = name, f

    def __call__(self, x: Any) -> Any:
        return self._f(x)


def longer(x: Any) -> int:
    a, b = len(x.response_a), len(x.response_b)
    return -1 if a == b else 1 if a > b else 2


OLD_LFS = [LookAlike(longer, "longer"), LookAlike(lambda x: 1, "first")]


def test_votes_are_mapped_to_ours() -> None:
    [lf] = from_snorkel(LookAlike(longer))
    assert [lf(PAIR), lf(PAIR.swapped())] == [0, 1]
    [other_way] = from_snorkel(LookAlike(longer), votes={1: "b", 2: "a"})
    assert [other_way(PAIR), other_way(PAIR.swapped())] == [1, 0]


def test_minus_one_abstains_and_so_does_what_is_mapped_to_abstain() -> None:
    assert from_snorkel(LookAlike(lambda x: -1))[0](PAIR) == ABSTAIN
    zero = from_snorkel(LookAlike(lambda x: 0), votes={1: "a", 2: "b", 0: "abstain"})[0]
    assert zero(PAIR) == ABSTAIN


def test_minus_one_can_be_given_another_meaning() -> None:
    def signed(x: Any) -> int:
        return 1 if len(x.response_a) > len(x.response_b) else -1

    [lf] = from_snorkel(LookAlike(signed), votes={1: "a", -1: "b"})
    assert [lf(PAIR), lf(PAIR.swapped())] == [0, 1]


@pytest.mark.parametrize("value", [0, 3, None, True, 1.0, "a"])
def test_a_vote_that_the_map_does_not_name_is_a_fault(value: object) -> None:
    [lf] = from_snorkel(LookAlike(lambda x: value))
    [fault] = lf.vote_all([PAIR]).faults
    assert str(fault).startswith(f"'old' returned {value!r} for pair 'p'. Its votes are 1 (a), 2 (b) and -1")
    with pytest.raises(VoteError, match="Name every other vote"):
        lf(PAIR)


def test_a_vote_on_the_position_is_an_abstain_and_is_counted() -> None:
    def longer_else_first(x: Any) -> int:
        return 2 if len(x.response_b) > len(x.response_a) else 1

    lfs = from_snorkel([LookAlike(longer_else_first), *OLD_LFS])
    pairs = made_pairs([("same", "size"), ("x", "longer"), ("longer", "x"), ("even", "here")])
    assert lfs[0].vote_all(list(pairs)).votes.tolist() == [-1, 1, 0, -1]
    assert position_dependent_share(lfs, pairs) == {"old": 0.5, "longer": 0.0, "first": 1.0}


def test_a_vote_in_one_order_only_is_an_abstain_in_both() -> None:
    [lf] = from_snorkel(LookAlike(lambda x: 2 if len(x.response_b) > len(x.response_a) else -1))
    assert [lf(PAIR), lf(PAIR.swapped())] == [ABSTAIN, ABSTAIN]
    assert position_dependent_share([lf], made_pairs([("x", "yy"), ("z", "z")])) == {"old": 1.0}


def test_position_dependence_is_asked_of_snorkel_functions_only() -> None:
    first = labeling_function(name="first")(lambda pair: 0)
    assert position_dependent_share([first], made_pairs([("x", "y")])) == {}


def test_every_adapted_function_keeps_the_contract() -> None:
    for lf in from_snorkel(OLD_LFS):
        assert check_labeling_function(lf) == []


def test_the_data_point_is_a_pandas_series_with_fields_as_attributes() -> None:
    import pandas as pd

    seen: list[Any] = []
    from_snorkel(LookAlike(lambda x: seen.append(x) or -1))[0](PAIR)
    assert isinstance(seen[0], pd.Series)
    assert (seen[0].id, seen[0].prompt, seen[1].response_a) == ("p", "Hi", "Hey")
    assert seen[0]["response_a"] == "Hello there"
    assert all(type(value) is str for value in seen[0])  # compiled tokenisers refuse subclasses


def test_fields_can_have_the_names_that_the_function_knows() -> None:
    def old(x: Any) -> int:
        return 1 if len(x.answer_0) > len(x.answer_1) and x.topic == "chat" else 2

    pairs = made_pairs([("long one", "x")] * 2, columns={"category": ["chat", "code"]})
    columns = {"answer_0": "response_a", "answer_1": "response_b", "topic": "category"}
    [lf] = from_snorkel(LookAlike(old), columns=columns)
    assert lf.columns == ("category",)
    assert lf.vote_all(list(pairs.iter_pairs(lf.columns))).votes.tolist() == [0, -1]


def test_score_columns_named_in_a_list_change_places_with_the_texts() -> None:
    pairs = made_pairs([("x", "y")] * 2, columns={"score_a": [1.0, 2.0], "score_b": [3.0, 0.0]})
    [lf] = from_snorkel(
        LookAlike(lambda x: 1 if x.score_a > x.score_b else 2), columns=["score_a", "score_b"]
    )
    assert lf.vote_all(list(pairs.iter_pairs(lf.columns))).votes.tolist() == [1, 0]


def test_nothing_of_the_source_is_seen_unless_it_is_named() -> None:
    pairs = made_pairs([("x", "y")], gold=["b"], columns={"label": [1]})
    [lf] = from_snorkel(LookAlike(lambda x: x.label))
    [fault] = lf.vote_all(list(pairs.iter_pairs(lf.columns))).faults
    assert fault.exception == "AttributeError"


def test_what_it_raises_is_a_fault_with_its_pair() -> None:
    [lf] = from_snorkel(LookAlike(lambda x: 1 // 0))
    [fault] = lf.vote_all([PAIR]).faults
    assert (fault.lf, fault.pair_id) == ("old", "p")
    assert str(fault).startswith("'old' raised ZeroDivisionError")


def test_an_applier_gives_its_functions() -> None:
    class Applier:
        _lfs = OLD_LFS

    assert [lf.name for lf in from_snorkel(Applier())] == ["longer", "first"]


def test_a_plain_function_is_refused_with_what_to_do() -> None:
    with pytest.raises(LabelingFunctionError, match=r"item 1 is <function longer.*@labeling_function\(\)"):
        from_snorkel([OLD_LFS[0], longer])


def test_one_of_ours_is_refused() -> None:
    with pytest.raises(LabelingFunctionError, match="'mine' is ours already"):
        from_snorkel([labeling_function(name="mine")(lambda pair: 0)])


@pytest.mark.parametrize(
    "votes", [{}, {1: "a"}, {1: "A", 2: "B"}, {"one": "a", "two": "b"}, {1: "a", 2: "b", 3: "tie"}]
)
def test_a_vote_map_names_an_a_and_a_b(votes: dict[Any, str]) -> None:
    with pytest.raises(LabelingFunctionError, match="Map whole numbers to 'a', 'b' or 'abstain'"):
        from_snorkel(OLD_LFS, votes=votes)


def test_columns_as_one_string_are_refused() -> None:
    with pytest.raises(ArgumentError, match="columns is 'topic'"):
        from_snorkel(OLD_LFS, columns="topic")


def test_a_file_is_loaded_by_path_and_its_spec_finds_each_function_again(tmp_path: Path) -> None:
    file = write_old_lfs(tmp_path)
    lfs = load_snorkel(f"{file}:LFS", votes={"1": "a", "2": "b"})
    assert [lf.name for lf in lfs] == ["longer", "thanks"]
    source, _, name = (lfs[1].spec or "").rpartition("::")
    assert name == "thanks"
    again = {lf.name: lf for lf in load_lfs(source)}
    assert again["longer"](PAIR) == lfs[0](PAIR) == 0
    assert again["thanks"].spec == lfs[1].spec


def test_discovery_finds_a_snorkel_function_by_its_spec(tmp_path: Path) -> None:
    made = load_snorkel(f"{write_old_lfs(tmp_path)}:LFS", votes={2: "a", 1: "b"})[0]
    [again] = load_lfs(made.spec or "")
    assert (again.name, again(PAIR)) == ("longer", 1)


def test_functions_of_an_importable_module_can_be_found_by_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_old_lfs(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    import old_lfs  # type: ignore[import-not-found]

    [lf] = from_snorkel(old_lfs.longer)
    assert json.loads((lf.spec or "").removeprefix("snorkel:").rpartition("::")[0])["use"] == "old_lfs:longer"
    assert load_snorkel("old_lfs:LFS")[0].family == "old_lfs"
    sys.modules.pop("old_lfs")


def test_a_function_from_a_notebook_cell_has_no_spec() -> None:
    assert from_snorkel(OLD_LFS)[1].spec is None


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("old_lfs", "Write module:NAME or file.py:NAME"),
        ("no_such_module_at_all:LFS", "importing 'no_such_module_at_all' failed: ModuleNotFoundError"),
        ("json:LFS", "no object in json:LFS 'LFS'. Known: JSONDecodeError"),
    ],
)
def test_a_use_that_leads_nowhere_says_why(use: str, message: str) -> None:
    with pytest.raises((DiscoveryError, UnknownNameError), match=message):
        load_snorkel(use)


def test_a_broken_spec_says_what_one_looks_like() -> None:
    with pytest.raises(DiscoveryError, match=r'Write snorkel:{"use": "module:NAME"'):
        load_lfs("snorkel:{]")


def test_missing_snorkel_is_named_with_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "snorkel", None)
    monkeypatch.setitem(sys.modules, "snorkel.labeling", None)
    file = tmp_path / "needs_it.py"
    file.write_text("from snorkel.labeling import labeling_function\n")
    with pytest.raises(MissingExtraError, match=r"needs the 'snorkel' extra"):
        load_snorkel(f"{file}:LFS")


def test_settings_that_change_votes_are_parameters() -> None:
    one, two = from_snorkel(OLD_LFS[:1])[0], from_snorkel(OLD_LFS[:1], votes={1: "b", 2: "a"})[0]
    assert one.parameters != two.parameters
    assert json.dumps(one.parameters) == json.dumps(from_snorkel(OLD_LFS[:1])[0].parameters)


def write_old_lfs(folder: Path) -> Path:
    """A module that looks as if Snorkel had made its functions, and needs no Snorkel."""
    file = folder / "old_lfs.py"
    file.write_text(
        "class Old:\n"
        "    def __init__(self, f):\n"
        "        self.name, self._f = f.__name__, f\n"
        "    def __call__(self, x):\n"
        "        return self._f(x)\n"
        "@Old\n"
        "def longer(x):\n"
        "    a, b = len(x.response_a), len(x.response_b)\n"
        "    return -1 if a == b else 1 if a > b else 2\n"
        "@Old\n"
        "def thanks(x):\n"
        "    a, b = 'thank' in x.response_a, 'thank' in x.response_b\n"
        "    return -1 if a == b else 1 if a else 2\n"
        "LFS = [longer, thanks]\n"
    )
    return file


@pytest.fixture
def snorkel_labeling() -> ModuleType:
    pytest.importorskip("torch")
    return pytest.importorskip("snorkel.labeling")  # type: ignore[no-any-return]


@pytest.mark.trains
def test_a_real_snorkel_function_works_unchanged_with_its_preprocessor_and_resources(
    snorkel_labeling: Any,
) -> None:
    preprocess = pytest.importorskip("snorkel.preprocess")
    calls = []

    @preprocess.preprocessor(memoize=True)
    def counted(x: Any) -> Any:
        calls.append(x.id)
        x.n_a, x.n_b = len(x.response_a.split()), len(x.response_b.split())
        return x

    @snorkel_labeling.labeling_function(pre=[counted], resources={"gap": 1})
    def more_words(x: Any, gap: int) -> int:
        return -1 if abs(x.n_a - x.n_b) < gap else 1 if x.n_a > x.n_b else 2

    [lf] = from_snorkel(more_words)
    pairs = list(made_pairs([("one two three", "one"), ("one", "one two"), ("one", "two")]))
    assert lf.vote_all(pairs).votes.tolist() == [0, 1, -1]
    assert lf.vote_all(pairs).faults == ()
    assert len(calls) == 6  # both orders, each remembered by Snorkel under its own key
    assert pairs[0].response_a == "one two three"


@pytest.mark.trains
def test_a_real_applier_and_ours_agree_on_the_same_table(snorkel_labeling: Any) -> None:
    @snorkel_labeling.labeling_function()
    def longer_wins(x: Any) -> int:
        return longer(x)

    pairs = made_pairs([("x" * (i % 5), "y" * (i % 3)) for i in range(30)])
    applier = snorkel_labeling.PandasLFApplier([longer_wins])
    theirs = applier.apply(pairs.to_pandas(), progress_bar=False)[:, 0]
    [lf] = from_snorkel(applier)
    assert [{0: 1, 1: 2, -1: -1}[v] for v in lf.vote_all(list(pairs)).votes.tolist()] == theirs.tolist()


@pytest.mark.trains
def test_a_real_function_that_votes_on_the_position_is_caught(snorkel_labeling: Any) -> None:
    @snorkel_labeling.labeling_function()
    def first_if_it_asks(x: Any) -> int:
        return 1 if "?" in x.response_a else -1

    [lf] = from_snorkel([first_if_it_asks])
    pairs = made_pairs([("why?", "no"), ("yes", "no"), ("why?", "how?")])
    assert lf.vote_all(list(pairs)).votes.tolist() == [-1, -1, -1]
    assert position_dependent_share([lf], pairs) == {"first_if_it_asks": 1.0}


@pytest.mark.trains
def test_the_code_of_a_preprocessor_is_part_of_the_parameters(snorkel_labeling: Any) -> None:
    preprocess = pytest.importorskip("snorkel.preprocess")

    @preprocess.preprocessor()
    def upper(x: Any) -> Any:
        x.response_a = x.response_a.upper()
        return x

    @preprocess.preprocessor()
    def lower(x: Any) -> Any:
        x.response_a = x.response_a.lower()
        return x

    def adapted(pre: Any) -> Any:
        return from_snorkel(snorkel_labeling.LabelingFunction("f", longer, pre=[pre]))[0].parameters

    assert adapted(upper) != adapted(lower)
    assert adapted(upper) == adapted(upper)
