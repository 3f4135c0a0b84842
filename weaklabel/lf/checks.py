"""`check_labeling_function`: does a labeling function keep its contract? Public, for anybody's function.

The contract: every vote is -1, 0 or 1; the same pair gets the same vote every time and in whatever company;
turning a pair round turns the vote and the margin round exactly; a margin has the sign of its vote; nothing raises.

Three passes over the pairs show it: as they are, in another order and in pieces, and turned round; some of them
are also voted on alone, and on fresh texts, so that nothing remembered can hide a toss-up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._terminal import plain_line
from weaklabel.errors import DataError, LabelingFunctionError
from weaklabel.lf.columns import with_derived_columns
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.votes import BatchVotes
from weaklabel.types import ABSTAIN, Pair, Pairs, Text, swap_votes
from weaklabel.types.result import json_fields

Severity = Literal["error", "warning"]

MAX_IDS: Final = 5
_SINGLES: Final = 20  # pairs that are also voted on alone
_FRESH: Final = 200  # pairs that are also voted on with texts that remember nothing


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong with a labeling function, under a code that never changes its meaning."""

    code: str
    title: str
    severity: Severity
    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return (
            f"{self.code} {self.title} ({self.severity})\n\n{self.what}\n\n"
            f"Why it matters: {self.why}\n\nWhat to do: {self.fix}"
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken by one labeling function.

    Attributes:
        code: key in `weaklabel.workbench.rules.RULES`.
        severity: "error" (its votes cannot be trusted) or "warning" (they may not be worth having).
        lf: name of the function.
        where: how to find it, e.g. `lfs/style.py::polite`.
        message: what was seen.
        pair_ids: up to five offending pairs.
        fix: what to do.
    """

    code: str
    severity: Severity
    lf: str
    where: str
    message: str
    pair_ids: tuple[str, ...] = ()
    fix: str = ""

    @classmethod
    def of(
        cls,
        rule: Rule,
        lf: LabelingFunction,
        message: str,
        pair_ids: Sequence[str] = (),
        severity: Severity | None = None,
    ) -> Finding:
        """What `rule` says of `lf`."""
        ids = tuple(pair_ids)[:MAX_IDS]
        return cls(rule.code, severity or rule.severity, lf.name, where(lf), message, ids, rule.fix)

    def __str__(self) -> str:
        shown = f" Pairs: {', '.join(map(repr, self.pair_ids))}." if self.pair_ids else ""
        found = plain_line(f"{self.where} {self.code} {self.severity}: {self.message}{shown}")
        return f"{found}\n    {self.fix}"

    to_dict = json_fields


def where(lf: LabelingFunction) -> str:
    """How a person finds a function: its spec, or family and name."""
    return lf.spec or f"{lf.family}::{lf.name}"


CONTRACT_RULES: Final = {
    rule.code: rule
    for rule in (
        Rule(
            "WL101",
            "position-dependent",
            "error",
            "With the two responses in the other order, the vote or the margin does not turn round.",
            "A pair has no direction. What depends on position says nothing about the responses, and a label "
            "model takes it for evidence.",
            "Compare the two responses by the same rule, or write a @response_scorer, which cannot depend on position.",
        ),
        Rule(
            "WL102",
            "non-deterministic",
            "error",
            "The same pairs in the same order get other votes or margins the second time.",
            "Votes are stored, shared between runs and compared; votes that change make all of that wrong.",
            "Seed whatever is random from the text itself, or store the outcome in a column and use a column LF.",
        ),
        Rule(
            "WL108",
            "raises",
            "error",
            "The function raises an exception on some pair.",
            "A run records the failure as a fault, apart from abstains, and stops when faults pass a stated share.",
            "Return ABSTAIN (a scorer: NaN) where the function does not apply, and mend it where it should.",
        ),
        Rule(
            "WL109",
            "illegal vote",
            "error",
            "The function returns something that is no vote, or a scorer something that is no finite number.",
            "Only -1 (abstain), 0 (A) and 1 (B) are votes; a run records anything else as a fault.",
            "Return PREFER_A, PREFER_B or ABSTAIN; a scorer returns a number, or NaN for 'cannot say'.",
        ),
        Rule(
            "WL111",
            "batch-dependent",
            "error",
            "A pair gets another vote or margin when it is voted on alone, or among other pairs.",
            "A run votes on shards; their size and order must not change a single vote.",
            "Use nothing but the pair itself: no counters, no means over the batch, no state from the last call.",
        ),
        Rule(
            "WL112",
            "margin against vote",
            "error",
            "A margin is positive where the vote is for A, or negative where it is for B, or zero where there is one.",
            "A margin is positive for B. The pair model reads margins; majority vote reads votes; they must agree.",
            "Take the vote from the sign of the margin, or give NaN as the margin.",
        ),
        Rule(
            "WL113",
            "missing column",
            "error",
            "The function declares a source column that the pairs do not have.",
            "It cannot run on these pairs at all.",
            "Correct the name in columns=[...], or add the column to the data.",
        ),
    )
}


@checked
def check_labeling_function(
    lf: LabelingFunction, pairs: Pairs | Sequence[Pair] | None = None, *, seed: int = 0
) -> list[Finding]:
    """What is wrong with a labeling function's contract; an empty list when nothing is.

    A function that raises or returns no vote is reported with its first such pair, and not examined further.

    Args:
        lf: any labeling function.
        pairs: pairs to vote on, some hundred real ones if you have them; None takes a dozen awkward ones (empty,
            identical, very long, other scripts, mark-up). A function that declares columns needs pairs that have them.
        seed: of the other order.

    >>> from weaklabel.lf.writing import labeling_function
    >>> @labeling_function
    ... def first_wins(pair):
    ...     return 0
    >>> [finding.code for finding in check_labeling_function(first_wins)]
    ['WL101']
    """
    try:
        rows = rows_of(lf, pairs)
    except DataError as error:
        return [Finding.of(CONTRACT_RULES["WL113"], lf, str(error))]
    return examine(lf, rows, seed=seed)[0]


def assert_labeling_function(
    lf: LabelingFunction, pairs: Pairs | Sequence[Pair] | None = None, *, seed: int = 0
) -> None:
    """`check_labeling_function` as one line in a test.

    Raises:
        LabelingFunctionError: with every finding in its message.
    """
    findings = check_labeling_function(lf, pairs, seed=seed)
    if findings:
        raise LabelingFunctionError("\n".join(map(str, findings)))


def examine(
    lf: LabelingFunction, rows: Sequence[Pair], *, seed: int = 0
) -> tuple[list[Finding], BatchVotes | None]:
    """The findings on these pairs, and the votes themselves; None where they cannot be used."""
    first = _vote(lf, rows)
    if isinstance(first, Finding):
        return [first], None
    for steady in (_fresh_texts, _company):
        if findings := steady(lf, rows, first, seed):
            return findings, first  # what changes by itself cannot be asked whether it turns round
    return [*_turned(lf, rows, first), *_signs(lf, rows, first)], first


def _fresh_texts(lf: LabelingFunction, rows: Sequence[Pair], first: BatchVotes, seed: int) -> list[Finding]:
    """Some pairs again, with texts that remember nothing: an answer may be remembered and still be a toss-up."""
    part = np.arange(min(_FRESH, len(rows)))
    again = _vote(lf, [fresh(pair) for pair in rows[:_FRESH]])
    return [again] if isinstance(again, Finding) else _unsteady(lf, rows, first, part, again)


def _company(lf: LabelingFunction, rows: Sequence[Pair], first: BatchVotes, seed: int) -> list[Finding]:
    """In another order and in two pieces; then the first few pairs each alone."""
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = len(rows) // 3
    parts = [order[:cut], order[cut:], *(np.array([i]) for i in range(min(_SINGLES, len(rows))))]
    for part in filter(len, parts):
        again = _vote(lf, [rows[i] for i in part])
        if findings := [again] if isinstance(again, Finding) else _unsteady(lf, rows, first, part, again):
            return findings
    return []


def _unsteady(
    lf: LabelingFunction, rows: Sequence[Pair], first: BatchVotes, part: NDArray[np.intp], again: BatchVotes
) -> list[Finding]:
    """Whether votes on part of the rows are the first ones; if not, whether the same question gets the same answer."""
    odd = np.zeros(len(rows), dtype=np.bool_)
    odd[part] = _differ(BatchVotes(first.votes[part], first.margins[part]), again)
    if not odd.any():
        return []
    repeated = _vote(lf, [fresh(pair) for pair in rows])
    if isinstance(repeated, Finding):
        return [repeated]
    if (changed := _differ(first, repeated)).any():
        message = "{n} of {of} pairs got another vote or margin the second time."
        return [_finding("WL102", lf, rows, changed, message)]
    message = "{n} of {of} pairs got another vote or margin among other pairs, in another order or alone."
    return [_finding("WL111", lf, rows, odd, message)]


def _turned(lf: LabelingFunction, rows: Sequence[Pair], first: BatchVotes) -> list[Finding]:
    turned = _vote(lf, [pair.swapped() for pair in rows])
    if isinstance(turned, Finding):
        return [turned]
    odd = _differ(replace(first, votes=swap_votes(first.votes), margins=-first.margins), turned)
    message = "the vote or margin on {n} of {of} pairs does not turn round with the pair."
    return [_finding("WL101", lf, rows, odd, message)] if odd.any() else []


def _signs(lf: LabelingFunction, rows: Sequence[Pair], first: BatchVotes) -> list[Finding]:
    spoke = (first.votes != ABSTAIN) & ~np.isnan(first.margins)
    odd = spoke & (np.sign(first.margins) != 2.0 * first.votes - 1.0)
    message = "on {n} of {of} pairs the margin has not the sign of the vote."
    return [_finding("WL112", lf, rows, odd, message)] if odd.any() else []


def _vote(lf: LabelingFunction, rows: Sequence[Pair]) -> BatchVotes | Finding:
    """Votes on rows, or the finding that makes every further one pointless."""
    try:
        found = lf.vote_all(rows)
    except (Exception, SystemExit) as error:
        return Finding.of(CONTRACT_RULES["WL108"], lf, f"vote_all raised {type(error).__name__}: {error}")
    if found.faults:
        first, ids = found.faults[0], list(dict.fromkeys(fault.pair_id for fault in found.faults))
        rule = CONTRACT_RULES["WL109" if first.kind == "no_vote" else "WL108"]
        return Finding.of(rule, lf, f"it failed on {len(ids)} of {len(rows)} pairs, first: {first}", ids)
    if trouble := _misshapen(found, len(rows)):
        return Finding.of(CONTRACT_RULES["WL109"], lf, trouble)
    illegal = ~np.isin(found.votes, (-1, 0, 1))
    if illegal.any():
        return _finding("WL109", lf, rows, illegal, "{n} of {of} votes are not -1, 0 or 1.")
    return found


def _misshapen(found: BatchVotes, n: int) -> str:
    for what, array, dtype in (("votes", found.votes, np.int8), ("margins", found.margins, np.float32)):
        if array.shape != (n,) or array.dtype != dtype:
            return (
                f"vote_all gave {what} of shape {array.shape} and type {array.dtype} for {n} pairs, "
                f"expected ({n},) {np.dtype(dtype)}."
            )
    return ""


def _differ(one: BatchVotes, other: BatchVotes) -> NDArray[np.bool_]:
    same = (one.margins == other.margins) | (np.isnan(one.margins) & np.isnan(other.margins))
    return np.asarray((one.votes != other.votes) | ~same, dtype=np.bool_)


def _finding(
    code: str, lf: LabelingFunction, rows: Sequence[Pair], odd: NDArray[np.bool_], message: str
) -> Finding:
    ids = [rows[i].id for i in np.flatnonzero(odd)[:MAX_IDS]]
    return Finding.of(CONTRACT_RULES[code], lf, message.format(n=int(odd.sum()), of=len(rows)), ids)


def rows_of(lf: LabelingFunction, pairs: Pairs | Sequence[Pair] | None) -> list[Pair]:
    """Pairs as `lf` may see them, with the columns it declares.

    Raises:
        DataError: a declared column is not there.
    """
    if pairs is None and lf.columns:
        raise DataError(
            f"{lf.name!r} declares the column {lf.columns[0]!r}. Pass pairs that have it: "
            "check_labeling_function(lf, pairs)."
        )
    if isinstance(pairs, Pairs):
        # Looking at a judge must not cost money: what it has not said yet, it does not say here.
        return list(with_derived_columns([lf], pairs, ask=False).iter_pairs(lf.columns))
    return awkward_pairs() if pairs is None else list(pairs)


def fresh(pair: Pair) -> Pair:
    """The pair with texts that remember nothing."""
    return replace(
        pair,
        prompt=Text(str(pair.prompt)),
        response_a=Text(str(pair.response_a)),
        response_b=Text(str(pair.response_b)),
    )


def awkward_pairs() -> list[Pair]:
    """A dozen pairs that labeling functions tend to trip over, none of them unusual in real data."""
    code, listed = (
        "Use this:\n```python\nprint('hi')\n```\n",
        "# Plan\n1. Pack.\n2. Go.\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    )
    texts = [
        ("What is 12 * 3?", "12 * 3 = 36", "It is 35, I think."),
        ("Say nothing.", "", "I am sorry, but I cannot help with that."),
        ("Say nothing twice.", "", ""),
        ("Repeat after me.", "The same.", "The same."),
        ("Blank?", " \n\t ", "\u00a0"),
        ("", "Is there a question?", "Hello!!!"),
        ("Give me code.", code, listed),
        ("Wie geht es?", "Gut, danke. Schönes Wetter heute!", "I am fine, thank you."),
        ("你好", "你好！很高兴见到你。", "مرحبا بك 👋🏽"),
        ("Write a lot.", "word " * 4000, "x" * 20000),
        ("Return JSON.", '{"a": [1, 2.5e10, -3]}', "{'a': 1,}"),
        ("Link?", "See https://example.org/a?b=1 [1].", "Odd bytes: \x00 \u200b \ufeff \u0301"),
    ]  # fmt: skip
    return [Pair(f"awkward-{i}", Text(p), Text(a), Text(b)) for i, (p, a, b) in enumerate(texts)]
