"""Both orders asked: the taste for a place goes out, is reported, and a comparer of taste alone is named."""

from __future__ import annotations

import numpy as np
import pytest
from made_pairs import made_pairs

from weaklabel.comparers.both_orders import AskedBothWays
from weaklabel.comparers.checks import check_comparer
from weaklabel.comparers.metered import Metered
from weaklabel.errors import ConfigError, WeaklabelWarning
from weaklabel.types import FloatArray, Pairs


class Leaning:
    """Says .9 or .1 of what is better by length, and `taste` more of the response shown first."""

    def __init__(self, taste: float) -> None:
        self.taste = taste

    def compare(self, pairs: Pairs) -> FloatArray:
        longer = np.array([len(p.response_b) > len(p.response_a) for p in pairs])
        return np.where(longer, 0.7, 0.3) - self.taste


def pairs_of(n: int) -> Pairs:
    return made_pairs([("x" * (i + 1), "y" * (n - i + 1)) for i in range(n)])


def test_the_taste_goes_out_exactly() -> None:
    pairs = pairs_of(21)
    leaning = AskedBothWays(Leaning(0.25), name="leaning")
    assert leaning.compare(pairs) == pytest.approx(AskedBothWays(Leaning(0.0)).compare(pairs), abs=1e-15)
    assert (leaning.compare(pairs.swapped()) == 1 - leaning.compare(pairs)).all()
    check_comparer(leaning, pairs)


def test_the_effect_of_the_order_is_reported() -> None:
    found = AskedBothWays(Leaning(0.25), name="leaning").order_effect(pairs_of(21))
    assert found.first.value == pytest.approx(0.75)
    assert found.contradictory == 1.0  # .45 and .05 of b, whichever stands there: the first always wins
    assert not found.tells_nothing
    assert "the response shown first gets .750" in str(found)


def test_a_comparer_of_taste_alone_is_named() -> None:
    class First:
        def compare(self, pairs: Pairs) -> FloatArray:
            return np.full(len(pairs), 0.2)

    asked = AskedBothWays(First(), name="judge")
    with pytest.warns(WeaklabelWarning, match=r"'judge' says \.5 of all 21 pairs once both orders are asked"):
        assert (asked.compare(pairs_of(21)) == 0.5).all()
    assert asked.order_effect(pairs_of(21)).tells_nothing
    assert asked.compare(pairs_of(3)).tolist() == [0.5] * 3  # too few to say so


def test_questions_built_in_one_order_are_named() -> None:
    """The defect of the released code of Ye et al.: the second question is the first one again."""

    class OneOrder:
        def compare(self, pairs: Pairs) -> FloatArray:
            shown = [sorted((p.response_a, p.response_b), key=len) for p in pairs]
            return np.array([0.8 if len(b) > len(a) else 0.5 for a, b in shown])

    with pytest.warns(WeaklabelWarning, match="both questions were built in one order"):
        AskedBothWays(OneOrder()).compare(pairs_of(21))


def test_no_pair_at_all() -> None:
    nothing = pairs_of(2).take(np.array([], dtype=np.int64))
    asked = AskedBothWays(Leaning(0.1))
    assert asked.compare(nothing).shape == (0,)
    assert str(asked.order_effect(nothing)) == "Leaning: no pair was asked"


def test_honest_ties_are_not_taken_for_a_taste(recwarn: pytest.WarningsRecorder) -> None:
    class Ties:
        def compare(self, pairs: Pairs) -> FloatArray:
            return np.full(len(pairs), 0.5)

    assert (AskedBothWays(Ties()).compare(pairs_of(21)) == 0.5).all()
    assert not len(recwarn)


def test_what_is_metered_cannot_be_asked_both_ways() -> None:
    with pytest.raises(ConfigError, match=r"Metered\(AskedBothWays"):
        AskedBothWays(Metered(Leaning(0.1), name="leaning"))
    pairs = pairs_of(21)
    right = Metered(AskedBothWays(Leaning(0.25)), name="leaning").compare(pairs)
    assert right == pytest.approx(AskedBothWays(Leaning(0.0)).compare(pairs), abs=1e-15)
    with pytest.raises(ConfigError, match="neither compare"):
        AskedBothWays(object())  # type: ignore[arg-type]
