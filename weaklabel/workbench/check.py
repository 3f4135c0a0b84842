"""`check`: a linter for labeling functions. A sample of pairs, a few passes, stable codes, what to do.

It looks at pairs outside the locked test part and at dev gold, nothing else. A function that breaks its contract is
found by `weaklabel.lf.checks`; the votes of that examination serve every other question, so nothing runs twice.

Time is measured on a few dozen pairs with fresh texts, after a warm-up; what looks slow is measured again and the
best of three counts, so that a busy machine accuses nobody. A function too slow for the whole sample is examined
on as many pairs as fit, and the report says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._guard import guarded
from weaklabel._progress import tracked
from weaklabel._shown import Sketch
from weaklabel._validation import check_least
from weaklabel.engine.executors import OutOfTime, alarm
from weaklabel.errors import ConfigError, DataError, GoldError
from weaklabel.lf.builders import runs_in_python
from weaklabel.lf.checks import MAX_IDS, Finding, examine, fresh, rows_of, where
from weaklabel.lf.core import LabelingFunction
from weaklabel.lf.gold_columns import gold_column
from weaklabel.lf.snorkel import SnorkelFunction
from weaklabel.lf.writing import current
from weaklabel.metrics import Interval
from weaklabel.types import ABSTAIN, CANONICAL, FloatArray, Pair, Pairs
from weaklabel.types.result import Result, json_fields
from weaklabel.workbench import rules
from weaklabel.workbench._dev import is_dev
from weaklabel.workbench.analysis import accuracy_interval
from weaklabel.workbench.rules import RULES

if TYPE_CHECKING:
    from weaklabel.pictures import Picture


Clock = Callable[[], float]

TIME_LIMIT: Final = 20.0
"""Seconds for the examination of one function, unless told otherwise."""

_WARM_UP: Final = 5
_TIMED: Final = 50
_FEWEST: Final = 10
_SECONDS_PER_PASS: Final = 1.0  # an examination is about three passes


@dataclass(frozen=True, slots=True, repr=False)
class Checked(Result):
    """What `check` found. `str()` prints like a linter, `to_dict()` gives JSON values.

    Attributes:
        findings: in order of the functions, then of the codes.
        lf_names: the functions that were checked.
        n_pairs: size of the sample; `n_gold` of it carry dev gold.
        ms_per_pair: time per function, in milliseconds per pair. Varies from run to run.
        coverage: per function, the share of pairs on which it votes, in [0, 1]; without those that gave no votes.
        accuracy: per function, how often its votes are right on dev gold, with a 95% interval over prompts; without
            those that meet no decided gold.
        notes: what was not looked at, and which patterns the linear engine lacks, in words.
    """

    findings: tuple[Finding, ...]
    lf_names: tuple[str, ...]
    n_pairs: int
    n_gold: int
    ms_per_pair: dict[str, float] = field(default_factory=dict)
    coverage: dict[str, float] = field(default_factory=dict)
    accuracy: dict[str, Interval] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def since(self, before: Checked) -> tuple[str, ...]:
        """What an edit did to coverage and accuracy: a line for each function that is new, gone or other than `before`."""
        now, then = ({lf: report._votes_of(lf) for lf in report.lf_names} for report in (self, before))
        changed = [lf for lf in dict.fromkeys([*then, *now]) if now.get(lf) != then.get(lf)]
        return tuple(f"{lf}: {then.get(lf, 'new')} -> {now.get(lf, 'gone')}" for lf in changed)

    def _votes_of(self, lf: str) -> str:
        if lf not in self.coverage:
            return "no votes"
        right = f", right in {self.accuracy[lf]}" if lf in self.accuracy else ""
        return f"votes on {self.coverage[lf]:.1%}{right}"

    @property
    def exit_code(self) -> int:
        """1 when there are findings, 0 when there are none."""
        return int(bool(self.findings))

    def __str__(self) -> str:
        ask = ["`weaklabel rule CODE` explains a code."] if self.findings else []
        return "\n".join([*map(str, self.findings), *self.notes, self._summary(), *ask])

    def _summary(self) -> str:
        n, m = len(self.findings), len(self.lf_names)
        gold = (
            f"{self.n_gold} with dev gold" if self.n_gold else "no dev gold, so nothing is said of accuracy"
        )
        found = f"{n} finding{'s' if n != 1 else ''}" if n else "Nothing found"
        return f"{found} in {m} labeling function{'s' if m != 1 else ''} on {self.n_pairs} pairs ({gold})."

    def plot(self) -> Picture:
        """How long each function takes, and which have findings, as a picture for notebooks."""
        from weaklabel.pictures import bars_picture

        severe = {(finding.lf, finding.severity) for finding in self.findings}
        slowest = sorted(self.ms_per_pair.items(), key=lambda item: -item[1])
        return bars_picture(
            [
                (name, ms, "a" if (name, "error") in severe else "m" if (name, "warning") in severe else "b")
                for name, ms in slowest
            ],
            "How long each function takes, and what was found",
            axis="ms per pair",
            kinds={"a": "with an error", "m": "with a warning", "b": "without a finding"},
            note=self._summary(),
        )

    def _sketch(self) -> Sketch:
        rows = [[f.where, f.code, f.severity, f.message, f.fix] for f in self.findings]
        header = ("where", "code", "", "finding", "what to do")
        return Sketch("\n".join([self._summary(), *self.notes]), header if rows else (), rows, left=5)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return json_fields(self, lf_names="lfs")


@checked
def check(
    lfs: Sequence[LabelingFunction],
    pairs: Pairs,
    *,
    sample: int = 2000,
    seed: int = 0,
    gold: Pairs | None = None,
    time_limit: float = TIME_LIMIT,
    clock: Clock = time.perf_counter,
) -> Checked:
    """Examine labeling functions on a sample of pairs.

    Args:
        lfs: the functions; each is examined whatever the others do.
        pairs: where the sample is drawn from; the locked test part is left alone.
        sample: pairs to draw. Dev gold takes up to half of them.
        seed: of the sample and of the bootstrap.
        gold: more dev gold, where it is not in `pairs`. Its test part is left alone.
        time_limit: seconds after which the examination of one function is given up. Kept in the main thread only,
            and not inside one call into a C library.
        clock: seconds, as `time.perf_counter`.

    Raises:
        ConfigError: a sample below 1, or no time at all.
        DataError: no pair outside the test part.
        GoldError: gold that is nothing but locked test gold.
    """
    check_least("check: sample", sample, 1)
    if not time_limit > 0:
        raise ConfigError(f"check: time_limit is {time_limit}. Allowed: seconds above 0.")
    lfs = current(lfs)
    known = _with_gold(pairs, gold)
    chosen = _draw(known, sample, seed)
    shared, seen = list(chosen), []
    for lf in tracked(lfs, "checking", lambda lf: lf.name):
        seen.append(_examine_in_time(lf, chosen, shared, seed, clock, time_limit))
    y, groups = np.where(is_dev(chosen), chosen.y, np.nan), chosen.prompt_groups
    right = [_accuracy(one, y, groups, seed) for one in seen]
    findings = [
        *(finding for one in seen for finding in one.findings),
        *(finding for one, accuracy in zip(seen, right, strict=True) for finding in _on_votes(one, accuracy)),
        *_gold_readers(lfs, known.take(is_dev(known))),
        *_near_copies(seen),
        *_slow(seen),
        *_taken_names(lfs),
    ]
    order = {lf.name: i for i, lf in reversed(list(enumerate(lfs)))}
    return Checked(
        tuple(sorted(findings, key=lambda f: (order[f.lf], f.code))),
        tuple(lf.name for lf in lfs),
        len(chosen),
        int((~np.isnan(y)).sum()),
        {one.lf.name: one.ms for one in seen},
        {one.lf.name: float((one.votes != ABSTAIN).mean()) for one in seen if one.votes is not None},
        {one.lf.name: found for one, found in zip(seen, right, strict=True) if found is not None},
        (*_shortened(seen, len(chosen)), *_text_by_text(lfs)),
    )


def _shortened(seen: Sequence[_Seen], n: int) -> list[str]:
    return [
        f"{one.lf.name} is slow: it was examined on {one.n} of {n} pairs."
        for one in seen
        if one.votes is not None and one.n < n
    ]


def _text_by_text(lfs: Sequence[LabelingFunction]) -> list[str]:
    reasons = [(lf.name, runs_in_python(lf)) for lf in lfs]
    return [
        f"{name} searches text by text, which is slow and wants a time limit: {reason}."
        for name, reason in reasons
        if reason
    ]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One function's examination: the findings so far, and its votes on the first `n` pairs of the sample."""

    lf: LabelingFunction
    findings: tuple[Finding, ...]
    votes: NDArray[np.int8] | None = None
    margins: NDArray[np.float32] | None = None
    n: int = 0
    ms: float = 0.0


