"""What an audit asks of the model itself: answers to the fixed prompts, and log-probabilities. torch is behind `training`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from weaklabel._validation import numbers_within
from weaklabel.artifacts import content_hash
from weaklabel.errors import ArtifactError, ConfigError, DataError
from weaklabel.groups import Group
from weaklabel.metrics import Interval, bootstrap_ratio
from weaklabel.stages.audit.asked import Answer, Asked
from weaklabel.stages.audit.settings import AuditSettings
from weaklabel.training.sampling import Sampling
from weaklabel.types import FloatArray, Pairs
from weaklabel.types.result import Result

if TYPE_CHECKING:
    from weaklabel.training.sft import TokenExample

_LARGEST: Final = 1e12
Reference = Callable[[], Any] | Literal["first"] | None
"""A function that gives the reference model, `first` for the policy as it was shown first, or None for no KL."""


@dataclass(frozen=True, repr=False)
class Preferences(Result):
    """What a policy gives held-out pairs, all `(n,)` float64.

    Attributes:
        chosen, rejected: log-probability of the response's tokens together, in nats.
        tokens: of the chosen response.
    """

    chosen: FloatArray
    rejected: FloatArray
    tokens: FloatArray

    @classmethod
    def from_dict(cls, told: Any, where: str) -> Preferences:
        """What `to_dict` wrote.

        Raises:
            ArtifactError: something else.
        """
        try:
            chosen, rejected, tokens = (
                numbers_within(told[name], (None,), -_LARGEST, _LARGEST)
                for name in ("chosen", "rejected", "tokens")
            )
        except (KeyError, TypeError, ValueError):
            raise ArtifactError(
                f"{where} is not as an audit writes it. Remove the folder of the audit, and run it again."
            ) from None
        return cls(chosen, rejected, tokens)


@dataclass(frozen=True)
class Policy:
    """The model that is looked at, with what it is asked through.

    Attributes:
        model, tokenizer: of transformers.
        reference: what the KL is measured against.
        first: file of the weights that train as they were first.
        settings: of the audit.
    """

    model: Any
    tokenizer: Any
    reference: Reference
    first: Path
    settings: AuditSettings

    def keep_first(self) -> None:
        """Keep the weights that train, where later looks need them."""
        from weaklabel.training.logps import keep_weights

        if self.reference == "first":
            keep_weights(self.model, self.first)

    def answers(self, asked: Sequence[Asked]) -> tuple[Answer, ...]:
        """One answer per prompt at temperature 1, with log-probabilities where there is a reference.

        The prompt is what training reads of it. Equal prompts draw equal random numbers at every look.
        """
        from weaklabel.training.decoding import Responder
        from weaklabel.training.sft import TokenExample

        prompts = [tokens.prompt for tokens in self._tokens(asked)]
        drawn = Responder(self.model, self.tokenizer).drawn(
            prompts,
            [each.key for each in asked],
            Sampling(max_new_tokens=self.settings.max_new_tokens),
            batch_size=self.settings.batch_size,
        )
        found = tuple(
            Answer(each.key, one.reply.text, len(one.response), one.reply.finish == "stop")
            for each, one in zip(asked, drawn, strict=True)
        )
        if self.reference is None:
            return found
        examples = [TokenExample(one.prompt, one.response) for one in drawn]
        logps = self._sums(self.model, examples)
        with self._reference_model() as model:
            theirs = self._sums(model, examples)
        return tuple(
            replace(answer, logp=float(ours), reference_logp=float(other))
            for answer, ours, other in zip(found, logps, theirs, strict=True)
        )

    def preferences(self, pairs: Pairs) -> Preferences:
        """What the policy gives the chosen and the rejected responses, cut as in training where the context ends."""
        from weaklabel.training.models.loading import context_length
        from weaklabel.training.sft import TokenExample
        from weaklabel.training.tokens import tokenize_groups

        groups = []
        for pair, y in zip(pairs, pairs.y, strict=True):
            texts = (str(pair.response_b), str(pair.response_a))
            chosen, rejected = texts if y == 1 else texts[::-1]
            groups.append(Group(str(pair.prompt), (chosen, rejected), (), pair.messages))
        length = context_length(self.model, self.tokenizer)
        told = tokenize_groups(
            groups, self.tokenizer, max_length=length, kind="decoder", keep_end=False
        ).groups
        examples = [TokenExample(group.prompt, response) for group in told for response in group.responses]
        sums = self._sums(self.model, examples).reshape(-1, 2)
        tokens = np.array([len(group.responses[0]) for group in told], dtype=np.float64)
        return Preferences(sums[:, 0], sums[:, 1], tokens)

    def _tokens(self, asked: Sequence[Asked]) -> Sequence[Any]:
        from weaklabel.training.models.loading import context_length
        from weaklabel.training.tokens import SHORTEST, tokenize_groups

        longest = self.settings.max_new_tokens
        room = context_length(self.model, self.tokenizer) - longest
        if room < SHORTEST:
            raise ConfigError(
                f"audit: max_new_tokens is {longest}, which leaves {max(room, 0)} tokens of the model's context for a "
                f"prompt. Allowed: so many that {SHORTEST} are left."
            )
        groups = [Group(each.prompt.text, (".",), (), each.messages) for each in asked]
        return tokenize_groups(groups, self.tokenizer, max_length=room, kind="decoder").groups

    def _sums(self, model: Any, examples: Sequence[TokenExample]) -> FloatArray:
        from weaklabel.training.logps import response_logps

        parts = response_logps(model, examples, pad_id=self.tokenizer.pad_token_id)
        return np.array([part.sum() for part in parts], dtype=np.float64)

    @contextmanager
    def _reference_model(self) -> Iterator[Any]:
        from weaklabel.training.logps import kept_weights

        if callable(self.reference):
            yield self.reference().to(next(self.model.parameters()).device)
            return
        with kept_weights(self.model, self.first):
            yield self.model


def checked_reference(given: Any) -> Reference:
    """What a KL can be measured against.

    Raises:
        ConfigError: something else.
    """
    if given is None or given == "first" or callable(given):
        return given  # type: ignore[no-any-return]
    raise ConfigError(
        f"audit: reference is {str(given)[:40]!r}. Allowed: 'first', a function without arguments that gives a model, or "
        "None for no KL."
    )


def kl_figures(answers: Sequence[Answer], seed: int) -> Iterator[tuple[str, Interval]]:
    """KL of the policy to its reference in nats, per token and per answer.

    The mean over sampled tokens of log p_policy - log p_reference (k1 of Schulman 2020, "Approximating KL divergence"):
    without bias, and by chance below 0.
    """
    known = [(each.logp, each.reference_logp, each.tokens) for each in answers]
    gaps = [logp - reference for logp, reference, _ in known if logp is not None and reference is not None]
    if len(gaps) == len(known):
        yield "kl", bootstrap_ratio(gaps, [tokens for _, _, tokens in known], seed=seed)
        yield "kl_per_answer", bootstrap_ratio(gaps, seed=seed)


def preference_figures(
    now: Preferences, first: Preferences, groups: NDArray[np.int64], seed: int
) -> Iterator[tuple[str, Interval]]:
    """`logps/chosen` and `logps/rejected`, TRL's names: nats per response; their change; where chosen is above rejected."""
    for name in ("chosen", "rejected"):
        current, before = getattr(now, name), getattr(first, name)
        yield f"logps/{name}", bootstrap_ratio(current, groups=groups, seed=seed)
        yield f"logps/{name}_change", bootstrap_ratio(current - before, groups=groups, seed=seed)
    change = now.chosen - first.chosen
    yield "logps/chosen_change_per_token", bootstrap_ratio(change, now.tokens, groups, seed=seed)
    above = (np.sign(now.chosen - now.rejected) + 1) / 2
    yield "logps/accuracies", bootstrap_ratio(above, groups=groups, seed=seed)


def preferences_of(pairs: Pairs | None, n: int, seed: int) -> Pairs | None:
    """At most `n` pairs with a winner by their gold, in an order that does not depend on the order given.

    Raises:
        DataError: none has.
    """
    if pairs is None:
        return None
    decided = [k for k, y in enumerate(pairs.y) if y in (0.0, 1.0)]
    if not decided:
        raise DataError(
            f"audit: none of {len(pairs)} held-out pairs has gold that names a winner. Give pairs with gold, or none."
        )
    texts = [pairs.table[name].to_pylist() for name in ("prompt", "response_a", "response_b")]

    def key(row: int) -> str:
        prompt, a, b = (column[row] for column in texts)
        return content_hash("audit 1", str(seed), prompt, *sorted((a, b)))

    return pairs.take(np.array(sorted(decided, key=key)[:n], dtype=np.int64))
