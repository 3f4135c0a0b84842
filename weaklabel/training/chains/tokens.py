"""Chains as token ids: every piece is read alone, every output has its end token, and it is known which tokens are learned.

    asked 1 | output 1 end | asked 2 | output 2 end ...

What stands before an output is read as the prompt of any policy is (`training.tokens`): by the chat template, where each
is a turn of the user; otherwise as the text and a blank line, the first behind the tokenizer's own first token. So the ids of
a piece never depend on its neighbours, and a trained policy is asked by the same ids.

Source: chain of hindsight (Liu, Sferrazza & Abbeel 2023, arXiv 2302.02676), section 3. Departure: the published code tokenises
fields apart too, but lets a tokenizer put its first token before each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from weaklabel.errors import ConfigError, DataError
from weaklabel.groups import Group
from weaklabel.training.tokens import PROMPT_SHARE, SHORTEST, Truncated, as_text
from weaklabel.types.messages import Message

_LEAST: Final = 2
"""Tokens of an output, and of what stands before one, below which a chain that is cut says nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """An output, and what stands before it.

    Attributes:
        asked: what the output answers, its feedback included.
        output: a response.
        feedback: the words about the output, which stand in `asked`.
        learned: whether the tokens of the output, and its end, carry loss.
        messages: the conversation that stands for `asked` where the tokenizer has a chat template; may be empty.
    """

    asked: str
    output: str
    feedback: str = ""
    learned: bool = True
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Chain:
    """Outputs of one prompt in the order in which a model reads them.

    Attributes:
        parts: at least one.
        w: how much each learned token counts.
        unlikely: the outputs are to become less likely: the loss of a token is -log(1 - p).
    """

    parts: tuple[Part, ...]
    w: float = 1.0
    unlikely: bool = False


@dataclass(frozen=True, slots=True)
class TokenChain:
    """A chain as token ids.

    Attributes:
        ids: of the whole text.
        places: of the tokens that are learned, rising; never 0, for nothing predicts the first token.
        weights: of these tokens.
        unlikely: as of the chain.
    """

    ids: list[int]
    places: list[int]
    weights: list[float]
    unlikely: bool = False

    def weightless(self) -> TokenChain:
        """The same with every weight zero."""
        return replace(self, weights=[0.0] * len(self.weights))


@dataclass(frozen=True, slots=True)
class TokenizedChains:
    """Chains as token ids, and what was cut to make them fit.

    Attributes:
        chains: in the order given, without those that are left out.
        truncated: `prompts` are pieces that stand before an output, `responses` are outputs.
        too_long: chains left out: cut to `max_length`, a piece would have had fewer than two tokens.
        unlearned: chains left out because no output of theirs is learned.
    """

    chains: list[TokenChain]
    truncated: Truncated
    too_long: int = 0
    unlearned: int = 0


def tokenize_chains(chains: Sequence[Chain], tokenizer: Any, *, max_length: int) -> TokenizedChains:
    """The chains as token ids, each at most `max_length` long.

    Of a chain that is longer, what stands before its outputs is cut first, the longest first, at their beginnings (the first
    special token stays, and so does the feedback, which stands last), to no less than a quarter of `max_length` together; then
    its outputs, the longest first, at their ends. An output that is cut has no end token.

    Raises:
        ConfigError: `max_length` under 8, or a tokenizer without an end token.
        DataError: feedback that holds the end token.
    """
    if max_length < SHORTEST:
        raise ConfigError(f"max_length is {max_length} tokens. Allowed: {SHORTEST} or more.")
    check_feedback(sorted({part.feedback for chain in chains for part in chain.parts}), tokenizer)
    made: list[TokenChain] = []
    too_long = unlearned = 0
    cut = [0] * 6
    for chain, (head, asked, outputs) in zip(chains, _pieces(chains, tokenizer), strict=True):
        if not any(part.learned for part in chain.parts):
            unlearned += 1
            continue
        fitted = _fitted(asked, outputs, max_length, head)
        if fitted is None:
            too_long += 1
            continue
        counted = _counted((asked, outputs), fitted)
        cut = [before + more for before, more in zip(cut, counted, strict=True)]
        made.append(_joined(chain, *fitted))
    return TokenizedChains(made, Truncated(*cut), too_long, unlearned)


