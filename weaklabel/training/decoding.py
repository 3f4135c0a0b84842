"""Responses of a local causal language model, drawn in batches, each as if it stood alone.

`transformers` draws all rows of a batch from one stream of random numbers, so that a text depends on its neighbours.
Here each response has a stream of its own, made from a key: every step takes one uniform number of it and looks up
the token in the cumulative probabilities (inversion). The same model, prompt, settings and key give the same text in
any batch, as far as the arithmetic does: padding changes logits in their last digits, and a token changes where a
draw, or the likeliest token at temperature 0, is that near a tie. In float32 that is rare; in bfloat16, whose digits
are few, most longer texts change with their company. So batches are made of all that is asked, whatever of it is known
already: who continues a run that was killed meets the same batches.

Beam search is that of transformers, with its length penalty of 1: the score of a sequence is its log-probability over
its number of tokens, the end token counted, and a stop ends a sequence as an end token does.

Only the settings named in `Sampling` are in force; what else a model's `generation_config.json` asks for
(a repetition penalty, say) is not, except for its end tokens.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from weaklabel.errors import ArtifactError, ConfigError
from weaklabel.servers.protocol import Reply
from weaklabel.training.encoding import Spoken, control_tokens, text_ids
from weaklabel.training.layout import unwrapped
from weaklabel.training.models.hub import load_tokenizer
from weaklabel.training.models.loading import whole_language_model
from weaklabel.training.runs.memory import explaining_memory
from weaklabel.training.sampling import TOO_LONG, Sampling, cut_at
from weaklabel.types.messages import Message, Turn, accepted, asking_transcript

_WINDOW: Final = 32  # batches that are sorted by length together


@dataclass(frozen=True, slots=True)
class Drawn:
    """A response as it was drawn.

    Attributes:
        prompt: token ids of what it answers.
        response: every token that was drawn, the end token included; up to a stop where there was one.
        reply: its text, cut at a stop, and how it ended.
    """

    prompt: list[int]
    response: list[int]
    reply: Reply


class Responder:
    """A causal language model and its tokenizer, ready to answer.

    Args:
        model, tokenizer: as `models.load_language_model` gives them; used where the model is, in eval mode while it answers.
        name: of the model, for messages.
    """

    def __init__(self, model: Any, tokenizer: Any, *, name: str = "the model") -> None:
        # Inside peft's wrapper: its own `generate` leaves the base without the settings that we only take off for a while.
        self.model, self.tokenizer, self.name = unwrapped(model), tokenizer, name
        self.device = next(model.parameters()).device
        self.end = _end_tokens(model, tokenizer)
        self._control = control_tokens(tokenizer)
        pad = tokenizer.pad_token_id
        self.pad = pad if pad is not None else next(iter(sorted(self.end)), 0)

    @classmethod
    def load(cls, folder: str | Path, *, device: str | None = None, dtype: str = "auto") -> Responder:
        """The model in a folder with `config.json`, safetensors weights and a tokenizer.

        Args:
            folder: where it was saved.
            device: "cpu", "cuda", ...; None takes a GPU where there is one.
            dtype: "float32", "bfloat16", "float16", or "auto": float32 on a CPU, elsewhere as the weights are stored.

        Raises:
            ConfigError: a device or dtype that there is not.
            ArtifactError: the folder holds no such model, or not all of its weights.
        """
        where, folder = _device(device), Path(folder)
        tokenizer = load_tokenizer(folder)
        model = whole_language_model(folder, _dtype(dtype, where))
        return cls(model.to(where), tokenizer, name=str(folder))

    def weights_hash(self) -> str:
        """Of all parameters, their names and dtypes: equal where answers are. Reads every weight once."""
        found = hashlib.sha256()
        for name, values in sorted(self.model.state_dict().items()):
            found.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
            found.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return found.hexdigest()

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a conversation, ready for the assistant's turn: by the chat template, or as a transcript.

        In what the messages say the string of a special token is text.
        """
        if not self.tokenizer.chat_template:
            return text_ids(self.tokenizer, [asking_transcript(messages)], framed=True)[0]
        spoken = Spoken(self._control, messages)

        def render(turns: list[Turn]) -> str:
            hidden = spoken.hidden(turns)
            return str(self.tokenizer.apply_chat_template(hidden, tokenize=False, add_generation_prompt=True))

        where = f"prompt {messages[-1]['content'][:40]!r}" if messages else "an empty conversation"
        text = accepted(messages, render, template=self.tokenizer.chat_template, where=where)
        return spoken.ids(self.tokenizer, [text])[0]

    def replies(
        self,
        asked: Sequence[tuple[Sequence[Message] | Sequence[int], str]],
        sampling: Sampling,
        *,
        batch_size: int = 16,
        known: Collection[int] = frozenset(),
    ) -> Iterator[list[tuple[int, Reply]]]:
        """One response to each conversation, a list of `(index into asked, reply)` per batch.

        Args:
            asked: `(messages, key)`, or token ids in the place of messages; equal keys draw equal random numbers.
            sampling: how they are drawn; its seed is not used, it belongs into the keys.
            batch_size: responses at once.
            known: indices that need no reply. They keep their places; a batch of them alone is left out.

        Raises:
            ConfigError: the model's context has no room for `max_new_tokens`, or memory ran out.
            ArtifactError: its probabilities are no numbers.
        """
        room = self._room(sampling)
        for first in range(0, len(asked), batch_size * _WINDOW):
            window = range(first, min(len(asked), first + batch_size * _WINDOW))
            if all(i in known for i in window):
                continue
            ids = {i: self._ids(asked[i][0]) for i in window}
            fits = sorted((i for i in window if 0 < len(ids[i]) <= room), key=lambda i: -len(ids[i]))
            if rest := [i for i in window if i not in known and not 0 < len(ids[i]) <= room]:
                yield [(i, Reply("", finish=TOO_LONG, tokens_in=len(ids[i]), tokens_out=0)) for i in rest]
            for start in range(0, len(fits), batch_size):
                rows = fits[start : start + batch_size]
                if not all(i in known for i in rows):
                    found = self._batch([ids[i] for i in rows], [asked[i][1] for i in rows], sampling)
                    yield [(i, drawn.reply) for i, drawn in zip(rows, found, strict=True) if i not in known]

    def _ids(self, asked: Any) -> list[int]:
        return list(asked) if len(asked) and isinstance(asked[0], int) else self.encode(asked)

    def drawn(
        self, prompts: Sequence[list[int]], keys: Sequence[str], sampling: Sampling, *, batch_size: int = 16
    ) -> list[Drawn]:
        """One response to each prompt that is given as token ids, with the ids of the response, in the order given.

        Args:
            prompts: token ids; none is empty, and each leaves room for `max_new_tokens` in the model's context.
            keys: one per prompt; equal keys draw equal random numbers.
            sampling, batch_size: as for `replies`.

        Raises:
            ConfigError, ArtifactError: as for `replies`; and a prompt that is empty or too long.
        """
        room = self._room(sampling)
        if odd := [i for i, ids in enumerate(prompts) if not 0 < len(ids) <= room]:
            raise ConfigError(
                f"prompt {odd[0]} has {len(prompts[odd[0]]):,} tokens. Allowed: 1 to {room:,}, which leaves room for "
                f"max_new_tokens in the context of {self.name}."
            )
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        found: dict[int, Drawn] = {}
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            made = self._batch([prompts[i] for i in rows], [keys[i] for i in rows], sampling)
            found |= zip(rows, made, strict=True)
        return [found[i] for i in range(len(prompts))]

    def _room(self, sampling: Sampling) -> int:
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        room = (context or 1 << 40) - sampling.max_new_tokens
        if room < 1:
            raise ConfigError(
                f"max_new_tokens is {sampling.max_new_tokens} but the context of {self.name} holds {context} tokens "
                "with the prompt. Lower max_new_tokens."
            )
        return room

    def _batch(self, ids: list[list[int]], keys: list[str], sampling: Sampling) -> list[Drawn]:
        width = max(map(len, ids))
        left = [[self.pad] * (width - len(row)) + row for row in ids]
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in ids]
        draw = LogitsProcessorList()
        if sampling.temperature:
            draw.append(_Draw(keys, width, sampling, self.device))
        stops = sampling.stops(has_template=bool(self.tokenizer.chat_template))
        ends = StoppingCriteriaList([_Stops(self.tokenizer, stops, width)] if stops else [])
        settings = GenerationConfig(
            do_sample=False,  # the draw has been made when the likeliest token is taken
            num_beams=sampling.num_beams,
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=sorted(self.end) or None,
            pad_token_id=self.pad,
        )
        beams = f" of {sampling.num_beams} beams" if sampling.num_beams > 1 else ""
        too_much = (
            f": {len(ids)} responses at once{beams}, {width} tokens of prompt and up to {sampling.max_new_tokens} more each. "
            "Lower batch_size; the same command continues."
        )
        with (
            explaining_memory(lambda: too_much, kind=ConfigError),
            torch.inference_mode(),
            _answering(self.model),
        ):
            made = self.model.generate(
                input_ids=torch.tensor(left, device=self.device),
                attention_mask=torch.tensor(mask, device=self.device),
                generation_config=settings,
                logits_processor=draw,
                stopping_criteria=ends,
            )
        return [self._ended(row, new, stops) for row, new in zip(ids, made[:, width:].tolist(), strict=True)]

    def _ended(self, prompt: list[int], new: list[int], stops: Sequence[str]) -> Drawn:
        end = next((at for at, token in enumerate(new) if token in self.end), None)
        text = _decoded(self.tokenizer, new[:end])
        finish = "length" if end is None else "stop"
        used = len(new) if end is None else end + 1
        if (kept := cut_at(text, stops)) != text:
            # As many tokens as it took to say the stop: what follows is padding, and depends on the batch.
            used = bisect_left(
                range(used), True, key=lambda n: _has_stop(_decoded(self.tokenizer, new[:n]), stops)
            )
            text, finish = kept, "stop"
        return Drawn(prompt, new[:used], Reply(text, finish=finish, tokens_in=len(prompt), tokens_out=used))


