"""Groups as token ids: what goes before, between and behind the texts, and what is cut when they are too long."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from transformers import PreTrainedTokenizerFast  # noqa: E402

from weaklabel.errors import ConfigError  # noqa: E402
from weaklabel.groups import Comparison, Group  # noqa: E402
from weaklabel.training import tokenize_groups  # noqa: E402

pytestmark = pytest.mark.trains

WORDS = [f"w{k}" for k in range(60)]
SPECIAL = ["[UNK]", "[PAD]", "[BOS]", "[EOS]", "[CLS]", "[SEP]", "[TURN]", "[USER]", "[BOT]"]
TEMPLATE = (
    "{% for m in messages %}{{ '[USER]' if m.role == 'user' else '[BOT]' }} {{ m.content }} [EOS] [TURN]{% endfor %}"
    "{% if add_generation_prompt %}[BOT]{% endif %}"
)
AB = (Comparison(0, 1, 0.7, 1.0),)


def made(template: str | None = None, frame: str | None = None, side: str = "right", **special):
    """A word tokenizer; `frame` is its post-processor: bos, pair or none."""
    raw = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: k for k, word in enumerate([*SPECIAL, *WORDS])}, unk_token="[UNK]")
    )
    raw.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    raw.add_special_tokens(SPECIAL)
    if frame == "bos":
        raw.post_processor = tokenizers.processors.TemplateProcessing(
            single="[BOS] $A", special_tokens=[("[BOS]", SPECIAL.index("[BOS]"))]
        )
    elif frame == "pair":
        raw.post_processor = tokenizers.processors.BertProcessing(
            ("[SEP]", SPECIAL.index("[SEP]")), ("[CLS]", SPECIAL.index("[CLS]"))
        )
    named = {
        "unk_token": "[UNK]",
        "pad_token": "[PAD]",
        "bos_token": "[BOS]",
        "eos_token": "[EOS]",
        **special,
    }
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, padding_side=side, **named)
    tokenizer.chat_template = template
    return tokenizer


def words(tokenizer, ids) -> str:
    return " ".join(tokenizer.convert_ids_to_tokens(ids))


def one(group, tokenizer, max_length=64, kind="decoder"):
    found = tokenize_groups([group], tokenizer, max_length=max_length, kind=kind)
    (tokens,) = found.groups
    return words(tokenizer, tokens.prompt), [words(tokenizer, r) for r in tokens.responses], found.truncated


def test_a_decoder_without_a_template_reads_prompt_and_response_and_an_end():
    prompt, responses, _ = one(Group("w1 w2", ("w3", ""), AB), made())
    assert prompt == "w1 w2"
    assert responses == ["w3 [EOS]", "[EOS]"]


def test_the_tokenizers_own_first_token_opens_the_prompt_and_nothing_else():
    prompt, responses, _ = one(Group("w1", ("w3", "w4"), AB), made(frame="bos"))
    assert (prompt, responses) == ("[BOS] w1", ["w3 [EOS]", "w4 [EOS]"])


def test_a_chat_template_renders_the_prompt_as_one_turn():
    prompt, responses, _ = one(Group("w1", ("w3", "w4"), AB), made(TEMPLATE, frame="bos"))
    assert prompt == "[USER] w1 [EOS] [TURN] [BOT]"
    assert responses == ["w3 [EOS] [TURN]", "w4 [EOS] [TURN]"]


def test_messages_go_through_the_template_turn_by_turn():
    turns = tuple(
        {"role": role, "content": text}
        for role, text in [("user", "w1"), ("assistant", "w2"), ("user", "w5")]
    )
    prompt, _, _ = one(Group("w1 w2 w5", ("w3", "w4"), AB, turns), made(TEMPLATE))
    assert prompt == "[USER] w1 [EOS] [TURN] [BOT] w2 [EOS] [TURN] [USER] w5 [EOS] [TURN] [BOT]"


STRICT = (
    "[BOS] {% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
    "{{ m.content }} {% if m.role == 'assistant' %}[EOS]{% endif %}{% endfor %}"
)


def conversation(*roles: str) -> tuple[dict[str, str], ...]:
    return tuple({"role": role, "content": f"w{k}"} for k, role in enumerate(roles))


def test_a_strict_template_gets_turns_in_order_with_one_first_and_one_last_token():
    group = Group("w0", ("w3", "w4"), AB, conversation("system", "user", "user"))
    prompt, responses, _ = one(group, made(STRICT, frame="bos"))
    assert prompt == "[BOS] w0 w1 w2"
    assert responses == ["w3 [EOS]", "w4 [EOS]"]


def test_a_template_that_takes_any_turns_gets_them_as_they_are():
    group = Group("w0", ("w3", "w4"), AB, conversation("user", "user"))
    prompt, _, _ = one(group, made(TEMPLATE))
    assert prompt == "[USER] w0 [EOS] [TURN] [USER] w1 [EOS] [TURN] [BOT]"


def test_a_transcript_goes_through_the_template_turn_by_turn():
    group = Group("Human: w1\n\nAssistant: w2\n\nHuman: w5", ("w3", "w4"), AB)
    prompt, _, _ = one(group, made(STRICT))
    assert prompt == "[BOS] w1 w2 [EOS] w5"


def test_a_template_that_refuses_everything_is_one_line_with_prompt_and_rule():
    template = "{{ raise_exception('only poems') }}"
    with pytest.raises(ConfigError, match=r"prompt 'w1': the chat template refuses .* \(only poems\)"):
        one(Group("w1", ("w3", "w4"), AB), made(template))


def test_a_template_that_opens_a_finished_reply_differently_keeps_the_rendered_text_whole():
    template = TEMPLATE.replace("[BOT]{% endif %}", "[BOT] [SEP]{% endif %}")
    prompt, responses, _ = one(Group("w1", ("w3", "w4"), AB), made(template))
    assert [f"{prompt} {response}" for response in responses] == [
        "[USER] w1 [EOS] [TURN] [BOT] w3 [EOS] [TURN]",
        "[USER] w1 [EOS] [TURN] [BOT] w4 [EOS] [TURN]",
    ]


def test_an_encoder_gets_the_tokenizers_own_pair_form():
    tokenizer = made(frame="pair")
    prompt, responses, _ = one(Group("w1 w2", ("w3", "w4 w5"), AB), tokenizer, kind="encoder")
    assert prompt == "[CLS] w1 w2 [SEP]"
    assert responses == ["w3 [SEP]", "w4 w5 [SEP]"]
    assert f"{prompt} {responses[1]}" == words(tokenizer, tokenizer("w1 w2", "w4 w5")["input_ids"])


def test_the_padding_side_changes_nothing():
    groups = [Group("w1", ("w3", "w4 w5"), AB), Group("w6 w7 w8", ("w3", "w4"), AB)]
    left, right = (
        tokenize_groups(groups, made(side=s), max_length=16, kind="decoder") for s in ("left", "right")
    )
    assert left == right


def test_the_prompts_beginning_goes_first_then_the_responses_end():
    group = Group(" ".join(WORDS[:10]), (" ".join(WORDS[20:22]), " ".join(WORDS[30:40])), AB)
    prompt, responses, cut = one(group, made(frame="bos"), max_length=16)
    assert prompt == "[BOS] w6 w7 w8 w9"  # what 11 tokens of response leave
    assert responses[0] == "w20 w21 [EOS]"
    assert responses[1] == "w30 w31 w32 w33 w34 w35 w36 w37 w38 w39 [EOS]"
    assert (cut.prompts, cut.responses, cut.tokens) == (1, 0, 6)
    prompt, responses, cut = one(group, made(frame="bos"), max_length=12)
    assert prompt == "[BOS] w8 w9"  # down to a quarter of 12
    assert responses[1] == "w30 w31 w32 w33 w34 w35 w36 w37 [EOS]"
    assert (cut.prompts, cut.responses, cut.tokens) == (1, 1, 8 + 2)
    assert (cut.n_prompts, cut.n_responses, cut.n_tokens) == (1, 2, 11 + 3 + 11)
    assert str(cut) == "1 of 1 prompts and 1 of 2 responses cut, 10 of 25 tokens lost"


def test_an_encoders_frame_survives_the_cut():
    group = Group(" ".join(WORDS[:30]), (" ".join(WORDS[:30]), "w1"), AB)
    prompt, responses, _ = one(group, made(frame="pair"), max_length=12, kind="encoder")
    assert prompt == "[CLS] w29 [SEP]"
    assert responses == ["w0 w1 w2 w3 w4 w5 w6 w7 [SEP]", "w1 [SEP]"]


texts = st.integers(0, 50).map(lambda n: " ".join(WORDS[:n]))


@given(
    texts,
    st.lists(texts, min_size=2, max_size=4),
    st.integers(8, 70),
    st.sampled_from(["decoder", "encoder"]),
)
def test_every_row_fits_and_what_is_lost_is_counted(prompt, responses, max_length, kind):
    tokenizer = made(frame="pair" if kind == "encoder" else "bos")
    group = Group(prompt, tuple(responses), AB)
    found = tokenize_groups([group], tokenizer, max_length=max_length, kind=kind)
    whole = tokenize_groups([group], tokenizer, max_length=1000, kind=kind)
    (tokens,), (before,) = found.groups, whole.groups
    assert max(len(tokens.prompt) + len(r) for r in tokens.responses) <= max_length
    assert all(r[-1] == b[-1] for r, b in zip(tokens.responses, before.responses, strict=True))
    assert tokens.prompt[:1] == before.prompt[:1]
    lost = [
        len(b) - len(t)
        for t, b in zip((tokens.prompt, *tokens.responses), (before.prompt, *before.responses), strict=True)
    ]
    assert found.truncated.tokens == sum(lost)
    assert found.truncated.prompts == (lost[0] > 0)
    assert found.truncated.responses == sum(n > 0 for n in lost[1:])
    assert whole.truncated.tokens == 0


def test_a_decoder_needs_an_end_token():
    with pytest.raises(ConfigError, match="no end-of-sequence token"):
        one(Group("w1", ("w3", "w4"), AB), made(eos_token=None))


def test_a_row_of_a_few_tokens_is_refused():
    with pytest.raises(ConfigError, match=r"max_length is 7 tokens. Allowed: 8 or more"):
        one(Group("w1", ("w3", "w4"), AB), made(), max_length=7)