def asking_ids(parts: Sequence[Part], tokenizer: Any) -> list[int]:
    """The ids that stand before the output of the last part, whose own output is not read; uncut."""
    ids: list[int] = []
    _, asked, outputs = next(_pieces([Chain(tuple(parts))], tokenizer))
    for question, output in zip(asked, outputs, strict=True):
        ids += question + output
    return ids[: len(ids) - len(outputs[-1])]


def check_feedback(texts: Sequence[str], tokenizer: Any) -> None:
    """That no words of feedback end an output.

    Raises:
        DataError: one that holds the tokenizer's end token.
    """
    end = tokenizer.eos_token
    if end and (odd := next((text for text in texts if end in text), None)) is not None:
        raise DataError(
            f"the feedback {odd[:60]!r} holds {end!r}, with which this tokenizer ends an output. Write it without."
        )


def _pieces(
    chains: Sequence[Chain], tokenizer: Any
) -> Iterator[tuple[int, list[list[int]], list[list[int]]]]:
    """Per chain: first tokens to keep, ids before every output, ids of every output with its end."""
    groups = [
        Group(part.asked, (part.output,), (), part.messages) for chain in chains for part in chain.parts
    ]
    encoded = iter(as_text(groups, tokenizer))
    for chain in chains:
        found = [next(encoded) for _ in chain.parts]
        first = found[0][0]
        # The tokenizer's first token begins a text, and a chain is one text.
        asked = [ids if number == 0 else ids[head:] for number, (head, _, ids, _) in enumerate(found)]
        yield first, asked, [outputs[0] for *_, outputs in found]


def _fitted(
    asked: list[list[int]], outputs: list[list[int]], max_length: int, head: int
) -> tuple[list[list[int]], list[list[int]]] | None:
    """The pieces cut to fit; None where nothing is left of one of them."""
    if sum(map(len, (*asked, *outputs))) <= max_length:
        return asked, outputs
    room = max(max_length - sum(map(len, outputs)), max_length // PROMPT_SHARE)
    cap = even_cap([len(ids) for ids in asked], room)
    kept = [head, *[0] * (len(asked) - 1)]
    if cap < head + _LEAST:
        return None
    asked = [
        ids if len(ids) <= cap else ids[:first] + ids[len(ids) - cap + first :]
        for first, ids in zip(kept, asked, strict=True)
    ]
    cap = even_cap([len(ids) for ids in outputs], max_length - sum(map(len, asked)))
    return None if cap < _LEAST else (asked, [ids[:cap] for ids in outputs])


def even_cap(lengths: Sequence[int], room: int) -> int:
    """The longest that a piece may be for all of them to fit into `room`, where shorter ones leave what they do not need.

    >>> even_cap([2, 9, 9], 12), even_cap([2, 3], 12)  # 2 + 5 + 5; all fit
    (5, 3)
    """
    left = room
    for n, length in zip(range(len(lengths), 0, -1), sorted(lengths), strict=True):
        if length * n > left:
            return left // n
        left -= length
    return max(lengths)


def _counted(
    before: tuple[list[list[int]], list[list[int]]], after: tuple[list[list[int]], list[list[int]]]
) -> list[int]:
    """As the fields of `Truncated`: pieces and outputs that were cut, tokens lost; and all there were."""
    lost = [
        [len(whole) - len(part) for whole, part in zip(*pieces, strict=True)]
        for pieces in zip(before, after, strict=True)
    ]
    n_tokens = sum(len(ids) for pieces in before for ids in pieces)
    cut = [sum(n > 0 for n in each) for each in lost]
    return [*cut, sum(map(sum, lost)), len(before[0]), len(before[1]), n_tokens]


def _joined(chain: Chain, asked: list[list[int]], outputs: list[list[int]]) -> TokenChain:
    ids: list[int] = []
    places: list[int] = []
    for part, question, output in zip(chain.parts, asked, outputs, strict=True):
        start = len(ids) + len(question)
        ids += question + output
        if part.learned:
            places += range(start, start + len(output))
    if places and places[0] == 0:
        raise ConfigError("what stands before an output has no tokens, so nothing predicts its first token.")
    return TokenChain(ids, places, [chain.w] * len(places), chain.unlikely)
