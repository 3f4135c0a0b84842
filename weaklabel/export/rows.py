"""Rows with a chosen and a rejected response: what TRL's and OpenRLHF's layouts have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weaklabel.export.selection import chosen_first
from weaklabel.types import Labels, sigmoid


def preference_rows(labels: Labels, *, conversational: bool) -> Iterator[dict[str, Any]]:
    """One dict per pair: `prompt`, `chosen`, `rejected`, `p_chosen`, `w`, `logit`, `id`, `label_source`.

    Conversational rows hold lists of `{"role", "content"}`: the prompt is the pair's `messages`, or one user
    turn where it has none. `p_chosen` is the belief that the chosen response is better, at least .5; `logit`
    its log-odds, above 0. The labels must hold no exact tie.
    """
    table = labels.pairs.table
    chosen, rejected, logit = chosen_first(labels)
    source = "weaklabel:calibrated" if labels.calibrated else "weaklabel:uncalibrated"
    columns = zip(
        table["id"].to_pylist(),
        table["prompt"].to_pylist(),
        table["messages"].to_pylist(),
        chosen,
        rejected,
        sigmoid(logit).tolist(),
        labels.w.tolist(),
        logit.tolist(),
        strict=True,
    )
    for pair_id, prompt, messages, better, worse, p, w, z in columns:
        yield {
            "prompt": _turns(prompt, messages) if conversational else prompt,
            "chosen": [_turn("assistant", better)] if conversational else better,
            "rejected": [_turn("assistant", worse)] if conversational else worse,
            "p_chosen": p,
            "w": w,
            "logit": z,
            "id": pair_id,
            "label_source": source,
        }


def _turns(prompt: str, messages: list[dict[str, str | None]] | None) -> list[dict[str, str]]:
    if not messages:
        return [_turn("user", prompt)]
    return [_turn(m["role"] or "user", m["content"] or "") for m in messages]


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
