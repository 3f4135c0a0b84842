"""Every rule has a function that breaks it alone; a sound set of functions is silent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_pairs import made_pairs

from weaklabel.errors import ConfigError, DataError, GoldError, UnknownNameError
from weaklabel.lf.builders import pattern_scorer
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.discovery import load_lfs
from weaklabel.lf.snorkel import from_snorkel
from weaklabel.lf.writing import labeling_function, response_scorer
from weaklabel.types import ABSTAIN, Pair, Pairs
from weaklabel.workbench.check import Checked, check
from weaklabel.workbench.rules import explain_rule

N = 120


@pytest.fixture(autouse=True)
def gold_without_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gold of these pairs is made by length, so that a sound function may be right every time."""
    monkeypatch.setattr("weaklabel.workbench.rules.TOO_GOOD", 1.01)


def drawn_pairs(n: int = N, seed: int = 0, **settings: Any) -> Pairs:
    """Responses of random length and a random share of `!`; gold prefers the longer one."""
    rng = np.random.default_rng(seed)
    texts = [tuple(f"{'w ' * rng.integers(1, 50)}{'!' * rng.integers(3)}{i}" for _ in "ab") for i in range(n)]
    gold = ["b" if len(b) > len(a) else "a" for a, b in texts]
    return made_pairs(texts, gold=gold, **settings)  # type: ignore[arg-type]


@response_scorer
def longer(response: str) -> int:
    return len(response)


@response_scorer(prefer="less")
def shorter(response: str) -> int:
    return len(response)


@response_scorer
def exclaims(response: str) -> int:
    return response.count("!")


def codes(*lfs: LabelingFunction, pairs: Pairs | None = None, **settings: Any) -> list[tuple[str, str]]:
    report = check(lfs, drawn_pairs() if pairs is None else pairs, **settings)
    return [(finding.lf, finding.code) for finding in report.findings]


def voting(fn: Any, name: str = "odd", **settings: Any) -> LabelingFunction:
    return labeling_function(name=name, **settings)(fn)


