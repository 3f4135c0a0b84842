"""LLM judges, against a real server on the loopback."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import TEMPLATE, closed_port, completion, refusal, serving, shown

import weaklabel as wl
from weaklabel.engine import VoteStore, apply
from weaklabel.errors import ArtifactError, ConfigError, EndpointError
from weaklabel.judges.both_orders import position_bias
from weaklabel.judges.prompted import judge
from weaklabel.judges.template import DEFAULT_TEMPLATE, checked_template, fill
from weaklabel.judges.verdict import Words, find_verdict, read_reply
from weaklabel.lf.checks import check_labeling_function
from weaklabel.lf.discovery import fingerprint, load_spec, settings_of
from weaklabel.servers.protocol import Reply, Token
from weaklabel.types import Pair, Pairs, swap_votes

pytestmark = pytest.mark.same_everywhere

faults_are_expected = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")

KEY = "sk-very-secret-0123456789"


def longer_wins(body):
    """A judge without bias: the longer response, equal ones tie."""
    one, two = map(len, shown(body["messages"][0]["content"]))
    return completion("A" if one > two else "B" if two > one else "tie")


def certain(quality, taste=0.0):
    """A judge with log-probabilities: logit = quality(first) - quality(second) + taste for the first place."""

    def answer(body):
        one, two = shown(body["messages"][0]["content"])
        p = 1 / (1 + math.exp(-(quality(one) - quality(two) + taste)))
        return completion("A" if p > 0.5 else "B", tops={"A": p, "B": 1 - p})

    return answer


def some_pairs(n=6):
    return Pairs.of([Pair(f"p{i}", f"Question {i}?", "x" * (i + 2), "y" * (2 * i + 1)) for i in range(n)])


@pytest.fixture
def made(tmp_path):
    """Makes judges whose answers are kept in a fresh folder."""

    def make(url, name="gpt", **settings):
        settings = {"template": TEMPLATE, "cache": tmp_path / "judges", "concurrency": 4} | settings
        return judge(name, url=url, model="tiny", **settings)

    return make


# ------------------------------------------------------------------------------------ votes and margins
def test_each_pair_is_asked_in_both_orders_and_agreement_votes(made):
    with serving(longer_wins) as server:
        votes = wl.apply([made(server.url)], some_pairs(3))  # lengths 2/1, 3/3, 4/5
    assert votes.L[:, 0].tolist() == [0, -1, 1]
    assert votes.margins[:, 0].tolist() == [-1.0, 0.0, 1.0]
    assert sorted(shown(p) for p in server.prompts)[:2] == [("xx", "y"), ("xxx", "yyy")]
    assert len(server.prompts) == 6


def test_a_judge_that_always_says_a_never_votes_and_its_bias_is_reported(made):
    with serving(lambda body: completion("A")) as server:
        gpt, pairs = made(server.url), some_pairs()
        votes = wl.apply([gpt], pairs)
    assert (votes.L == -1).all()
    bias = gpt.summary(pairs).bias
    assert (bias.share_first.value, bias.contradictory, bias.mean_log_odds, bias.n) == (1.0, 1.0, 1.0, 6)


@given(st.floats(-4, 4), st.floats(-4, 4))
def test_the_taste_for_a_place_goes_out_of_the_margin(difference, taste):
    first_a, first_b = taste - difference, taste + difference
    from weaklabel.judges.both_orders import pair_scores

    said = {"state": "said", "verdict": "first", "note": None}
    scores = pair_scores(said | {"log_odds": first_a}, said | {"log_odds": first_b})
    assert (scores[1] - scores[0]) / 2 == pytest.approx(difference, abs=1e-12)
    assert sum(scores) / 2 == pytest.approx(taste, abs=1e-12)


SAID = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["said", "said", "said", "unread", "budget", "same"]),
        "verdict": st.sampled_from(["first", "second", "tie"]),
        "log_odds": st.none() | st.floats(-9, 9),
        "note": st.none(),
    }
)


@given(SAID, SAID, st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_whatever_was_said_the_vote_and_margin_turn_with_the_pair(a_first, b_first, min_gap):
    lf = judge("j", url="http://127.0.0.1:1/v1", model="m", min_gap=min_gap)
    pair = Pair("1", "?", "x", "y", columns={"j:first_a": a_first, "j:first_b": b_first})
    column, turned = lf.vote_all([pair]), lf.vote_all([pair.swapped()])
    assert np.array_equal(turned.votes, swap_votes(column.votes))
    assert np.array_equal(turned.margins, -column.margins, equal_nan=True)
    assert column.votes[0] == -1 or np.sign(column.margins[0]) == 2 * column.votes[0] - 1


def test_log_odds_become_the_margin_and_the_taste_is_measured(made):
    with serving(certain(len, taste=1.5)) as server:
        gpt, pairs = made(server.url), some_pairs(4)  # lengths 2/1, 3/3, 4/5, 5/7
        votes = wl.apply([gpt], pairs)
    assert votes.margins[:, 0] == pytest.approx([-1.0, 0.0, 1.0, 2.0], abs=1e-5)
    assert votes.L[:, 0].tolist()[2:] == [1, 1]
    assert gpt.summary(pairs).bias.mean_log_odds == pytest.approx(1.5, abs=1e-5)


def test_orders_that_disagree_vote_only_from_min_gap_on(made):
    with serving(certain(lambda text: len(text) / 2, taste=3.0)) as server:
        pairs = some_pairs(6)  # differences of b: -1, 0, 1, 2, 3, 4, halved
        weak = wl.apply([made(server.url, min_gap=2.0 - 1e-3)], pairs)
        wide = wl.apply([made(server.url, min_gap=9.0)], pairs)
    assert weak.L[:, 0].tolist() == [-1, -1, -1, -1, -1, 1]
    assert (wide.L == -1).all()
    assert len(server.bodies) == 12  # min_gap is no reason to ask again


def test_turning_the_pairs_round_turns_votes_and_margins_exactly_and_asks_nothing_new(made):
    with serving(certain(lambda text: math.sin(len(text)), taste=0.7)) as server:
        gpt, pairs = made(server.url), some_pairs(8)
        one, two = wl.apply([gpt], pairs), wl.apply([gpt], pairs.swapped())
    assert np.array_equal(two.L, swap_votes(one.L))
    assert np.array_equal(two.margins, -one.margins)
    assert len(server.bodies) == 16
    assert check_labeling_function(gpt, pairs) == []


def test_equal_responses_are_not_asked_and_repeated_pairs_once(made):
    pair = Pair("1", "?", "long", "no")
    pairs = Pairs.of([pair, replace(pair, id="2"), replace(pair.swapped(), id="3"), Pair("4", "?", "x", "x")])
    with serving(longer_wins) as server:
        votes = wl.apply([made(server.url)], pairs)
    assert votes.L[:, 0].tolist() == [0, 0, 1, -1]
    assert votes.margins[3, 0] == 0
    assert len(server.bodies) == 2


def test_an_answer_that_is_no_verdict_abstains_and_is_counted_never_a_vote(made, caplog):
    def answer(body):
        odd = "Question 1" in body["messages"][0]["content"]
        return completion("A good question, but I cannot choose.") if odd else longer_wins(body)

    with serving(answer) as server:
        gpt, pairs = made(server.url), some_pairs(3)
        votes = wl.apply([gpt], pairs)
        wl.apply([gpt], pairs)
    assert votes.L[:, 0].tolist() == [0, -1, 1]
    assert np.isnan(votes.margins[1, 0])
    assert not votes.faults
    report = gpt.summary(pairs)
    assert report.bias.counts == {"said": 4, "unread": 2}
    assert report.examples[0] == "no verdict in 'A good question, but I cannot choose.'"
    assert "2 of 6 answers are no verdict" in caplog.text
    assert len(server.bodies) == 6  # it was paid for, and is not asked again


@faults_are_expected
def test_a_request_that_fails_is_a_fault_and_is_asked_again_the_next_time(made):
    broken = [True]

    def answer(body):
        bad = broken[0] and "Question 1" in body["messages"][0]["content"]
        return refusal(500, "boom") if bad else longer_wins(body)

    with serving(answer) as server:
        gpt = made(server.url, max_tries=1)
        votes = wl.apply([gpt], some_pairs(3), max_fault_share=None)
        broken[0] = False
        again = wl.apply([gpt], some_pairs(3))
    assert [(f.lf, f.pair_id) for f in votes.faults] == [("gpt", "p1")]
    assert votes.faults[0].kind == "unanswered"
    assert "answered 500: boom; given up after 1 tries" in str(votes.faults[0])
    assert not again.faults
    assert len(server.bodies) == 8


def test_a_server_that_refuses_everything_ends_the_work_with_its_words(made):
    with (
        serving(lambda body: refusal(400, "prompt too odd")) as server,
        pytest.raises(EndpointError) as caught,
    ):
        wl.apply([made(server.url)], some_pairs(40))
    assert "'gpt': 20 requests in a row failed, the last because" in str(caught.value)
    assert "answered 400: prompt too odd. 0 answers are kept" in str(caught.value)
    assert len(server.bodies) < 30


@faults_are_expected
def test_pairs_that_are_too_long_for_it_are_faults_every_time_and_end_no_work(made):
    def answer(body):
        return (
            refusal(400, "too long") if "Question 1" in body["messages"][0]["content"] else longer_wins(body)
        )

    pairs = some_pairs(24)  # 1 and 10 to 19: twenty-two requests that are refused for good
    with serving(answer) as server:
        gpt = made(server.url)
        first, second = (wl.apply([gpt], pairs, max_fault_share=None) for _ in range(2))
    assert len(first.faults) == len(second.faults) == 11
    assert len(server.bodies) == 48 + 22
    assert gpt.summary(pairs).bias.counts["said"] == 26


def test_a_server_that_dies_on_the_way_ends_the_work_and_loses_nothing(made):
    def answer(body):
        return longer_wins(body) if len(server.bodies) <= 10 else refusal(500, "dying")

    with (
        serving(answer) as server,
        pytest.raises(EndpointError, match="20 requests in a row failed") as caught,
    ):
        wl.apply([made(server.url, max_tries=1, concurrency=1)], some_pairs(40))
    assert "10 answers are kept; the same command continues" in str(caught.value)
    assert len(server.bodies) <= 31


# ------------------------------------------------------------------------------------ engine
def test_workers_time_limits_and_the_vote_store_need_no_network(made, tmp_path):
    with serving(certain(len)) as server:
        gpt, pairs = made(server.url), some_pairs(9)
        plain = wl.apply([gpt], pairs)
    store = VoteStore(tmp_path / "votes")
    pooled = apply([gpt], pairs, workers=2, time_limit=20, store=store, shard_size=4)  # the server is gone
    assert np.array_equal(pooled.L, plain.L)
    assert np.array_equal(pooled.margins, plain.margins)
    assert len(list((tmp_path / "votes").rglob("*.parquet"))) == 3


def test_waiting_for_the_judge_does_not_count_for_the_time_limit(made):
    def slow(body):
        time.sleep(0.35)
        return longer_wins(body)

    with serving(slow) as server:  # six calls one after another take longer than a shard may
        votes = apply([made(server.url, concurrency=1)], some_pairs(3), time_limit=2.0)
    assert not votes.faults
    assert votes.L[:, 0].tolist() == [0, -1, 1]


def test_a_judge_survives_its_spec_and_the_settings_of_it(made):
    gpt = made("http://127.0.0.1:1/v1", words={"a": "1", "b": "2", "tie": ""}, body={"seed": 7}, max_pairs=3)
    assert replace(load_spec(gpt.spec), **settings_of(gpt)) == gpt


def test_a_labeler_with_a_judge_is_saved_loaded_and_labels_the_same(made, tmp_path):
    with serving(certain(len)) as server:
        gpt, pairs = made(server.url), some_pairs(9)
        labeler = wl.fit([gpt], pairs)
        labeler.save(tmp_path / "labeler")
    again = wl.Labeler.load(tmp_path / "labeler", [gpt])
    assert np.array_equal(again.label(pairs).p, labeler.label(pairs).p)


def test_a_labeler_that_compares_asks_no_judge_and_says_where_it_is_silent(made, caplog):
    with serving(certain(len)) as server:
        pairs = some_pairs(9)
        labeler = wl.fit([made(server.url)], pairs.take(np.arange(4)))
        asked = len(server.bodies)
        p = labeler.compare(pairs)
        assert len(server.bodies) == asked > 0
        assert "has not been asked about 5 of 9 pairs" in caplog.text
        assert (p[4:] == 0.5).all()
        assert (p[:4] == labeler.label(pairs).p[:4]).all()
        assert len(server.bodies) > asked


def test_identity_holds_model_template_and_settings_and_neither_address_nor_patience(made):
    plain = made("http://127.0.0.1:1/v1")
    same = made("http://127.0.0.1:2/v1", timeout=3.0, concurrency=2, max_pairs=5, cache="elsewhere")
    assert fingerprint(plain) == fingerprint(same)
    others = [
        {"template": TEMPLATE + "!"},
        {"system": "x"},
        {"min_gap": 2.0},
        {"version": "2"},
        {"logprobs": 0},
    ]
    prints = [fingerprint(made("http://127.0.0.1:1/v1", **other)) for other in others]
    assert len({fingerprint(plain), *prints}) == 6


def test_looking_at_a_judge_asks_nothing(made):
    gpt, pairs = made(f"http://127.0.0.1:{closed_port()}/v1"), some_pairs()
    assert check_labeling_function(gpt, pairs) == []
    assert position_bias(gpt, pairs).counts == {"unasked": 12}
    assert gpt.summary(pairs).answers == 0
    assert gpt.estimate(pairs).n_asked == 6


def test_one_pair_can_be_put_to_a_judge_directly(made):
    with serving(longer_wins) as server:
        assert made(server.url)(Pair("1", "?", "short", "longer one")) == 1


# ------------------------------------------------------------------------------------ money
def test_an_estimate_counts_pairs_calls_tokens_and_money_before_the_first_call(made):
    pair = Pair(
        "1", "p" * 100, "a" * 200, "b" * 84
    )  # 100 + 284 + 14 of the template, and 16 around it, is 414 bytes
    gpt = made("http://127.0.0.1:1/v1", price_in=10.0, price_out=20.0, max_tokens=5)
    estimate = gpt.estimate(Pairs.of([pair]))
    assert (estimate.n_asked, estimate.calls, estimate.tokens_in, estimate.tokens_out) == (
        1,
        2,
        232,
        10,
    )  # twice 398 / 4 and 16 around it
    assert estimate.cost == pytest.approx((232 * 10 + 10 * 20) / 1e6)
    assert (
        "1 of 1 pairs to ask, 2 calls, about 232 tokens in and at most 10 out; about 0.00252 to pay"
        in str(estimate)
    )


def test_an_estimate_knows_what_is_judged_already(made):
    with serving(longer_wins) as server:
        gpt = made(server.url, price_in=1.0, price_out=1.0)
        wl.apply([gpt], some_pairs(4))
        estimate = gpt.estimate(some_pairs(10))
    assert (estimate.n_pairs, estimate.n_known, estimate.n_asked) == (10, 4, 6)
    assert estimate.spent == pytest.approx(8 * 101 / 1e6)
    assert "nothing to ask, 4 of 4 pairs are judged" in str(gpt.estimate(some_pairs(4)))


@pytest.mark.parametrize(
    ("max_cost", "n_asked"), [(3e-4, 0), (3.6e-4, 1), (4.2e-4, 3), (1e-3, 14), (1.5e-3, 24), (9.0, 30)]
)
def test_an_estimate_within_a_budget_says_what_the_careful_budget_then_does(made, max_cost, n_asked):
    def answer(body):  # a server that counts as the estimate does: four bytes a token, 16 around the prompt
        size = len(body["messages"][0]["content"].encode())
        status, headers, value = longer_wins(body)
        usage = {"prompt_tokens": math.ceil(size / 4) + 16, "completion_tokens": 1}
        return status, headers, {**value, "usage": usage}

    pairs = Pairs.of([Pair(f"p{i}", f"Question {i:02}?", "x", "yy") for i in range(30)])
    with serving(answer) as server:
        gpt = made(server.url, price_in=1.0, price_out=1.0, max_tokens=1, max_cost=max_cost, concurrency=1)
        estimate = gpt.estimate(pairs)
        wl.apply([gpt], pairs)
    assert estimate.n_asked == n_asked == len(server.bodies) / 2
    assert estimate.n_left == 30 - n_asked


def test_an_estimate_says_when_the_budget_cannot_hold_even_one_pair(made):
    gpt = made("http://127.0.0.1:1/v1", price_in=1.0, price_out=1.0, max_cost=1e-4)
    said = str(gpt.estimate(some_pairs(2)))
    assert "0 of 2 open pairs can be asked within the budget; about 0 to pay, 0 of 0.0001 spent" in said
    assert "until it is answered, the next pair counts as 0.000" in said
    assert "2 pairs are beyond the budget and will abstain" in said


def test_a_budget_in_pairs_stops_and_the_rest_abstain_counted_and_warned_of(made, caplog):
    with serving(longer_wins) as server:
        gpt, pairs = made(server.url, max_pairs=4), some_pairs(10)
        votes = wl.apply([gpt], pairs)
        again = wl.apply([gpt], pairs)
    assert len(server.bodies) == 8
    assert not votes.faults
    assert np.array_equal(votes.L, again.L)
    assert np.isnan(votes.margins[:, 0]).sum() == 6
    assert "the budget is used up; 12 of 20 answers were not asked for" in caplog.text
    assert gpt.estimate(pairs).n_left == 6


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(made):
    with serving(longer_wins) as server:
        wl.apply([made(server.url, max_pairs=4)], some_pairs(10))
        votes = wl.apply([made(server.url, max_pairs=7)], some_pairs(10))
    assert len(server.bodies) == 14
    assert np.isnan(votes.margins[:, 0]).sum() == 3


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_budget_in_money_is_used_and_never_passed(made, concurrency):
    with serving(longer_wins) as server:  # each call costs 101 tokens, a pair 202 of a million
        gpt = made(server.url, price_in=1.0, price_out=1.0, max_cost=3e-3, concurrency=concurrency)
        pairs = some_pairs(40)
        wl.apply([gpt], pairs)
    spent = gpt.summary(pairs).cost
    assert spent == pytest.approx(101e-6 * len(server.bodies))
    assert 2.4e-3 <= spent <= 3e-3


def test_a_server_that_counts_more_than_the_text_has_does_not_break_the_budget(made):
    def answer(body):
        status, headers, value = longer_wins(body)
        usage = {"prompt_tokens": 900, "completion_tokens": 70}
        return status, headers, {**value, "usage": usage}

    with serving(answer) as server:
        gpt = made(server.url, price_in=1.0, price_out=1.0, max_cost=9e-3, concurrency=8)
        wl.apply([gpt], some_pairs(40))
    assert gpt.summary(some_pairs(40)).cost == pytest.approx(970e-6 * len(server.bodies))
    assert 6e-3 <= gpt.summary(some_pairs(40)).cost <= 9e-3


def test_the_pairs_within_a_budget_do_not_depend_on_the_order_of_the_rows(made, tmp_path):
    pairs, said = some_pairs(10), []
    order = np.random.default_rng(0).permutation(10)
    with serving(longer_wins) as server:
        for i, table in enumerate((pairs, pairs.take(order))):
            votes = wl.apply([made(server.url, max_pairs=4, cache=tmp_path / str(i))], table)
            said.append({i for i, m in zip(votes.ids, votes.margins[:, 0], strict=True) if not np.isnan(m)})
    assert said[0] == said[1]


def test_a_server_that_reports_no_usage_is_counted_by_the_estimate(made):
    def answer(body):
        status, headers, value = longer_wins(body)
        return status, headers, {**value, "usage": None}

    with serving(answer) as server:
        gpt, pairs = made(server.url, price_in=1.0, price_out=0.0), some_pairs(3)
        expected = gpt.estimate(pairs).cost
        wl.apply([gpt], pairs)
    assert gpt.summary(pairs).cost == pytest.approx(expected)


# ------------------------------------------------------------------------------------ nothing is lost
def test_a_run_that_is_killed_continues_and_pays_nothing_twice(made, tmp_path):
    script = textwrap.dedent(f"""
        import sys
        import weaklabel as wl
        from weaklabel.types import Pair, Pairs
        pairs = Pairs.of([Pair(f"p{{i}}", f"Question {{i}}?", "x" * (i + 2), "y" * (2 * i + 1)) for i in range(12)])
        gpt = wl.judge("gpt", url=sys.argv[1], model="tiny", template={TEMPLATE!r}, cache=sys.argv[2], concurrency=1)
        wl.apply([gpt], pairs)
    """)
    victims: list[subprocess.Popen] = []

    def answer(body):
        if len(server.bodies) == 10 and victims:
            os.kill(victims.pop().pid, signal.SIGKILL)
        return longer_wins(body)

    with serving(answer) as server:
        victims.append(
            subprocess.Popen(
                [sys.executable, "-c", script, server.url, str(tmp_path / "judges")], cwd=tmp_path
            )
        )
        process = victims[0]
        assert process.wait(60) == -signal.SIGKILL
        gpt = made(server.url)
        kept = gpt.summary(some_pairs(12)).answers
        votes = wl.apply([gpt], some_pairs(12))
    assert kept == 9
    assert len(server.bodies) == 10 + 24 - 9  # the tenth was answered to nobody
    assert len({json.dumps(b) for b in server.bodies}) == 24
    assert not np.isnan(votes.margins).any()


def test_a_torn_last_line_is_asked_again_and_spoils_nothing(made, tmp_path):
    with serving(longer_wins) as server:
        gpt, pairs = made(server.url), some_pairs(3)
        before = wl.apply([gpt], pairs)
        (path,) = (tmp_path / "judges").glob("*.jsonl")
        path.write_bytes(path.read_bytes()[:-20])
        after, again = wl.apply([gpt], pairs), wl.apply([gpt], pairs)
    assert np.array_equal(before.L, after.L)
    assert np.array_equal(before.L, again.L)
    assert len(server.bodies) == 7


def test_a_resumed_run_has_the_margins_of_an_undisturbed_one_to_the_bit(made):
    with serving(certain(lambda text: len(text) / 3)) as server:
        gpt, pairs = made(server.url), some_pairs(8)
        first, second = wl.apply([gpt], pairs), wl.apply([gpt], pairs)
    assert first.margins.tobytes() == second.margins.tobytes()


@faults_are_expected
def test_the_key_and_the_texts_are_in_no_file_no_log_and_no_spec(made, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("JUDGE_KEY", KEY)
    caplog.set_level(logging.DEBUG)

    def answer(body):
        echo = "Question 1" in body["messages"][0]["content"]
        return refusal(500, f"bad key {KEY}") if echo else longer_wins(body)

    pairs = some_pairs(4)
    with serving(answer) as server:
        gpt = made(server.url, key_env="JUDGE_KEY", max_tries=1)
        votes = wl.apply([gpt], pairs, store=VoteStore(tmp_path / "store"), max_fault_share=None)
        wl.fit([gpt], pairs, votes=votes).save(tmp_path / "labeler")
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(written) >= 4
    assert not [path for path, data in written.items() if KEY.encode() in data]
    told = [caplog.text, gpt.spec, repr(gpt), repr(votes.faults), str(gpt.summary(pairs)), fingerprint(gpt)]
    assert votes.faults
    assert not [text for text in told if KEY in text]
    (answers,) = (tmp_path / "judges").glob("*.jsonl")
    assert "Question" not in answers.read_text()


# ------------------------------------------------------------------------------------ templates
@given(st.text(alphabet="{}ab_response\n0!:.", max_size=40))
def test_what_is_put_into_a_template_arrives_as_it_is(text):
    assert (
        fill("<{response_a}|{response_b}>", {"response_a": text, "response_b": "{prompt}"})
        == f"<{text}|{{prompt}}>"
    )


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{response_a}{response_b}{answer}", r"holds \{answer\}\. Allowed: \{prompt\}"),
        ("{response_a}{response_b}{prompt.__class__}", r"holds \{prompt.__class__\}"),
        ("{response_a}{response_b}{}", r"holds \{\}"),
        ("{response_a}{response_b} {", r"holds a single '\{'"),
        ("{response_a} only", r"never shows \{response_b\}"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(template, words):
    with pytest.raises(ConfigError, match=words):
        checked_template(template)


def test_a_template_may_be_a_file(made, tmp_path):
    (tmp_path / "mine.txt").write_text("{{J}}SON: {response_a} or {response_b}?", encoding="utf-8")
    assert made("http://127.0.0.1:1/v1", template=tmp_path / "mine.txt").settings.template.startswith(
        "{{J}}SON"
    )
    with pytest.raises(ConfigError, match="cannot be read"):
        made("http://127.0.0.1:1/v1", template="other.txt")


def test_a_conversation_is_shown_whole_and_the_default_template_asks_for_the_words(made):
    turns = (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "2+2"},
    )
    pairs = Pairs.of([Pair("1", "2+2", "four", "3", messages=turns)])
    with serving(lambda body: completion("A")) as server:
        wl.apply([made(server.url, template=None)], pairs)
    assert "User: Hi\n\nAssistant: Yes?\n\nUser: 2+2" in server.prompts[0]
    assert server.prompts[0].endswith("tie if they are equally good.\n")
    assert checked_template(DEFAULT_TEMPLATE) == DEFAULT_TEMPLATE


# ------------------------------------------------------------------------------------ verdicts
MARKED = Words("[[A]]", "[[B]]", "[[C]]")


@pytest.mark.parametrize(
    ("text", "words", "verdict"),
    [
        ("A", Words(), "first"),
        (" b.\n", Words(), "second"),
        ("**B**", Words(), "second"),
        ("Tie", Words(), "tie"),
        ("Verdict: A", Words(), "first"),
        ("The final answer is: **B**", Words(), "second"),
        ("A\n\nIt shows its steps.", Words(), "first"),
        ("B is wrong, A is right.\n\nA", Words(), "first"),
        ("<think>B? No.\nB</think>\nA", Words(), "first"),
        ("A good answer shows steps. [[B]]", MARKED, "second"),
        ("1", Words("1", "2", ""), "first"),
        ("response b", Words("Response A", "Response B"), "second"),
        ("", Words(), None),
        ("A good answer.", Words(), None),
        ("A\nor is it\nB", Words(), None),
        ("[[A]] ... [[B]]", MARKED, None),
        ("A", MARKED, "first"),
        ("AB", Words(), None),
        ("<think>A", Words(), None),
        ("C", Words(), None),
    ],
)
def test_a_verdict_is_read_strictly(text, words, verdict):
    found = find_verdict(text, words)
    assert (found and found[0]) == verdict


def reply_of(*tokens, tops):
    """An answer of these tokens; `tops`: position -> probabilities of the candidates there."""
    listed = [
        Token(t, tuple((c, math.log(p)) for c, p in tops.get(i, {t: 1.0}).items()))
        for i, t in enumerate(tokens)
    ]
    return Reply("".join(tokens).strip(), tuple(listed))


@pytest.mark.parametrize(
    ("reply", "words", "odds"),
    [
        (reply_of("A", tops={0: {"A": 0.8, "B": 0.2}}), Words(), 4.0),
        (reply_of(" A", "\n", tops={0: {" A": 0.6, "A": 0.2, " B": 0.1, "b": 0.1}}), Words(), 4.0),
        (reply_of("B", tops={0: {"A": 0.1, "B": 0.6, "t": 0.2, "ti": 0.1}}), Words(), 0.25 / 0.75),
        (reply_of("**", "A", "**", tops={1: {"A": 0.9, "B": 0.1}}), Words(), 9.0),
        (reply_of("B", ".", "\n", "A", tops={3: {"A": 0.75, "B": 0.25}}), Words("A", "B", ""), None),
        (reply_of("So", " [[", "B", "]]", tops={2: {"A": 0.25, "B": 0.75}}), MARKED, 1 / 3),
        (
            reply_of("Response", " A", tops={1: {" A": 0.5, " B": 0.25}}),
            Words("Response A", "Response B"),
            2.0,
        ),
        (reply_of("A", tops={0: {"A": 0.9, "the": 0.08, "Hm": 0.02}}), Words(), 0.9 / 1e-9),
        (reply_of("A", tops={0: {"A": 0.9, "the": 0.05}}), Words(), 0.9 / 0.05),
        (reply_of("<think>", "B", "</think>", "A", tops={3: {"A": 0.8, "B": 0.2}}), Words(), 4.0),
    ],
)
def test_log_odds_are_those_of_the_token_that_decides(reply, words, odds):
    found = read_reply(reply, words).log_odds
    assert found is None if odds is None else found == pytest.approx(math.log(odds), abs=1e-6)


def test_without_log_probabilities_there_are_no_log_odds_and_a_cut_answer_says_so():
    assert read_reply(Reply("A"), Words()).log_odds is None
    assert read_reply(Reply("I think that", finish="length"), Words()).problem.endswith(
        "(cut off at max_tokens)"
    )
    assert read_reply(Reply("A", refused=True), Words()).problem == "refused: 'A'"


# ------------------------------------------------------------------------------------ mistakes
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"max_cost": 1.0}, "max_cost needs price_in and price_out"),
        ({"words": {"a": "x", "b": "X"}}, "Give different words"),
        ({"words": {"c": "x"}}, "Allowed: a, b, tie"),
        ({"words": {"a": "1", "b": "2"}, "template": None}, "words need a template of your own"),
        ({"logprobs": 21}, "logprobs is 21"),
        ({"max_pairs": -1}, "max_pairs is -1"),
        ({"body": {"api_key": "x"}}, "body holds 'api_key'"),
        ({"key_env": "K", "url": "http://models.example/v1"}, "in the open"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_asked(made, settings, words):
    with pytest.raises(ConfigError, match=words):
        made(**{"url": "http://127.0.0.1:1/v1"} | settings)


# ------------------------------------------------------------------- several runs, odd servers, odd caches
def test_two_runs_at_once_pay_nothing_twice_and_share_one_budget(made):
    def slow(body):
        time.sleep(0.01)
        return longer_wins(body)

    with serving(slow) as server:
        pairs = some_pairs(20)
        judges = [made(server.url, max_pairs=12) for _ in range(2)]
        runs = [threading.Thread(target=wl.apply, args=([gpt], pairs)) for gpt in judges]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    assert len(server.bodies) == len(set(server.prompts)) == 24


def test_an_answer_under_way_when_the_work_ends_is_kept(made):
    first, failed = threading.Lock(), threading.Semaphore(0)

    def answer(body):
        if not first.acquire(blocking=False):
            failed.release()
            return refusal(503)
        for _ in range(20):
            failed.acquire(timeout=5)
        time.sleep(0.2)  # the work has ended by now
        return completion("A")

    with serving(answer) as server:
        gpt, pairs = made(server.url, max_tries=1), some_pairs(40)
        with pytest.raises(EndpointError, match="in a row failed"):
            wl.apply([gpt], pairs)
    assert gpt.summary(pairs).answers == 1


def test_a_folder_that_cannot_hold_answers_is_told_before_anything_is_paid(made, tmp_path):
    folder = tmp_path / "link"
    folder.symlink_to(tmp_path / "no" / "where")
    with serving(longer_wins) as server, pytest.raises(ArtifactError, match="answers cannot be kept"):
        wl.apply([made(server.url, cache=folder)], some_pairs())
    assert server.bodies == []


def test_a_full_disk_is_told_and_the_same_command_continues(made, monkeypatch):
    with serving(longer_wins) as server:
        gpt = made(server.url)
        monkeypatch.setattr(
            os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(ArtifactError, match=r"No space left on device. Make room or mend"):
            wl.apply([gpt], some_pairs())
        monkeypatch.undo()
        assert not wl.apply([gpt], some_pairs()).faults


@pytest.mark.parametrize("spoilt", ['{"key": "k", "text": null, "finish": ""}', '{"key": 1}', "[]", '"x"'])
def test_a_line_that_is_no_answer_is_passed_over(made, spoilt):
    with serving(longer_wins) as server:
        gpt = made(server.url)
        before = wl.apply([gpt], some_pairs())
        (path,) = Path(gpt.settings.cache).glob("*.jsonl")
        lines = path.read_text().splitlines()
        path.write_text(
            "\n".join([spoilt.replace('"k"', json.dumps(json.loads(lines[0])["key"])), *lines[1:]]) + "\n"
        )
        after = wl.apply([gpt], some_pairs())
    assert (after.L == before.L).all()
    assert len(server.bodies) == 13


def test_a_template_that_was_meant_to_be_a_file_is_told_how_files_are_named(made):
    with pytest.raises(ConfigError, match=r"a file's name ends in \.txt or \.md"):
        made("http://localhost/v1", template="judge.j2")


def test_a_byte_order_mark_in_a_template_is_not_asked(made, tmp_path):
    (tmp_path / "ask.txt").write_text(TEMPLATE, encoding="utf-8-sig")
    assert made("http://localhost/v1", template=tmp_path / "ask.txt").settings.template == TEMPLATE
