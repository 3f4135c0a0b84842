"""Chains as token ids: exact masks under tokenizers that set traps, cuts by the stated rule, feedback that ends nothing."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_chains import ASKED, BOS, END, OUTPUTS, chain, tokenizer_of

from weaklabel.errors import ConfigError, DataError
from weaklabel.training.chains.tokens import (
    Chain,
    Part,
    asking_ids,
    even_cap,
    tokenize_chains,
)

KINDS = ("merging", "characters", "first")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("learned", [(True, True, True), (False, True, False), (False, False, True)])
def test_exactly_the_outputs_and_their_ends_are_learned(kind: str, learned: tuple[bool, ...]) -> None:
    tokenizer = tokenizer_of(kind)
    (made,) = tokenize_chains([chain(*learned)], tokenizer, max_length=200).chains
    expected = "".join(output + END for output, each in zip(OUTPUTS, learned, strict=True) if each)
    assert tokenizer.decode([made.ids[place] for place in made.places]) == expected
    first = BOS if kind == "first" else ""
    whole = first + "".join(f"{a}\n\n{o}{END}" for a, o in zip(ASKED, OUTPUTS, strict=True))
    assert tokenizer.decode(made.ids) == whole
    assert made.ids.count(tokenizer.eos_token_id) == 3
    rest = set(range(len(made.ids))) - set(made.places)
    masked = "".join(
        f"{a}\n\n" + ("" if each else o + END) for a, o, each in zip(ASKED, OUTPUTS, learned, strict=True)
    )
    assert tokenizer.decode([made.ids[place] for place in sorted(rest)]) == first + masked


def test_the_first_tokenizer_would_merge_over_a_boundary_and_no_token_does() -> None:
    tokenizer = tokenizer_of("merging")
    whole = tokenizer(f"{ASKED[0]}\n\n{OUTPUTS[0]}", add_special_tokens=False)["input_ids"]
    across = [
        token for token in tokenizer.convert_ids_to_tokens(whole) if "\n" in token and token.strip("\n:bad")
    ]
    assert across, "the trap is not set"
    (made,) = tokenize_chains([chain(True)], tokenizer, max_length=200).chains
    assert made.ids[:-1] != whole
    apart = tokenizer(OUTPUTS[0], add_special_tokens=False)["input_ids"]
    assert [made.ids[place] for place in made.places] == [*apart, tokenizer.eos_token_id]


@pytest.mark.parametrize("kind", KINDS)
def test_the_ids_of_a_piece_do_not_depend_on_its_neighbours(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    long, short = tokenize_chains(
        [chain(True, True, True), chain(True, True)], tokenizer, max_length=200
    ).chains
    assert long.ids[: len(short.ids)] == short.ids


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_asked_by_the_ids_that_stood_before_the_output(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    (made,) = tokenize_chains([chain(False, True)], tokenizer, max_length=200).chains
    assert asking_ids(chain(True, True).parts, tokenizer) == made.ids[: made.places[0]]


def test_with_a_chat_template_every_introduction_is_a_turn_and_outputs_close_it() -> None:
    tokenizer = tokenizer_of("characters")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% if m['role'] == 'assistant' %}<end>{% else %}b{% endif %}{% endfor %}"
    (made,) = tokenize_chains([chain(False, True)], tokenizer, max_length=200).chains
    assert tokenizer.decode(made.ids) == f"{ASKED[0]}b{OUTPUTS[0]}{END}{ASKED[1]}b{OUTPUTS[1]}{END}"
    assert tokenizer.decode([made.ids[place] for place in made.places]) == OUTPUTS[1] + END


def test_a_chain_that_is_too_long_is_cut_by_the_rule_and_counted() -> None:
    """What is asked has 15 and 9 characters, outputs 3 and 12: of 36, 21 are left for what is asked."""
    tokenizer = tokenizer_of("characters")
    found = tokenize_chains(
        [Chain((Part(ASKED[0], "31"), Part(ASKED[1], "1" * 11)))], tokenizer, max_length=36
    )
    (made,) = found.chains
    assert tokenizer.decode(made.ids) == f"t 3 1\nbad:\n\n31{END}better:\n\n{'1' * 11}{END}"
    assert (found.truncated.prompts, found.truncated.responses, found.truncated.tokens) == (1, 0, 3)
    assert (found.truncated.n_prompts, found.truncated.n_responses, found.truncated.n_tokens) == (2, 2, 39)


def test_an_output_that_is_cut_teaches_no_end() -> None:
    tokenizer = tokenizer_of("characters")
    found = tokenize_chains([Chain((Part("bad:", "31"), Part("best:", "3" * 40)))], tokenizer, max_length=24)
    (made,) = found.chains
    assert len(made.ids) == 24
    assert made.ids.count(tokenizer.eos_token_id) == 1
    assert made.ids[-1] != tokenizer.eos_token_id
    assert found.truncated.responses == 1


def test_what_cannot_be_cut_to_fit_or_has_nothing_to_learn_is_left_out_and_counted() -> None:
    tokenizer = tokenizer_of("first")
    many = Chain(tuple(Part("bad:", "31") for _ in range(9)))
    found = tokenize_chains([many, chain(False, False), chain(True)], tokenizer, max_length=24)
    assert (len(found.chains), found.too_long, found.unlearned) == (1, 1, 1)


def test_the_first_special_token_stays_where_the_beginning_is_cut() -> None:
    tokenizer = tokenizer_of("first")
    (made,) = tokenize_chains([Chain((Part("3" * 50, "31"),))], tokenizer, max_length=16).chains
    assert made.ids[0] == tokenizer.bos_token_id
    assert len(made.ids) == 16


def test_even_caps_fill_the_room() -> None:
    for lengths, room in (([3, 8, 2], 9), ([5, 5, 5], 8), ([1], 4), ([4, 4], 100)):
        cap = even_cap(lengths, room)
        assert sum(min(n, cap) for n in lengths) <= room
        assert cap == max(lengths) or sum(min(n, cap + 1) for n in lengths) > room


def test_feedback_that_ends_an_output_is_refused_in_one_line() -> None:
    tokenizer = tokenizer_of("characters")
    bad = Chain((Part(f"bad{END}:", "31", f"bad{END}:"),))
    with pytest.raises(DataError, match="the feedback 'bad<end>:' holds '<end>'") as caught:
        tokenize_chains([bad], tokenizer, max_length=64)
    assert "\n" not in str(caught.value)


def test_the_end_token_in_an_output_is_text() -> None:
    tokenizer = tokenizer_of("characters")
    tokenizer.add_tokens(["<", ">", "e", "n", "d"])
    (made,) = tokenize_chains([Chain((Part("bad:", f"3{END}1"),))], tokenizer, max_length=64).chains
    assert made.ids.count(tokenizer.eos_token_id) == 1


def test_a_length_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_length is 4"):
        tokenize_chains([chain(True)], tokenizer_of("characters"), max_length=4)
