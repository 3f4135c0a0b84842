"""`Auditor`: looks at a policy while it trains, and keeps what it saw.

    <folder>/
      audit.json              settings, hashes of what it looks with
      audit.jsonl             a line of figures per look
      samples/step-N.jsonl    what the policy answered
      audit.html              curves, warnings, samples side by side
      first.safetensors       the weights that train as they were at the first look, until `finish`

A look is there when its line is, which is written after its samples. A step that is shown again after a kill is not
measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from weaklabel import artifacts
from weaklabel.artifacts import content_hash, read_json, table_hash
from weaklabel.data.asked.choices import Choice
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ArtifactError, TrainingError
from weaklabel.lf.core import LabelingFunction
from weaklabel.metrics import Interval
from weaklabel.stages.audit.asked import (
    Answer,
    Asking,
    answer_figures,
    asked_of,
    read_samples,
    samples_text,
)
from weaklabel.stages.audit.choices import choice_figures, choice_logps, some_choices
from weaklabel.stages.audit.monitors import comparer_figures, function_figures, watching
from weaklabel.stages.audit.page import page_of
from weaklabel.stages.audit.policy import (
    Policy,
    Preferences,
    Reference,
    checked_reference,
    kl_figures,
    preference_figures,
    preferences_of,
)
from weaklabel.stages.audit.result import ABOUT, LOOKS, PAGE, Audit, Look, read_looks
from weaklabel.stages.audit.settings import AuditSettings
from weaklabel.stages.audit.warned import check_names, stopping
from weaklabel.types import CanCompare, Pairs, as_comparer

_SAMPLES: Final = "samples"
_LOGPS: Final = "first_logps.json"
_FIRST: Final = "first.safetensors"


class Auditor:
    """Watches a training run: `train_sft(..., watch=auditor.watch)`.

    At the start and after every checkpoint it has the policy answer fixed prompts and measures the answers against those
    of the first look; see docs/audit.md for the figures. A run that goes on from an earlier step measures later looks again.

    Args:
        prompts: two or more that are held out of training, of which `audit_prompts` are asked; a text, a `Prompt`, or a
            `Demonstration`, whose response is not looked at. Neither their order nor repeats change anything.
        tokenizer: of the policy.
        folder: this run's own, made with the first look.
        lfs: labeling functions as monitors. Those that read columns cannot vote on new answers and are left out.
        training_comparer: what the training is rewarded by, where it is.
        held_out_comparer: one that the training does not see.
        pairs: with gold, held out of training, for `logps/chosen` and `logps/rejected`; ties are left out.
        choices: multiple-choice questions, as `read_choices` gives them, of which `audit_choices` are asked.
        reference: what the KL is measured against: "first" for the policy as it was shown first, a function without
            arguments that gives a model of the same tokenizer (asked at every look), or None for no KL.
        settings: how much is looked at, and from where it warns.
        scratch: folder of what is needed until `finish` alone, the first weights; `folder` by default.

    Raises:
        DataError: fewer than two prompts, or no pair with a winner.
        ConfigError: a reference that is not one of these.
        LabelMatrixError: a comparer that cannot compare.
        UnknownNameError: `stop_on` names a warning that does not exist.

    >>> auditor = Auditor(["2 + 2?", "3 + 3?"], None, "out/audit", settings=AuditSettings(stop_on=["collapse"]))
    >>> print(auditor.result())  # with a tokenizer in the place of None, after `train_sft(..., watch=auditor.watch)`
    Audit of 0 looks.
    """

    def __init__(
        self,
        prompts: Sequence[Asking],
        tokenizer: Any,
        folder: str | Path,
        *,
        lfs: Sequence[LabelingFunction] = (),
        training_comparer: CanCompare | None = None,
        held_out_comparer: CanCompare | None = None,
        pairs: Pairs | None = None,
        choices: Sequence[Choice] = (),
        reference: Reference = "first",
        settings: AuditSettings | None = None,
        scratch: str | Path | None = None,
    ) -> None:
        self.settings = settings or AuditSettings()
        self.folder = Path(folder)
        self._tokenizer = tokenizer
        self._asked = asked_of(prompts, self.settings.audit_prompts, self.settings.seed)
        self._pairs = preferences_of(pairs, self.settings.audit_pairs, self.settings.seed)
        self._choices = some_choices(choices, self.settings.audit_choices, self.settings.seed)
        self._lfs, self._not_watched = watching(lfs)
        check_names(self.settings.stop_on, [lf.name for lf in self._lfs])
        given = {"training_comparer": training_comparer, "held_out_comparer": held_out_comparer}
        self._comparers = {name: as_comparer(each, name) for name, each in given.items() if each is not None}
        self._reference = checked_reference(reference)
        self._first = Path(scratch or folder) / _FIRST
        self._looks: tuple[Look, ...] | None = None

    def watch(self, model: Any, step: int) -> None:
        """Look at `model` after `step` steps. What is there already is not measured again.

        Raises:
            TrainingError: a warning that `stop_on` names, no memory, or log-probabilities that are not numbers. Looks and
                checkpoints are kept.
            ConfigError: `max_new_tokens` leaves no room for a prompt, or no memory to answer.
            ArtifactError: the folder of another audit, or files that are not as they were written.
        """
        looks = self._begun(step)
        if not looks or looks[-1].step < step:
            self._look(model, step, looks)
        self._write_page()
        self._stop_where_asked(step)

    def result(self) -> Audit:
        """What was found so far."""
        looks = self._looks if self._looks is not None else read_looks(self.folder)
        return Audit(looks, self.settings, self._not_watched)

    def samples(self, step: int) -> list[tuple[Prompt, str]]:
        """What the policy answered at the look of a step: each prompt with its answer, in an order that is always the same.

        Raises:
            ArtifactError: no look at that step, or files that are not as they were written.
        """
        return [
            (asked.prompt, answer.text)
            for asked, answer in zip(self._asked, self._answers(step), strict=True)
        ]

    def finish(self) -> Audit:
        """What was found; the first weights are removed. After the run has ended."""
        self._first.unlink(missing_ok=True)
        return self.result()

    def _begun(self, step: int) -> tuple[Look, ...]:
        """The looks up to a step, in a folder that is ours. Looks of steps that are yet to come are removed."""
        if self._looks is None:
            self._claim()
        looks = self._looks or ()
        if later := [look for look in looks if look.step > step]:
            self._write_looks(looks[: -len(later)])
            for look in later:
                self._samples(look.step).unlink(missing_ok=True)
        return self._looks or ()

    def _claim(self) -> None:
        about = artifacts.manifest(
            "audit",
            inputs=self._inputs(),
            settings=self.settings.to_dict(),
            not_watched=list(self._not_watched),
        )
        looks = read_looks(self.folder)
        if (
            looks
        ):  # without any there is nothing to mix up: settings that the first look refused can be mended
            _check_same(self.folder, read_json(self.folder / ABOUT), about)
        artifacts.write_json(self.folder / ABOUT, about)
        self._looks = looks

    def _inputs(self) -> dict[str, str | None]:
        pairs, reference = self._pairs, self._reference
        return {
            "prompts": content_hash(*(each.key for each in self._asked)),
            "pairs": None if pairs is None else table_hash(pairs.table),
            "lfs": content_hash(*(lf.name for lf in self._lfs)),
            "comparers": content_hash(*self._comparers),
            "reference": "given" if callable(reference) else reference,
            "choices": self._hash_of_choices(),
        }

    def _hash_of_choices(self) -> str | None:
        """Of the questions and of how they are judged; None without any, as in audits from before there were some."""
        if not self._choices:
            return None
        return content_hash(str(self.settings.length_normalized), *map(repr, self._choices))

    def _look(self, model: Any, step: int, looks: Sequence[Look]) -> None:
        policy = Policy(model, self._tokenizer, self._reference, self._first, self.settings)
        if not looks:
            policy.keep_first()
        answers = policy.answers(self._asked)
        first = self._answers(looks[0].step) if looks else answers
        seed = self.settings.seed
        figures: dict[str, Interval] = dict(answer_figures(answers, first, seed))
        figures |= kl_figures(answers, seed)
        if self._pairs is not None:
            now = policy.preferences(self._pairs)
            figures |= preference_figures(now, self._preferences(looks, now), self._pairs.prompt_groups, seed)
        if self._choices:
            normalized = self.settings.length_normalized
            logps = choice_logps(model, self._tokenizer, self._choices, length_normalized=normalized)
            figures |= choice_figures(self._choices, logps, seed)
        figures |= comparer_figures(self._comparers, self._asked, first, answers, seed)
        found, faults = function_figures(self._lfs, self._asked, first, answers, seed)
        self._keep(Look(step, {**figures, **found}, faults), answers)

    def _keep(self, look: Look, answers: Sequence[Answer]) -> None:
        """The samples first: a look is there when its line is."""
        artifacts.write_text(self._samples(look.step), samples_text(answers, self._asked))
        kept = Look.parse(look.line())  # in memory as it will be read back
        self._write_looks([*(self._looks or ()), kept])

    def _write_looks(self, looks: Sequence[Look]) -> None:
        self._looks = tuple(looks)
        artifacts.write_text(self.folder / LOOKS, "".join(look.line() for look in looks))

    def _write_page(self) -> None:
        """Again where it is there: a kill may have come between the look and its page."""
        found = self.result()
        answers = (self._answers(look.step) for look in (found.looks[0], found.looks[-1]))
        artifacts.write_text(self.folder / PAGE, page_of(found, self._asked, *answers))

    def _preferences(self, looks: Sequence[Look], now: Preferences) -> Preferences:
        """The log-probabilities of the first look, which are kept on the disk."""
        path = self.folder / _LOGPS
        if not looks:
            artifacts.write_json(path, now.to_dict())
        return Preferences.from_dict(read_json(path), str(path))

    def _stop_where_asked(self, step: int) -> None:
        found = self.result()
        look = next(each for each in found.looks if each.step == step)
        if warned := stopping(found.warnings_at(look), self.settings.stop_on):
            raise TrainingError(
                f"the audit ended the run at step {step:,}, {warned} Checkpoints are kept; to go on, take the "
                "warning out of stop_on, or change its threshold."
            )

    def _samples(self, step: int) -> Path:
        return self.folder / _SAMPLES / f"step-{step}.jsonl"

    def _answers(self, step: int) -> tuple[Answer, ...]:
        path = self._samples(step)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ArtifactError(
                f"{path} cannot be read ({error.strerror}). Remove the folder of the audit, and run it again."
            ) from None
        found = read_samples(text, str(path))
        if [each.key for each in found] != [each.key for each in self._asked]:
            raise ArtifactError(
                f"{path} does not answer the prompts of this audit. Remove the folder of the audit, and run it again."
            )
        return found


def _check_same(folder: Path, before: Any, about: dict[str, Any]) -> None:
    measured = AuditSettings.MEASURED
    ours = {**about["inputs"], **{name: about["settings"][name] for name in measured}}
    try:
        theirs = {**before["inputs"], **{name: before["settings"][name] for name in measured}}
    except (KeyError, TypeError):
        theirs = {}
    if differing := sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)):
        raise ArtifactError(
            f"{folder} holds an audit that was made of something else: {', '.join(differing[:4])} differ. Give a new "
            "folder, or remove this one."
        )
