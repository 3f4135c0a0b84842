"""The prompts of exports as chat templates take them: turns in order, system turns where they may stand, tool calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_labels import build_labels

from weaklabel.errors import ConfigError
from weaklabel.export import export_openrlhf, export_trl
from weaklabel.types.messages import as_messages

SYSTEM = {"role": "system", "content": "Be brief."}
HI = {"role": "user", "content": "Hi"}
MORE = {"role": "user", "content": "More"}
CALL = {"type": "function", "function": {"name": "weather", "arguments": '{"town": "Oslo"}'}}
TOOLS = [
    HI,
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "-4", "name": "weather"},
]


def labels_of(*conversations: Any) -> Any:
    """One labelled pair per prompt: a text, or messages."""
    rows = []
    for k, asked in enumerate(conversations):
        text = asked if isinstance(asked, str) else f"prompt {k}"
        messages = None if isinstance(asked, str) else as_messages(asked)
        rows.append((f"p{k}", text, messages, None, "pool", 1.0, 1.0))
    return build_labels(rows=rows)


def prompts(folder: Path) -> list[Any]:
    lines = (folder / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["prompt"] for line in lines]


@pytest.mark.parametrize("export", [export_trl, export_openrlhf])
def test_neighbouring_turns_of_one_role_are_joined(export: Any, tmp_path: Path) -> None:
    export(labels_of([HI, MORE], [SYSTEM, HI]), tmp_path / "out")
    assert prompts(tmp_path / "out") == [[{"role": "user", "content": "Hi\n\nMore"}], [SYSTEM, HI]]


def test_a_prompt_that_is_a_transcript_is_written_turn_by_turn(tmp_path: Path) -> None:
    export_trl(labels_of("Human: Hi\n\nAssistant: Yes?\n\nHuman: More"), tmp_path / "out")
    assert prompts(tmp_path / "out") == [[HI, {"role": "assistant", "content": "Yes?"}, MORE]]


@pytest.mark.parametrize("export", [export_trl, export_openrlhf])
def test_system_turns_are_told_of_and_can_be_folded(export: Any, tmp_path: Path) -> None:
    labels = labels_of([SYSTEM, HI], [HI], [SYSTEM, MORE])
    report = export(labels, tmp_path / "out")
    assert "2 prompts hold a system turn" in str(report)
    report = export(labels, tmp_path / "out", join_system=True)
    assert report.notes == ()
    assert prompts(tmp_path / "out")[0] == [{"role": "user", "content": "Be brief.\n\nHi"}]


def test_tool_calls_are_written_as_the_protocol_has_them(tmp_path: Path) -> None:
    export_trl(labels_of(TOOLS), tmp_path / "out")
    assert prompts(tmp_path / "out") == [TOOLS]


def test_tool_calls_do_not_get_lost_in_parquet(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pair 'p0' holds tool calls.* Set file_format to jsonl"):
        export_trl(labels_of(TOOLS), tmp_path / "out", file_format="parquet")
