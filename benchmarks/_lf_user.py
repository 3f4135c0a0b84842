"""The twelve labeling functions as somebody writes them who has not heard of shared features."""

import _lf_texts as t

from weaklabel.lf import LabelingFunction, response_scorer


def _made(name: str) -> LabelingFunction:
    prefer, gap = t.SETTINGS[name]
    return response_scorer(name=name, prefer=prefer, min_gap=gap)(getattr(t, name))


TWELVE = [_made(name) for name in t.SETTINGS]
