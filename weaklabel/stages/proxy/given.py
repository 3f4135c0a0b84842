"""What the stage `proxy` draws on: prompts, who is asked, labels that were there before, who believes and who looks on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from weaklabel.acquisition.registry import DEFAULT
from weaklabel.comparers import comparer_hash
from weaklabel.comparers.checker import Checker
from weaklabel.comparers.expert import CanScore
from weaklabel.comparers.metered import Metered
from weaklabel.data import read_pairs
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ConfigError
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.best_of.judging import Judge, known_hash
from weaklabel.stages.best_of.sampled import left_out_of_prompts, prompts_of
from weaklabel.stages.materials import Materials, refuse_columns
from weaklabel.stages.proxy.apart import Apart
from weaklabel.stages.proxy.candidates import require_prompts
from weaklabel.stages.proxy.evaluation import check_evaluator, seed_of
from weaklabel.stages.proxy.settings import ProxySettings
from weaklabel.stages.taught import Taught, taught_by
from weaklabel.stages.watching import Watched, shared_prompts, watched_prompts
from weaklabel.types import CanCompare, Comparer, Pairs, as_comparer, prompt_key


@dataclass(frozen=True)
class Given:
    """What the stage draws on beside its settings.

    Attributes:
        prompts: that are sampled.
        expert: who is asked; a comparer, or something that scores.
        hashes: of the expert, the held-out comparer and the prior, by name.
        seed: labels that teach the evaluation model; None for none.
        off_policy: pairs of other hands that are asked about; None for the policy's samples.
        gold: pairs that nothing learns; None for none.
        prior: what believes before there are answers.
        held_out: who only looks on.
        lfs: for an evaluation model that reads functions.
        watched: what the audit looks at.
    """

    prompts: Sequence[Prompt]
    expert: Any
    hashes: Mapping[str, str]
    seed: Taught | None = None
    off_policy: Pairs | None = None
    gold: Taught | None = None
    prior: Comparer | None = None
    held_out: Judge | None = None
    lfs: Sequence[LabelingFunction] = ()
    watched: Watched | None = None


def given_of(
    settings: ProxySettings, materials: Materials, expert: Any, held_out: Any
) -> tuple[Given, list[str]]:
    """What settings name and Python hands over, and sentences on it.

    Args:
        settings: whose paths are resolved.
        materials: labels, functions and comparers.
        expert, held_out: objects in the place of the settings' names.

    Raises:
        ConfigError, NotCalibratedError, DataError, LayoutError: as for `Proxy.of`.
    """
    found, n_locked = prompts_of(settings.data, settings.columns, materials, "proxy")
    asked, hashes = _expert(settings, materials, expert)
    judge = _held_out(settings, materials, held_out, hashes)
    lfs = tuple(materials.lfs())
    check_evaluator(settings, lfs)
    seed, gold = _seed_labels(settings, materials), _gold(settings, materials)
    named = settings.off_policy_data
    others = None if named is None else read_pairs(named, test_share=0.0)
    apart = Apart.of(seed, gold, others)
    free = apart.free(found.prompts)
    prompts, watched, note = watched_prompts(settings, materials, free, None if gold is None else gold.better)
    require_prompts(len({prompt_key(prompt.text) for prompt in prompts}))
    seed = None if seed is None else apart.labels(seed)
    off_policy = None if others is None else apart.other_hands(others, prompts, watched)
    prior = _prior(settings, materials, hashes)
    notes = [] if note is None else [note]
    notes += left_out_of_prompts(found, n_locked + len(found) - len(free))
    for what, taught in (("seed_data", seed), ("eval_data", gold)):
        notes += [] if taught is None else taught.told(what)
    if others is not None and off_policy is not None:
        notes += _told_of_other_hands(others, len(others) - len(off_policy))
    if gold is not None:
        notes += shared_prompts(_keys_of(prompts), gold.pairs.prompt_keys)
    return Given(prompts, asked, hashes, seed, off_policy, gold, prior, judge, lfs, watched), notes


_READING: Final[Mapping[str, Any]] = {"columns": {}, "test_share": 0.0}
"""What a file given to learn from locks, it says itself."""


def _seed_labels(settings: ProxySettings, materials: Materials) -> Taught | None:
    """The labels that teach the evaluation model."""
    which = _seeds(settings, materials)
    if which == "none" or (settings.seed_data is None and materials.labels is None):
        return seed_of(None, which)
    uncalibrated = settings.allow_uncalibrated or which == "gold"
    found = taught_by(
        settings.seed_data, materials, who="proxy: seed_data", allow_uncalibrated=uncalibrated, **_READING
    )
    return seed_of(found, which)


def _gold(settings: ProxySettings, materials: Materials) -> Taught | None:
    if settings.eval_data is None:
        return None
    return taught_by(
        settings.eval_data, materials, who="proxy: eval_data", allow_uncalibrated=True, **_READING
    )


def _prior(settings: ProxySettings, materials: Materials, hashes: dict[str, str]) -> Comparer | None:
    """What believes before there are answers: what made the labels."""
    contradicted = "other" in settings.rule.needs
    # Chance needs nobody's belief. In a run labels may have to be made for one, which is done where they are wanted.
    wanted = settings.acquisition != DEFAULT and (
        materials.labels is None or _seeds(settings, materials) != "none"
    )
    if materials.comparer is not None and (contradicted or wanted):
        prior = materials.comparer()
        refuse_columns(prior, "proxy")
        hashes["prior"] = materials.comparer_hash(prior)
        return prior
    if contradicted:
        raise ConfigError(
            f"proxy: acquisition {settings.acquisition!r} holds the evaluation model against what made the labels, and there is "
            "nothing. Give comparer, or take another rule."
        )
    return None


def _told_of_other_hands(pairs: Pairs, n_apart: int) -> list[str]:
    said, aside = [], pairs.set_aside
    if aside:
        said.append(f"off_policy_data: {len(aside):,} rows could not be used; first: {aside[0]}.")
    if n_apart:
        said.append(f"off_policy_data: {n_apart:,} pairs are left out, whose prompts judge or are locked.")
    return said


def _keys_of(prompts: Sequence[Prompt]) -> list[str]:
    """As `Pairs.prompt_keys` has them: of the conversation."""
    return [prompt_key(" ".join(turn["content"] or "" for turn in prompt.messages)) for prompt in prompts]


def _seeds(settings: ProxySettings, materials: Materials) -> str:
    """Which labels teach the evaluation model: what the setting says, else all where labels were named or give the prompts."""
    if settings.seed_labels is not None:
        return settings.seed_labels
    given = settings.seed_data is not None or (settings.data is None and materials.source is None)
    return "both" if given else "none"


def _expert(settings: ProxySettings, materials: Materials, expert: Any) -> tuple[Any, dict[str, str]]:
    """Who is asked, and the hash by which the stage knows them again.

    Raises:
        ConfigError: nobody, or functions that read columns.
    """
    if expert is None and settings.expert is None:
        raise ConfigError(
            "proxy: there is no expert. Give expert: people:questions.jsonl, module:function of (prompt, response), or a folder such "
            "as runs/base/labeler."
        )
    found: Any
    if expert is None:
        assert settings.expert is not None
        found, known = materials.opened(settings.expert), comparer_hash(materials.resolve(settings.expert))
    elif isinstance(expert, CanCompare | CanScore):
        _refuse_twice(expert, settings)
        known = known_hash(expert)
        found = expert if isinstance(expert, CanScore | Metered) else as_comparer(expert, "expert")
    elif callable(expert):
        found, known = Checker(expert).comparer(), known_hash(expert)
    else:
        raise ConfigError(
            f"proxy: expert is a {type(expert).__name__}. Give a comparer, something that scores, or a function of (prompt, response)."
        )
    refuse_columns(found, "proxy")
    if settings.unit == "pairs" and not isinstance(found, CanCompare):
        from weaklabel.comparers.expert import ByScore

        found = ByScore(found, name=str(getattr(found, "name", type(found).__name__)))
    return found, {"expert": known}


def _refuse_twice(expert: Any, settings: ProxySettings) -> None:
    """Raises ConfigError for settings of asking beside an expert that has its own."""
    twice = [name for name in ("budget", "price", "answers_dir") if getattr(settings, name)]
    if isinstance(expert, Metered) and twice:
        raise ConfigError(
            f"proxy: {', '.join(twice)} came with an expert that is metered already, {expert.name!r}, and has its own. Set them where it is "
            "made, or give the expert that it asks."
        )


def _held_out(
    settings: ProxySettings, materials: Materials, held_out: Any, hashes: dict[str, str]
) -> Judge | None:
    if held_out is not None:
        hashes["held_out"] = known_hash(held_out)
        return Judge.of(held_out, "held_out")
    if settings.held_out is None:
        return None
    found, hashes["held_out"] = materials.comparer_named(settings.held_out, "proxy")
    return Judge.of(found, "held_out")
