"""Rows with a chosen and a rejected response: what TRL's and OpenRLHF's layouts have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from weaklabel.export.selection import Selection, chosen_first
from weaklabel.types import Labels, sigmoid
from weaklabel.types.messages import Turn, conversation, joined, template_turns, without_system


def preference_rows(
    labels: Labels, *, conversational: bool, join_system: bool = False
) -> Iterator[dict[str, Any]]:
    """One dict per pair: `prompt`, `chosen`, `rejected`, `p_chosen`, `p_chosen_low`, `p_chosen_high`, `w`, `logit`,
    `id`, `label_source`.

    Conversational rows hold lists of `{"role", "content"}`, of tools with `tool_calls`, `tool_call_id` and `name`: the
    prompt is the pair's `messages`, the turns of a transcript, or one user turn. Neighbouring turns of one role are
    joined, because many chat templates refuse them; with `join_system` what the system says goes into the user's next
    turn. `p_chosen` is the belief that the chosen response is better, at
    least .5; `logit` its log-odds, above 0; gold leaves it open between `p_chosen_low` and `p_chosen_high`, which are
    None where the labels are not calibrated. The labels must hold no exact tie.
    """
    table = labels.pairs.table
    arranged = without_system if join_system else joined
    chosen, rejected, logit = chosen_first(labels)
    source = "weaklabel:calibrated" if labels.calibrated else "weaklabel:uncalibrated"
    columns = zip(
        table["id"].to_pylist(),
        table["prompt"].to_pylist(),
        table["messages"].to_pylist(),
        chosen,
        rejected,
        sigmoid(logit).tolist(),
        *_ends(labels),
        labels.w.tolist(),
        logit.tolist(),
        strict=True,
    )
    for pair_id, prompt, messages, better, worse, p, low, high, w, z in columns:
        yield {
            "prompt": arranged(template_turns(conversation(prompt, messages))) if conversational else prompt,
            "chosen": [_reply(better)] if conversational else better,
            "rejected": [_reply(worse)] if conversational else worse,
            "p_chosen": p,
            "p_chosen_low": low,
            "p_chosen_high": high,
            "w": w,
            "logit": z,
            "id": pair_id,
            "label_source": source,
        }


def rows_of(
    kept: Iterator[Labels], selection: Selection, *, conversational: bool, join_system: bool
) -> Iterator[Iterator[dict[str, Any]]]:
    """`preference_rows` of each part; system turns that stay are noted in the selection's account."""
    parts = with_note_of_system(kept, selection) if conversational and not join_system else kept
    return (preference_rows(part, conversational=conversational, join_system=join_system) for part in parts)


def _ends(labels: Labels) -> tuple[list[float | None], list[float | None]]:
    """The interval of `p_chosen`: that of p, turned round where a won."""
    if labels.p_low is None or labels.p_high is None:
        return [None] * len(labels), [None] * len(labels)
    b_wins = labels.logit > 0
    low = np.where(b_wins, labels.p_low, 1.0 - labels.p_high)
    return low.tolist(), np.where(b_wins, labels.p_high, 1.0 - labels.p_low).tolist()


def _reply(text: str) -> Turn:
    return {"role": "assistant", "content": text}


def with_note_of_system(parts: Iterable[Labels], selection: Selection) -> Iterator[Labels]:
    """The same parts; once they have gone by, the selection's account says how many prompts hold a system turn."""
    count = 0
    for part in parts:
        messages = part.pairs.table["messages"].to_pylist()
        count += sum(any(turn["role"] == "system" for turn in turns or ()) for turns in messages)
        yield part
    if count:
        selection.notes.append(
            f"{count:,} prompts hold a system turn, which chat templates such as Gemma's refuse: join_system puts it into "
            "the user's turn"
        )
