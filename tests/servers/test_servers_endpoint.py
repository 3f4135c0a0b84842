"""The client of OpenAI-compatible servers, against a real one on the loopback."""

from __future__ import annotations

import email.utils
import logging
import pickle
import random
import threading
import time

import pytest
from model_server import closed_port, completion, in_turn, refusal, serving

from weaklabel.errors import ConfigError, EndpointError
from weaklabel.servers.client import Client, Failure
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Reply, Request

KEY = "sk-very-secret-0123456789"


OPEN: list[Client] = []


@pytest.fixture(autouse=True)
def _clients_are_closed():
    yield
    while OPEN:
        OPEN.pop().close()


def client_of(url, *, sleeps=None, **settings):
    """A client that notes its waits instead of waiting."""
    settings = {"timeout": 5.0} | settings
    noted = [] if sleeps is None else sleeps
    client = Client(Endpoint(url=url, model="tiny", **settings), sleep=noted.append, rng=random.Random(0))
    OPEN.append(client)
    return client


def ask(answer, request=None, **settings):
    with serving(answer) as server, client_of(server.url, **settings) as client:
        return client.ask(request or Request("Hi")), server, client


def test_a_chat_completion_comes_back_with_text_usage_and_finish():
    reply, server, _ = ask(in_turn(completion("A")))
    assert (reply.text, reply.finish, reply.tokens_in, reply.tokens_out) == ("A", "stop", 100, 1)
    assert server.paths == ["/v1/chat/completions"]


def test_a_request_asks_for_the_likeliest_answer_and_never_for_a_stream():
    _, server, _ = ask(in_turn(completion("A")), Request("Hi", system="Judge.", max_tokens=3, top_logprobs=7))
    assert server.bodies == [
        {
            "model": "tiny",
            "messages": [{"role": "system", "content": "Judge."}, {"role": "user", "content": "Hi"}],
            "temperature": 0,
            "stream": False,
            "max_tokens": 3,
            "logprobs": True,
            "top_logprobs": 7,
        }
    ]


def test_further_fields_are_added_and_omitted_ones_left_out():
    _, server, _ = ask(in_turn(completion("A")), Request("Hi", body={"seed": 1, "temperature": "omit"}))
    assert server.bodies[0]["seed"] == 1
    assert "temperature" not in server.bodies[0]


def test_log_probabilities_of_a_chat_are_read():
    reply, _, _ = ask(in_turn(completion("A", tops={"A": 0.75, "B": 0.25})), Request("Hi", top_logprobs=2))
    (token,) = reply.tokens
    assert token.text == "A"
    assert dict(token.candidates) == pytest.approx({"A": -0.287682, "B": -1.386294}, abs=1e-6)


def test_a_plain_completion_is_asked_and_read_with_its_log_probabilities():
    choice = {
        "text": " B",
        "finish_reason": "length",
        "logprobs": {"tokens": [" B"], "token_logprobs": [-0.5], "top_logprobs": [{" B": -0.5, " A": -1.0}]},
    }
    answer = in_turn((200, {}, {"choices": [choice]}))
    reply, server, _ = ask(answer, Request("Hi", system="Judge.", top_logprobs=5), api="completions")
    assert server.paths == ["/v1/completions"]
    assert (server.bodies[0]["prompt"], server.bodies[0]["logprobs"]) == ("Judge.\n\nHi", 5)
    assert reply.tokens[0].candidates == ((" B", -0.5), (" A", -1.0))
    assert reply.tokens_in is None


def test_a_429_is_tried_again_not_before_the_time_it_names():
    sleeps = []
    reply, server, client = ask(in_turn(refusal(429, retry_after="7"), completion("A")), sleeps=sleeps)
    assert reply.text == "A"
    assert sleeps[0] >= 7.0
    assert (len(server.bodies), client.usage.again) == (2, 1)