@contextmanager
def _answering(model: Any) -> Iterator[None]:
    """The model in eval mode, and without settings of its own for generation; afterwards both are as they were."""
    training, own = model.training, model.generation_config
    model.eval()
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own
        model.train(training)


class _Stops(StoppingCriteria):
    """Ends the rows in which a stop was said. It saves time alone: `_reply` cuts whatever follows a stop."""

    def __init__(self, tokenizer: Any, stops: Sequence[str], width: int) -> None:
        self.tokenizer, self.stops, self.width = tokenizer, stops, width
        self.reach = max(len(stop.encode()) for stop in stops) + 4  # tokens; each has a byte or more

    def __call__(self, input_ids: torch.Tensor, scores: Any, **more: Any) -> Any:
        rows = input_ids[:, self.width :].tolist()
        return torch.tensor([self._is_over(row) for row in rows], device=input_ids.device)

    def _is_over(self, row: list[int]) -> bool:
        # Some tokenizers decode the beginning of a text in another way, so what the tail says is looked up in all of it.
        return all(
            _has_stop(_decoded(self.tokenizer, part), self.stops) for part in (row[-self.reach :], row)
        )


def _decoded(tokenizer: Any, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True))


def _has_stop(text: str, stops: Sequence[str]) -> bool:
    return any(stop in text for stop in stops)


