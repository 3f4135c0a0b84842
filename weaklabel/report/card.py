"""The card of a reward model: what it is, what it learned from, how it does on held-out gold, and its reliability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from weaklabel.pictures import reliability_picture
from weaklabel.pictures.text import neutral
from weaklabel.reward import Evaluation, RewardModel, evaluate
from weaklabel.types import Pairs

PICTURE: Final = "reliability.svg"
_SHOWN: Final = 3  # functions that have to be given, by name


def model_card(
    model: RewardModel, gold: Pairs | None, *, n_given: int | None = None, seed: int = 0
) -> dict[str, str]:
    """README.md and, with held-out gold, reliability.svg: what to hand to `model.save(folder, beside=...)`.

    Args:
        model: fitted.
        gold: pairs whose gold had no part in fitting, as a rule `pairs.test`; pairs of prompts that the model was
            fitted to gold of are not looked at. None, or nothing left: the card says that nothing was measured.
        n_given: pairs that it was given to learn from, gold among them. What it read of them, the model's own facts say.
        seed: of the intervals.

    The same model and gold give the same bytes.
    """
    given = {} if n_given is None else {"pairs that it was given to learn from": f"{n_given:,}"}
    about = {
        "gold pairs it was fitted to": f"{model.n_gold_:,}",
        "factor on raw scores": f"{model.scale_:.6g}"
        + (f"; {model.scale_note_}" if model.scale_note_ else ""),
    }
    head = [
        f"# Reward model: {model.name}",
        "Scores one response to a prompt. A difference of two scores is the log-odds that the first response is the "
        "better one: sigmoid(score(b) - score(a)) = P(b beats a). Scores of different prompts cannot be compared.",
        _list({**model.settings, **about, **given, **model.facts()}),
        _use(model),
        "## Measured on held-out gold",
    ]
    rows = None if gold is None else gold.take(gold.has_gold & ~model.saw(gold))
    if rows is None or not len(rows):
        return {"README.md": "\n\n".join([*head, "Nothing: no held-out gold was given."]) + "\n"}
    found = evaluate({model.name: model}, rows, seed=seed)
    picture = reliability_picture(model.compare(rows), rows.y, rows.prompt_groups)
    shown = [
        _table(*_figures(found)),
        "\n".join(f"- {note}" for note in found.notes()),
        f"![{picture.title}]({PICTURE})",
        picture.description,
        _table(picture.header, picture.rows),
    ]
    return {"README.md": "\n\n".join([*head, *shown]) + "\n", PICTURE: picture.svg() + "\n"}


def _figures(found: Evaluation) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    heading, *rows = found.rows()
    width = heading.index("ece if perfect") + 1
    return ["on held-out gold", *heading[1:width]], [row[:width] for row in rows]


def _list(facts: Mapping[str, Any]) -> str:
    return "\n".join(f"- {name}: {_cell(value)}" for name, value in facts.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return " ".join(neutral(str(value)).split()).replace("|", "\\|").replace("<", "&lt;")


def _use(model: RewardModel) -> str:
    """How to load it; one that reads functions of somebody's own has to be given them."""
    own = model.own_functions
    lfs = ', lfs=wl.load_lfs("lfs/")' if own else ""
    lines = [
        "import weaklabel as wl",
        "",
        f'model = wl.load("this folder"{lfs})',
        "model.score(prompts, responses)",
    ]
    shown = ["```python", *lines, "```"]
    if own:
        some = f"{', '.join(own[:_SHOWN])}{' and others' if len(own) > _SHOWN else ''}"
        shown += ["", f"`lfs` holds the labeling functions that it was fitted with: {_cell(some)}."]
    return "\n".join(shown)
