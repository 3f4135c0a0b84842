"""What a round's end tells of the policy: rewards of the audit's prompts before and after, and where the time went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from weaklabel.data.asked.prompts import Prompt
from weaklabel.metrics import bootstrap_ratio
from weaklabel.stages.audit import Auditor
from weaklabel.stages.best_of.judging import WIN_RATE, Judge
from weaklabel.stages.best_of.sampled import Draws
from weaklabel.stages.superhf.settings import SuperHFSettings
from weaklabel.stages.watching import Watched

_PARTS: Final = ("sampling", "scoring", "update")


def watching(watched: Watched, settings: SuperHFSettings, judge: Judge, held_out: Judge | None) -> Watched:
    """The audit with those who judge here, and answers as long as samples are unless its settings say how long."""
    looks_on = watched.held_out_comparer
    if looks_on is None and held_out is not None:
        looks_on = held_out.comparer
    said = not isinstance(settings.audit, bool) and "max_new_tokens" in settings.audit
    chosen = watched.settings if said else replace(watched.settings, max_new_tokens=settings.max_new_tokens)
    return replace(
        watched, learned=(), settings=chosen, training_comparer=judge.comparer, held_out_comparer=looks_on
    )


def rewards_gained(
    auditor: Auditor, judge: Judge, held_out: Judge | None, seed: int
) -> dict[str, float | int | str | None]:
    """What those who score make of the answers at the first look and at the last, of the same prompts, hence paired."""
    looks = auditor.result().looks
    told = [auditor.samples(look.step) for look in (looks[0], looks[-1])]
    both = [k for k, (_, first) in enumerate(told[0]) if first.strip() and told[1][k][1].strip()]
    found: dict[str, float | int | str | None] = {}
    for name, one in (("reward", judge), ("held-out reward", held_out)):
        if one is None or one.measures == WIN_RATE or not both:
            continue
        before, after = (one.scores(_one_each([part[k] for k in both])) for part in told)
        gain = bootstrap_ratio(after - before, seed=seed)
        found |= {f"{name} before": float(before.mean()), f"{name} after": float(after.mean())}
        found |= {f"{name} gained": gain.value, f"{name} gained low": gain.low}
        found[f"{name} gained high"] = gain.high
    return found


def _one_each(answers: Sequence[tuple[Prompt, str]]) -> Draws:
    """An answer to each prompt, to be scored."""
    at = np.arange(len(answers), dtype=np.intp)
    texts = [text.strip() for _, text in answers]
    return Draws([prompt for prompt, _ in answers], (), at, np.zeros_like(at), texts)


def seconds_told(steps: Sequence[Mapping[str, float]]) -> list[str]:
    """A sentence on where the time went, of one call alone: files that a kill must not change hold no seconds."""
    whole = [each for each in steps if "step" in each]
    if not whole:
        return []
    parts = {name: float(np.median([each[name] for each in whole])) for name in _PARTS}
    rest = float(np.median([1 - sum(each[name] for name in _PARTS) / each["step"] for each in whole]))
    told = ", ".join(f"{name} {value:.3g} s" for name, value in parts.items())
    lasted = np.median([each["step"] for each in whole])
    return [
        f"a superbatch took {lasted:.3g} s (median of {len(whole):,}): {told}; {rest:.1%} was spent on anything else."
    ]