class _Draw(LogitsProcessor):
    """Draws each row's next token from its own stream, and leaves that token alone possible."""

    def __init__(self, keys: Sequence[str], width: int, sampling: Sampling, device: torch.device) -> None:
        streams = [np.random.default_rng(int(key[:32], 16)) for key in keys]
        drawn = np.stack([stream.random(sampling.max_new_tokens) for stream in streams])
        self.drawn = torch.from_numpy(drawn).to(device)  # (rows, steps), in [0, 1)
        self.width, self.sampling = width, sampling

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        p = probabilities(scores, self.sampling)
        sums = p.cumsum(-1)
        if not bool(sums[:, -1].isfinite().all()):
            raise ArtifactError(
                "the model gives probabilities that are no numbers. Its weights are damaged, or do not fit their dtype: "
                "try float32 or bfloat16."
            )
        u = self.drawn[:, input_ids.shape[1] - self.width, None] * sums[:, -1:]
        # The first token whose sum is above u: one of probability 0 never is.
        token = torch.searchsorted(sums, u, right=True).clamp(max=p.shape[-1] - 1)
        return torch.full_like(scores, -torch.inf).scatter(-1, token, 0.0)


def probabilities(scores: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """What is drawn from, not normalised: `(rows, vocabulary)` float64, by temperature, then top_k, then top_p.

    Fan et al. (2018) for top_k; Holtzman et al. (2020) for top_p: the fewest of the likeliest tokens that reach it.
    """
    scores = scores.double() / sampling.temperature
    if sampling.top_k:
        least = scores.topk(min(sampling.top_k, scores.shape[-1])).values[:, -1:]
        scores = scores.masked_fill(scores < least, -torch.inf)
    p = scores.softmax(-1)
    if sampling.top_p < 1:
        falling = p.sort(descending=True).values
        before = falling.cumsum(-1) - falling
        least = falling.masked_fill(before >= sampling.top_p, torch.inf).min(-1, keepdim=True).values
        p = p.masked_fill(p < least, 0.0)
    return p


def placed(model: Any) -> Any:
    """The model on a GPU where there is one: a policy that is only sampled is moved by no trainer."""
    return model.to(_device(None))


def _device(name: str | None) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConfigError(
            f"device is {name!r}, which is not to be had here. Write cpu, or cuda where there is a GPU."
        ) from None
    return device


def _dtype(name: str, device: torch.device) -> Any:
    if name == "auto":
        return torch.float32 if device.type == "cpu" else "auto"
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        raise ConfigError(f"dtype is {name!r}. Allowed: auto, {', '.join(known)}.")
    return known[name]


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """The tokens that end a response, of the model's settings and of the tokenizer."""
    found: set[int] = set() if tokenizer.eos_token_id is None else {tokenizer.eos_token_id}
    given = model.generation_config.eos_token_id
    return found | set(given if isinstance(given, list) else [] if given is None else [given])
