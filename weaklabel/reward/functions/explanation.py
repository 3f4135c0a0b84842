"""What each part of a reward adds to the score of one response."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weaklabel._shown import Sketch
from weaklabel._terminal import plain_line
from weaklabel.types.result import Result


@dataclass(frozen=True, slots=True, repr=False)
class RewardReason(Result):
    """What one part adds.

    Attributes:
        name: of a labeling function; of a view of the text, `text:words` and so on; `text:start` for what the label
            model taught the n-grams without gold.
        score: what the function says of the response; NaN where it cannot score it, and for texts.
        log_odds: its share of the reward.
    """

    name: str
    score: float
    log_odds: float


@dataclass(frozen=True, slots=True, repr=False)
class RewardExplanation(Result):
    """Why a response has its reward. `str()` gives a small table; the log-odds add up to `score`."""

    score: float
    calibrated: bool
    reasons: tuple[RewardReason, ...]

    def _sketch(self) -> Sketch:
        rows = [
            [r.name, f"{r.log_odds:+.3f}", "" if math.isnan(r.score) else f"{r.score:.4g}"]
            for r in self.reasons
        ]
        return Sketch(str(self).partition("\n")[0], ("", "log-odds", "score"), rows, left=1)

    def __str__(self) -> str:
        kind = "calibrated" if self.calibrated else "not calibrated"
        lines = [f"reward {self.score:+.3f} ({kind}); only differences within a prompt mean something"]
        width = max((len(r.name) for r in self.reasons), default=0)
        for r in self.reasons:
            said = "" if math.isnan(r.score) else f"  score {r.score:.4g}"
            lines.append(f"  {plain_line(r.name):<{width}}  log-odds {r.log_odds:+.3f}{said}")
        return "\n".join(lines)
