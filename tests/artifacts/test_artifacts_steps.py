"""Steps: made once, skipped while nothing changed, made again when something did, in one place for all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from weaklabel import artifacts
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.artifacts.locks import FolderLock
from weaklabel.artifacts.steps import Made, Step, StepKeeper, StepRecord
from weaklabel.errors import ArtifactError, BusyError, DataError


class Doubled(Step[str]):
    """Writes the text of a file twice."""

    name: ClassVar[str] = "doubled"

    def __init__(self, keeper: StepKeeper, source: Path, times: int = 2) -> None:
        super().__init__(keeper)
        self.source, self.times, self.made = source, times, 0

    @property
    def inputs(self) -> Mapping[str, str]:
        return {"source": self.keeper.hashes.of(self.source)}

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"times": self.times}

    @property
    def outputs(self) -> Sequence[str]:
        return ["doubled.txt"]

    def make(self) -> Made[str]:
        self.made += 1
        text = self.source.read_text() * self.times
        self.keeper.folder.mkdir(exist_ok=True)
        (self.keeper.folder / "doubled.txt").write_text(text)
        return Made({"length": len(text)}, text)

    def load(self, counts: Mapping[str, Any]) -> str:
        return (self.keeper.folder / "doubled.txt").read_text()


class Shouted(Doubled):
    """Writes what `Doubled` wrote, in capitals."""

    name: ClassVar[str] = "shouted"

    def __init__(self, before: Doubled) -> None:
        super().__init__(before.keeper, before.keeper.folder / "doubled.txt", 1)
        self.before = before

    @property
    def inputs(self) -> Mapping[str, str]:
        return self.before.hashes("doubled.txt")

    @property
    def outputs(self) -> Sequence[str]:
        return ["shouted.txt"]

    def make(self) -> Made[str]:
        (self.keeper.folder / "shouted.txt").write_text(self.before.value.upper())
        return Made({})

    def load(self, counts: Mapping[str, Any]) -> str:
        return (self.keeper.folder / "shouted.txt").read_text()


@pytest.fixture
def told() -> list[StepRecord]:
    return []


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source.txt").write_text("ab")
    return tmp_path / "source.txt"


@pytest.fixture
def keeper(tmp_path: Path, told: list[StepRecord]) -> StepKeeper:
    return StepKeeper(tmp_path / "run", HashMemo(tmp_path / "hashes"), told.append)


def test_counts_and_value_are_there_when_they_are_asked_for_and_made_once(keeper, source, told) -> None:
    step = Doubled(keeper, source)
    assert not step.is_fresh
    assert (step.counts["length"], step.value, step.made) == (4, "abab", 1)
    assert [(record.name, record.fresh) for record in told] == [("doubled", False)]


def test_another_process_skips_it_and_reads_the_value_back(keeper, source, told) -> None:
    Doubled(keeper, source).ensure()
    again = Doubled(keeper, source)
    assert again.is_fresh
    assert (again.counts["length"], again.value, again.made) == (4, "abab", 0)
    assert told[-1].fresh


@pytest.mark.parametrize("change", ["input", "setting", "output edited", "output lost", "manifest torn"])
def test_whatever_changed_it_is_made_again_with_the_same_bytes(keeper, source, change) -> None:
    Doubled(keeper, source).ensure()
    output, manifest = keeper.folder / "doubled.txt", keeper.folder / "doubled.json"
    before = manifest.read_bytes()
    if change == "input":
        source.write_text("xy")
    elif change == "output edited":
        output.write_text("no")
    elif change == "output lost":
        output.unlink()
    elif change == "manifest torn":
        manifest.write_bytes(before[:9])
    again = Doubled(keeper, source, times=3 if change == "setting" else 2)
    assert (again.value, again.made) == ({"input": "xyxy", "setting": "ababab"}.get(change, "abab"), 1)
    assert (manifest.read_bytes() == before) == (change not in ("input", "setting"))


def test_a_step_makes_those_before_it_and_only_these(keeper, source) -> None:
    before = Doubled(keeper, source)
    assert before.made == 0
    assert Shouted(before).value == "ABAB"
    assert before.made == 1
    later = Doubled(keeper, source)
    assert Shouted(later).value == "ABAB"
    assert later.made == 0


def test_a_step_whose_surroundings_are_gone_is_made_again(keeper, source, tmp_path) -> None:
    class Elsewhere(Doubled):
        def make(self) -> Made[str]:
            (tmp_path / "store").touch()
            return super().make()

        def stands(self) -> bool:
            return (tmp_path / "store").exists()

    assert Elsewhere(keeper, source).value == "abab"
    (tmp_path / "store").unlink()
    again = Elsewhere(keeper, source)
    assert (again.value, again.made) == ("abab", 1)


def test_a_step_that_failed_in_part_is_used_now_and_made_again_next_time(keeper, source) -> None:
    class InPart(Doubled):
        def settle(self, counts: Mapping[str, Any]) -> bool:
            return False

    assert InPart(keeper, source).value == "abab"
    again = InPart(keeper, source)
    assert (again.value, again.made) == ("abab", 1)


def test_a_step_that_may_not_be_used_says_so_and_is_made_again_next_time(keeper, source) -> None:
    class Refused(Doubled):
        def settle(self, counts: Mapping[str, Any]) -> bool:
            raise DataError("too many faults")

    for _ in range(2):
        step = Refused(keeper, source)
        with pytest.raises(DataError, match="too many faults"):
            step.ensure()
        assert step.made == 1
    assert not (keeper.folder / "doubled.json").exists()


def test_a_quiet_step_is_not_told_of(keeper, source, told) -> None:
    class Quiet(Doubled):
        quiet: ClassVar[bool] = True

    assert Quiet(keeper, source).value == "abab"
    assert told == []


class Unhashed(Doubled):
    """Reads something whose content has no hash."""

    @property
    def inputs(self) -> Mapping[str, str | None]:
        return {"source": None}


def test_what_cannot_be_hashed_is_never_unchanged(keeper, source) -> None:
    Unhashed(keeper, source).ensure()
    again = Unhashed(keeper, source)
    assert not again.is_fresh
    assert (again.value, again.made) == ("abab", 1)


class Interrupted(Doubled):
    """Writes its output as steps do; another process puts something else in its place before it is done."""

    def make(self) -> Made[str]:
        made = super().make()
        output = self.keeper.folder / "doubled.txt"
        artifacts.write_text(output, made.value or "")
        output.write_text("of another command")
        return made


def test_outputs_are_hashed_as_they_are_written(keeper, source) -> None:
    Interrupted(keeper, source).ensure()
    again = Doubled(keeper, source)
    assert not again.is_fresh
    assert (again.value, again.made) == ("abab", 1)


class InFolder(Doubled):
    """Writes two files into a folder; another process puts something else in the place of one before it is done."""

    name: ClassVar[str] = "in_folder"
    intrude: ClassVar[bool] = True

    @property
    def outputs(self) -> Sequence[str]:
        return ["made"]

    def make(self) -> Made[str]:
        for name in ("one.txt", "two.txt"):
            artifacts.write_text(self.keeper.folder / "made" / name, name)
        if self.intrude:
            (self.keeper.folder / "made" / "one.txt").write_text("of another command")
        return Made({}, "")


def test_files_of_a_folder_are_hashed_as_they_are_written(keeper, source, monkeypatch) -> None:
    InFolder(keeper, source).ensure()
    assert not InFolder(keeper, source).is_fresh
    monkeypatch.setattr(InFolder, "intrude", False)
    InFolder(keeper, source).ensure()
    assert InFolder(keeper, source).is_fresh


def test_an_output_that_another_command_replaced_is_not_built_upon(keeper, source) -> None:
    first = Doubled(keeper, source)
    first.ensure()
    (keeper.folder / "doubled.txt").write_text("of another command")
    with pytest.raises(ArtifactError, match="changed by another command while this one used it"):
        Shouted(first).ensure()
    assert Shouted(Doubled(keeper, source)).value == "ABAB"


def test_a_step_is_made_by_one_process_at_a_time(keeper, source, tmp_path) -> None:
    keeper.lock.patience = 0
    with FolderLock(keeper.folder), pytest.raises(BusyError):
        Doubled(keeper, source).ensure()
    Doubled(keeper, source).ensure()
    with FolderLock(keeper.folder):
        assert Doubled(keeper, source).value == "abab"  # what is fresh needs no lock


def test_what_another_process_made_while_it_waited_is_not_made_again(keeper, source) -> None:
    other = StepKeeper(keeper.folder, keeper.hashes)
    holder = FolderLock(keeper.folder).__enter__()

    def make_it(_: object) -> None:
        holder.__exit__(None, None, None)
        Doubled(other, source).ensure()

    waiting = StepKeeper(keeper.folder, keeper.hashes, lock=FolderLock(keeper.folder, on_wait=make_it))
    late = Doubled(waiting, source)
    assert (late.value, late.made) == ("abab", 0)


@pytest.mark.parametrize(
    "change", [{"outputs": {}}, {"counts": {"length": 9}}, {"outputs": 3}, {"seal": None}]
)
def test_a_step_whose_manifest_was_edited_is_made_again(
    change: dict[str, Any], tmp_path: Path, told: list[StepRecord]
) -> None:
    source = tmp_path / "source.txt"
    source.write_text("ab")
    keeper = StepKeeper(tmp_path / "run", HashMemo(tmp_path / "memo"), told.append)
    first = Doubled(keeper, source)
    first.ensure()
    manifest = tmp_path / "run" / "doubled.json"
    whole = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(whole | change))
    again = Doubled(keeper, source)
    assert again.counts == {"length": 4}
    assert (again.made, json.loads(manifest.read_text())) == (1, whole)
