"""The labeler: what it says is antisymmetric, explained, honest about its calibration, and survives the disk."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from weaklabel.calibration import Platt
from weaklabel.engine.apply import apply
from weaklabel.errors import (
    ArgumentError,
    ArtifactError,
    ConfigError,
    LabelMatrixError,
    ShiftWarning,
    UnknownNameError,
)
from weaklabel.label_models.k_class.dawid_skene import DawidSkene
from weaklabel.label_models.pair.mixture import Weights
from weaklabel.label_models.pair.model import PairModel
from weaklabel.labeler import Labeler, fit
from weaklabel.lf import load_lfs, response_scorer
from weaklabel.lf.core import LabelingFunction, ResponseScorer
from weaklabel.lf.discovery import fingerprint
from weaklabel.types import Pair, Pairs

pytestmark = pytest.mark.same_everywhere


LF_FILE = '''
from weaklabel.lf import labeling_function, response_scorer, ABSTAIN

@response_scorer
def good_words(response):
    """Counts the word that people like."""
    return response.count("good")

@response_scorer(prefer="less", min_gap=1)
def bad_words(response):
    return response.count("bad")

@labeling_function
def ends_well(pair):
    a, b = pair.response_a.endswith("."), pair.response_b.endswith(".")
    return ABSTAIN if a == b else int(b)
'''


@pytest.fixture
def lfs(tmp_path: Path) -> list[LabelingFunction]:
    (tmp_path / "words.py").write_text(LF_FILE)
    return load_lfs(str(tmp_path / "words.py"))


def make_pairs(n: int = 300, gold: int = 200, part: str = "dev", seed: int = 0, noise: float = 0.2) -> Pairs:
    """Pairs in which the response with more "good" and less "bad" wins, but for `noise` of the gold."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, size=(n, 4))
    texts = [
        (f"good {' good' * g1}{' bad' * b1} a{i}.", f"good {' good' * g2}{' bad' * b2} b{i}")
        for i, (g1, b1, g2, b2) in enumerate(counts)
    ]
    pairs = Pairs.of([Pair(f"p{i}", f"prompt {i}", a, b) for i, (a, b) in enumerate(texts)])
    better = counts[:, 2] - counts[:, 3] > counts[:, 0] - counts[:, 1]
    turned = rng.random(n) < noise
    values = [
        ("b" if w != t else "a") if i < gold else None
        for i, (w, t) in enumerate(zip(better, turned, strict=True))
    ]
    table = pairs.table.set_column(5, pairs.table.schema.field("gold"), pa.array(values, pa.string()))
    parts = [part if i < gold else "pool" for i in range(n)]
    return Pairs(table.set_column(6, table.schema.field("part"), pa.array(parts, pa.string())))


@pytest.fixture(scope="module")
def labeler(tmp_path_factory: pytest.TempPathFactory) -> Labeler:
    """A labeler of these functions fitted to `make_pairs()`, for tests that only ask it or save it."""
    file = tmp_path_factory.mktemp("labeler") / "words.py"
    file.write_text(LF_FILE)
    return fit(load_lfs(str(file)), make_pairs())


def test_with_gold_it_is_calibrated_and_beats_chance_out_of_fold(labeler: Labeler) -> None:
    assert labeler.calibrated
    assert labeler.out_of_fold["accuracy"].low > 0.55


def test_labels_flip_exactly_when_pairs_are_turned_round(lfs: list[LabelingFunction]) -> None:
    pairs = make_pairs()
    for model in ("pair_model", "majority_vote", "dawid_skene"):
        labeler = fit(lfs, pairs, model=model)
        assert (labeler.label(pairs.swapped()).logit == -labeler.label(pairs).logit).all()
        assert (labeler.compare(pairs.swapped()) == 1 - labeler.compare(pairs)).all()


