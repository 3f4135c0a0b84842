"""Ways to spend comparisons: the method itself, its controls, and what it is held against. A newcomer adds a line to `ARMS`.

Source: Ye, Laidlaw & Steinhardt (2025, arXiv 2501.07886), section 4 and appendices; `single_model`, `ensemble`, `filter_only`,
`sft_on_chosen` and `dpo_on_edits` are what its reviewers asked for. The DPO arms ask about both orders of a pair; the released code
builds both questions in one order, so that every score there is 1/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Arm:
    """A way to spend comparisons.

    Attributes:
        compares: what is compared. "labels": each label with a proposal for its prompt; "samples": pairs of answers of the
            policy of the round before.
        proposes: who proposes. "others": models that were trained on other folds; "itself": the policy of the round before,
            which learned the very labels; "both": two models that were trained on other folds by two seeds, of which the
            comparer chooses first.
        decides: "comparer", "truth" (without a cap), or "chance" (a share of the labels that disagree, drawn).
        then: what is done with a proposal that is better. "replace" it is the label from now on; "drop" the label is left out;
            "prefer" the policy of the round before learns by DPO that it is better, labels stay; "choose" the better sample
            is the label of its prompt.
        drops_wrong: whether labels that truth calls wrong are left out before the first round.
    """

    compares: Literal["labels", "samples"] = "labels"
    proposes: Literal["others", "itself", "both"] = "others"
    decides: Literal["comparer", "truth", "chance"] = "comparer"
    then: Literal["replace", "drop", "prefer", "choose"] = "replace"
    drops_wrong: bool = False

    @property
    def sees_truth(self) -> bool:
        """Whether it decides by what only reports may see: a control, and no method."""
        return self.decides == "truth" or self.drops_wrong

    @property
    def divides(self) -> bool:
        """Whether prompts are divided into folds, whose models propose."""
        return self.compares == "labels" and self.proposes != "itself"

    @property
    def asks(self) -> bool:
        """Whether a comparer is asked."""
        return self.decides == "comparer"


ARMS: Final[dict[str, Arm]] = {
    "learned": Arm(),
    "oracle": Arm(decides="truth"),
    "reliable_demos": Arm(drops_wrong=True),
    "naive": Arm(decides="chance"),
    "single_model": Arm(proposes="itself"),
    "ensemble": Arm(proposes="both"),
    "filter_only": Arm(then="drop"),
    "dpo_on_edits": Arm(then="prefer"),
    "dpo_iterated": Arm(compares="samples", then="prefer"),
    "sft_on_chosen": Arm(compares="samples", then="choose"),
}
"""`learned` is the method. `oracle`, `naive` and `reliable_demos` bound it; the others spend the same comparisons otherwise."""
