"""What an audit warns of: a rule and a sentence per name. A rule reads the figures of two looks and nothing else.

A rule asks for more than a figure beyond its threshold: the interval has to lie on that side of what would be
harmless, so that the chance of which prompts were drawn does not stop a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weaklabel._tables import short
from weaklabel._validation import lookup
from weaklabel.metrics import Interval
from weaklabel.stages.audit.settings import AuditSettings
from weaklabel.types.result import Result

Figures = Mapping[str, Interval]
Rule = Callable[[Figures, Figures, AuditSettings], str | None]
DRIFT: Final = "drift"
_MOSTLY: Final = 0.8  # share of answers that ended, from which a model's mean length is its own
_UNKNOWN: Final = Interval(float("nan"), float("-inf"), float("inf"), 0)


@dataclass(frozen=True, slots=True)
class Warned(Result):
    """A warning of one look.

    Attributes:
        name: such as `length` or `drift:<lf>`.
        step: of the look.
        sentence: what was seen, what it may mean, what to do.
    """

    name: str
    step: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.name}: {self.sentence}"


def warnings_of(step: int, now: Figures, first: Figures, settings: AuditSettings) -> tuple[Warned, ...]:
    """The warnings of a look, given the figures of it and of the first one."""
    found = [(name, rule(now, first, settings)) for name, rule in WARNINGS.items()]
    found += [(f"{DRIFT}:{lf}", sentence) for lf, sentence in _drifted(now, settings)]
    return tuple(Warned(name, step, sentence) for name, sentence in found if sentence)


def check_names(names: Sequence[str], lfs: Sequence[str]) -> None:
    """That names are those of warnings that can come.

    Raises:
        UnknownNameError: one that is not, with what was meant.
    """
    known = {**WARNINGS, DRIFT: None, **{f"{DRIFT}:{lf}": None for lf in lfs}}
    for name in names:
        lookup("warning of the audit", known, name)


def stopping(found: Sequence[Warned], stop_on: Sequence[str]) -> Warned | None:
    """The first warning that ends a run."""
    return next((each for each in found if {each.name, each.name.partition(":")[0]} & set(stop_on)), None)


def _length(now: Figures, first: Figures, settings: AuditSettings) -> str | None:
    ratio, limit = now.get("length_ratio", _UNKNOWN), settings.max_length_ratio
    said = f"answers have {now['length'].value:.1f} tokens on average, at the first look {first['length'].value:.1f}"
    if ratio.value >= limit and ratio.low > 1:
        return (
            f"{said}. What training rewards goes with length: read some long answers, then penalise or balance length in "
            "the comparer or in the demonstrations."
        )
    # Where the first model talked until it was cut, shorter answers are what training is for.
    if ratio.value <= 1 / limit and ratio.high < 1 and first["ended"].value >= _MOSTLY:
        return (
            f"{said}. The policy says less and less: check whether the demonstrations are short, or the comparer prefers "
            "short answers."
        )
    return None


def _no_end(now: Figures, first: Figures, settings: AuditSettings) -> str | None:
    ended = now["ended"]
    # A base model that learns to stop is on its way.
    if ended.high >= settings.min_ended or ended.low > first["ended"].high:
        return None
    return (
        f"{short(ended.value)} of the answers end within max_new_tokens. Either responses were cut in training, which "
        "teaches no end (raise max_length, or shorten them), or answers are longer than that: raise max_new_tokens."
    )


def _empty(now: Figures, first: Figures, settings: AuditSettings) -> str | None:
    empty = now["empty"]
    if empty.value <= settings.max_empty or empty.value <= first["empty"].value:
        return None
    return (
        f"{short(empty.value)} of the answers are empty. Check the training data for responses without content, such as an "
        "end token written out; otherwise lower learning_rate."
    )


def _collapse(now: Figures, first: Figures, settings: AuditSettings) -> str | None:
    same = now["sameness"]
    if same.low <= settings.max_sameness or same.low <= first["sameness"].high:
        return None
    return (
        f"answers to different prompts are {short(same.value)} alike (METEOR), {short(first['sameness'].value)} at the "
        "first look. The policy gives every prompt the same answer: go back to an earlier checkpoint, and lower "
        "learning_rate or strengthen the pull to the reference. Where the task has few right answers, raise max_sameness."
    )


def _kl(now: Figures, first: Figures, settings: AuditSettings) -> str | None:
    kl = now.get("kl", _UNKNOWN)
    if not (kl.value > settings.max_kl and kl.low > settings.max_kl / 2):
        return None
    return (
        f"the policy is {kl.value:.2f} nats per token away from its reference. Lower learning_rate, train fewer steps, or "
        "strengthen the pull to the reference; where that much change is wanted, raise max_kl."
    )


def _falling_logps(now: Figures, first: Figures, settings: AuditSettings) -> str | None:
    change = now.get("logps/chosen_change_per_token", _UNKNOWN)
    if not (change.value <= -settings.max_logps_fall and change.high < 0):
        return None
    rejected = now["logps/rejected_change"].value
    with_it = (
        "The rejected ones fall too, as DPO's do when nothing holds the chosen ones: add an SFT term to the loss, raise "
        "beta or lower learning_rate."
        if rejected < 0
        else "The rejected ones do not fall: check whether chosen and rejected have changed places in the data."
    )
    return (
        f"chosen responses have lost {-change.value:.2f} nats per token since the first look, "
        f"{-now['logps/chosen_change'].value:.1f} per response. {with_it}"
    )


def _over_optimised(now: Figures, first: Figures, settings: AuditSettings) -> str | None:
    train, held_out = (now.get(name, _UNKNOWN) for name in ("training_comparer", "held_out_comparer"))
    gap = now.get("comparer_gap", _UNKNOWN)
    if not (train.low > 0.5 and held_out.low <= 0.5 and gap.value > settings.max_gap and gap.low > 0):
        return None
    return (
        f"the current answers beat the first ones with probability {short(train.value)} by the comparer that trains, "
        f"{short(held_out.value)} by one that was held out. The policy learns the mistakes of the first: go back to an "
        "earlier checkpoint, strengthen the pull to the reference, or improve the comparer where the two differ."
    )


WARNINGS: Final[Mapping[str, Rule]] = {
    "length": _length,
    "no_end": _no_end,
    "empty": _empty,
    "collapse": _collapse,
    "kl": _kl,
    "falling_logps": _falling_logps,
    "over_optimised": _over_optimised,
}
"""The warnings but for those of labeling functions, `drift:<lf>`."""


def _drifted(now: Figures, settings: AuditSettings) -> Iterator[tuple[str, str]]:
    """The functions that find the current answers worse. That others find them better is what training is for."""
    for name, vote in now.items():
        kind, _, lf = name.partition("/")
        if kind == DRIFT and vote.value <= -settings.max_drift and vote.high < 0:
            yield (
                lf,
                (
                    f"{lf!r} prefers the first answers: its mean vote is {short(vote.value, sign=True)}. Read answers that "
                    "it votes against: if it is right, give it more weight in the comparer; if it is wrong about them, leave "
                    "it out."
                ),
            )