def _examine_in_time(
    lf: LabelingFunction,
    sample: Pairs,
    shared: Sequence[Pair],
    seed: int,
    clock: Clock,
    time_limit: float,
) -> _Seen:
    if threading.current_thread() is not threading.main_thread():
        return _examine(lf, sample, shared, seed, clock)
    try:
        with alarm(time_limit):
            return _examine(lf, sample, shared, seed, clock)
    except OutOfTime:
        message = f"it was given up after {time_limit:g} s."
        return _Seen(lf, (Finding.of(RULES["WL115"], lf, message, _hangs_on(lf, sample, time_limit)),))


def _hangs_on(lf: LabelingFunction, sample: Pairs, time_limit: float) -> list[str]:
    """The first pair that alone takes a quarter of the time; none where no such pair is found in all of it."""
    stop = time.monotonic() + time_limit
    for pair in rows_of(lf, sample):
        try:
            with alarm(time_limit / 4):
                lf.vote_all([pair])
        except OutOfTime:
            return [pair.id]
        if time.monotonic() > stop:
            break
    return []


def _examine(lf: LabelingFunction, sample: Pairs, shared: Sequence[Pair], seed: int, clock: Clock) -> _Seen:
    try:
        # Functions without columns see the same texts, so that a feature is computed once for all of them.
        rows = rows_of(lf, sample) if lf.columns else list(shared)
    except DataError as error:
        return _Seen(lf, (Finding.of(RULES["WL113"], lf, str(error)),))
    with guarded() as look:
        seconds = _seconds_per_pair(lf, rows[:_TIMED], clock)
        look(lf.name)  # the examination says what it did
    affordable = len(rows) if seconds * len(rows) <= _SECONDS_PER_PASS else int(_SECONDS_PER_PASS / seconds)
    rows = rows[: max(_FEWEST, affordable)]
    findings, found = examine(lf, rows, seed=seed)
    findings += _unflipped(lf, rows)
    if found is None:
        return _Seen(lf, tuple(findings), ms=seconds * 1000)
    return _Seen(lf, tuple(findings), found.votes, found.margins, len(rows), seconds * 1000)