class Clock:
    """Time as the functions under test spend it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def spend(self, name: str, ms: Sequence[float]) -> LabelingFunction:
        """A function that votes for the longer response; a pass costs `ms` a pair, the last value for ever."""
        left = list(ms)

        def batch(response: Any) -> Any:
            per_response = (left.pop(0) if len(left) > 1 else left[0]) / 2000
            self.now += per_response * len(response)
            return response.series.str.len_chars() + response.series.str.count_matches(name)

        return response_scorer(name=name, batch=True)(batch)


def test_sound_functions_have_no_findings_and_exit_0() -> None:
    report = check([longer, exclaims], drawn_pairs())
    assert report.findings == ()
    assert report.exit_code == 0
    assert str(report) == "Nothing found in 2 labeling functions on 120 pairs (120 with dev gold)."


def test_a_position_dependent_function_is_pinned_to_pairs() -> None:
    report = check([voting(lambda pair: len(pair.response_a) % 2, "parity")], drawn_pairs())
    [finding] = report.findings
    assert (finding.code, finding.severity, len(finding.pair_ids)) == ("WL101", "error", 5)
    assert report.exit_code == 1


def test_a_constant_vote_is_position_dependent_and_one_sided() -> None:
    assert codes(voting(lambda pair: 0)) == [("odd", "WL101"), ("odd", "WL110")]


def test_a_non_deterministic_function_is_found() -> None:
    rng = np.random.default_rng(0)
    assert codes(voting(lambda pair: int(rng.integers(2)))) == [("odd", "WL102")]


def test_a_function_below_chance_on_dev_gold_is_found_with_its_interval() -> None:
    [finding] = check([shorter], drawn_pairs()).findings
    assert (finding.code, finding.severity) == ("WL103", "warning")
    assert "right in .000 [.000, .03" in finding.message


def test_a_function_at_chance_is_left_alone() -> None:
    pairs = drawn_pairs()
    rng = np.random.default_rng(1)
    gold = [["a", "b"][rng.integers(2)] for _ in range(N)]
    table = pairs.table.set_column(5, "gold", [gold])
    assert codes(longer, pairs=Pairs(table)) == []


def test_a_near_copy_names_the_function_it_repeats() -> None:
    copy = longer.with_settings(name="longer_again")
    [finding] = check([longer, exclaims, copy], drawn_pairs()).findings
    assert (finding.lf, finding.code) == ("longer_again", "WL104")
    assert "the same as longer on 100.0%" in finding.message


def test_a_mirror_image_is_a_near_copy_too() -> None:
    pairs = drawn_pairs(part="pool")
    [finding] = check([longer, shorter], pairs).findings
    assert "the opposite of longer" in finding.message


def test_equal_votes_on_other_pairs_are_no_near_copy() -> None:
    assert codes(longer, longer.with_settings(name="much_longer", min_gap=40)) == []


def test_a_silent_scorer_says_what_its_band_leaves_out() -> None:
    [finding] = check([longer.with_settings(name="far_longer", min_gap=1000)], drawn_pairs()).findings
    assert finding.code == "WL105"
    assert "the largest difference of scores is 9" in finding.message
    [same] = check([response_scorer(name="flat")(lambda response: 1)], drawn_pairs()).findings
    assert "both responses always score the same" in same.message


def test_thin_coverage_is_found() -> None:
    one = voting(
        lambda pair: ABSTAIN if pair.id != "p7" else int(len(pair.response_b) > len(pair.response_a))
    )
    [finding] = check([one], drawn_pairs()).findings
    assert (finding.code, finding.message) == ("WL106", "it votes on 1 of 120 pairs.")


def test_a_slow_function_is_found_by_its_share_and_its_milliseconds() -> None:
    clock = Clock()
    lfs = [clock.spend(name, [0.1]) for name in ("q", "u")] + [clock.spend("v", [5.0])]
    [finding] = [f for f in check(lfs, drawn_pairs(), clock=clock).findings if f.code == "WL107"]
    assert finding.lf == "v"
    assert "5 ms per pair, 96% of the time of all 3" in finding.message


def test_a_slow_moment_accuses_nobody() -> None:
    clock = Clock()
    lfs = [clock.spend("q", [0.1]), clock.spend("u", [0.1]), clock.spend("v", [0.1, 50.0, 0.1])]
    assert "WL107" not in [f.code for f in check(lfs, drawn_pairs(), clock=clock).findings]


def test_a_warm_up_is_not_counted() -> None:
    clock = Clock()
    report = check([clock.spend("v", [9000.0, 0.1])], drawn_pairs(), clock=clock)
    assert report.ms_per_pair == {"v": pytest.approx(0.1)}
    assert report.findings == ()


def test_functions_that_are_all_a_little_slow_are_not_accused() -> None:
    clock = Clock()
    lfs = [clock.spend(name, [3.0]) for name in "quv"]
    assert "WL107" not in [f.code for f in check(lfs, drawn_pairs(), clock=clock).findings]


def test_a_very_slow_function_is_examined_on_fewer_pairs_and_the_report_says_so() -> None:
    clock = Clock()
    report = check([clock.spend("v", [25.0])], drawn_pairs(), clock=clock)
    assert [f.code for f in report.findings] == ["WL107"]
    assert "v is slow: it was examined on 40 of 120 pairs." in str(report)


@pytest.mark.parametrize("on", ["p7", "p100"])
def test_a_hanging_function_is_given_up_with_its_pair_and_the_others_go_on(on: str) -> None:
    def hangs(pair: Pair) -> int:
        while pair.id == on:
            pass
        return ABSTAIN

    report = check([voting(hangs), longer], drawn_pairs(), time_limit=0.3)
    [finding] = report.findings
    assert (finding.lf, finding.code, finding.pair_ids) == ("odd", "WL115", (on,))
    assert "given up after 0.3 s" in finding.message


def test_a_check_outside_the_main_thread_works() -> None:
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(check, [longer], drawn_pairs()).result().findings == ()


def test_a_raising_function_stops_at_its_first_pair_and_the_others_go_on() -> None:
    def raises(pair: Pair) -> int:
        raise RuntimeError("no model")

    report = check([voting(raises), shorter], drawn_pairs())
    assert [(f.lf, f.code) for f in report.findings] == [("odd", "WL108"), ("shorter", "WL103")]
    assert "'odd' raised RuntimeError: no model" in report.findings[0].message


def test_an_illegal_vote_is_found() -> None:
    assert codes(voting(lambda pair: 2)) == [("odd", "WL109")]


def test_pairs_whose_order_gives_the_answer_away_make_sound_functions_one_sided() -> None:
    pairs = made_pairs([("x" * (i + 2), "x") for i in range(60)])
    assert codes(longer, pairs=pairs) == [("longer", "WL110")]


def test_a_missing_column_is_found() -> None:
    assert codes(voting(lambda pair: -1, columns=["topic"])) == [("odd", "WL113")]


def test_a_name_taken_twice_is_found_on_the_second() -> None:
    found = codes(longer, exclaims.with_settings(name="longer"))
    assert found == [("longer", "WL114")]


def test_a_snorkel_function_that_votes_on_the_position_is_a_warning_with_its_share() -> None:
    class Old:
        name = "longer_else_first"

        def __call__(self, x: Any) -> int:
            return 2 if len(x.response_b) > len(x.response_a) + 20 else 1

    [finding] = [f for f in check(from_snorkel(Old()), drawn_pairs()).findings if f.code == "WL101"]
    assert finding.severity == "warning"
    assert "do not turn round with the pair; they count as abstains" in finding.message
    assert finding.pair_ids


def test_the_locked_test_part_is_never_shown_to_a_function() -> None:
    seen = set()
    part = ["test" if i % 2 else "dev" for i in range(N)]
    spy = voting(lambda pair: seen.add(pair.id) or -1)  # type: ignore[func-returns-value]
    report = check([spy], drawn_pairs(part=part))
    assert seen == {f"p{i}" for i in range(0, N, 2)}
    assert (report.n_pairs, report.n_gold) == (60, 60)


def test_gold_of_the_pool_is_not_used() -> None:
    report = check([shorter], drawn_pairs(part="pool"))
    assert report.n_gold == 0
    assert "no dev gold" in str(report)
    assert report.findings == ()


def test_gold_handed_in_takes_the_place_of_its_twins() -> None:
    pairs = drawn_pairs()
    bare = Pairs(pairs.table.set_column(5, "gold", pa.array([None] * N, pa.string())))
    report = check([shorter], bare, gold=pairs)
    assert (report.n_pairs, report.n_gold) == (N, N)
    assert [f.code for f in report.findings] == ["WL103"]


def test_locked_gold_handed_in_is_refused() -> None:
    with pytest.raises(GoldError, match="test gold stays locked"):
        check([longer], drawn_pairs(), gold=drawn_pairs(part="test"))


def test_a_sample_is_as_large_as_asked_and_half_of_it_dev_gold() -> None:
    pairs = drawn_pairs(part=["dev" if i < 60 else "pool" for i in range(N)])
    report = check([longer], pairs, sample=40)
    assert (report.n_pairs, report.n_gold) == (40, 20)


def test_the_same_seed_finds_the_same() -> None:
    one, two = (check([shorter, longer], drawn_pairs(), sample=50, seed=3).to_dict() for _ in range(2))
    assert one["findings"] == two["findings"]


def test_pairs_that_are_all_locked_are_an_error() -> None:
    with pytest.raises(DataError, match="no pair outside the locked test part"):
        check([longer], drawn_pairs(part="test"))


def test_a_sample_below_1_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sample is 0\. Allowed: 1 or more"):
        check([longer], drawn_pairs(), sample=0)


def test_one_pair_is_enough() -> None:
    assert isinstance(check([longer], drawn_pairs(1)), Checked)


def test_the_report_prints_like_a_linter_and_is_json() -> None:
    report = check([shorter], drawn_pairs())
    first, remedy, *_, summary, ask = str(report).splitlines()
    assert first.startswith("test_workbench_check::shorter WL103 warning: ")
    assert remedy.startswith("    Turn its preference round")
    assert summary.startswith("1 finding in 1 labeling function on 120 pairs")
    assert "weaklabel rule" in ask
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["findings"][0]["code"] == "WL103"


def test_an_unknown_rule_lists_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"no rule 'WL999'\. Known: WL101, WL102"):
        explain_rule("WL999")


def test_patterns_that_are_searched_text_by_text_are_named_with_the_reason() -> None:
    slow = pattern_scorer("stretched", good=[r"(\w)\1{3,}", "a+"])
    report = check([slow, pattern_scorer("letters", good=["a+"])], drawn_pairs())
    (note,) = report.notes
    assert note.startswith("stretched searches text by text")
    assert "has a back-reference" in note


def test_what_an_edit_did_is_told_in_a_line_per_function_that_changed() -> None:
    before = check([longer, shorter], drawn_pairs())

    @response_scorer(name="shorter", prefer="less", min_gap=40)
    def bolder(response: str) -> int:
        return len(response)

    after = check([longer, bolder, exclaims], drawn_pairs())
    told = after.since(before)
    assert [line.partition(":")[0] for line in told] == ["shorter", "exclaims"]
    share = after.coverage["shorter"]
    assert 0 < share < before.coverage["shorter"]
    assert f"-> votes on {share:.1%}, right in {after.accuracy['shorter']}" in told[0]
    assert told[1].startswith("exclaims: new -> votes on ")
    assert after.since(after) == ()
    assert before.since(after)[-1].endswith("-> gone")


def test_a_finding_names_the_line_of_what_is_defined_assigned_or_named_there(tmp_path) -> None:
    (tmp_path / "lfs.py").write_text(
        "from weaklabel.lf import response_scorer, threshold_scorer\n"
        "assigned = threshold_scorer('assigned', 'n_chars', prefer='less')\n"
        "listed = [\n"
        "    threshold_scorer('in_a_list', 'n_chars', prefer='less')\n"
        "]\n"
        "@response_scorer(prefer='less')\n"
        "def defined(response):\n"
        "    return len(response)\n"
    )
    report = check(load_lfs(tmp_path / "lfs.py"), drawn_pairs())
    places = {f.lf: f.where.removeprefix(str(tmp_path)) for f in report.findings if f.code == "WL103"}
    assert places == {
        "assigned": "/lfs.py:2::assigned",
        "in_a_list": "/lfs.py:4::in_a_list",
        "defined": "/lfs.py:7::defined",
    }
