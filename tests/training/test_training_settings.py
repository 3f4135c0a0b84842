"""Settings of training: the names that people know, what they may be, and that none of it needs torch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest

from weaklabel.errors import ConfigError, UnknownNameError, WeaklabelWarning
from weaklabel.training.settings import RewardTrainingSettings, TrainingSettings, checked

# What transformers' TrainingArguments do not have, and why it is here.
OURS = {
    "tokens_per_batch", "groups_per_batch", "layout", "loss_options", "l2",  # of batches and losses of our own
    "max_length", "loss_type", "center_rewards_coefficient",  # TRL's trainers
    "lora_r", "lora_alpha", "lora_dropout",  # TRL's ModelConfig
    "early_stopping_patience",  # transformers' EarlyStoppingCallback
}  # fmt: skip


def test_they_open_without_torch_and_without_what_a_bare_image_lacks() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers', 'pandas', 'polars', 'pydantic']));"
        "from weaklabel.training.settings import RewardTrainingSettings as S; print(S(loss_type='robust').max_length)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout == "1024\n", found.stderr


@pytest.mark.trains
def test_every_name_is_one_of_transformers_or_stands_among_ours() -> None:
    transformers = pytest.importorskip("transformers")
    names = {setting.name for setting in dataclasses.fields(RewardTrainingSettings)}
    theirs = {setting.name for setting in dataclasses.fields(transformers.TrainingArguments)}
    assert names - theirs == OURS | ({"activation_checkpointing"} - theirs)  # renamed in transformers 5.19


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("epochs", "num_train_epochs"),
        ("accumulation", "gradient_accumulation_steps"),
        ("schedule", "lr_scheduler_type"),
        ("warmup_share", "warmup_steps"),
        ("loss", "loss_type"),
        ("centring", "center_rewards_coefficient"),
        ("check_every", "save_steps, and eval_steps where they differ"),
        ("patience", "early_stopping_patience"),
        ("log_every", "logging_steps"),
        ("tensorboard", "report_to = 'tensorboard'"),
        ("lora", "lora_r"),
        (
            "per_device_train_batch_size",
            r"tokens_per_batch \(padding included\) or groups_per_batch \(prompts\)",
        ),
        ("per_device_eval_batch_size", "tokens_per_batch or groups_per_batch"),
    ],
)
@pytest.mark.parametrize("kind", [TrainingSettings, RewardTrainingSettings])
def test_an_earlier_name_is_an_error_that_names_the_new_one(kind: Any, old: str, new: str) -> None:
    with pytest.raises(ConfigError, match=rf"training: there is no setting '{old}'. Write {new}"):
        kind(**{old: 1})


def test_two_names_of_before_are_taken_with_a_line_that_names_the_new_ones() -> None:
    with pytest.warns(WeaklabelWarning, match="gradient_checkpointing is called activation_checkpointing"):
        assert TrainingSettings(gradient_checkpointing=True).activation_checkpointing is True  # type: ignore[call-arg]
    with pytest.warns(WeaklabelWarning, match="warmup_ratio is called warmup_steps"):
        assert TrainingSettings(warmup_ratio=0.1).warmup_steps == 0.1  # type: ignore[call-arg]


def test_a_ratio_of_one_is_no_step() -> None:
    with (
        pytest.warns(WeaklabelWarning),
        pytest.raises(
            ConfigError, match=r"warmup_steps is 1.0. Allowed: a whole number of steps, or a share"
        ),
    ):
        TrainingSettings(warmup_ratio=1)  # type: ignore[call-arg]


def test_both_names_of_one_setting_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"warmup_ratio and warmup_steps are one setting. Give warmup_steps alone"
    ):
        TrainingSettings(warmup_ratio=0.1, warmup_steps=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_train_epochs": 0}, "num_train_epochs is 0. Allowed: above 0"),
        ({"num_train_epochs": "one"}, "num_train_epochs is 'one'. Allowed: a number"),
        ({"logging_steps": 1.5}, "logging_steps is 1.5. Allowed: a whole number"),
        ({"max_steps": True}, "max_steps is True. Allowed: a whole number"),
        ({"max_steps": -1}, "max_steps is -1. Allowed: 1 or more"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'. Allowed: a number"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"bf16": "yes"}, "bf16 is 'yes'. Allowed: true or false"),
        ({"max_length": 4}, "max_length is 4. Allowed: 8 or more"),
        ({"warmup_steps": 1.5}, "warmup_steps is 1.5. Allowed: a whole number of steps, or a share"),
        ({"warmup_steps": -0.1}, "warmup_steps is -0.1. Allowed: 0 or more"),
        (
            {"warmup_steps": 3, "lr_scheduler_type": "constant"},
            "'constant' has no warm-up. Write 'constant_with_warm",
        ),
        ({"tokens_per_batch": 10, "groups_per_batch": 1}, "are both given"),
        (
            {"save_steps": 5, "eval_steps": 2},
            "save_steps is 5. Allowed: a multiple of eval_steps, which is 2",
        ),
        ({"report_to": 3}, "report_to is 3. Allowed: none, mlflow, tensorboard, trackio, wandb, or a list"),
        (
            {"resume_from_checkpoint": 3},
            "resume_from_checkpoint is 3. Allowed: true, false, or a checkpoint's path",
        ),
        ({"lora_r": 0}, "lora_r is 0. Allowed: 1 to 65536"),
        ({"learning_rates": 1}, "no setting of training 'learning_rates'.* Did you mean 'learning_rate'"),
        ({"loss_options": 1}, "loss_options is 1. Allowed: a table"),
        ({"loss_options": {"margin": 1.0}}, "has no option 'margin'"),
        ({"loss_type": "margin", "loss_options": {"margin": "x"}}, "margin of loss 'margin' is 'x'"),
        ({"loss_type": "unbiased"}, "the loss 'unbiased' is called 'robust' now"),
        ({"loss_type": "bradley_terry"}, "the loss 'bradley_terry' is called 'sigmoid' now"),
    ],
)
def test_settings_out_of_range(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RewardTrainingSettings(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"report_to": "all"}, "no report_to 'all'. Known: mlflow, none, tensorboard, trackio, wandb"),
        ({"lr_scheduler_type": "cosin"}, "no lr_scheduler_type 'cosin'.* Did you mean 'cosine'"),
        ({"loss_type": "sigmod"}, "no loss 'sigmod'.* Did you mean 'sigmoid'"),
    ],
)
def test_names_that_there_are_not(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        RewardTrainingSettings(**given)


def test_defaults_are_found_when_they_are_used_so_that_settings_can_be_replaced() -> None:
    plain = TrainingSettings()
    assert (plain.batch_limit, plain.warmup, plain.reporters) == (("tokens_per_batch", 8192), 0.05, ())
    other = dataclasses.replace(
        plain, groups_per_batch=4, lr_scheduler_type="constant", report_to=["wandb", "none"]
    )
    assert (other.batch_limit, other.warmup, other.reporters) == (("groups_per_batch", 4), 0, ("wandb",))
    assert plain.fingerprint() == TrainingSettings(tokens_per_batch=8192, warmup_steps=0.05).fingerprint()


def test_what_the_weights_do_not_depend_on_is_left_out_of_the_fingerprint() -> None:
    free = {
        "activation_checkpointing": True,
        "logging_steps": 3,
        "report_to": "wandb",
        "resume_from_checkpoint": False,
    }
    assert TrainingSettings(**free).fingerprint() == TrainingSettings().fingerprint()
    assert TrainingSettings(lora_alpha=3).fingerprint() != TrainingSettings().fingerprint()


def test_pydantic_reads_a_table_by_the_same_rules() -> None:
    pydantic = pytest.importorskip("pydantic")
    table = pydantic.TypeAdapter(RewardTrainingSettings)
    assert table.validate_python({"loss_type": "robust"}) == RewardTrainingSettings(loss_type="robust")
    for wrong in ({"epochs": 1}, {"loss_type": "unbiased"}, {"max_length": 4}):
        with pytest.raises(pydantic.ValidationError):
            table.validate_python(wrong)


def test_a_trainer_of_another_kind_adds_settings_of_its_own() -> None:
    @checked
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Further(TrainingSettings):
        beta: float = 0.1

    assert Further(beta=0.2, max_steps=3).fingerprint()["beta"] == 0.2
    with pytest.raises(ConfigError, match=r"beta is 'x'. Allowed: a number"):
        Further(beta="x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"there is no setting 'epochs'. Write num_train_epochs"):
        Further(epochs=1)  # type: ignore[call-arg]