def _seconds_per_pair(lf: LabelingFunction, rows: Sequence[Pair], clock: Clock) -> float:
    """After a warm-up that loads what there is to load; a slow first measurement is repeated, the best of three counts."""
    try:
        lf.vote_all([fresh(pair) for pair in rows[:_WARM_UP]])
        best = _timed(lf, rows[:_WARM_UP], clock)
        if best * _TIMED > _SECONDS_PER_PASS * _WARM_UP:
            return best  # beyond doubt
        best = _timed(lf, rows, clock)
        for _ in range(2):
            if best * 1000 >= rules.SLOW_MS:
                best = min(best, _timed(lf, rows, clock))
    except Exception:
        return 0.0  # the examination reports what it raised
    return best


def _timed(lf: LabelingFunction, rows: Sequence[Pair], clock: Clock) -> float:
    texts = [fresh(pair) for pair in rows]
    start = clock()
    lf.vote_all(texts)
    return (clock() - start) / len(rows)


def _unflipped(lf: LabelingFunction, rows: Sequence[Pair]) -> list[Finding]:
    """A Snorkel function's votes on positions. They are abstains already, so this warns."""
    if not isinstance(lf, SnorkelFunction):
        return []
    spoke, odd = lf.unflipped(rows)
    if not odd.any():
        return []
    message = (
        f"{odd.sum()} of its {spoke.sum()} votes ({odd.sum() / spoke.sum():.1%}) do not turn round with the pair; "
        "they count as abstains."
    )
    ids = [rows[i].id for i in np.flatnonzero(odd)[:MAX_IDS]]
    return [Finding.of(RULES["WL101"], lf, message, ids, severity="warning")]


def _accuracy(one: _Seen, y: FloatArray, groups: NDArray[np.int64], seed: int) -> Interval | None:
    if one.votes is None:
        return None
    return accuracy_interval(one.votes, y[: one.n], groups[: one.n], seed=seed)


def _on_votes(one: _Seen, accuracy: Interval | None) -> list[Finding]:
    if one.votes is None:
        return []
    votes, n = one.votes, one.n
    count = int((votes != ABSTAIN).sum())
    if not count:
        return [Finding.of(RULES["WL105"], one.lf, f"it votes on none of {n} pairs{_why_silent(one)}.")]
    found = []
    if count / n < rules.THIN_COVERAGE:
        found.append(Finding.of(RULES["WL106"], one.lf, f"it votes on {count} of {n} pairs."))
    b_share = float((votes == 1).sum() / count)
    if count >= rules.ENOUGH_VOTES and max(b_share, 1 - b_share) >= rules.ONE_SIDED:
        side, share = ("b", b_share) if b_share > 0.5 else ("a", 1 - b_share)
        found.append(Finding.of(RULES["WL110"], one.lf, f"{share:.0%} of its {count} votes are for {side}."))
    surprising = (
        accuracy is not None and accuracy.n >= rules.ENOUGH_VOTES and accuracy.value >= rules.TOO_GOOD
    )
    if accuracy is not None and surprising and not one.lf.allow:
        message = f"on dev gold it is right in {accuracy.value:.1%} of {accuracy.n} votes."
        found.append(Finding.of(RULES["WL117"], one.lf, message))
    if accuracy is not None and accuracy.high < 0.5:
        message = f"on dev gold it is right in {accuracy} of {accuracy.n} votes (95% interval over prompts)."
        found.append(Finding.of(RULES["WL103"], one.lf, message))
    return found


