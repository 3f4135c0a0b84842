"""Labels for reports: drawn votes whose truth is known, and texts that try to do harm."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from synthetic import draw_votes

from weaklabel.types import CANONICAL, Labels, Pairs, Votes, signed_votes

HARMFUL = (
    "<script>document.title='owned'</script>",
    "</svg></div><img src=x onerror=\"document.title='owned'\">",
    '" onload="document.title=\'owned\'" x="',
    "' onmouseover='alert(1)",
    "<a href=\"javascript:document.title='owned'\">click</a>",
    "</title></style><style>body{display:none}</style>",
    "<svg onload=document.title='owned'><foreignObject>",
    "<meta http-equiv=refresh content='0;url=https://example.org/'>",
    "<link rel=stylesheet href=https://example.org/x.css>",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "\u202eevil\u202c \u2066isolate \u200b\ufeff zero \x00 nul \x1b[31m escape \ud800 lone",
    "&lt;already&gt; &amp; &#x41; ]]> -->",
    "Z\u0351\u0352\u0353\u0354\u0355\u0356\u0357\u0358\u0359algo",
    "x" * 4000,
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd mixed with English",
)


def drawn_labels(
    n: int = 120,
    accuracies: tuple[float, ...] = (0.8, 0.7, 0.6, 0.65),
    *,
    gold: int = 60,
    calibrated: bool = True,
    in_sample: bool = False,
    harmful: bool = False,
    coverage: float = 0.8,
    seed: int = 0,
) -> Labels:
    """Labels by summed votes. The first `gold` pairs are dev gold, the last tenth is the locked test part."""
    L, y = draw_votes(n, accuracies, coverage, seed)
    weights = np.log(np.array(accuracies) / (1 - np.array(accuracies)))
    shares = signed_votes(L) * weights
    ids = tuple(f"p{i}" for i in range(n))
    parts = ["dev" if i < gold else "test" if i >= n - n // 10 and gold else "pool" for i in range(n)]
    known = [None if part == "pool" else "ab"[int(y[i])] for i, part in enumerate(parts)]
    text = HARMFUL if harmful else ("plain words", "other plain words", "a third text")

    def words(k: int) -> list[str]:
        # A lone surrogate cannot enter an Arrow table; whatever can, does.
        return [text[(i * k) % len(text)].replace("\ud800", "") + f" {k}.{i}" for i in range(n)]

    columns = [ids, words(1), words(2), words(3), [None] * n, known, parts, ["made"] * n, [False] * n]
    arrays = [pa.array(c, field.type) for c, field in zip(columns, CANONICAL, strict=True)]
    names = tuple(f"lf_{j}" if not harmful else f"{HARMFUL[j % 7]}{j}" for j in range(len(accuracies)))
    return Labels(
        Pairs(pa.table(arrays, schema=CANONICAL)),
        Votes(L, np.full(L.shape, np.nan, np.float32), names, ids),
        shares.sum(axis=1),
        (L >= 0).any(axis=1).astype(np.float64),
        shares,
        calibrated,
        np.array([in_sample and part == "dev" for part in parts]),
    )


def swapped_labels(labels: Labels) -> Labels:
    """The same labels with the two responses of every pair in the other order."""
    shares = labels.contributions
    return Labels(
        labels.pairs.swapped(),
        labels.votes.swapped(),
        -labels.logit,
        labels.w,
        None if shares is None else -shares,
        labels.calibrated,
        labels.in_sample,
    )
