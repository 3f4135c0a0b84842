"""The stage `hindsight`: a language model learns outputs behind words that say how good they are.

    labels, pairs with gold, or ranked lists --(words by a template)--> chains --> train_chains --> model/  audit.*  log.jsonl

The loss and the masks are `training.chains`; how lists become chains is `chaining`. Where an audit looks, it asks as a user
would: with the words that mean good. At the end answers are asked for behind a first, bad one, to see what is copied.

Source: chain of hindsight (Liu, Sferrazza & Abbeel 2023, arXiv 2302.02676). Soft feedback by weak labels is ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from weaklabel._arguments import checked as checked_arguments
from weaklabel.artifacts import content_hash
from weaklabel.data.sources import PairSource
from weaklabel.errors import ConfigError
from weaklabel.export.selection import AnyLabels
from weaklabel.lf.core import LabelingFunction
from weaklabel.stages.audit import Auditor
from weaklabel.stages.contract import Figures, Round, Stage, StageResult, scratch
from weaklabel.stages.ending import end_round
from weaklabel.stages.hindsight.asking import answers, copying, refine, refined_length
from weaklabel.stages.hindsight.chaining import Rules, Strengths
from weaklabel.stages.hindsight.learned import Learned, asked_for, learned_by, read_text
from weaklabel.stages.hindsight.ranked import Ranked
from weaklabel.stages.hindsight.settings import HindsightSettings
from weaklabel.stages.materials import Materials
from weaklabel.stages.policy import Policy
from weaklabel.stages.rounds import carry_out
from weaklabel.training.chains.settings import ChainTrainingSettings
from weaklabel.training.sampling import Sampling
from weaklabel.types import CanCompare, Pairs

if TYPE_CHECKING:
    from weaklabel.training.chains.train import TrainedChains


class Hindsight(Stage):
    """One round of hindsight finetuning.

    Args:
        settings: how.
        learned: lists, and what watches.
        general: text that is learned beside them; None for none.
    """

    kind: ClassVar[str] = "hindsight"

    def __init__(self, settings: HindsightSettings, learned: Learned, *, general: str | None = None) -> None:
        super().__init__()
        self._settings, self._learned, self._general = settings, learned, general
        self._template = settings.opened
        self._strengths = Strengths()
        if settings.feedback == "soft":
            quantiles = settings.unclear_quantile, settings.much_quantile
            self._strengths = Strengths.of(learned.lists, *quantiles)
        self._rules: Rules = settings.rules(self._strengths)
        watched = learned.watched
        self._asked = None if watched is None else asked_for(watched, self._template, settings.wanted)
        self._policy = Policy(settings, [*learned.texts, *self._template.texts])
        self.notes += learned.notes
        if not learned.gold:
            self.notes.append(
                "nothing was held out, so nothing chose the checkpoint: the last one is kept. Give eval_data, or more gold."
            )

    @classmethod
    def of(cls, settings: HindsightSettings, materials: Materials) -> Hindsight:
        """The stage from settings whose paths are resolved, and what they draw on.

        Raises:
            ConfigError: nothing to learn from, soft feedback without beliefs, or both of data and lists.
            NotCalibratedError: beliefs that were never calibrated.
            DataError, LayoutError: data that cannot be read, or that leaves nothing.
        """
        learned = learned_by(settings, materials)
        if settings.feedback == "soft" and not all(each.log_odds for each in learned.lists):
            raise ConfigError(
                'hindsight: feedback is "soft", and the scores of lists are on no known scale. Write the feedback into the lists, '
                'or set feedback to "hard".'
            )
        general = None if settings.pretrain_data is None else read_text(settings.pretrain_data)
        return cls(settings, learned, general=general)

    @property
    def inputs(self) -> Mapping[str, str]:
        found = {**self._policy.inputs, **self._learned.hashes, "template": self._template.hash}
        if self._general is not None:
            found["pretrain_data"] = content_hash(self._general)
        return found | ({} if self._asked is None else self._asked.inputs)

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings.told()

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        model, tokenizer = self._policy.load()
        from weaklabel.training.chains.train import train_chains  # behind `load`, which needs torch first

        settings, lowered = self._policy.fitting(model, tokenizer, ChainTrainingSettings)
        self.notes += [] if lowered is None else [lowered]
        auditor = None if self._asked is None else self._asked.auditor(tokenizer, work)
        chains, tied = self._rules.chains(self._learned.lists)
        training = scratch(work) / "training"
        done = train_chains(
            model,
            tokenizer,
            chains,
            gold=self._rules.chains(self._learned.gold)[0],
            general=self._general,
            settings=settings,
            folder=training,
            watch=None if auditor is None else auditor.watch,
        )
        figures: dict[str, float | int | str | None] = {
            "lists": len(self._learned.lists),
            "lists that tie": tied,
            "chains": done.chains,
            "chains too long": done.too_long,
            "chains without output to learn": done.unlearned,
            "introductions cut": done.truncated.prompts,
            "outputs cut": done.truncated.responses,
            "steps": done.steps,
            "best step": done.best,
            "loss": done.losses[-1][1] if done.losses else None,
            "eval nll": min((nll for _, nll in done.checks), default=None),
            **self._thresholds(),
            **self._copied(model, tokenizer, auditor),
        }
        self._tell(done, settings.max_length)
        end_round(
            self,
            self._policy,
            (model, tokenizer),
            figures,
            work,
            by="by hindsight finetuning" + self._how_to_ask(),
            auditor=auditor,
            training=training,
        )
        return figures

    def _thresholds(self) -> dict[str, float]:
        if self._settings.feedback == "hard":
            return {}
        return {
            "slightly better from |p - 1/2|": self._strengths.least,
            "much better from": self._strengths.much,
        }

    def _how_to_ask(self) -> str:
        if not (words := self._settings.wanted):
            return ""
        asked = self._template.asked("PROMPT", words)
        return f". Ask it with {json.dumps(asked, ensure_ascii=False)}, the prompt in the place of PROMPT"

    def _copied(self, model: Any, tokenizer: Any, auditor: Auditor | None) -> dict[str, float]:
        """What second outputs have of first ones, where chains of two are learned and an audit says which prompts are asked."""
        pairs_learned = self._settings.arm == "hindsight" and self._settings.kinds.get("np")
        if auditor is None or self._learned.watched is None or not pairs_learned:
            return {}
        from weaklabel.training.decoding import Responder
        from weaklabel.training.models.loading import context_length

        prompts = [row.prompt for row in self._learned.watched.prompts][: auditor.settings.audit_prompts]
        drawn = Sampling(max_new_tokens=auditor.settings.max_new_tokens, seed=self._settings.seed)
        words = (self._settings.unwanted, self._settings.wanted)
        room = context_length(model, tokenizer) - 2 * drawn.max_new_tokens
        prompts = [each for each in prompts if refined_length(self._template, each, tokenizer, words) <= room]
        if not prompts:
            return {}
        given = Responder(model, tokenizer), self._template, prompts
        rounds = refine(*given, first=words[0], words=words, sampling=drawn)
        alone = answers(*given, feedback=words[1], sampling=drawn)
        first, second = ([each[k] for each in rounds] for k in range(2))
        found = copying(first, second, alone, self._settings.seed)
        return {name: interval.value for name, interval in found.items()}

    def _tell(self, done: TrainedChains, max_length: int) -> None:
        if done.truncated.prompts or done.truncated.responses or done.too_long:
            self.notes.append(
                f"max_length is {max_length}: {done.truncated.prompts:,} introductions and {done.truncated.responses:,} outputs "
                f"were cut, and {done.too_long:,} chains left out. An output that is cut teaches no end; raise max_length where "
                "there are many."
            )
        if done.unlearned:
            self.notes.append(
                f"loss_on is {self._settings.loss_on!r}: {done.unlearned:,} chains have no output to learn and were left out."
            )


@checked_arguments
def hindsight(
    data: AnyLabels | Pairs | PairSource | Sequence[Ranked],
    *,
    output_dir: str | Path,
    lfs: Sequence[LabelingFunction] = (),
    comparer: CanCompare | None = None,
    **settings: Any,
) -> StageResult:
    """Train a language model on good and bad outputs, each behind words that say how good it is.

    Called again with the same arguments after a kill, it goes on and ends with the same files.

    Args:
        data: labels; pairs with gold or beliefs, as `read_pairs` takes them; `Pairs` with gold; or ranked lists.
        output_dir: the stage's own folder; see `stages.contract` for what stands in it.
        lfs: labeling functions that watch what the policy says; see `stages.audit`.
        comparer: what made the labels, watched too.
        **settings: of `HindsightSettings`: `model` or `from_scratch`, `template`, `kinds`, and any of TRL's that mean the same.

    Raises:
        ConfigError, UnknownNameError: settings that are not known or do not fit.
        DataError, LayoutError: nothing to learn. NotCalibratedError: labels that were never calibrated.
        ArtifactError: a model that does not load, or the folder of another stage.
        TrainingError: no memory, a loss that is no number, or an audit that ends the run.
    """
    chosen = HindsightSettings(**settings)
    return carry_out(Hindsight.of(chosen, Materials.given(chosen, data, lfs, comparer)), output_dir)