def test_a_retry_after_may_be_a_date_or_milliseconds():
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    sleeps = []
    answers = (refusal(429, retry_after=later), refusal(503, retry_after_ms="1500"), completion("A"))
    ask(in_turn(*answers), sleeps=sleeps)
    assert 28 <= sleeps[0] <= 31
    assert any(1.5 <= pause < 3 for pause in sleeps[1:])


def test_when_one_request_is_told_to_wait_all_wait():
    sleeps = []
    with serving(in_turn(refusal(429, retry_after="9"), completion("A"))) as server:
        client = client_of(server.url, sleeps=sleeps)
        client.ask(Request("1"))
        sleeps.clear()
        client.ask(Request("2"))
    assert len(sleeps) == 1
    assert 5 < sleeps[0] <= 10


def test_a_server_that_asks_for_an_hour_has_failed_this_request():
    found, server, _ = ask(in_turn(refusal(429, "slow down", retry_after="3600")))
    assert isinstance(found, Failure)
    assert "slow down, and asks for a wait of 3600 s (max_wait is 60)" in found.error
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_a_passing_failure_is_tried_again(status):
    reply, server, _ = ask(in_turn(refusal(status), refusal(status), completion("B")))
    assert reply.text == "B"
    assert len(server.bodies) == 3


def test_waits_double_with_jitter_between_half_and_whole():
    sleeps = []
    ask(in_turn(refusal(500)), sleeps=sleeps, max_tries=5)
    assert all(0.5 * 2**i <= pause <= 2**i for i, pause in enumerate(sleeps))
    assert len(sleeps) == 4
    assert len({pause / 2**i for i, pause in enumerate(sleeps)}) == 4


def test_tries_are_bounded_and_the_last_failure_is_told():
    found, server, client = ask(in_turn(refusal(503, "overloaded")), max_tries=3)
    assert found == Failure(f"{server.url} answered 503: overloaded; given up after 3 tries", lasting=False)
    assert (len(server.bodies), client.usage.failed) == (3, 1)


def test_a_time_out_is_tried_again_and_told():
    hold = threading.Event()
    with serving(lambda body: (hold.wait(5), completion("A"))[1]) as server:
        found = client_of(server.url, timeout=0.05, max_tries=2).ask(Request("Hi"))
        hold.set()
    assert found == Failure("no whole answer within 0.05 s; given up after 2 tries", lasting=False)
    assert len(server.bodies) == 2


def test_a_request_that_is_refused_as_it_is_fails_at_once():
    found, server, _ = ask(in_turn(refusal(400, "context length exceeded")))
    assert found == Failure(f"{server.url} answered 400: context length exceeded")
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            refusal(401, "bad key"),
            "answered 401: bad key. Name the environment variable that holds the key: key_env",
        ),
        (refusal(403), "answered 403"),
        (
            refusal(404, "no such model"),
            "no such model. Check the model 'tiny', and that url is the base of the API.",
        ),
        (refusal(402, "pay"), "The account has no money left there."),
        (refusal(429, "You exceeded insufficient_quota"), "The account has no money left there."),
        ((302, {"location": "http://elsewhere.example/"}, {}), "a redirect, which is not followed"),
        ((200, {"content-type": "text/html"}, b"<html>\nHello</html>"), "(text/html: '<html> Hello</html>'"),
        ((200, {}, b'data: {"choices": []}\n\n'), "Check that url is the base of an OpenAI-compatible API"),
        ((200, {}, {"choices": []}), "answered something else than a completion"),
    ],
)
def test_what_every_request_would_meet_ends_the_work_in_one_line(answer, words):
    with pytest.raises(EndpointError) as caught:
        ask(in_turn(answer))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_garbage_after_good_answers_is_the_failure_of_one_request():
    with serving(in_turn(completion("A"), (200, {}, b"{torn"))) as server, client_of(server.url) as client:
        client.ask(Request("1"))
        assert "something else than a completion" in client.ask(Request("2")).error


