"""Models from elsewhere are data: one door, safetensors alone, no code, nothing but what was named."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from tiny_models import make_model  # noqa: E402

import weaklabel  # noqa: E402
from weaklabel.artifacts.hash_memo import HashMemo  # noqa: E402
from weaklabel.errors import ArtifactError, ConfigError  # noqa: E402
from weaklabel.reward import get_reward_model  # noqa: E402
from weaklabel.training.decoding import Responder  # noqa: E402
from weaklabel.training.models.loading import load_scorer, with_lora  # noqa: E402
from weaklabel.training.models.scratch import from_scratch  # noqa: E402

pytestmark = pytest.mark.trains

PACKAGE = Path(weaklabel.__file__).parent
# Whatever can read a model or a data set, and the one file that may call it.
DOORS = {
    **dict.fromkeys(
        ("from_pretrained", "load_adapter_weights", "snapshot_download", "hf_hub_download"),
        "training/models/hub.py",
    ),
    **dict.fromkeys(("load_dataset", "load_from_disk"), "data/sources.py"),
    **dict.fromkeys(("pipeline", "hf_pipeline", "load_state_dict_from_url", "AutoPeftModel"), "nowhere"),
}
# Of modules whose reading can run code.
MODULES = {"torch": "load", "joblib": "load", "pickle": "load", "cloudpickle": "load", "dill": "load"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved tiny scorer."""
    return saved(tmp_path / "base")


def saved(folder: Path) -> Path:
    model, tokenizer = from_scratch("tiny", ["one two three"], seed=3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def edit(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **changes}))


