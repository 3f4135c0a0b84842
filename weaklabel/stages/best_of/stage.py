"""The stage `best_of`: the best of K samples of a policy, as data that other stages learn from. It trains nothing.

    prompts --(policy)--> K samples each --(comparer)--> scores --> best and worst --> demonstrations, pairs, groups
                                                           `------> the curve of n, by a held-out reward too

Which files those are says `written`; learning from them is up to `sft`, `dpo` and the reward models.

Source: rejection sampling as data, Nakano et al. (2021, arXiv 2112.09332) and Touvron et al. (2023, arXiv 2307.09288, section 3.2.3).
Departures: the comparer need not score; a prompt whose samples are worth all the same is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from weaklabel import artifacts
from weaklabel._arguments import checked as checked_arguments
from weaklabel.comparers.checker import Check
from weaklabel.comparers.expert import CanScore
from weaklabel.data.asked.prompts import Prompts
from weaklabel.data.sources import PairSource
from weaklabel.errors import DataError
from weaklabel.export.selection import AnyLabels
from weaklabel.lf.core import LabelingFunction
from weaklabel.metrics import bootstrap_ratio
from weaklabel.stages.best_of.cautious import scored
from weaklabel.stages.best_of.choosing import Chosen, choose
from weaklabel.stages.best_of.compared import Compared, Ends
from weaklabel.stages.best_of.curve import Curve
from weaklabel.stages.best_of.judges import Judges, judges_of
from weaklabel.stages.best_of.judging import WIN_RATE, Judge
from weaklabel.stages.best_of.sampled import (
    CUT,
    Draws,
    left_out_of_prompts,
    prompts_hash,
    prompts_of,
    samples_of,
)
from weaklabel.stages.best_of.settings import BestOfSettings
from weaklabel.stages.best_of.written import Found, write_comparisons, write_curve, write_texts
from weaklabel.stages.contract import Figures, Round, Stage, StageResult, scratch
from weaklabel.stages.ending import card
from weaklabel.stages.materials import Materials, names_apart
from weaklabel.stages.policy import Policy
from weaklabel.stages.rounds import carry_out
from weaklabel.types import CanCompare

_USE: Final = (
    "The best of several samples of a policy to each prompt. demonstrations.jsonl is data for supervised finetuning (TRL's columns "
    "prompt and completion); pairs.parquet holds the best against the worst sample with the comparer's belief p, groups.parquet every "
    "two samples of a prompt; samples.jsonl all samples with their scores; curve.json and curve.svg what the best of n is worth."
)


class BestOf(Stage):
    """One round: samples are drawn, judged, chosen and written.

    Args:
        settings: how.
        prompts: that are asked.
        judges: who chooses, and who looks on.
    """

    kind: ClassVar[str] = "best_of"

    def __init__(self, settings: BestOfSettings, prompts: Prompts, judges: Judges) -> None:
        super().__init__()
        self._settings, self._prompts, self._judges = settings, prompts.prompts, judges
        self._policy = Policy(settings.policy, [prompt.text for prompt in self._prompts])

    @classmethod
    def of(
        cls, settings: BestOfSettings, materials: Materials, *, comparer: Any = None, held_out: Any = None
    ) -> BestOf:
        """The stage from settings whose paths are resolved, and what they draw on.

        Args:
            settings: how.
            materials: labels, functions and comparers.
            comparer, held_out: objects in the place of the settings' names.

        Raises:
            ConfigError: no prompts, no comparer, one that reads columns, or the same one twice.
            DataError, LayoutError: prompts or pairs that cannot be read.
        """
        prompts, n_locked = prompts_of(settings.data, settings.columns, materials)
        made = cls(settings, prompts, judges_of(settings, materials, comparer, held_out))
        made.notes += left_out_of_prompts(prompts, n_locked)
        return made

    @property
    def inputs(self) -> Mapping[str, str]:
        prompts = {"prompts": prompts_hash(self._prompts)}
        return self._policy.inputs | prompts | dict(self._judges.hashes)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings.told()

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        settings, judges = self._settings, self._judges
        draws = self._drawn(work)
        # Who gives no scores is asked about all pairs once: their answers are win rates and the files' p.
        compared = None if judges.training.scorer is not None else self._compared(draws)
        score = judges.training.scores(draws) if compared is None else compared.win_rates(draws)
        worth = scored(score, draws, judges.spreading, settings.pessimism)
        chosen = choose(draws, worth.value)
        if not len(chosen.best):
            raise DataError(_nothing(draws, chosen, judges.training, self._kept_in(work)))
        if compared is None:
            compared = self._compared(draws, None if settings.groups else chosen.ends)
        held_out = None if judges.held_out is None else judges.held_out.scores(draws)
        found = Found(draws, worth, chosen, held_out, _name(settings))
        curve = Curve.of(draws, worth.value, held_out, settings.seed)
        write_texts(found, work)
        write_curve(curve, work)
        counts = write_comparisons(found, compared, work, groups=settings.groups)
        figures = self._figures(found, curve) | counts
        self.notes += [*curve.remarks(), *self._remarks(found)]
        artifacts.write_text(work / "README.md", card("Best of n", self.inputs, self.settings, figures, _USE))
        return figures

    def _drawn(self, work: Path) -> Draws:
        settings = self._settings
        model, tokenizer = self._policy.load()
        drawing = settings.sampling, settings.batch_size, settings.num_generations
        draws = samples_of(model, tokenizer, self._prompts, drawing, self._kept_in(work))
        if not draws.differ:
            raise DataError(
                f"best_of: no prompt of {len(draws.prompts):,} has two different samples that can be used, so that there is nothing to "
                "choose. Raise temperature, num_generations or max_new_tokens, or take a policy that answers."
            )
        return draws

    def _kept_in(self, work: Path) -> Path:
        """The folder of the samples."""
        kept = self._settings.samples_dir
        return scratch(work) / "samples" if kept is None else Path(kept)

    def _compared(self, draws: Draws, only: Collection[Ends] | None = None) -> Compared:
        about = {"comparer": self._told_comparer(), "generation_seed": self._settings.seed}
        return Compared.of(
            draws, self._judges.training, policy=_name(self._settings), constants=about, only=only
        )

    def _figures(self, found: Found, curve: Curve) -> dict[str, float | int | str | None]:
        chosen, most = found.chosen, curve.most
        figures: dict[str, float | int | str | None] = {
            **found.draws.counts,
            "prompts with one sample or none": chosen.few,
            "prompts whose samples are equal": chosen.equal,
            "demonstrations": len(chosen.best),
            "chosen samples cut": self._cut(found),
            "judged by": self._judges.training.measures,
            "n of the curve": most,
        }
        for name in curve.means:
            one, best, gain = curve.mean(name, 1), curve.mean(name, most), curve.gain(name, most)
            told = {"of one": one.value, "of the best": best.value, "gain": gain.value}
            told |= {"gain low": gain.low, "gain high": gain.high}
            figures |= {f"{name.replace('_', ' ')} {key}": value for key, value in told.items()}
        if found.worth.spread is not None:
            for name, rows in (("samples", slice(None)), ("the chosen", chosen.best)):
                figures[f"spread of {name}"] = bootstrap_ratio(found.worth.spread[rows]).value
        return figures

    def _remarks(self, found: Found) -> list[str]:
        said, judge = [], self._judges.training
        if not judge.comparer.calibrated:
            said.append(
                "p of the pairs was never fitted to gold; the files say so, and training on it needs allow_uncalibrated = true."
            )
        if judge.measures == WIN_RATE:
            said.append(
                f"{judge.name} gives single responses no score: a sample's is its mean chance to beat the others of its prompt."
            )
        if cut := self._cut(found):
            said.append(
                f"{cut:,} of {len(found.chosen.best):,} chosen samples were cut at max_new_tokens, and teach no end: raise it, or "
                'leave them out (samples.jsonl says "cut").'
            )
        return said

    def _cut(self, found: Found) -> int:
        draws = found.draws
        return sum(
            draws.replies[draws.of[at]][draws.number[at]].finish == CUT for at in found.chosen.best.tolist()
        )

    def _told_comparer(self) -> str:
        """What files say of the comparer: its class, and the hash by which it is known again. No path: they differ by machine."""
        return f"{type(self._judges.training.comparer).__name__} {self._judges.hashes['comparer'][:12]}"


def _nothing(draws: Draws, chosen: Chosen, judge: Judge, kept_in: Path) -> str:
    return (
        f"best_of: {judge.name} gives all samples of each of {chosen.equal:,} prompts the same {judge.measures}, so that there is nothing "
        f"to choose ({draws.counts['repeated samples']:,} of {len(draws):,} samples repeat another). Take a comparer that tells samples "
        "apart, or raise temperature or num_generations. Another stage (another name, or output_dir in Python) with samples_dir = "
        f"{str(kept_in)!r} compares the same samples."
    )


def _name(settings: BestOfSettings) -> str:
    return settings.from_scratch or Path(str(settings.model)).name


@checked_arguments
def best_of(
    prompts: AnyLabels | PairSource,
    *,
    output_dir: str | Path,
    comparer: CanCompare | CanScore | Check | str | Path | None = None,
    held_out: CanCompare | CanScore | Check | str | Path | None = None,
    lfs: Sequence[LabelingFunction] = (),
    **settings: Any,
) -> StageResult:
    """The best of several samples of a policy to each prompt, as demonstrations, pairs and groups.

    Called again with the same arguments after a kill, it goes on and ends with the same files. A comparer that is an object is
    told from another by its class and, where it has one, its attribute `identity`.

    Args:
        prompts: whatever `read_pairs` takes, or rows with a column `prompt` or `messages`; or labels, for their prompts.
        output_dir: the stage's own folder; what stands in it says `stages.best_of.written`.
        comparer: says which sample is better: a labeler, a reward model, a function of (prompt, response), ..., or its name.
        held_out: another one, which has no part in the choice; what it makes of the best of n is reported.
        lfs: labeling functions among which a comparer that is named finds its own.
        **settings: of `BestOfSettings`: `model` or `from_scratch`, `num_generations`, `max_new_tokens`, `pessimism`, ...

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit, or nobody who compares.
        DataError, LayoutError: no prompts, or no choice. LabelMatrixError: scores that are not finite.
        ArtifactError: a model that does not load, or the folder of another stage.
    """
    judges, named = names_apart(comparer=comparer, held_out=held_out)
    chosen = BestOfSettings(**settings, **named)
    return carry_out(BestOf.of(chosen, Materials.given(chosen, prompts, lfs), **judges), output_dir)
