"""Who says which answers are better, in a stage that refines: a comparer, an expert for a sample, and when nobody is asked."""

from __future__ import annotations

from dataclasses import dataclass

from weaklabel.comparers import comparer_hash
from weaklabel.comparers.both_orders import AskedBothWays
from weaklabel.comparers.checker import Checker
from weaklabel.comparers.metered import Metered
from weaklabel.errors import ConfigError
from weaklabel.stages.materials import Materials
from weaklabel.stages.refinement.agreement import Agreement, agreement
from weaklabel.stages.refinement.deciding import AlphaOf
from weaklabel.stages.refinement.settings import ILRSettings
from weaklabel.types import CanCompare, Comparer, FloatArray, Pairs, answer_of, as_comparer


@dataclass(frozen=True)
class Teacher:
    """Who says which of two responses is better, and how labels give way.

    Attributes:
        comparer: None where chance decides.
        expert: asked of `audit_sample` pairs a round; None for nobody.
        agrees, quantile: when a label and a proposal say the same.
        alpha, alpha_of: the cap, see `decide`.
        max_comparisons: that a round asks about.
        audit_sample: pairs a round that the expert is asked.
        seed: of what is drawn.
    """

    comparer: Comparer | None
    expert: Comparer | None
    agrees: Agreement
    quantile: float
    alpha: float | None
    alpha_of: AlphaOf
    max_comparisons: int | None
    audit_sample: int
    seed: int

    def asked(self, pairs: Pairs) -> FloatArray:
        """`(n_pairs,)` P(B beats A), both orders averaged."""
        assert self.comparer is not None
        # What is metered answers a swapped pair from what it said of the pair.
        both = self.comparer if isinstance(self.comparer, Metered) else AskedBothWays(self.comparer)
        return answer_of("comparer", both, pairs)


def teacher_of(
    settings: ILRSettings, materials: Materials, truth: Checker | None, expert: CanCompare | None
) -> tuple[Teacher, dict[str, str]]:
    """The teacher that settings ask for, and the hashes by which the stage knows it again.

    Raises:
        ConfigError: no comparer, one whose functions read columns, or an arm that needs truth without it.
    """
    way = settings.way
    if way.sees_truth and truth is None:
        raise ConfigError(f"ilr: arm {settings.arm!r} decides by truth, and there is none. Give truth.")
    comparer, hashes = _comparer_of(settings, materials, truth)
    if expert is None and settings.expert is not None:
        expert = materials.opened(settings.expert)
        hashes["expert"] = comparer_hash(materials.resolve(settings.expert))
    agrees, hashes["agree"] = agreement(settings.agree)
    teacher = Teacher(
        comparer,
        None if expert is None else as_comparer(expert, "expert"),
        agrees,
        settings.agree_quantile,
        None if way.decides == "truth" else settings.alpha,
        settings.alpha_of,
        settings.max_comparisons,
        settings.audit_sample,
        settings.seed,
    )
    return teacher, hashes


def _comparer_of(
    settings: ILRSettings, materials: Materials, truth: Checker | None
) -> tuple[Comparer | None, dict[str, str]]:
    """Who decides, and the hash by which the stage knows it again."""
    if settings.way.decides == "chance":
        return None, {}
    if settings.way.decides == "truth":
        assert truth is not None
        return truth.comparer(), {}
    found, known = materials.comparer_named(settings.comparer, "ilr")
    return found, {"comparer": known}
