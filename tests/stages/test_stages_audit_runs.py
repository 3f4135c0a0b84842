"""Every warning of the audit fires on a run that was made to fail that way, and none on a healthy one, over five seeds."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from audited_runs import RUNS, audited, auditor_of, base, demonstrations, settings

from weaklabel.errors import ArtifactError, ConfigError, TrainingError
from weaklabel.stages.audit import Audit, AuditSettings
from weaklabel.training.models.loading import with_lora
from weaklabel.training.sft import SFTTrainer, train_sft
from weaklabel.types.demonstration import Demonstration

pytestmark = pytest.mark.trains

# What each run was made to do; what else it does to a small model is warned of as well.
FIRES = {
    "healthy": set[str](),
    "length": {"length", "over_optimised", "drift:brief"},
    "no_end": {"no_end"},
    "collapse": {"collapse", "kl"},
    "falling_logps": {"falling_logps", "drift:good_words"},
    "empty": {"empty"},
}


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("base")


def test_every_run_says_what_it_fires() -> None:
    assert set(FIRES) == set(RUNS)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 5))])
@pytest.mark.parametrize("name", RUNS)
def test_a_warning_fires_on_the_run_made_for_it(
    name: str, seed: int, base_folder: Path, tmp_path: Path
) -> None:
    found = audited(name, seed, base_folder, tmp_path)
    last = {each.name for each in found.warnings_at(found.looks[-1])}
    assert last >= FIRES[name], str(found)
    if name == "healthy":
        assert found.warnings == (), str(found)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Killed(BaseException):
    """As a kill: no handler of ours sees it."""


def run(
    base_folder: Path, folder: Path, *, name: str = "healthy", die_at: int | None = None, **more: Any
) -> Any:
    """A short watched run; with `die_at` it is killed when the audit writes for the so-manieth time."""
    from weaklabel import artifacts

    model, tokenizer = base(base_folder)
    auditor = auditor_of(tokenizer, 0, folder / "audit", **more)
    written = 0

    def dies(path: Path, text: str) -> None:
        nonlocal written
        written += 1
        if written == die_at:
            raise Killed
        real(path, text)

    real = artifacts.write_text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts, "write_text", dies)
        chosen = settings(max_steps=8, save_steps=4)
        train_sft(
            model,
            tokenizer,
            demonstrations(64, 3),
            settings=chosen,
            folder=folder / "run",
            watch=auditor.watch,
        )
    return auditor


# It writes an empty file of lines; then, at each look, samples, line and page.
@pytest.mark.parametrize(
    "die_at", [1, 2, 3, 4, 6, *(pytest.param(k, marks=pytest.mark.slow) for k in (5, 7, 8, 9))]
)
def test_an_audit_that_was_killed_ends_with_the_same_bytes(
    die_at: int, base_folder: Path, tmp_path: Path
) -> None:
    run(base_folder, tmp_path / "whole").finish()
    with pytest.raises(Killed):
        run(base_folder, tmp_path / "killed", die_at=die_at)
    run(base_folder, tmp_path / "killed").finish()
    assert files(tmp_path / "killed" / "audit") == files(tmp_path / "whole" / "audit")


def test_a_run_that_was_killed_between_two_looks_ends_with_the_same_bytes(
    base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(base_folder, tmp_path / "whole").finish()
    real, steps = SFTTrainer.training_step, 0

    def dies(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 7:
            raise Killed
        return real(self, *args, **more)

    monkeypatch.setattr(SFTTrainer, "training_step", dies)
    with pytest.raises(Killed):
        run(base_folder, tmp_path / "killed")
    assert [look.step for look in Audit.load(tmp_path / "killed" / "audit").looks] == [0, 4]
    run(base_folder, tmp_path / "killed").finish()
    assert files(tmp_path / "killed" / "audit") == files(tmp_path / "whole" / "audit")


def test_a_step_that_is_shown_again_is_not_measured_again(
    base_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(base_folder, tmp_path)
    before = files(tmp_path / "audit")
    from weaklabel.stages.audit.policy import Policy

    monkeypatch.setattr(Policy, "answers", lambda *_: pytest.fail("it was asked again"))
    auditor = run(base_folder, tmp_path)
    assert files(tmp_path / "audit") == before
    assert [look.step for look in auditor.result().looks] == [0, 4, 8]
    assert str(Audit.load(tmp_path / "audit")) == str(auditor.result())


def test_a_run_that_goes_on_from_an_earlier_step_measures_later_looks_again(
    base_folder: Path, tmp_path: Path
) -> None:
    run(base_folder, tmp_path)
    model, tokenizer = base(base_folder)
    again = auditor_of(tokenizer, 0, tmp_path / "audit")
    again.watch(model, 4)
    assert [look.step for look in again.result().looks] == [0, 4]


def test_stop_on_ends_the_run_and_keeps_its_checkpoints(base_folder: Path, tmp_path: Path) -> None:
    chosen = AuditSettings(max_new_tokens=16, stop_on=["falling_logps"], max_logps_fall=0.0)
    said = set()
    for _ in range(2):  # the same command ends in the same way
        with pytest.raises(
            TrainingError, match=r"the audit ended the run at step \d, falling_logps: chosen responses have"
        ) as stop:
            run(base_folder, tmp_path, name="falling_logps", settings=chosen)
        said.add(str(stop.value))
    assert len(said) == 1
    assert list((tmp_path / "run").glob("checkpoint-*"))
    auditor = run(
        base_folder,
        tmp_path,
        name="falling_logps",
        settings=AuditSettings(max_new_tokens=16, stop_on=["empty"]),
    )
    assert [look.step for look in auditor.finish().looks] == [0, 4, 8]


def test_adapters_are_held_against_the_policy_as_it_was_shown_first(
    base_folder: Path, tmp_path: Path
) -> None:
    """Where adapters were trained before, the base without them is another policy."""
    model, tokenizer = base(base_folder)
    model = with_lora(model, lora_r=4)
    given, chosen = demonstrations(64, 3), settings(max_steps=6, lora_r=4, save_steps=6, learning_rate=5e-3)
    train_sft(model, tokenizer, given, settings=chosen, folder=tmp_path / "before")
    auditor = auditor_of(tokenizer, 0, tmp_path / "audit")
    other = demonstrations(64, 3, RUNS["collapse"].made)
    train_sft(model, tokenizer, other, settings=chosen, folder=tmp_path / "run", watch=auditor.watch)
    kept = (tmp_path / "audit" / "first.safetensors").stat().st_size
    assert kept < sum(p.numel() for p in model.parameters()) * 4 / 3
    first, last = (look.figures["kl"].value for look in auditor.finish().looks)
    assert first == 0.0
    assert last > 0.01


def test_another_model_can_be_the_reference(base_folder: Path, tmp_path: Path) -> None:
    model, tokenizer = base(base_folder)
    other, _ = base(base_folder)
    with_itself = auditor_of(tokenizer, 0, tmp_path / "same", reference=lambda: other)
    with_itself.watch(model, 0)
    assert with_itself.result().figures()["kl"] == 0.0
    other.lm_head.weight.data.mul_(0.5)
    with_other = auditor_of(tokenizer, 0, tmp_path / "other", reference=lambda: other)
    with_other.watch(model, 0)
    assert with_other.result().figures()["kl"] > 0.05  # type: ignore[operator]
    assert not (tmp_path / "other" / "first.safetensors").exists()
    without = auditor_of(tokenizer, 0, tmp_path / "none", reference=None)
    without.watch(model, 0)
    assert "kl" not in without.result().figures()


def test_the_policy_is_asked_by_its_chat_template(base_folder: Path, tmp_path: Path) -> None:
    from weaklabel.stages.audit.asked import asked_of
    from weaklabel.stages.audit.policy import Policy

    model, tokenizer = base(base_folder)
    tokenizer = copy.deepcopy(tokenizer)
    turns = ({"role": "system", "content": "oak"}, {"role": "user", "content": "pine"})
    asked = asked_of([Demonstration("pine", "", messages=turns), "moss"], 2, 0)
    policy = Policy(model, tokenizer, None, tmp_path / "first", AuditSettings())

    def told() -> set[str]:
        return {tokenizer.decode(each.prompt) for each in policy._tokens(asked)}

    assert told() == {"pine\n\n", "moss\n\n"}
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    assert told() == {"<system>oak<user>pine<assistant>", "<user>moss<assistant>"}
    chosen = AuditSettings(max_new_tokens=2045)
    with pytest.raises(ConfigError, match="max_new_tokens is 2045, which leaves 3 tokens"):
        Policy(model, tokenizer, None, tmp_path / "first", chosen)._tokens(asked)


def test_first_weights_that_are_gone_are_one_line(base_folder: Path, tmp_path: Path) -> None:
    model, tokenizer = base(base_folder)
    auditor = auditor_of(tokenizer, 0, tmp_path)
    auditor.watch(model, 0)
    auditor.finish()
    with pytest.raises(ArtifactError, match=r"first\.safetensors cannot be read"):
        auditor.watch(model, 5)


def test_the_order_of_prompts_and_pairs_changes_nothing(base_folder: Path, tmp_path: Path) -> None:
    from audited_runs import gold_pairs

    from weaklabel.stages.audit import Auditor

    model, tokenizer = base(base_folder)
    prompts, pairs = [d.prompt for d in demonstrations(40, 0, of="ask")], gold_pairs(20, 0)
    for name, step in (("forward", 1), ("backward", -1)):
        auditor = Auditor(
            prompts[::step] * (1 + (step < 0)),
            tokenizer,
            tmp_path / name,
            pairs=pairs.take(range(20)[::step]),
            settings=AuditSettings(max_new_tokens=16),
        )
        auditor.watch(model, 0)
        auditor.finish()
    forward, backward = files(tmp_path / "forward"), files(tmp_path / "backward")
    assert forward == backward