def _why_silent(one: _Seen) -> str:
    margins = one.margins
    if margins is None or np.isnan(margins).all():
        return ""
    known = np.abs(margins[~np.isnan(margins)])
    if not known.any():
        return ": both responses always score the same"
    return f": the largest difference of scores is {known.max():.4g}, and the band set by min_gap and max_gap leaves it out"


def _gold_readers(lfs: Sequence[LabelingFunction], dev: Pairs) -> list[Finding]:
    """Each function that reads what gold says, and has not been allowed to."""
    findings = []
    for lf in lfs:
        with suppress(DataError):  # a table that is not there is another finding
            if not lf.allow and (column := gold_column(lf, dev)) is not None:
                findings.append(Finding.of(RULES["WL116"], lf, f"it reads {column}."))
    return findings


def _near_copies(seen: Sequence[_Seen]) -> list[Finding]:
    """Each function that repeats an earlier one, with the first that it repeats."""
    found = []
    for j, later in enumerate(seen):
        for earlier in seen[:j]:
            message = _copies(earlier, later)
            if message:
                found.append(Finding.of(RULES["WL104"], later.lf, message))
                break
    return found


def _copies(earlier: _Seen, later: _Seen) -> str:
    if earlier.votes is None or later.votes is None:
        return ""
    n = min(earlier.n, later.n)
    one, two = earlier.votes[:n], later.votes[:n]
    both, either = (one != ABSTAIN) & (two != ABSTAIN), (one != ABSTAIN) | (two != ABSTAIN)
    if both.sum() < rules.ENOUGH_VOTES or both.sum() / either.sum() < rules.SAME_ABSTAINS:
        return ""
    same = float((one[both] == two[both]).mean())
    says = "the same as" if same > 0.5 else "the opposite of"
    if max(same, 1 - same) < rules.NEAR_COPY_AGREEMENT:
        return ""
    return f"it says {says} {earlier.lf.name} on {max(same, 1 - same):.1%} of the {both.sum()} pairs on which both vote."


def _slow(seen: Sequence[_Seen]) -> list[Finding]:
    total, found = sum(one.ms for one in seen), []
    for one in seen:
        others = [other.ms for other in seen if other is not one]
        median = float(np.median(others)) if others else float("inf")
        slow = one.ms >= rules.SLOW_MS and one.ms >= rules.SLOW_TIMES_MEDIAN * median
        if slow or one.ms >= rules.VERY_SLOW_MS:
            message = (
                f"it takes {one.ms:.3g} ms per pair, {one.ms / total:.0%} of the time of all {len(seen)}."
            )
            found.append(Finding.of(RULES["WL107"], one.lf, message))
    return found


def _taken_names(lfs: Sequence[LabelingFunction]) -> list[Finding]:
    found: list[Finding] = []
    first: dict[str, LabelingFunction] = {}
    for lf in lfs:
        if lf.name in first:
            found.append(Finding.of(RULES["WL114"], lf, f"{where(first[lf.name])} has the same name."))
        first.setdefault(lf.name, lf)
    return found


def _with_gold(pairs: Pairs, gold: Pairs | None) -> Pairs:
    """The pairs outside the test part, those of `gold` in the place of their twins."""
    visible = pairs.visible
    if gold is not None:
        known = gold.take(is_dev(gold))
        if not len(known):
            raise GoldError("check: gold holds no dev gold, and test gold stays locked. Pass pairs.dev.")
        names = [
            n for n in known.table.column_names if n in CANONICAL.names or n in visible.table.column_names
        ]
        rest = visible.take(~np.isin(np.array(visible.ids, dtype=object), np.array(known.ids, dtype=object)))
        tables = [rest.table, known.table.select(names)]
        visible = Pairs(pa.concat_tables(tables, promote_options="permissive"))
    if not len(visible):
        raise DataError(
            "check: there is no pair outside the locked test part. Pass pairs that are not all test."
        )
    return visible


def _draw(pairs: Pairs, sample: int, seed: int) -> Pairs:
    """Up to `sample` pairs in random order, so that every beginning of it is a sample too."""
    rng = np.random.default_rng(seed)
    may_see = is_dev(pairs)
    dev, rest = rng.permutation(np.flatnonzero(may_see)), rng.permutation(np.flatnonzero(~may_see))
    n_dev = min(len(dev), max(sample // 2, sample - len(rest)))
    return pairs.take(rng.permutation(np.concatenate([dev[:n_dev], rest[: sample - n_dev]])))
