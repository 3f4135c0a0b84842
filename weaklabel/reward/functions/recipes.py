"""What the reward may be made of, and how much of each is believed beforehand.

The recipes are those of `pair_model`, on readings in place of effects; the n-grams of the responses alone, which win where
the functions point the wrong way; and recipes that begin from the start, from some of it or all of it. Half of the prior
belongs to the start that labels taught, a quarter to one that agreement taught; the n-grams alone have a quarter of it, a
third where there is no start.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from weaklabel.label_models.pair.recipes import Recipe, recipes_for

_SCALES: Final = (1 / 3, 1.0, 3.0)

Menu = Sequence[tuple[Recipe, float]]


def menu_of(blocks: Collection[str], *, start: str) -> Menu:
    """The recipes that these blocks allow, each with the share that it has beforehand; the shares add up to 1.

    Args:
        blocks: names of the blocks that there are, `agreement` among them where weights were learned without gold.
        start: which start there is, of `start.KINDS`.
    """
    texts = [Recipe({"words": s / 2, "characters": s / 2}) for s in _SCALES]
    models = [recipe for recipe in recipes_for(blocks) if recipe not in texts]
    begun: list[Recipe] = []
    of_models, of_begun = 2.0, 1.0
    if start == "agreement":
        begun = [Recipe(recipe.variance, 0.0, share) for share in (0.3, 1.0) for recipe in texts]
    elif start == "labels":
        # It knows most already: gold corrects it a little.
        of_models, of_begun = 1.0, 2.0
        corrections = [{"sharp": 0.02}, {"sharp": 0.2}] if "sharp" in blocks else []
        begun = [Recipe(variance, 0.0, 1.0) for variance in (*corrections, texts[0].variance)]
    parts = [(models, of_models), (texts, 1.0), (begun, of_begun)]
    whole = sum(share for recipes, share in parts if recipes)
    return [(recipe, share / whole / len(recipes)) for recipes, share in parts for recipe in recipes]
