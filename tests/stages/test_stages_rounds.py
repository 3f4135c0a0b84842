"""The rounds of a stage on a disk: whole or not there, one resting on the other, and the same after any kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from weaklabel.errors import ArtifactError, BusyError, ConfigError
from weaklabel.stages.checks import STAGE_CHECKS, check_stage
from weaklabel.stages.contract import ROUNDS, Figures, Round, Stage, scratch, starting_model
from weaklabel.stages.policy import LoopSettings
from weaklabel.stages.rounds import carry_out, read_rounds


class Adding(Stage):
    """Adds a number to what the round before it came to, slowly, with a file in between that a kill leaves."""

    kind = "adding"

    def __init__(self, rounds: int = 3, step: int = 2, pause: float = 0.0) -> None:
        super().__init__()
        self._rounds, self._step, self._pause = rounds, step, pause

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"data": "0" * 64}

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"step": self._step, "sizes": (1, 2)}

    @property
    def n_rounds(self) -> int:
        return self._rounds

    def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
        halfway = scratch(work) / "halfway"
        if not halfway.exists():
            time.sleep(self._pause)
            halfway.parent.mkdir(exist_ok=True)
            halfway.write_text("there")
        start = 0 if not before else int((before[-1].folder / "sum").read_text())
        (work / "sum").write_text(str(start + self._step))
        time.sleep(self._pause)
        return {"sum": start + self._step, "third": (start + 1) / 3, "nothing": None, "nan": float("nan")}


def sums(folder: Path) -> list[Any]:
    return [each["figures"]["sum"] for each in json.loads((folder / ROUNDS).read_text())["rounds"]]


@pytest.mark.parametrize("check", STAGE_CHECKS, ids=lambda check: check.__name__)
def test_a_plain_stage_keeps_the_contract(check: Any, tmp_path: Path) -> None:
    check(Adding, tmp_path)


def test_rounds_stand_in_folders_of_their_own_and_scratch_is_gone(tmp_path: Path) -> None:
    told: list[int] = []
    result = carry_out(Adding(), tmp_path, on_round=lambda made: told.append(made.number))
    assert told == [0, 1, 2]
    assert sums(tmp_path) == [2, 4, 6]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "round-00",
        "round-01",
        "round-02",
    ]
    assert sorted(path.name for path in (tmp_path / "round-01").iterdir()) == ["round.json", "sum"]
    assert result.rounds[2].figures == {"sum": 6, "third": 1.66667, "nothing": None, "nan": None}
    assert "round 2" in str(result)
    assert "1.667" in str(result)
    assert read_rounds(tmp_path).rounds == result.rounds


def test_more_rounds_can_be_asked_for_later_and_fewer_remove_none(tmp_path: Path) -> None:
    carry_out(Adding(1), tmp_path)
    first = (tmp_path / "round-00" / "round.json").read_bytes()
    carry_out(Adding(3), tmp_path)
    assert sums(tmp_path) == [2, 4, 6]
    assert (tmp_path / "round-00" / "round.json").read_bytes() == first
    assert len(carry_out(Adding(2), tmp_path).rounds) == 3


def test_rounds_of_other_settings_are_named_and_kept(tmp_path: Path) -> None:
    carry_out(Adding(1), tmp_path)
    with pytest.raises(ArtifactError, match=r"settings\.step differ\. Give the stage another name"):
        carry_out(Adding(1, step=3), tmp_path)
    assert sums(tmp_path) == [2]
    (tmp_path / ROUNDS).unlink()  # the rounds themselves say it too
    with pytest.raises(ArtifactError, match=r"settings\.step differ"):
        carry_out(Adding(1, step=3), tmp_path)


def test_a_round_in_the_making_of_other_settings_is_begun_anew(tmp_path: Path) -> None:
    class Stops(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            super().make_round(number, work, before)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        carry_out(Stops(1, step=5), tmp_path)
    assert (tmp_path / "round-00.part" / "sum").read_text() == "5"
    (tmp_path / ROUNDS).unlink()
    carry_out(Adding(1), tmp_path)
    assert sums(tmp_path) == [2]
    assert not (tmp_path / "round-00.part").exists()


def test_settings_that_were_refused_before_anything_was_made_are_not_held_against_the_next(
    tmp_path: Path,
) -> None:
    class Refuses(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            raise ConfigError("max_length is 100000")

    with pytest.raises(ConfigError):
        carry_out(Refuses(1, step=5), tmp_path)
    carry_out(Adding(1), tmp_path)
    assert sums(tmp_path) == [2]


def test_a_round_that_was_begun_is_not_thrown_away_for_other_settings(tmp_path: Path) -> None:
    class Stops(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            super().make_round(number, work, before)
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        carry_out(Stops(1, step=5), tmp_path)
    with pytest.raises(ArtifactError, match=r"settings\.step differ"):
        carry_out(Adding(1), tmp_path)
    assert (tmp_path / "round-00.part" / "sum").read_text() == "5"


def test_rounds_keep_the_versions_that_they_were_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(Adding(1), tmp_path)
    before = (tmp_path / ROUNDS).read_bytes()
    assert "transformers" in json.loads(before)["versions"]
    monkeypatch.setattr("weaklabel.artifacts.versions", lambda *names: {"python": "9.9"})
    carry_out(Adding(1), tmp_path)
    assert (tmp_path / ROUNDS).read_bytes() == before
    carry_out(Adding(2), tmp_path)
    assert json.loads((tmp_path / ROUNDS).read_bytes())["versions"]["python"] == "9.9"


@pytest.mark.parametrize("number", [0, 1])
def test_a_round_that_is_gone_is_not_made_up_for_in_silence(tmp_path: Path, number: int) -> None:
    carry_out(Adding(), tmp_path)
    gone = tmp_path / f"round-{number:02d}"
    for path in gone.iterdir():
        path.unlink()
    gone.rmdir()
    with pytest.raises(ArtifactError, match=r"stands there without the round before it"):
        carry_out(Adding(), tmp_path)


def test_the_last_round_is_made_again_where_it_was_removed(tmp_path: Path) -> None:
    carry_out(Adding(), tmp_path)
    before = (tmp_path / ROUNDS).read_bytes()
    for path in (tmp_path / "round-02").iterdir():
        path.unlink()
    (tmp_path / "round-02").rmdir()
    carry_out(Adding(), tmp_path)
    assert (tmp_path / ROUNDS).read_bytes() == before


@pytest.mark.parametrize("file", ["sum", "round.json"])
def test_a_round_that_was_edited_is_named(tmp_path: Path, file: str) -> None:
    carry_out(Adding(), tmp_path)
    path = tmp_path / "round-01" / file
    path.write_text(path.read_text().replace("4", "5"))
    with pytest.raises(ArtifactError, match=rf"round-01/{file} is not as it was written"):
        carry_out(Adding(), tmp_path)


def test_what_a_killed_process_was_writing_is_no_file_of_the_round(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    class Torn(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            # As a kill leaves them: nothing runs that would remove them.
            (work / ".pairs.parquet.tmp-x1y2z3").write_text("half")
            (work / ".evaluator.tmp-x1y2z3").mkdir()
            (work / ".evaluator.tmp-x1y2z3" / "weights").write_text("half")
            raise Killed

    with pytest.raises(Killed):
        carry_out(Torn(), tmp_path / "torn")
    carry_out(Adding(), tmp_path / "torn")
    carry_out(Adding(), tmp_path / "undisturbed")
    both = [(tmp_path / name / "round-00" / "round.json").read_bytes() for name in ("torn", "undisturbed")]
    assert both[0] == both[1]
    assert not list((tmp_path / "torn").rglob(".*.tmp-*"))


def test_a_sealed_round_is_not_made_a_second_time(tmp_path: Path) -> None:
    """A kill between the seal and the last rename: everything of the round is there."""
    carry_out(Adding(1), tmp_path)
    os.replace(tmp_path / "round-00", tmp_path / "round-00.part")

    class NotAgain(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            raise AssertionError("made again")

    carry_out(NotAgain(1), tmp_path)
    assert sums(tmp_path) == [2]


def test_a_torn_rounds_file_is_told(tmp_path: Path) -> None:
    carry_out(Adding(1), tmp_path)
    (tmp_path / ROUNDS).write_text('{"kind": ')
    with pytest.raises(ArtifactError, match=r"rounds\.json is not JSON"):
        carry_out(Adding(1), tmp_path)


def test_a_try_that_ended_before_its_first_checkpoint_gives_way_to_other_settings(tmp_path: Path) -> None:
    class OutOfMemory(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            for name in ("run.json", "log.jsonl"):
                (scratch(work) / "training").mkdir(parents=True, exist_ok=True)
                (scratch(work) / "training" / name).write_text("{}")
            raise RuntimeError("no memory")

    with pytest.raises(RuntimeError):
        carry_out(OutOfMemory(1, step=5), tmp_path)
    carry_out(Adding(1), tmp_path)
    assert sums(tmp_path) == [2]


def test_where_rounds_start_and_what_they_are_held_against_are_two_settings() -> None:
    chosen = LoopSettings(from_scratch="tiny", start_from="previous", num_rounds=3)
    assert (chosen.start_from, chosen.reference) == ("previous", "initial")
    assert chosen.told() == LoopSettings(from_scratch="tiny", start_from="previous", num_rounds=9).told()
    with pytest.raises(ConfigError, match=r"start_from is 'initial'\. Allowed: \"base\" or \"previous\""):
        LoopSettings(from_scratch="tiny", start_from="initial")
    with pytest.raises(ConfigError, match=r"num_rounds is 0"):
        LoopSettings(from_scratch="tiny", num_rounds=0)


def test_where_a_round_starts(tmp_path: Path) -> None:
    before = carry_out(Adding(1), tmp_path).rounds
    assert starting_model("base", "previous", ()) == "base" == starting_model("base", "base", before)
    assert starting_model("base", "previous", before) == tmp_path / "round-00" / "model"


def test_a_stage_that_breaks_the_contract_is_told_what_it_did(tmp_path: Path) -> None:
    class Draws(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            return {**super().make_round(number, work, before), "drawn": time.perf_counter()}

    with pytest.raises(AssertionError, match=r"has another rounds\.json when its rounds are cut off"):
        check_stage(Draws, tmp_path)


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_stages_rounds import Adding
from weaklabel.stages.policy import LoopSettings
from weaklabel.stages.rounds import carry_out
carry_out(Adding(pause=0.05), Path(sys.argv[1]))
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    program = PROGRAM.format(tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", program, str(folder)], stderr=subprocess.PIPE)


def to_the_end(folder: Path) -> None:
    with start(folder) as process:
        told = process.communicate()[1]
    assert process.returncode == 0, told.decode()


def test_a_process_that_is_killed_anywhere_leaves_what_the_next_one_needs(tmp_path: Path) -> None:
    began = time.monotonic()
    to_the_end(tmp_path / "undisturbed")
    lasted = time.monotonic() - began
    expected = (tmp_path / "undisturbed" / ROUNDS).read_bytes()
    for number, moment in enumerate((0.5, 0.7, 0.8, 0.9)):
        folder = tmp_path / f"killed-{number}"
        with start(folder) as process:
            time.sleep(moment * lasted)
            process.send_signal(signal.SIGKILL)
        for made in folder.glob("round-[0-9][0-9]"):
            assert json.loads((made / "round.json").read_text())["seal"]
        to_the_end(folder)
        assert (folder / ROUNDS).read_bytes() == expected


def test_two_processes_do_not_work_in_one_folder(tmp_path: Path) -> None:
    program = PROGRAM.format(tests=str(Path(__file__).parent)).replace("argv[1])", "argv[1]), patience=0.1")

    class Meanwhile(Adding):
        def make_round(self, number: int, work: Path, before: Sequence[Round]) -> Figures:
            other = subprocess.run(
                [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
            )
            assert BusyError.__name__ in other.stderr
            return super().make_round(number, work, before)

    carry_out(Meanwhile(1), tmp_path)
    assert sums(tmp_path) == [2]