def test_nobody_listening_is_told_at_once():
    with pytest.raises(EndpointError, match=r"no connection to http://127.0.0.1:\d+/v1: .*Start the server"):
        client_of(f"http://127.0.0.1:{closed_port()}/v1").ask(Request("Hi"))


def test_a_server_that_goes_away_in_between_is_tried_again():
    with serving(in_turn(completion("A"))) as server:
        client = client_of(server.url, max_tries=2)
        client.ask(Request("1"))
    found = client.ask(Request("2"))
    assert "connection failed" in found.error
    assert not found.lasting


def test_a_server_without_log_probabilities_is_asked_without_and_remembered():
    def answer(body):
        return refusal(422, "Unsupported fields: {'logprobs'}") if "logprobs" in body else completion("A")

    with serving(answer) as server, client_of(server.url) as client:
        replies = [client.ask(Request(str(i), top_logprobs=20)) for i in range(3)]
    assert [reply.text for reply in replies] == ["A"] * 3
    assert ["logprobs" in body for body in server.bodies] == [True, False, False, False]


def test_a_server_that_wants_max_completion_tokens_gets_it():
    def answer(body):
        old = "max_tokens" in body
        return refusal(400, "Unsupported: use 'max_completion_tokens' instead.") if old else completion("A")

    reply, server, _ = ask(answer, Request("Hi", max_tokens=5))
    assert reply.text == "A"
    assert server.bodies[-1]["max_completion_tokens"] == 5


def test_a_refusal_and_a_content_filter_are_marked():
    assert ask(in_turn(completion(None, refusal="I cannot.")))[0] == Reply(
        "I cannot.", (), "stop", True, 100, 1
    )
    assert ask(in_turn(completion("", finish="content_filter")))[0].refused


def test_no_more_requests_are_under_way_than_allowed():
    gate = threading.Barrier(3)

    def answer(body):
        gate.wait(5)  # passes only when three are under way together
        return completion(body["messages"][0]["content"])

    with serving(answer) as server, client_of(server.url, concurrency=3) as client:
        jobs = ((i, Request(str(i))) for i in range(12))
        found = dict(client.ask_all(jobs))
    assert {key: reply.text for key, reply in found.items()} == {i: str(i) for i in range(12)}
    assert server.most_at_once == 3


def test_jobs_that_say_not_now_are_asked_again_after_the_next_answer():
    def jobs(seen):
        for i in range(4):
            while len(seen) < i:  # each waits for the answers before it
                yield None
            yield i, Request(str(i))

    with serving(in_turn(completion("A"))) as server, client_of(server.url, concurrency=4) as client:
        seen: list[int] = []
        seen += [key for key, _ in client.ask_all(jobs(seen), on_reply=lambda key, _: seen.append(key))]
    assert server.most_at_once == 1
    assert sorted(seen) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_an_error_ends_the_work_and_what_was_paid_is_told_first():
    kept = []
    with serving(in_turn(completion("A"), completion("A"), refusal(401))) as server:
        client = client_of(server.url, concurrency=1)
        jobs = ((i, Request(str(i))) for i in range(9))
        with pytest.raises(EndpointError):
            list(client.ask_all(jobs, on_reply=lambda key, _: kept.append(key)))
    assert kept == [0, 1]
    assert len(server.bodies) == 3


def test_usage_is_summed_over_all_threads():
    with serving(in_turn(completion("A"))) as server, client_of(server.url) as client:
        list(client.ask_all((i, Request(str(i))) for i in range(20)))
    assert (client.usage.sent, client.usage.tokens_in, client.usage.tokens_out) == (20, 2000, 20)


