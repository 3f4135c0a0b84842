"""Settings of the stage `proxy`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal, get_args

from weaklabel._arguments import check_value
from weaklabel._validation import check_settings
from weaklabel.acquisition.base import Acquisition
from weaklabel.acquisition.embedding import POLICY, READERS
from weaklabel.acquisition.registry import DEFAULT, get_acquisition
from weaklabel.errors import ConfigError
from weaklabel.ledger import UNITS, Budget, Cost
from weaklabel.reward.registry import PLAIN, written_settings
from weaklabel.stages.contract import Reference, StartFrom
from weaklabel.stages.policy import LoopSettings
from weaklabel.training.dpo.settings import DPOTrainingSettings
from weaklabel.training.sampling import Sampling
from weaklabel.training.settings import checked

Unit = Literal["pairs", "responses"]
"""What a question is about: which of two responses is better, or how good one is."""
Seeds = Literal["none", "gold", "weak", "both"]
"""Which labels teach the evaluation model beside the expert's answers."""
Learn = Literal["proxy", "answers", "both"]
"""What the policy learns: pairs that the evaluation model labelled, those that the expert answered, or both."""
OF_RESPONSES: Final = ("random", "coreset")
"""Rules that choose single responses; all others weigh what is believed of a pair."""
RUBRIC: Final = (0, 5)
SCORED: Final = ("linear", "minilm-frozen")
"""Evaluation models that scores of single responses can teach."""
MODELS: Final = ("base", "adapter")
"""Settings of an evaluation model that name models."""
THIS_POLICY: Final = POLICY.removesuffix(":")
"""As an embedding, or as the `base` of an evaluation model: the policy that is sampled."""


