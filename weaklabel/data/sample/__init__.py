"""A generated set of preference pairs with known truth: for the demo and for tests. No text of it is real.

Four tasks: arithmetic word problems, lists with constraints, questions about a small table, and rewriting
rude messages. A response is written with none, one or two known faults (a wrong sum, a missing item, another
town's figure, an insult left in), each with a price; of two responses the one with the smaller sum of prices
is better. Some faults can be seen on the surface, others only by knowing the answer, so no single rule is
right on more than three pairs in four. Openings, asides and closings are drawn for good and bad responses
alike, so that length says next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weaklabel._shown import Shown
from weaklabel.artifacts import json_line, write_text
from weaklabel.data.sample.arithmetic import arithmetic
from weaklabel.data.sample.facts import facts
from weaklabel.data.sample.lists import lists
from weaklabel.data.sample.surface import Dice, Task
from weaklabel.data.sample.tone import tone
from weaklabel.errors import DataError

if TYPE_CHECKING:
    from weaklabel.types import Pairs

# Category -> task.
_TASKS: Final[dict[str, Callable[[Dice], Task]]] = {
    "arithmetic": arithmetic,
    "lists": lists,
    "facts": facts,
    "tone": tone,
}

GOLD_NOISE: Final = 0.08
"""Share of gold that names the worse response."""

GOLD_TIES: Final = 0.03
"""Share of gold that calls a tie."""


@dataclass(frozen=True, slots=True, repr=False)
class SamplePaths(Shown):
    """Where `write_sample` put its files. Nothing but tests reads `truth`."""

    pairs: Path
    gold: Path
    truth: Path


def write_sample(folder: str | Path, n_pairs: int = 3000, n_gold: int = 400, seed: int = 0) -> SamplePaths:
    """Write `pairs.jsonl`, `gold.jsonl` and `truth.jsonl`; the same seed gives the same bytes.

    Args:
        folder: made where it is missing.
        n_pairs: pairs, two or three on each prompt, from three responses.
        n_gold: pairs with gold, on whole prompts. 8% of it names the worse response, 3% calls a tie.
        seed: of everything drawn.

    Returns:
        The paths. Pairs: id, prompt, response_a, response_b, category. Gold: id, gold (a, b, tie).
        Truth: id, truth (a, b), for every pair.

    Raises:
        DataError: fewer pairs than one, or gold for more pairs than there are.
    """
    if n_pairs < 1 or not 0 <= n_gold <= n_pairs:
        raise DataError(
            f"write_sample got n_pairs={n_pairs} and n_gold={n_gold}. Allowed: n_pairs >= 1, 0 <= n_gold <= n_pairs."
        )
    rows = _rows(n_pairs, seed)
    gold = _gold(rows, n_gold, Dice(seed + 1_000_003))
    folder = Path(folder)
    paths = SamplePaths(*(folder / f"{name}.jsonl" for name in ("pairs", "gold", "truth")))
    columns = ("id", "prompt", "response_a", "response_b", "category")
    _write(paths.pairs, ({name: row[name] for name in columns} for row in rows))
    _write(paths.gold, gold)
    _write(paths.truth, ({"id": row["id"], "truth": row["truth"]} for row in rows))
    return paths


def sample_pairs(n_pairs: int = 3000, n_gold: int = 400, seed: int = 0) -> Pairs:
    """The sample as `Pairs`, read as a user would read the files."""
    from tempfile import TemporaryDirectory

    from weaklabel.data import read_pairs

    with TemporaryDirectory() as folder:
        paths = write_sample(folder, n_pairs, n_gold, seed)
        return read_pairs(paths.pairs, gold=paths.gold if n_gold else None, seed=seed)


def _rows(n_pairs: int, seed: int) -> list[dict[str, Any]]:
    dice = Dice(seed)
    rows: list[dict[str, Any]] = []
    prompts: set[str] = set()
    while len(rows) < n_pairs:
        category, task = dice.pick(list(_TASKS.items()))
        prompt, write, faults = task(dice)
        if prompt in prompts:
            continue
        prompts.add(prompt)
        responses = _responses(dice, write, faults)
        pairs = _pairs(dice, responses)[: n_pairs - len(rows)]
        for k, (a, b) in enumerate(pairs):
            truth = "a" if responses[a] < responses[b] else "b"
            rows.append(
                {
                    "id": f"{category}-{len(prompts):04d}-{k}",
                    "prompt": prompt,
                    "response_a": a,
                    "response_b": b,
                }
                | {"category": category, "truth": truth}
            )
    return rows


def _responses(dice: Dice, write: Any, faults: dict[str, float]) -> dict[str, float]:
    """Three distinct responses with their prices; the prices at least 1 apart somewhere."""
    found: dict[str, float] = {}
    while len(found) < 3 or max(found.values()) - min(found.values()) < 1:
        n = dice.pick((0, 0, 0, 1, 1, 1, 1, 2))
        chosen = dice.some(list(faults), n)
        found[write(dice, frozenset(chosen))] = sum(faults[name] for name in chosen)
        if len(found) > 3:
            found.pop(next(iter(found)))
    return found


def _pairs(dice: Dice, responses: dict[str, float]) -> list[tuple[str, str]]:
    """Every two responses whose prices are 1 or more apart, which one stands first drawn by a coin."""
    texts = list(responses)
    unequal = [
        (a, b) for i, a in enumerate(texts) for b in texts[i + 1 :] if abs(responses[a] - responses[b]) >= 1
    ]
    return [(a, b) if dice.chance(0.5) else (b, a) for a, b in unequal]


def _gold(rows: list[dict[str, Any]], n_gold: int, dice: Dice) -> list[dict[str, str]]:
    """Gold for `n_gold` pairs, prompt by prompt; the last prompt is cut where it would not fit."""
    by_prompt: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_prompt.setdefault(row["prompt"], []).append(row)
    chosen = [row for prompt in dice.some(list(by_prompt), len(by_prompt)) for row in by_prompt[prompt]]
    kept = {row["id"] for row in chosen[:n_gold]}
    return [{"id": row["id"], "gold": _judged(dice, row["truth"])} for row in rows if row["id"] in kept]


def _judged(dice: Dice, truth: str) -> str:
    drawn = dice.random()
    if drawn < GOLD_NOISE:
        return "b" if truth == "a" else "a"
    return "tie" if drawn < GOLD_NOISE + GOLD_TIES else truth


def _write(path: Path, rows: Iterator[dict[str, Any]] | list[dict[str, str]]) -> None:
    write_text(path, "".join(map(json_line, rows)))