def test_the_key_is_sent_and_shows_nowhere_else(monkeypatch, caplog):
    monkeypatch.setenv("JUDGE_KEY", f" {KEY}\n")
    caplog.set_level(logging.DEBUG)
    echo = refusal(401, f"Incorrect API key provided: {KEY}. Header was Bearer {KEY}")
    with serving(in_turn(completion("A"), refusal(400, f"bad {KEY}"), echo)) as server:
        client = client_of(server.url, key_env="JUDGE_KEY")
        client.ask(Request("1"))
        failure = client.ask(Request("2"))
        with pytest.raises(EndpointError, match=r"Check the key in JUDGE_KEY") as caught:
            client.ask(Request("3"))
    assert [h["authorization"] for h in server.headers] == [f"Bearer {KEY}"] * 3
    told = [
        str(caught.value),
        repr(caught.value),
        failure.error,
        repr(client),
        repr(client.endpoint),
        caplog.text,
    ]
    assert not [text for text in told if KEY in text]
    assert "[key]" in failure.error
    with pytest.raises(TypeError, match="holds a key"):
        pickle.dumps(client)


def test_no_key_is_sent_where_none_is_named(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    _, server, _ = ask(in_turn(completion("A")))
    assert "authorization" not in server.headers[0]


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(ConfigError, match="the environment variable JUDGE_KEY is not set"):
        client_of("http://127.0.0.1:1/v1", key_env="JUDGE_KEY")


@pytest.mark.parametrize(
    "url", ["http://models.example/v1", "http://10.0.0.7:8000/v1", "http://127.0.0.1.example/v1"]
)
def test_a_key_never_crosses_the_network_in_the_open(url):
    with pytest.raises(ConfigError, match="would cross the network in the open"):
        Endpoint(url=url, model="tiny", key_env="JUDGE_KEY")
    assert Endpoint(url=url, model="tiny").address.startswith(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/v1", "http://[::1]:1/v1", "http://127.0.0.2/v1", "https://x.example"]
)
def test_a_key_may_go_to_this_machine_or_over_https(url):
    assert Endpoint(url=url, model="tiny", key_env="JUDGE_KEY").url == url


def test_an_address_with_credentials_is_refused_without_showing_them():
    with pytest.raises(ConfigError, match="holds credentials") as caught:
        Endpoint(url=f"https://me:{KEY}@x.example/v1", model="tiny")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "models.example/v1"}, "Write the base of the API"),
        ({"api": "responses"}, "api is 'responses'"),
        ({"timeout": 0}, "timeout is 0"),
        ({"max_tries": 0}, "max_tries is 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        Endpoint(**{"url": "http://localhost/v1", "model": "tiny"} | settings)


# ----------------------------------------------------------------------- what servers and users get wrong
@pytest.mark.parametrize(
    "url",
    [f"http://[::1/{KEY}", f"http://me:{KEY}", f"http://me:{KEY}@[::1/v1", f"me:{KEY}@x.example/v1"],
)
def test_an_address_that_cannot_be_read_is_refused_without_showing_what_may_be_a_password(url):
    with pytest.raises(ConfigError, match="base of the API") as caught:
        Endpoint(url=url, model="tiny")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999/v1", "http://a\tb\x00c/v1", "https://\u2603.example/v1"]
)
def test_an_address_that_no_client_takes_is_told_before_anything_is_sent(url):
    with pytest.raises(ConfigError, match="Write the base of the API"):
        client_of(url)


