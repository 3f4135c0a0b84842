"""Disputed pairs with their texts, votes and the reasons of the label; every text is cut to a stated length."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from weaklabel._tables import short
from weaklabel.pictures.contributions import contributions_picture
from weaklabel.pictures.text import beginning, cut
from weaklabel.pictures.text import name as one_line
from weaklabel.report.disagreement import Dispute, disputes
from weaklabel.report.sections import Dossier, Section, Texts
from weaklabel.types import Labels

LIMIT: Final = 40
# Forty pairs of texts that are all escapes (five characters for one) still keep the file below two megabytes.
_PROMPT: Final = 1200
_RESPONSE: Final = 2000
_GOLD: Final = {"a": "A", "b": "B", "tie": "tie"}


def disputed_section(labels: Labels, limit: int = LIMIT) -> Section:
    """The pairs on which the functions disagree most."""
    found = disputes(labels, limit)
    title = "Where the functions disagree most"
    if not found:
        return Section("disputed", title, intro="On no pair do two functions vote against each other.")
    weighed = sum(dispute.chosen_by == "weight" for dispute in found)
    return Section(
        "disputed",
        title,
        intro=f"{len(found)} pairs, {len(found) - weighed} chosen by the number of votes against each other and {weighed} "
        "by their weight; no pair of texts twice, and none of the locked test part. Read them: they show what no function says yet.",
        dossiers=[_dossier(labels, dispute, k + 1) for k, dispute in enumerate(found)],
        notes=[
            "Texts are shown as they are; characters that act instead of showing are written out as ⟨U+....⟩."
        ],
    )


def _dossier(labels: Labels, dispute: Dispute, number: int) -> Dossier:
    one = labels.take(np.array([dispute.row], dtype=np.intp))
    pair = next(iter(one.pairs))
    p = float(one.p[0])
    # A dev pair's own gold may be shown: the page is read by whoever writes functions on dev.
    gold = one.pairs.table["gold"][0].as_py()
    facts = [
        f"{dispute.n_a} for A, {dispute.n_b} for B",
        f"P(B beats A) = {short(p)}" + ("" if labels.calibrated else " (not calibrated)"),
        f"gold: {_GOLD.get(gold, 'none')}",
        f"id {one_line(pair.id, 60)}",
    ]
    if not math.isnan(dispute.against):
        facts.insert(2, f"{dispute.against:.2f} nats against each other")
    if one.in_sample[0]:
        facts.append("its own gold was used in fitting, so p is in-sample")
    texts = [
        Texts(title, *cut(str(text), limit))
        for title, text, limit in (
            ("Prompt", pair.prompt, _PROMPT),
            ("Response A", pair.response_a, _RESPONSE),
            ("Response B", pair.response_b, _RESPONSE),
        )
    ]
    picture = contributions_picture(one.explain(pair.id).reasons)
    title = f"{number}. {dispute.n_a} : {dispute.n_b}, P(B) {short(p)}: {beginning(str(pair.prompt), 90)}"
    return Dossier(f"pair-{number}", title, facts, texts, picture)
