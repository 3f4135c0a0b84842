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
from made_judges import certain, judges_in, longer_wins, some_pairs
from model_server import TEMPLATE, closed_port, completion, refusal, serving, shown

import weaklabel as wl
from weaklabel.engine import VoteStore, apply
from weaklabel.errors import ArtifactError, ConfigError, EndpointError
from weaklabel.judges.both_orders import position_bias
from weaklabel.judges.prompted import judge
from weaklabel.lf.checks import check_labeling_function
from weaklabel.lf.discovery import fingerprint, load_spec, settings_of
from weaklabel.types import Pair, Pairs, swap_votes

pytestmark = pytest.mark.same_everywhere

faults_are_expected = pytest.mark.filterwarnings("ignore::weaklabel.errors.FaultWarning")

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def made(tmp_path):
    return judges_in(tmp_path)


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
