"""The card of an export for TRL: a README.md whose header lets `load_dataset(folder)` find the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weaklabel.export.selection import AnyLabels, Exported


def trl_card(
    labels: AnyLabels,
    report: Exported,
    settings: Mapping[str, Any],
    *,
    belief: str,
    columns: Mapping[str, str],
    use: str,
) -> str:
    """The text of README.md.

    Args:
        labels: what was exported.
        report: what was kept and left out.
        settings: of the export; `file_format`, `min_confidence` and `include_test` are read.
        belief: the column whose probabilities the labels' calibration is about.
        columns: what each column means, in their order.
        use: how the data are trained on, and the traps; stands last.
    """
    data_file = f"train.{settings['file_format']}"
    calibrated = (
        "calibrated on gold labels"
        if labels.calibrated
        else f"**never calibrated on gold**: {belief} ranks pairs, but it is no probability"
    )
    test = (
        "Prompts of the locked gold test part are INCLUDED: do not evaluate on them."
        if settings["include_test"]
        else "Prompts of the locked gold test part are left out."
    )
    threshold = settings["min_confidence"]
    kept_if = f"confidence at least {threshold:g}" if threshold else "none"
    facts = "\n".join(f"- {line}" for line in report.lines())
    table = "\n".join(f"| {name} | {meaning} |" for name, meaning in columns.items())
    return f"""---
configs:
- config_name: default
  data_files:
  - split: train
    path: {data_file}
---

# Weakly labelled preference pairs

Written by weaklabel from the votes of {len(labels.lf_names)} labeling functions; no person has read these labels one by one.

{facts}
- confidence filter: {kept_if}
- probabilities: {calibrated}

{test}

| column | meaning |
|---|---|
{table}

{use}"""


def loading(settings: Mapping[str, Any], trainer: str, others: str = "") -> str:
    """Python that makes one of TRL's trainers of the data; `others` is a comment on which else could be imported."""
    file_format = settings["file_format"]
    loader = "json" if file_format == "jsonl" else "parquet"
    return f"""```python
from datasets import load_dataset
from trl import {trainer}{others and f"  # {others}"}

train = load_dataset("{loader}", data_files="train.{file_format}", split="train")
trainer = {trainer}(model="your/model", train_dataset=train)
```"""