def test_comparing_works_out_no_reasons(labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs()
    expected = labeler.label(pairs).p
    monkeypatch.setattr(
        "weaklabel.labeler.asking.antisymmetric_shares", lambda *a: pytest.fail("it was asked for reasons")
    )
    assert (labeler.compare(pairs) == expected).all()


def test_log_odds_of_the_reasons_add_up_to_the_logit(labeler: Labeler) -> None:
    labels = labeler.label(make_pairs())
    for pair_id in ("p0", "p7", "p299"):
        reasons = labels.explain(pair_id)
        assert sum(r.log_odds or 0.0 for r in reasons.reasons) == pytest.approx(reasons.logit, abs=1e-9)


def test_one_pair_is_explained_as_in_the_batch(labeler: Labeler) -> None:
    pairs = make_pairs()
    pair = next(iter(pairs))
    assert labeler.explain(pair).logit == labeler.label(pairs).explain("p0").logit


def test_without_gold_everything_runs_and_says_that_it_is_not_calibrated(lfs: list[LabelingFunction]) -> None:
    pairs = make_pairs(gold=0)
    labeler = fit(lfs, pairs)
    labels = labeler.label(pairs)
    assert not labels.calibrated
    assert "0 gold pairs" in labeler.notes[0]
    assert "a fifth of the answer is the mere count of votes" in labeler.notes[1]
    assert np.isfinite(labels.logit).all()


def test_gold_of_one_class_is_enough_because_a_pair_has_no_direction(lfs: list[LabelingFunction]) -> None:
    pairs = make_pairs()
    one_way = pairs.take(pairs.y == 1.0)
    assert fit(lfs, one_way).calibrated


def test_locked_test_gold_changes_nothing(lfs: list[LabelingFunction]) -> None:
    dev, locked = make_pairs(200, 200), make_pairs(200, 200, part="test", seed=1, noise=1.0)
    renamed = locked.table.set_column(0, locked.table.schema.field("id"), [[f"t{i}" for i in range(200)]])
    both = Pairs(pa.concat_tables([dev.table, renamed]))
    assert fit(lfs, both).model.to_dict() == fit(lfs, dev).model.to_dict()


def test_gold_that_was_fitted_on_is_marked_in_sample(labeler: Labeler) -> None:
    assert labeler.label(make_pairs(300, 200)).in_sample.sum() == 200


def test_pairs_on_which_no_lf_votes_weigh_nothing(labeler: Labeler) -> None:
    labels = labeler.label(Pairs.of([Pair("same", "q", "x y", "y x"), Pair("other", "q", "good.", "bad")]))
    assert labels.w.tolist() == [0.0, 1.0]
    assert labels.p[0] == 0.5


def test_saved_and_loaded_it_says_the_same_to_the_bit(labeler: Labeler, tmp_path: Path) -> None:
    pairs = make_pairs()
    labeler.save(tmp_path / "labeler")
    again = Labeler.load(tmp_path / "labeler", labeler.lfs)
    assert (again.label(pairs).logit == labeler.label(pairs).logit).all()
    assert dict(again.out_of_fold) == dict(labeler.out_of_fold)


def test_a_comment_in_the_file_of_an_lf_changes_no_labeler(
    lfs: list[LabelingFunction], tmp_path: Path
) -> None:
    fit(lfs, make_pairs()).save(tmp_path / "labeler")
    (tmp_path / "words.py").write_text("# a comment\n" + LF_FILE + "\nUNUSED = 3\n")
    edited = load_lfs(str(tmp_path / "words.py"))
    assert len(Labeler.load(tmp_path / "labeler", edited).lfs) == len(lfs)


def test_a_changed_lf_is_noticed_on_loading(lfs: list[LabelingFunction], tmp_path: Path) -> None:
    fit(lfs, make_pairs()).save(tmp_path / "labeler")
    (tmp_path / "words.py").write_text(LF_FILE.replace('count("good")', 'count("fine")'))
    edited = load_lfs(str(tmp_path / "words.py"))
    with pytest.raises(ArtifactError, match="changed since the labeler was fitted") as told:
        Labeler.load(tmp_path / "labeler", edited)
    for version in (fingerprint(lfs[0]), fingerprint(edited[0])):
        assert version is not None
        assert version[:12] in str(told.value)
    assert Labeler.load(tmp_path / "labeler", edited, allow_changed=True).lfs[0] == edited[0]


def test_an_lf_without_a_file_cannot_be_saved(tmp_path: Path) -> None:
    length = response_scorer(len, name="length")
    labeler = fit([length], make_pairs())
    with pytest.raises(ArtifactError, match="'length' lives only in this process"):
        labeler.save(tmp_path / "labeler")


def test_votes_of_other_pairs_are_refused(labeler: Labeler) -> None:
    pairs = make_pairs()
    votes = apply(labeler.lfs, pairs.take(np.arange(10)))
    with pytest.raises(LabelMatrixError, match="other pairs"):
        labeler.label(pairs, votes=votes)


def test_no_lfs_is_a_plain_error() -> None:
    with pytest.raises(ArgumentError, match="lfs is empty"):
        fit([], make_pairs())


def test_an_lf_whose_settings_were_changed_in_memory_comes_back_changed(
    lfs: list[LabelingFunction], tmp_path: Path
) -> None:
    eager = [lf.with_settings(min_gap=2) if isinstance(lf, ResponseScorer) else lf for lf in lfs]
    labeler = fit(eager, make_pairs())
    labeler.save(tmp_path / "labeler")
    # The file's own have other thresholds: code is the caller's, numbers are the labeler's.
    assert Labeler.load(tmp_path / "labeler", lfs).lfs == labeler.lfs


def test_the_identity_calibrates_nothing_and_says_so(lfs: list[LabelingFunction]) -> None:
    pairs = make_pairs()
    labeler = fit(lfs, pairs, calibration="identity")
    assert not labeler.label(pairs).calibrated
    assert "switched off" in labeler.notes[0]


def test_a_misspelt_calibrator_is_an_error_without_gold_too(lfs: list[LabelingFunction]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'temperature'"):
        fit(lfs, make_pairs(gold=0), calibration="temprature")


def test_settings_beside_a_made_model_are_refused_not_ignored(lfs: list[LabelingFunction]) -> None:
    with pytest.raises(ConfigError, match="max_iter came with a label model that has its settings"):
        fit(lfs, make_pairs(), model=DawidSkene(), settings={"max_iter": 3})


def test_reasons_stay_small_and_add_up_where_votes_nearly_cancel() -> None:
    # Platt's step is worth .5 however faint the logit; two LFs of weight 2 disagree and leave a logit of .001.
    model = PairModel.from_dict(PairModel().fit([[1, 1], [0, 0]]).to_dict())
    model.weights_ = Weights({"votes": np.array([2.0, 1.999])})
    texts = {"x": "1", "yy": "2"}
    lfs = (
        response_scorer(lambda r: len(r.text), name="longer"),
        response_scorer(lambda r: -len(r.text), name="shorter"),
    )
    labeler = Labeler(lfs, model, Platt.from_dict({"slope": 1.0, "step": 0.5}))
    found = labeler.explain(Pair("p", "q", *texts))
    shares = [reason.log_odds or 0.0 for reason in found.reasons]
    assert abs(found.logit) > 0.5
    assert sum(shares) == pytest.approx(found.logit, abs=1e-12)
    assert max(map(abs, shares)) < 3.0


def test_votes_that_repeat_an_id_are_refused(lfs: list[LabelingFunction]) -> None:
    pairs = make_pairs()
    same = pairs.table.set_column(0, pairs.table.schema.field("id"), pa.array(["same"] * 300))
    twice = Pairs(same)
    with pytest.raises(LabelMatrixError, match="299 votes repeat an id"):
        fit(lfs, twice, votes=apply(lfs, twice))


def edited(state: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The state with one value replaced, or taken out where `value` is None."""
    *above, last = path.split(".")
    where = state
    for key in above:
        where = where[int(key)] if isinstance(where, list) else where[key]
    if value is None:
        del where[last]
    else:
        where[last] = value
    return state


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("lfs", None, "no whole labeler"),
        ("inputs", None, "no whole labeler"),
        ("calibrator", None, "no whole labeler"),
        ("calibrator.name", None, "has no 'name'"),
        ("calibrator", {"name": "temperature", "factor": "x"}, "cannot be read"),
        ("calibrator", {"name": "temperature", "factor": float("nan")}, "it holds NaN"),
        ("model", "x", "no whole labeler"),
        ("model.prior", ["x"], "no whole labeler"),
        ("out_of_fold_p", ["x"], "no whole labeler"),
        ("lfs.0.spec", None, "no whole labeler"),
        ("lfs.0.colour", "red", "no whole labeler"),
        ("kind", "reward:linear", "holds no labeler"),
    ],
)
def test_an_edited_labeler_is_refused_in_one_sentence(
    labeler: Labeler, tmp_path: Path, path: str, value: Any, words: str
) -> None:
    labeler.save(tmp_path)
    state = json.loads((tmp_path / "labeler.json").read_text())
    (tmp_path / "labeler.json").write_text(json.dumps(edited(state, path, value)))
    with pytest.raises(ArtifactError, match=words):
        Labeler.load(tmp_path, labeler.lfs)


def test_a_labeler_of_an_older_version_loads_or_is_refused_in_one_sentence(
    lfs: list[LabelingFunction], tmp_path: Path
) -> None:
    """The first version kept no ties, reference or out-of-fold beliefs, and one vector of weights in `pair_model`."""
    pairs = make_pairs()
    for model in ("moments", "pair_model"):
        fit(lfs, pairs, model=model).save(tmp_path / model)
        state = json.loads((tmp_path / model / "labeler.json").read_text())
        for key in ("seal", "ties", "reference", "out_of_fold_p", "intervals"):
            del state[key]
        if model == "pair_model":
            kept = {key: state["model"][key] for key in ("name", "scale", "prior")}
            state["model"] = kept | {"seed": 0, "weights": kept["prior"], "hold": None}
        (tmp_path / model / "labeler.json").write_text(json.dumps(state))
    assert Labeler.load(tmp_path / "moments", lfs).label(pairs).p_tie is None
    with pytest.raises(ArtifactError, match=r"saved by another version\. Fit and save it again"):
        Labeler.load(tmp_path / "pair_model", lfs)


def test_a_model_that_no_registry_knows_cannot_be_saved(lfs: list[LabelingFunction], tmp_path: Path) -> None:
    class Mine(DawidSkene):
        name = "mine"

    with pytest.raises(ArtifactError, match="'mine' is not in LABEL_MODELS"):
        fit(lfs, make_pairs(), model=Mine()).save(tmp_path)


def test_functions_known_to_depend_on_each_other_are_declared_by_name(lfs: list[LabelingFunction]) -> None:
    names = [lf.name for lf in lfs[:2]]
    labeler = fit(lfs, make_pairs(), settings={"declared": [names]})
    assert labeler.model.to_dict()["settings"]["declared"] == [[0, 1]]
    with pytest.raises(UnknownNameError, match="no labeling function 'nobody'"):
        fit(lfs, make_pairs(), settings={"declared": [["nobody", names[0]]]})


@pytest.mark.parametrize("flat", [["good_words", "bad_words"], [0, 1]])
def test_declared_functions_come_in_groups(lfs: list[LabelingFunction], flat: list[Any]) -> None:
    with pytest.raises(ConfigError, match=r"declared holds .* Allowed: groups"):
        fit(lfs, make_pairs(), settings={"declared": flat})


def test_gold_that_was_fitted_to_keeps_its_out_of_fold_belief_through_a_file(
    labeler: Labeler, tmp_path: Path
) -> None:
    assert labeler.out_of_fold_p.keys() == labeler.gold_ids
    labeler.save(tmp_path)
    assert Labeler.load(tmp_path, labeler.lfs).out_of_fold_p == labeler.out_of_fold_p


def with_ties(pairs: Pairs, decided: int) -> Pairs:
    """The pairs with all gold but the first `decided` turned into ties."""
    gold = [g if g is None or i < decided else "tie" for i, g in enumerate(pairs.table["gold"].to_pylist())]
    at = pairs.table.column_names.index("gold")
    return Pairs(pairs.table.set_column(at, "gold", pa.array(gold, pa.string())))


@pytest.mark.parametrize("model", ["pair_model", "majority_vote", "auto"])
def test_ties_alone_as_gold_teach_no_direction_and_calibrate_nothing(
    lfs: list[LabelingFunction], model: str
) -> None:
    tied = with_ties(make_pairs(), decided=0)
    labeler = fit(lfs, tied, model=model)
    assert not labeler.label(tied).calibrated
    assert "all 200 gold pairs are ties, and a tie teaches no direction" in labeler.notes[0]
    assert not labeler.gold_ids
    without = fit(lfs, make_pairs(gold=0), model=model)
    assert (labeler.label(tied).p == without.label(tied).p).all()


def test_ties_do_not_make_up_for_too_few_decided_gold_pairs(lfs: list[LabelingFunction]) -> None:
    labeler = fit(lfs, with_ties(make_pairs(), decided=19), model="majority_vote")
    assert not labeler.calibrated
    assert "19 decided gold pairs beside 181 ties on 19 prompts, at least 20 on 5" in labeler.notes[0]
    assert fit(lfs, with_ties(make_pairs(), decided=20), model="majority_vote").calibrated


def test_ties_in_gold_give_a_probability_of_a_tie(lfs: list[LabelingFunction], tmp_path: Path) -> None:
    pairs = make_pairs()
    gold = [g if g is None or i % 4 else "tie" for i, g in enumerate(pairs.table["gold"].to_pylist())]
    at = pairs.table.column_names.index("gold")
    tied = Pairs(pairs.table.set_column(at, "gold", pa.array(gold)))
    labeler = fit(lfs, tied)
    labels = labeler.label(tied)
    assert labels.p_tie is not None
    assert labels.p_tie.mean() == pytest.approx(0.25, abs=0.1)
    assert (labels.p_tie / 2 <= np.minimum(labels.p, 1 - labels.p) + 1e-12).all()
    assert "p_tie" in labels.to_table().column_names
    labeler.save(tmp_path)
    assert (Labeler.load(tmp_path, lfs).label(tied).p_tie == labels.p_tie).all()
    assert fit(lfs, pairs).label(pairs).p_tie is None


def test_labels_carry_the_interval_that_gold_leaves_open(
    labeler: Labeler, lfs: list[LabelingFunction], tmp_path: Path
) -> None:
    pairs = make_pairs(seed=3)
    labels = labeler.label(pairs)
    ends = labeler.interval(pairs)
    assert (np.column_stack([labels.p_low, labels.p_high]) == ends).all()
    assert ((ends[:, 0] <= labels.p) & (labels.p <= ends[:, 1])).all()
    assert (labeler.interval(pairs.swapped()) == 1 - ends[:, ::-1]).all()
    labeler.save(tmp_path)
    assert (Labeler.load(tmp_path, labeler.lfs).interval(pairs) == ends).all()
    few = fit(lfs, make_pairs(gold=30)).interval(pairs)
    assert np.diff(few).mean() > 1.2 * np.diff(ends).mean()  # less gold leaves more open


def test_labels_that_are_not_calibrated_have_no_interval(lfs: list[LabelingFunction]) -> None:
    labeler = fit(lfs, make_pairs(), calibration="none")
    labels = labeler.label(make_pairs())
    assert (labels.p_low, labels.p_high) == (None, None)
    assert np.isnan(labeler.interval(make_pairs())).all()
    assert labels.to_table()["p_high"].null_count == len(labels)


def test_pairs_unlike_those_it_was_fitted_on_are_told_of(labeler: Labeler) -> None:
    texts = [("tell me", "zzz " * (40 + i), "zzz " * (80 + i)) for i in range(200)]
    other = Pairs.of([Pair(f"o{i}", f"{p} {i}", a, b) for i, (p, a, b) in enumerate(texts)])
    with pytest.warns(ShiftWarning):
        labeler.label(other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labeler.label(make_pairs())


def test_what_is_known_of_the_pairs_is_not_worked_out_again(lfs: list[LabelingFunction]) -> None:
    pairs = make_pairs()
    one = fit(lfs, pairs)
    other = fit(lfs, pairs, model="majority_vote", reference=one.reference)
    assert other.reference is one.reference
    anew = fit(lfs, pairs, model="majority_vote").reference
    assert anew is not None
    assert one.reference is not None
    assert anew.to_dict() == one.reference.to_dict()
