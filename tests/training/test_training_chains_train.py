"""Training on chains: no gradient where nothing is learned, packed equals unpacked, general text, unlikelihood, a kill."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from made_chains import OUTPUTS, TEXTS, chain, tokenizer_of  # noqa: E402

from weaklabel.errors import ConfigError, DataError, UnknownNameError  # noqa: E402
from weaklabel.training.chains.general import GeneralText  # noqa: E402
from weaklabel.training.chains.layout import CHAIN_LAYOUTS, TokenRow, collate, laid_out  # noqa: E402
from weaklabel.training.chains.settings import ChainTrainingSettings  # noqa: E402
from weaklabel.training.chains.tokens import Chain, Part, TokenChain, tokenize_chains  # noqa: E402
from weaklabel.training.chains.train import ChainTrainer, _log_not, train_chains  # noqa: E402
from weaklabel.training.layout.language import attach  # noqa: E402
from weaklabel.training.models.scratch import language_model_from_scratch  # noqa: E402
from weaklabel.training.runs.randomness import isolated_randomness  # noqa: E402
from weaklabel.training.runs.running import training_arguments  # noqa: E402

pytestmark = pytest.mark.trains

GENERAL = " ".join(f"The sum of {i} and {i + 1} is {2 * i + 1}." for i in range(60))


def policy(seed: int = 0) -> Any:
    return language_model_from_scratch("tiny", [*TEXTS, GENERAL], seed=seed)


def settings(**more: Any) -> ChainTrainingSettings:
    given = {
        "groups_per_batch": 4,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
    }
    return ChainTrainingSettings(**given | {"max_length": 96} | more)


def chains() -> list[Chain]:
    """Twelve of unequal lengths and weights."""
    kinds = [(False, True), (True, True, True), (True,), (False, False, True)]
    return [chain(*kinds[k % 4], w=1.0 + k % 3) for k in range(12)]


def trainer_of(
    model: Any, tokenizer: Any, folder: Path, chosen: ChainTrainingSettings, rows: Any = ()
) -> Any:
    attach(model)
    return ChainTrainer(
        model,
        training_arguments(chosen, folder, best_by=None),
        chosen,
        CHAIN_LAYOUTS["bucketed" if chosen.layout == "auto" else chosen.layout],
        rows or [TokenRow((TokenChain([1, 2, 3], [2], [1.0]),))],
        [],
        pad_id=tokenizer.pad_token_id,
    )


def loss_and_gradients(layout: str, tmp_path: Path, **more: Any) -> tuple[float, list[Any]]:
    model, tokenizer = policy()
    chosen = settings(layout=layout, **more)
    found = tokenize_chains(chains(), tokenizer, max_length=96).chains
    rows = laid_out(found, layout, max_length=96, seed=0)
    with isolated_randomness():
        trainer = trainer_of(model, tokenizer, tmp_path / layout, chosen)
        losses, w = trainer.losses(model, collate(rows, tokenizer.pad_token_id))
    loss = (losses * w).sum() / w.sum()
    loss.backward()
    return float(loss.detach()), [p.grad.clone() for p in model.parameters()]


def test_packed_equals_unpacked(tmp_path: Path) -> None:
    alone, expected = loss_and_gradients("padded", tmp_path)
    packed, found = loss_and_gradients("packed", tmp_path)
    assert packed == pytest.approx(alone, abs=1e-5)
    assert max(float((a - b).abs().max()) for a, b in zip(expected, found, strict=True)) < 1e-5


def test_packed_rows_hold_several_chains_and_no_more_than_fits() -> None:
    found = tokenize_chains(chains(), policy()[1], max_length=96).chains
    rows = laid_out(found, "packed", max_length=96, seed=0)
    assert len(rows) < len(found)
    assert max(map(len, rows)) <= 96
    texts = sorted(tuple(each.ids) for row in rows for each in row.documents)
    assert texts == sorted(tuple(each.ids) for each in found)


def test_published_blocks_are_cut_anywhere_and_each_counts_alike() -> None:
    found = tokenize_chains(chains(), policy()[1], max_length=96).chains
    rows = laid_out(found, "blocks", max_length=20, seed=0)
    assert {len(row) for row in rows[:-1]} == {20}
    assert [row.weight for row in rows] == pytest.approx([1.0] * len(rows))
    joined = [token for row in rows for each in row.documents for token in each.ids]
    assert len(joined) <= sum(len(each.ids) for each in found)
    with pytest.raises(ConfigError, match="'blocks' joins"):
        laid_out([replace(found[0], unlikely=True)], "blocks", max_length=20, seed=0)


def test_a_block_sees_the_chain_before_it(tmp_path: Path) -> None:
    """Where rows are packed by chains, the loss of the second is that of the second alone; in a block it is not."""
    model, tokenizer = policy()
    one, two = tokenize_chains([chain(True), chain(True, True)], tokenizer, max_length=96).chains

    def losses(layout: str, rows: list[TokenRow]) -> Any:
        with isolated_randomness():
            trainer = trainer_of(model, tokenizer, tmp_path / layout, settings(layout=layout))
            return trainer.losses(model, collate(rows, 0))[0].detach()

    alone = losses("padded", [TokenRow((two,))])
    packed = losses("packed", [TokenRow((one, two))])[len(one.places) :]
    places = [len(one.ids) + place for place in two.places]
    whole = TokenChain(one.ids + two.ids, places, two.weights)
    block = losses("blocks", [TokenRow((whole,))])
    assert float((packed - alone).abs().max()) < 1e-5
    assert float((block - alone).abs().max()) > 1e-3


def test_what_is_not_learned_has_no_gradient(tmp_path: Path) -> None:
    """The gradient of the loss in the logits, place by place: zero exactly where the next token is not learned."""
    model, tokenizer = policy()
    (made,) = tokenize_chains([chain(False, True, False)], tokenizer, max_length=96).chains
    states: list[Any] = []

    def keep(_: Any, __: Any, output: Any) -> None:
        output.retain_grad()
        states.append(output)

    hook = model.model.norm.register_forward_hook(keep)
    with isolated_randomness():
        trainer = trainer_of(model, tokenizer, tmp_path, settings())
        losses, w = trainer.losses(model, collate([TokenRow((made,))], 0))
    hook.remove()
    (losses * w).sum().backward()
    moved = states[0].grad[0].abs().sum(dim=1) > 0
    assert torch.nonzero(moved).flatten().tolist() == [place - 1 for place in made.places]


def test_other_tokens_in_the_place_of_unlearned_targets_change_nothing(tmp_path: Path) -> None:
    """The last unlearned output is seen by nothing that is learned, so it may say anything."""
    model, tokenizer = policy()
    given = [chain(True, False), Chain((chain(True).parts[0], Part("better:", "313131", learned=False)))]
    made = tokenize_chains(given, tokenizer, max_length=96).chains
    with isolated_randomness():
        trainer = trainer_of(model, tokenizer, tmp_path, settings())
        one, other = (trainer.losses(model, collate([TokenRow((each,))], 0))[0] for each in made)
    assert made[0].ids != made[1].ids
    assert torch.allclose(one, other, atol=1e-6)


def test_links_are_dropped_in_training_alone(tmp_path: Path) -> None:
    model, tokenizer = policy()
    rows = [TokenRow((each,)) for each in tokenize_chains(chains(), tokenizer, max_length=96).chains]
    batch = collate(rows, 0)
    with isolated_randomness():
        trainer = trainer_of(model, tokenizer, tmp_path, settings(link_dropout=0.5, token_dropout=0.3))
        model.train()
        one, other = (trainer.losses(model, batch)[0].detach() for _ in range(2))
        model.eval()
        quiet = [trainer.losses(model, batch)[0].detach() for _ in range(2)]
        plain = trainer_of(model, tokenizer, tmp_path / "plain", settings()).losses(model, batch)[0].detach()
    assert float((one - other).abs().max()) > 1e-3
    assert torch.equal(*quiet)
    assert torch.allclose(quiet[0], plain, atol=1e-6)


def trained(folder: Path, given: list[Chain] | None = None, general: str | None = None, **more: Any) -> Any:
    model, tokenizer = policy()
    given = chains() if given is None else given
    return model, train_chains(
        model, tokenizer, given, general=general, settings=settings(**more), folder=folder
    )


def distance(one: Any, other: Any) -> float:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def test_a_weight_of_two_is_a_chain_given_twice(tmp_path: Path) -> None:
    given = [chain(True, True), chain(False, True), chain(True)]
    heavy, _ = trained(tmp_path / "heavy", [replace(given[0], w=2.0), *given[1:]], num_train_epochs=4)
    twice, _ = trained(tmp_path / "twice", [given[0], *given], num_train_epochs=4)
    assert distance(heavy, twice) < 2e-5


def test_general_text_counts_by_its_weight_once_a_step(tmp_path: Path) -> None:
    """One step by hand: gradients of the chains' mean and of weight times the text's mean, added."""
    model, tokenizer = policy()
    text = GeneralText.of(GENERAL, tokenizer, max_length=96)
    chosen = settings(pretrain_weight=0.7, pretrain_batch_size=3)
    rows = [TokenRow((each,)) for each in tokenize_chains(chains(), tokenizer, max_length=96).chains]
    by_hand = copy.deepcopy(model)
    attach(by_hand)
    with isolated_randomness():
        trainer = trainer_of(by_hand, tokenizer, tmp_path / "hand", chosen)
        losses, w = trainer.losses(by_hand, collate(rows, 0))
        batch = text.batch(3, seed=0, step=0)
        logits = by_hand(batch["input_ids"]).logits[:, :-1]
        nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch["input_ids"][:, 1:].flatten())
    ((losses * w).sum() / w.sum() + 0.7 * nll).backward()
    grads: list[Any] = []

    class Looks(ChainTrainer):
        def training_step(self, *args: Any, **more: Any) -> Any:
            done = super().training_step(*args, **more)
            grads[:] = [p.grad.clone() for p in args[0].parameters()]
            return done

    for batches in ({"groups_per_batch": 12}, {"groups_per_batch": 3, "gradient_accumulation_steps": 4}):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("weaklabel.training.chains.train.ChainTrainer", Looks)
            more = {
                "max_steps": 1,
                "pretrain_weight": 0.7,
                "pretrain_batch_size": 3,
                "layout": "padded",
                **batches,
            }
            _, done = trained(tmp_path / f"{len(batches)}", general=GENERAL, **more)
        expected = [p.grad for p in by_hand.parameters()]
        apart = max(float((a - b).abs().max()) for a, b in zip(expected, grads, strict=True))
        assert apart < 1e-5
        assert done.logged("pretrain_nll")[0][1] == pytest.approx(nll.item(), rel=1e-4)


def test_the_rows_of_general_text_depend_on_seed_and_step_alone() -> None:
    text = GeneralText.of(GENERAL, policy()[1], max_length=16)
    assert len({len(row) for row in text.rows}) == 1
    one, again = (text.batch(4, seed=1, step=5)["input_ids"] for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, text.batch(4, seed=1, step=6)["input_ids"])


def test_unlikelihood_is_log_of_what_is_left(tmp_path: Path) -> None:
    logps = torch.tensor([-1e-9, -1e-4, -0.1, -0.7, -5.0, -30.0], dtype=torch.float64, requires_grad=True)
    found = _log_not(logps)
    for x, value in zip(logps.tolist()[1:], found.tolist()[1:], strict=True):
        assert value == pytest.approx(math.log(-math.expm1(x)), rel=1e-6)
    (slopes,) = torch.autograd.grad(found.sum(), logps)
    assert slopes.isfinite().all()
    model, tokenizer = policy()
    pair = [chain(True), replace(chain(True), parts=(Part("other:", OUTPUTS[1]),), unlikely=True)]
    before, after = [], []
    made = tokenize_chains(pair, tokenizer, max_length=96).chains
    model, _ = trained(tmp_path / "run", pair, num_train_epochs=30)
    for which, numbers in ((policy()[0], before), (model, after)):
        attach(which)
        with isolated_randomness(), torch.no_grad():
            trainer = trainer_of(which, tokenizer, tmp_path / "look", settings())
            for each in made:
                batch = collate([TokenRow((replace(each, unlikely=False),))], 0)
                numbers.append(float(trainer.losses(which, batch)[0].mean()))
    assert after[0] < before[0]
    assert after[1] > before[1]


def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    more: dict[str, Any] = {
        "num_train_epochs": 4,
        "save_steps": 3,
        "link_dropout": 0.3,
        "token_dropout": 0.2,
        "pretrain_batch_size": 2,
    }
    whole, _ = trained(tmp_path / "whole", general=GENERAL, **more)

    class Killed(Exception):
        pass

    real, steps = ChainTrainer.training_step, 0

    def dies(self: Any, *args: Any, **more: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 8:
            raise Killed
        return real(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChainTrainer, "training_step", dies)
        with pytest.raises(Killed):
            trained(tmp_path / "killed", general=GENERAL, **more)
    again, done = trained(tmp_path / "killed", general=GENERAL, **more)
    assert done.resumed == 6
    assert distance(whole, again) < 1e-6


def test_it_learns_what_the_feedback_means(tmp_path: Path) -> None:
    """Of two prompts, each with a good and a bad output, only the words of feedback tell which is wanted."""
    said = {"good:": "13", "bad:": "31"}
    given = [Chain((Part(f"sort\n{word}", output, word),)) for word, output in said.items()] * 4
    model, tokenizer = policy()
    train_chains(model, tokenizer, given, settings=settings(num_train_epochs=30), folder=tmp_path / "run")
    from weaklabel.training.chains.tokens import asking_ids
    from weaklabel.training.decoding import Responder
    from weaklabel.training.sampling import Sampling

    asked = [asking_ids([Part(f"sort\n{word}", "", word)], tokenizer) for word in said]
    drawn = Responder(model, tokenizer).drawn(asked, ["a", "b"], Sampling(max_new_tokens=6, temperature=0))
    assert [each.reply.text for each in drawn] == list(said.values())


@pytest.mark.parametrize(
    ("given", "more", "kind", "said"),
    [
        ([], {}, DataError, "none of 0 chains can be learned"),
        ([chain(True, w=0.0)], {}, DataError, "1 have weight 0"),
        ([chain(True, w=-1.0)], {}, DataError, "w = -1.0"),
        ([chain(True, w=math.nan)], {}, DataError, "w = nan"),
        ([chain(False)], {}, DataError, "1 have no output to learn"),
        ([Chain(tuple(Part("bad:", "31") for _ in range(9)))], {"max_length": 16}, DataError, "1 do not fit"),
        ([chain(True)], {"layout": "shared"}, UnknownNameError, "no layout 'shared'"),
        ([chain(True)], {"link_dropout": 1.0}, ConfigError, "link_dropout is 1"),
        ([chain(True)], {"pretrain_weight": -1}, ConfigError, "pretrain_weight is -1"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, given: list[Chain], more: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        trained(tmp_path / "run", given, **more)
    assert "\n" not in str(caught.value)


def test_a_model_that_takes_no_mask_is_refused_in_one_line(tmp_path: Path) -> None:
    model, tokenizer = policy()
    model.config.model_type = "mamba"
    for more, said in (
        ({"link_dropout": 0.1}, "link_dropout and token_dropout do not fit"),
        ({"layout": "packed"}, "'packed'"),
    ):
        with pytest.raises(ConfigError, match=said):
            train_chains(model, tokenizer, chains(), settings=settings(**more), folder=tmp_path / said[:4])


def test_general_text_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has 0 tokens"):
        trained(tmp_path / "run", general="")


def test_the_tokenizers_of_the_tests_train_too(tmp_path: Path) -> None:
    tokenizer = tokenizer_of("first")
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    model = LlamaForCausalLM(config)
    done = train_chains(model, tokenizer, chains(), settings=settings(max_steps=2), folder=tmp_path / "run")
    assert done.chains == 12