@pytest.mark.parametrize("proxy", ["socks9://127.0.0.1:1", "127.0.0.1:x"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy.replace("//", f"//me:{KEY}@"))
    with pytest.raises(ConfigError, match="proxy") as caught:
        client_of("https://models.example/v1")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("seconds", [float("inf"), 1e12, float("nan")])
def test_a_time_out_that_no_socket_takes_is_refused(seconds):
    with pytest.raises(ConfigError, match="timeout is"):
        Endpoint(url="http://localhost/v1", model="tiny", timeout=seconds)


def test_a_key_put_where_its_variable_should_be_named_is_not_shown(monkeypatch):
    with pytest.raises(ConfigError, match="is not set") as caught:
        client_of("http://127.0.0.1:1/v1", key_env="hf_abcdEFGH1234")
    assert "abcd" not in str(caught.value)


@pytest.mark.parametrize("field", ["logprobs", "max_tokens"])
def test_requests_under_way_together_all_learn_what_the_server_refuses(field):
    together = threading.Barrier(4)

    def answer(body):
        if field not in body:
            return completion("A")
        together.wait(5)
        return refusal(400, "no logprobs" if field == "logprobs" else "use max_completion_tokens")

    with serving(answer) as server, client_of(server.url, concurrency=4) as client:
        found = dict(client.ask_all((i, Request(str(i), top_logprobs=5)) for i in range(4)))
    assert [found[i].text for i in range(4)] == ["A"] * 4


def test_a_field_that_the_user_insists_on_is_refused_once_and_not_for_ever():
    insists = Request("Hi", top_logprobs=5, body={"logprobs": True})
    found, server, _ = ask(lambda body: refusal(400, "no logprobs here"), insists)
    assert "no logprobs here" in found.error
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "content",
    [
        [{"token": None, "logprob": -1.0}],
        [{"token": "A", "logprob": None}],
        [{"token": "A", "logprob": "x"}],
        [{"token": "A", "logprob": -1.0, "top_logprobs": [{"token": 3, "logprob": -1.0}]}],
        "none",
    ],
)
def test_log_probabilities_that_cannot_be_read_cost_no_answer(content):
    status, headers, value = completion("A")
    value["choices"][0]["logprobs"] = {"content": content}
    reply, _, _ = ask(in_turn((status, headers, value)))
    assert (reply.text, reply.tokens) == ("A", ())


@pytest.mark.parametrize("date", ["Fri, 31 Dec 99999 23:59:59 GMT", "Wed, 01 Jan 0000 00:00:00 GMT", "soon"])
def test_a_retry_after_that_is_no_date_is_as_good_as_none(date):
    reply, server, _ = ask(in_turn(refusal(429, retry_after=date), completion("A")))
    assert reply.text == "A"
    assert len(server.bodies) == 2


def test_one_forbidden_request_among_good_ones_fails_alone():
    with serving(in_turn(completion("A"), refusal(403, "flagged"), completion("B"))) as server:
        client = client_of(server.url)
        found = [client.ask(Request(str(i))) for i in range(3)]
    assert [found[0].text, found[2].text] == ["A", "B"]
    assert found[1].error.endswith("answered 403: flagged")


def test_a_key_that_a_server_quotes_in_an_answer_or_a_header_is_cut_out(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", f"{KEY}/x")
    quoted = b'{"choices": [{"message": {"content": "Bearer ' + KEY.encode() + b'\\/x"}}]}'
    with serving(in_turn((200, {}, quoted), (200, {"content-type": f"text/{KEY}/x"}, b"?"))) as server:
        client = client_of(server.url, key_env="JUDGE_KEY")
        reply, failure = client.ask(Request("1")), client.ask(Request("2"))
    assert reply.text == "Bearer [key]"
    assert KEY not in failure.error


def test_a_placeholder_for_a_key_is_not_cut_out_of_the_answers(monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "A")
    with serving(in_turn(completion("A"))) as server:
        assert client_of(server.url, key_env="JUDGE_KEY").ask(Request("1")).text == "A"


def test_answers_under_way_are_waited_for_when_whoever_reads_them_stops():
    kept, others = [], threading.Barrier(2)

    def answer(body):
        if body["messages"][0]["content"] == "slow":
            others.wait(5)
            time.sleep(0.2)
        return completion("A")

    with serving(answer) as server, client_of(server.url, concurrency=2) as client:
        replies = client.ask_all(
            [("slow", Request("slow")), ("fast", Request("fast"))], on_reply=lambda k, _: kept.append(k)
        )
        next(replies)
        others.wait(5)
        replies.close()
    assert kept == ["fast", "slow"]
