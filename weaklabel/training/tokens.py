"""Groups as token ids: a prompt's once, each response's once, and what had to be cut.

Prompt and response are tokenised apart, so a response's ids never depend on where its prompt ends and every layout
sees the same ids.

Decoder: the prompt through the tokenizer's chat template where it has one (the group's messages, the turns of a
transcript, or the prompt as one user turn; see `types.messages.accepted`); without a template, the prompt and a blank line, behind the tokenizer's own first token if
it has one. Every response ends with the end-of-sequence token, which is the token that is pooled.
Encoder: the tokenizer's own pair form, such as [CLS] prompt [SEP] response [SEP].

In what people wrote the string of a special token is text (see `encoding`), so that token stands nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from weaklabel.errors import ConfigError
from weaklabel.groups import Comparison, Group
from weaklabel.training.encoding import Spoken, control_tokens, text_ids
from weaklabel.types.messages import Message, Turn, accepted, conversation

Kind = Literal["decoder", "encoder"]

BLANK_LINE: Final = "\n\n"
SHORTEST: Final = 8
"""The smallest `max_length`: special tokens and a little of both texts fit."""
PROMPT_SHARE: Final = 4
"""A prompt is cut to no less than max_length / 4 before its responses are cut as well."""


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """A group as token ids. A row of a model is `prompt + responses[k]`."""

    prompt: list[int]
    responses: tuple[list[int], ...]
    comparisons: tuple[Comparison, ...]

    @property
    def weight(self) -> float:
        """What its comparisons count together."""
        return sum(c.w for c in self.comparisons)

    def weightless(self) -> TokenGroup:
        """The same group with every weight zero: it takes part in a step and changes nothing."""
        return replace(self, comparisons=tuple(replace(c, w=0.0) for c in self.comparisons))


@dataclass(frozen=True, slots=True)
class Truncated:
    """What did not fit: prompts and responses that were cut, and tokens lost, each out of how many."""

    prompts: int = 0
    responses: int = 0
    tokens: int = 0
    n_prompts: int = 0
    n_responses: int = 0
    n_tokens: int = 0

    def __str__(self) -> str:
        return (
            f"{self.prompts} of {self.n_prompts} prompts and {self.responses} of {self.n_responses} responses cut, "
            f"{self.tokens} of {self.n_tokens} tokens lost"
        )


@dataclass(frozen=True, slots=True)
class Tokenized:
    """Token groups in the order of the groups, and what was cut to make them fit."""

    groups: list[TokenGroup]
    truncated: Truncated


def tokenize_groups(
    groups: Sequence[Group], tokenizer: Any, *, max_length: int, kind: Kind, keep_end: bool = True
) -> Tokenized:
    """The groups as token ids, each `prompt + response` at most `max_length` long.

    Over-long rows lose the prompt's beginning first, down to a quarter of `max_length` (one cut for the whole
    group, by its longest response, so that the prompt stays shared), then the response's end. The first special
    token and the last one stay.

    Args:
        groups: `n` groups.
        tokenizer: of transformers.
        max_length: tokens of one row, 8 or more.
        kind: "decoder" or "encoder"; `layout.kind_of(model)` knows which.
        keep_end: whether a response that is cut keeps its last special token. A reward is read from it; a language
            model would learn to stop in the middle.

    Raises:
        ConfigError: `max_length` under 8, or a tokenizer without the special tokens that the kind needs.
    """
    if max_length < SHORTEST:
        raise ConfigError(f"max_length is {max_length} tokens. Allowed: {SHORTEST} or more.")
    encoded = _as_pairs(groups, tokenizer) if kind == "encoder" else as_text(groups, tokenizer)
    made: list[TokenGroup] = []
    prompts = responses = tokens = n_tokens = 0
    for group, (head, tail, prompt, answers) in zip(groups, encoded, strict=True):
        whole, wholes = prompt, answers
        prompt, answers = _fitted(prompt, answers, max_length, head, tail if keep_end else 0)
        made.append(TokenGroup(prompt, tuple(answers), group.comparisons))
        lost = [len(before) - len(after) for before, after in zip(wholes, answers, strict=True)]
        prompts += len(prompt) < len(whole)
        responses += sum(cut > 0 for cut in lost)
        tokens += len(whole) - len(prompt) + sum(lost)
        n_tokens += len(whole) + sum(map(len, wholes))
    n_responses = sum(len(group.responses) for group in groups)
    return Tokenized(made, Truncated(prompts, responses, tokens, len(groups), n_responses, n_tokens))


def prompt_ids(
    prompts: Sequence[tuple[str, Sequence[Message]]], tokenizer: Any, *, kind: Kind = "decoder"
) -> list[list[int]]:
    """The ids that stand before a response in training, of `(prompt, messages)`, uncut: what a trained model is asked.

    Raises:
        ConfigError: as for `tokenize_groups`.
    """
    groups = [Group(text, (".",), (), tuple(messages)) for text, messages in prompts]
    encoded = _as_pairs(groups, tokenizer) if kind == "encoder" else as_text(groups, tokenizer)
    return [ids for _, _, ids, _ in encoded]


# (tokens to keep at the prompt's start, at a response's end, prompt ids, ids of each response)
Encoded = tuple[int, int, list[int], list[list[int]]]


def _fitted(
    prompt: list[int], answers: list[list[int]], max_length: int, head: int, tail: int
) -> tuple[list[int], list[list[int]]]:
    room = max(max_length - max(map(len, answers)), max_length // PROMPT_SHARE)
    if len(prompt) > room:
        prompt = prompt[:head] + prompt[len(prompt) - room + head :]
    limit = max_length - len(prompt)
    return prompt, [a if len(a) <= limit else a[: limit - tail] + a[len(a) - tail :] for a in answers]


def as_text(groups: Sequence[Group], tokenizer: Any) -> list[Encoded]:
    """For a decoder, uncut: (tokens to keep at the prompt's start, at a response's end, prompt ids, ids of each response).

    Raises:
        ConfigError: as for `tokenize_groups`.
    """
    end = tokenizer.eos_token_id
    if end is None:
        raise ConfigError(
            "the tokenizer has no end-of-sequence token, with which a response to a decoder has to end. "
            "Set tokenizer.eos_token, or use a model that comes with one."
        )
    if getattr(tokenizer, "chat_template", None):
        turns = [conversation(group.prompt, group.messages) for group in groups]
        spoken = Spoken(
            control_tokens(tokenizer),
            [(asked, group.responses) for asked, group in zip(turns, groups, strict=True)],
        )
        rendered = [
            _rendered(group, asked, tokenizer, spoken) for group, asked in zip(groups, turns, strict=True)
        ]
        first = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
        added: list[int] = []  # a template writes its own first token
        read: Callable[[Any, Sequence[str]], list[list[int]]] = spoken.ids
    else:
        rendered = [(group.prompt + BLANK_LINE, list(group.responses)) for group in groups]
        first = added = frame_of(tokenizer, "a")[0]
        read = text_ids
    prompts = read(tokenizer, [prompt for prompt, _ in rendered])
    answers = iter(read(tokenizer, [answer for _, texts in rendered for answer in texts]))
    encoded: list[Encoded] = []
    for ids, (_, texts) in zip(prompts, rendered, strict=True):
        prompt = added + ids
        head = len(first) if prompt[: len(first)] == first else 0
        encoded.append((head, 1, prompt, [_ended(next(answers), end) for _ in texts]))
    return encoded


def _ended(ids: list[int], end: int) -> list[int]:
    # A template closes a turn with the end token, some with a line feed behind it.
    return ids if end in ids[-2:] else [*ids, end]


def _rendered(
    group: Group, asked: Sequence[Message], tokenizer: Any, spoken: Spoken
) -> tuple[str, list[str]]:
    """Prompt text and response texts, hidden, whose concatenations are the rendered conversations."""

    def render(turns: list[Turn]) -> tuple[str, list[str]]:
        turns = spoken.hidden(turns)
        answers = map(spoken.hidden, group.responses)
        whole = ([*turns, {"role": "assistant", "content": text}] for text in answers)
        return (
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True),
            [tokenizer.apply_chat_template(each, tokenize=False) for each in whole],
        )

    where = f"prompt {group.prompt[:40]!r}"
    prompt, whole = accepted(asked, render, template=tokenizer.chat_template, where=where)
    # Some templates open the reply differently when it is already there; then what all of them share is the prompt.
    prompt = _common_start([prompt, *whole])
    return prompt, [text[len(prompt) :] for text in whole]


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)  # in sorted order, what these two share all share
    same = next((k for k, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same]


def _as_pairs(groups: Sequence[Group], tokenizer: Any) -> list[Encoded]:
    before, between, behind = frame_of(tokenizer, "a", "b")
    prompts = text_ids(tokenizer, [group.prompt for group in groups])
    answers = iter(text_ids(tokenizer, [text for group in groups for text in group.responses]))
    return [
        (
            len(before),
            len(behind),
            before + prompt + between,
            [next(answers) + behind for _ in group.responses],
        )
        for group, prompt in zip(groups, prompts, strict=True)
    ]


def frame_of(tokenizer: Any, *probes: str) -> list[list[int]]:
    """The special tokens before, between and behind texts, found by looking at how probes are framed."""
    rest: list[int] = tokenizer(*probes)["input_ids"]
    frame = []
    for probe in text_ids(tokenizer, probes):
        starts = [k for k in range(len(rest) - len(probe) + 1) if rest[k : k + len(probe)] == probe]
        if not probe or not starts:
            raise ConfigError(
                f"the tokenizer turns {' and '.join(map(repr, probes))} into ids in which the texts cannot be found. "
                "Use a tokenizer with an unknown token or byte fallback."
            )
        frame.append(rest[: starts[0]])
        rest = rest[starts[0] + len(probe) :]
    return [*frame, rest]