@checked
@dataclass(frozen=True, kw_only=True)
class ProxySettings(LoopSettings, DPOTrainingSettings):
    """Settings of the proxy-reward loop, beside those of every loop and of DPO.

    Attributes:
        num_rounds: each samples from the policy of the one before, and asks `queries` more questions.
        start_from, reference: "previous" by default: a round goes on with the policy of the one before, and is held to it.
        data: prompts, as `read_prompts` takes them; None takes the prompts of the labels. Those of the test part are left out.
        columns: our names -> those of `data`; other files have the names that `read_pairs` knows.
        eval_data: pairs with gold that are never learned: they judge the evaluation model, and choose the policy's checkpoint. Labels
            and other hands' responses to their prompts are left out.
        num_generations: samples of each prompt; 2 or more.
        max_new_tokens, temperature, top_p, top_k, stop: how they are drawn, as for `Sampling`; the temperature above 0.
        batch_size: samples at once.
        expert: who is asked, as `open_comparer` takes it: people:questions.jsonl, a folder, module:function.
        unit: "pairs", or "responses" that the expert scores by the `rubric`.
        rubric: the lowest and the highest score of a response, whole numbers. A score between two counts for both in part. Answers by
            another rubric are other answers; people need a file of questions for each.
        queries: questions of a round.
        query_batch: questions after which the evaluation model is fitted again and chooses the next; None, or as many as `queries`,
            asks all at once.
        budget: the most that answers of this expert may cost over their life, unit of `Budget` -> limit; of each a question must cost
            something. A round asks what it holds.
        price: of one question beside the pair or response itself: calls, tokens, money.
        answers_dir: the folder in which answers are kept; None keeps them in the stage's own. Stages that share it pay for
            an answer once.
        acquisition, acquisition_settings: a rule of `ACQUISITIONS`, and what it takes. For responses "random" or "coreset".
        embedding: what such a rule compares: "ngrams", "minilm", "policy" for the hidden states of the policy that is sampled, or
            "policy:FOLDER".
        random_share: of the questions, drawn at random whatever the rule.
        candidates: at most so many of the possible questions, drawn, are looked at.
        min_gain: what a question costs, in nats: asking ends when the best one left is expected to lower the mean entropy of
            the candidates by less. 0 asks all `queries`.
        off_policy_data: pairs of other hands, as `read_pairs` takes them: the expert is asked about these in place of samples.
        evaluator, evaluator_settings: the evaluation model, a name in `REWARD_MODELS`, and what it takes; `base = "policy"` begins
            with the policy that is sampled. Scores of responses teach "linear" and "minilm-frozen".
        seed_labels: which labels teach it too: those with "gold", those without ("weak"), "both", or "none". None is "both" where
            `seed_data` is given, or the labels give the prompts; "none" otherwise.
        seed_data: pairs with gold or beliefs, as `read_pairs` takes them; None takes the labels of the run.
        allow_uncalibrated: learn from weak labels that were never fitted to gold.
        tie_margin: pairs whose belief is at most this far from one half are ties, and not learned; in [0, .5).
        max_pairs: that the evaluation model labels in a round, drawn by prompt; None takes the best and the worst of all.
        learn: "both", "proxy" or "answers" alone: what the policy learns. With "answers" `tie_margin` and `max_pairs` say nothing of it:
            the evaluation model is made and judged all the same.
        held_out: a comparer that has no part in anything: how often it agrees with the labelled pairs is reported.
        curve_points: numbers of answers at which the evaluation model is judged, each by five fits; 0 for no curve, None for
            five where a fit is a matter of seconds.

    Raises:
        ConfigError, UnknownNameError: as for every loop and for DPO, and for settings that do not go together.
    """

    learning_rate: float = 1e-6  # that of DPO: of two bases a dataclass takes the first one's default
    start_from: StartFrom = "previous"
    reference: Reference = "previous"
    num_generations: int = 8
    max_new_tokens: int = 256
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop: Sequence[str] = ()
    batch_size: int = 16
    expert: str | None = None
    unit: Unit = "pairs"
    rubric: Sequence[int] = RUBRIC
    queries: int = 100
    query_batch: int | None = None
    budget: Mapping[str, float] = field(default_factory=dict)
    price: Mapping[str, float] = field(default_factory=dict)
    answers_dir: str | None = None
    acquisition: str = DEFAULT
    acquisition_settings: Mapping[str, Any] = field(default_factory=dict)
    embedding: str = "ngrams"
    random_share: float = 0.2
    candidates: int = 20_000
    min_gain: float = 0.0
    off_policy_data: str | None = None
    evaluator: str = PLAIN
    evaluator_settings: Mapping[str, Any] = field(default_factory=dict)
    seed_labels: Seeds | None = None
    seed_data: str | None = None
    allow_uncalibrated: bool = False
    tie_margin: float = 0.0
    max_pairs: int | None = None
    learn: Learn = "both"
    held_out: str | None = None
    curve_points: int | None = None

    OWNER: ClassVar[str] = "proxy"
    NAMED: ClassVar[tuple[str, ...]] = ("data",)
    PATHS: ClassVar[tuple[str, ...]] = (*LoopSettings.PATHS, "off_policy_data", "seed_data", "answers_dir")
    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **LoopSettings.RANGES,
        **DPOTrainingSettings.RANGES,
        "num_generations": (2, 1 << 16),
        "batch_size": (1, 1 << 20),
        "queries": (1, 1 << 40),
        "query_batch": (1, 1 << 40),
        "random_share": (0, 1),
        "candidates": (1, 1 << 40),
        "min_gain": (0, 1),
        "tie_margin": (0, 0.4999),
        "max_pairs": (1, 1 << 40),
        "curve_points": (0, 50),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, kind in (("unit", Unit), ("seed_labels", Seeds), ("learn", Learn)):
            if (value := getattr(self, name)) is not None and value not in get_args(kind):
                allowed = ", ".join(f'"{word}"' for word in get_args(kind))
                raise ConfigError(f"proxy: {name} is {value!r}. Allowed: {allowed}.")
        if self.temperature == 0:
            raise ConfigError(
                "proxy: temperature is 0, so that all samples of a prompt are one. Allowed: above 0; 1 draws as the policy does."
            )
        if self.embedding not in (*READERS, THIS_POLICY) and not self.embedding.startswith(POLICY):
            raise ConfigError(
                f'proxy: embedding is {self.embedding!r}. Allowed: {", ".join(READERS)}, "{THIS_POLICY}" or "{POLICY}FOLDER".'
            )
        for name in ("answers_dir", "seed_data", "off_policy_data"):
            if getattr(self, name) == "":
                raise ConfigError(f"proxy: {name} is ''. Name one, or leave it out.")
        _ = self.sampling, self.limits, self.cost
        written_settings(self.evaluator, dict(self.evaluator_settings))
        self._check_unit()
        _ = self.rule

    def _check_unit(self) -> None:
        low_high = tuple(self.rubric)
        if (
            len(low_high) != 2
            or not all(type(end) is int for end in low_high)
            or not low_high[0] < low_high[1]
        ):
            raise ConfigError(
                f"proxy: rubric is {self.rubric!r}. Allowed: the lowest and the highest score, two whole numbers such as [0, 5]."
            )
        if self.unit == "pairs":
            if low_high != RUBRIC:
                raise ConfigError(
                    f'proxy: rubric is {self.rubric!r} with unit = "pairs", of which it says nothing. Set unit = "responses", or leave '
                    "rubric out."
                )
            return
        if self.acquisition not in OF_RESPONSES:
            raise ConfigError(
                f'proxy: acquisition is {self.acquisition!r} with unit = "responses". Single responses are chosen by '
                f"{' or '.join(OF_RESPONSES)}."
            )
        if self.evaluator not in SCORED:
            raise ConfigError(
                f'proxy: evaluator is {self.evaluator!r} with unit = "responses". Scores teach {" or ".join(SCORED)}.'
            )
        if self.min_gain:
            raise ConfigError(
                'proxy: min_gain is set with unit = "responses". It weighs what is believed of pairs; leave it out.'
            )

    @property
    def sampling(self) -> Sampling:
        """How samples are drawn."""
        names = ("max_new_tokens", "temperature", "top_p", "top_k", "seed", "stop")
        return Sampling(**{name: getattr(self, name) for name in names})

    @property
    def limits(self) -> Budget:
        """The budget. One of nothing is refused: then nobody is asked. So is one that nothing is counted against.

        Raises:
            ConfigError: a unit that does not exist, one of which a question costs nothing, or a limit that holds no question.
        """
        check_value("proxy: budget", self.budget, "Mapping[str, float]")
        check_settings("proxy: budget", dict(self.budget), dict.fromkeys(UNITS, "float"))
        if free := [unit for unit in self.budget if not getattr(self.cost, unit)]:
            raise ConfigError(
                f"proxy: budget has {free[0]!r}, of which a question costs nothing ({self._told(self.cost)}), so that it would hold "
                f"nothing back. Limit {self.unit}, or say in price what a question costs: calls, tokens, money."
            )
        made = Budget(**self.budget)  # type: ignore[arg-type]
        if not made.holds(self.cost):
            raise ConfigError(
                f"proxy: budget is {dict(self.budget)!r}, which does not hold one question ({self._told(self.cost)}). Raise it, "
                "or leave it out for none."
            )
        return made

    @property
    def cost(self) -> Cost:
        """Of one question."""
        check_value("proxy: price", self.price, "Mapping[str, float]")
        check_settings("proxy: price", dict(self.price), {"calls": "int", "tokens": "int", "money": "float"})
        return Cost(**{self.unit: 1}, **self.price)  # type: ignore[arg-type]

    @property
    def rule(self) -> Acquisition:
        """The rule that chooses."""
        given = dict(self.acquisition_settings)
        if self.unit == "responses" and self.acquisition == "coreset":
            given.setdefault("space", "text")
        found = get_acquisition(self.acquisition, **given)
        if self.unit == "responses" and "features" in found.needs:
            raise ConfigError(
                "proxy: coreset has space 'features', which are of a pair. With unit = \"responses\" leave it out."
            )
        return found

    def told(self) -> dict[str, Any]:
        """As for every loop; who is asked is told by a hash, and what changes nothing is left out. A budget may be raised."""
        left_out = ("expert", "held_out", "batch_size", "budget", "curve_points")
        found = {name: value for name, value in super().told().items() if name not in left_out}
        named = self.models
        return found | {
            "embedding": POLICY if "embedding" in named else self.embedding,
            "evaluator_settings": {k: v for k, v in self.evaluator_settings.items() if k not in named},
        }

    @property
    def models(self) -> dict[str, str]:
        """Folders or names on the hub that settings name within others: of the embedding, and of the evaluation model."""
        given = {name: self.evaluator_settings.get(name) for name in MODELS}
        words = THIS_POLICY, "minilm"  # which name no folder
        found = {
            name: value for name, value in given.items() if isinstance(value, str) and value not in words
        }
        if self.embedding.startswith(POLICY):
            found["embedding"] = self.embedding.removeprefix(POLICY)
        return found

    def placed(self, resolve: Callable[[str], str]) -> ProxySettings:
        """With these models as seen from the working folder."""
        found = {name: resolve(value) for name, value in self.models.items()}
        embedding = found.pop("embedding", None)
        return replace(
            self,
            embedding=self.embedding if embedding is None else f"{POLICY}{embedding}",
            evaluator_settings={**self.evaluator_settings, **found},
        )

    @staticmethod
    def _told(cost: Cost) -> str:
        return ", ".join(f"{unit} {getattr(cost, unit):g}" for unit in UNITS if getattr(cost, unit))