def calls_of(path: Path) -> list[tuple[str, int]]:
    """What a file calls, by the last part of its name or, of a risky module, whole."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name):
            found.append((called.id, node.lineno))
        elif isinstance(called, ast.Attribute):
            of = called.value.id if isinstance(called.value, ast.Name) else ""
            risky = MODULES.get(of) == called.attr
            found.append((f"{of}.{called.attr}" if risky else called.attr, node.lineno))
    return found


def test_models_and_data_sets_come_through_one_door_each() -> None:
    doors = DOORS | {f"{module}.{name}": "nowhere" for module, name in MODULES.items()}
    used, astray = set(), []
    for path in sorted(PACKAGE.rglob("*.py")):
        where = path.relative_to(PACKAGE).as_posix()
        for name, line in calls_of(path):
            if name in doors:
                used.add(name)
                astray += [] if doors[name] == where else [f"{where}:{line} calls {name}"]
    assert astray == []
    assert {"from_pretrained", "load_dataset", "snapshot_download"} <= used  # else this looks at nothing


@pytest.mark.parametrize("name", ["org/model", "hf:org/model"])
def test_of_the_hub_only_data_of_the_named_model_is_fetched(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: list[Any] = []

    def snapshot(repository: str, allow_patterns: list[str], ignore_patterns: list[str]) -> str:
        asked.append(
            (repository, ignore_patterns, [p for p in allow_patterns if p.endswith((".py", ".bin", "*"))])
        )
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    load_scorer(name)
    assert asked == [("org/model", ["*/*"], [])]


# ---------------------------------------------------------------------------------------- pickles


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth"])
def test_pickled_weights_are_refused_with_the_way_to_convert(folder: Path, name: str) -> None:
    weights = folder / "model.safetensors"
    torch.save({"x": torch.zeros(1)}, folder / name)
    load_scorer(folder)  # beside safetensors a pickle lies unread
    weights.unlink()
    for load in (load_scorer, Responder.load):
        with pytest.raises(
            ArtifactError, match=rf"its {name} is a pickle, .*Convert it.*save_pretrained\(folder\)"
        ):
            load(folder)


@pytest.mark.parametrize(
    "part", ["pytorch_model.bin", "../other/model.safetensors", "/x.safetensors", 3, None]
)
def test_an_index_of_weights_names_safetensors_beside_it(folder: Path, part: Any) -> None:
    edit(folder / "model.safetensors.index.json", metadata={}, weight_map={"score.weight": part})
    with pytest.raises(ArtifactError, match="Allowed: names of safetensors files beside it"):
        load_scorer(folder)


# ---------------------------------------------------------------------------------------- code


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_folder_with_code_of_its_own_is_refused_and_the_code_not_run(
    tmp_path: Path, file: str, nested: bool
) -> None:
    ran = tmp_path / "ran"
    for load, model in (
        (load_scorer, saved(tmp_path / "scorer")),
        (Responder.load, make_model(tmp_path / "lm")),
    ):
        for name in ("modeling_own.py", "tokenization_own.py"):
            (model / name).write_text(f"open({str(ran)!r}, 'w')\nclass Own: pass\n")
        entry = {"AutoModelForCausalLM": "modeling_own.Own", "AutoTokenizer": ["tokenization_own.Own", None]}
        edit(model / file, **({"text_config": {"auto_map": entry}} if nested else {"auto_map": entry}))
        with pytest.raises(ArtifactError, match=r"names code of its own \(auto_map\), which is never run"):
            load(model)
    assert not ran.exists()


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "experts_implementation"])
def test_kernels_by_a_hub_name_are_code(folder: Path, key: str) -> None:
    edit(folder / "config.json", **{key: "somebody/kernel"})
    with pytest.raises(ArtifactError, match=f"names code of its own .{key} = 'somebody/kernel'"):
        load_scorer(folder)
    edit(folder / "config.json", **{key: "eager"})
    load_scorer(folder)


@pytest.mark.parametrize("text", ["[]", "3", "null", "{", "[" * 100_000, '"auto_map"'])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "model.safetensors.index.json"])
def test_files_that_are_no_json_objects_are_one_line(folder: Path, file: str, text: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(ArtifactError, match=file) as found:
        load_scorer(folder)
    assert "\n" not in str(found.value)


# ---------------------------------------------------------------------------------------- adapters


@pytest.fixture
def adapter(folder: Path, tmp_path: Path) -> Path:
    """A LoRA adapter, which names `folder` as its base, with weights that change answers."""
    model = with_lora(load_scorer(folder)[0], lora_r=2)
    for name, weights in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.constant_(weights, 0.1)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_the_base_of_an_adapter_is_named_by_the_caller(folder: Path, adapter: Path) -> None:
    with pytest.raises(
        ArtifactError,
        match=rf"LoRA adapter of '{folder}', which lies elsewhere\. Name both yourself: base = '{folder}', adapter = ",
    ):
        load_scorer(adapter)
    ids = torch.tensor([[5, 6, 1]])
    (plain, _), (adapted, _) = load_scorer(folder), load_scorer(folder, adapter=adapter)
    assert not torch.equal(plain(ids).logits, adapted.eval()(ids).logits)


@pytest.mark.parametrize("name", ["org/model", "", None, "..", "../base", ".", "a\0b", "x" * 5000, 7])
def test_no_word_of_an_adapter_has_anything_else_loaded(
    adapter: Path, name: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *a, **k: pytest.fail("asked the hub"))
    edit(adapter / "adapter_config.json", base_model_name_or_path=name)
    with pytest.raises(ArtifactError, match="Name both yourself"):
        load_scorer(adapter)


def test_a_base_inside_the_adapters_folder_is_part_of_it(adapter: Path) -> None:
    saved(adapter / "base")
    edit(adapter / "adapter_config.json", base_model_name_or_path="base")
    load_scorer(adapter)


def test_an_adapter_beside_a_model_does_not_take_its_place(
    folder: Path, adapter: Path, tmp_path: Path
) -> None:
    for load, model in ((load_scorer, folder), (Responder.load, make_model(tmp_path / "lm"))):
        (model / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
        with pytest.raises(ArtifactError, match="would put another model in its place"):
            load(model)


def test_generation_says_that_an_adapter_is_no_whole_model(adapter: Path) -> None:
    from weaklabel.generation.responders import LocalSource
    from weaklabel.training.sampling import Sampling

    source = LocalSource(str(adapter), Sampling(), HashMemo(adapter / "memo"))
    with pytest.raises(ConfigError, match=r"is an adapter, not a whole model\. Merge it"):
        _ = source.folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"megatron_config": {"a": 1}, "megatron_core": "os.path"}, r"code of its own \(megatron_config\)"),
        ({"peft_type": "XLORA"}, "adapter of the kind 'XLORA'"),
        ({"peft_type": None}, "adapter of the kind None"),
        ({"r": "many"}, "no adapter that fits its base"),
    ],
)
def test_an_adapter_that_is_more_than_numbers_is_refused(
    folder: Path, adapter: Path, changes: dict[str, Any], words: str
) -> None:
    edit(adapter / "adapter_config.json", **changes)
    with pytest.raises(ArtifactError, match=words):
        load_scorer(folder, adapter=adapter)


def test_a_pickled_adapter_is_refused(folder: Path, adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()
    torch.save({}, adapter / "adapter_model.bin")
    with pytest.raises(ArtifactError, match=r"its adapter_model\.bin is a pickle"):
        load_scorer(folder, adapter=adapter)


@pytest.mark.parametrize("more", [{}, {"lora_r": 2}])
def test_a_reward_model_starts_from_base_and_adapter(
    folder: Path, adapter: Path, tmp_path: Path, more: dict[str, Any]
) -> None:
    from made_pairs import made_pairs

    pairs = made_pairs([("kind clear", "rude"), ("rude", "kind")], gold=["a", "b"])
    settings = {"max_steps": 1, "max_length": 32, "n_folds": 0, "learning_rate": 1e-9} | more
    plain, adapted = (
        get_reward_model("transformer", base=folder, **given, **settings).fit(pairs, [0.0, 1.0])
        for given in ({}, {"adapter": adapter})
    )
    assert adapted.score(["q"], ["kind"]) != plain.score(["q"], ["kind"])
    adapted.save(tmp_path / "reward")
    again = weaklabel.load(tmp_path / "reward")
    assert again.score(["q"], ["kind"]) == adapted.score(["q"], ["kind"])
    assert again.settings["adapter"] == str(adapter)
    with pytest.raises(ConfigError, match="without base"):
        get_reward_model("transformer", from_scratch="tiny", adapter=adapter)
