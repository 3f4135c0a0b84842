"""Kept votes are found by `VOTES_VERSION`, not by our code: whoever changes a vote has to raise it."""

from __future__ import annotations

import golden_votes
import pytest

from weaklabel.lf.fingerprints import VOTES_VERSION


@pytest.fixture(scope="module")
def found() -> list[str]:
    return golden_votes.lines()


def test_everything_that_ships_votes_as_it_did_or_the_version_of_the_votes_was_raised(found):
    version, kept = golden_votes.kept()
    changed = golden_votes.differences(kept, found)
    assert version == VOTES_VERSION, (
        f"VOTES_VERSION is {VOTES_VERSION}, and tests/golden_votes.txt holds the votes of {version}. "
        f"Run: {golden_votes.COMMAND}"
    )
    assert not changed, (
        f"{len(changed)} functions vote otherwise than in version {version}: {', '.join(changed)}. If that is not meant, "
        f"repair it. If it is, raise VOTES_VERSION in {golden_votes.WHERE} to {version + 1}, then run: {golden_votes.COMMAND}"
    )
    assert kept == found, f"functions came or moved. Run: {golden_votes.COMMAND}"


def test_every_function_says_something_of_the_fixed_pairs(found):
    silent = [line.split()[0] for line in found if line.split()[1:3] == ["0", "0"]]
    # One has margins and no votes, the other votes in one order only.
    assert silent == ["adapter:judge_column.position", "adapter:only_second"]


def test_a_wrong_swap_of_votes_is_noticed(found, monkeypatch):
    monkeypatch.setattr("weaklabel.lf.snorkel.swap_votes", lambda votes: votes)
    changed = golden_votes.differences(found, golden_votes.lines())
    assert changed == ["adapter:longer", "adapter:longer_else_first", "adapter:better_column"]


def test_a_file_of_votes_is_not_renewed_under_the_version_of_other_votes(tmp_path, monkeypatch):
    file = tmp_path / "votes.txt"
    file.write_text(f"votes version {VOTES_VERSION}\none 1 2 0 abc\ngone 1 0 0 abd\n")
    monkeypatch.setattr(golden_votes, "FILE", file)
    monkeypatch.setattr(golden_votes, "lines", lambda: ["one 2 1 0 abe", "new 1 1 0 abf"])
    with pytest.raises(SystemExit, match=rf"one, gone.*raise VOTES_VERSION in .* to {VOTES_VERSION + 1}"):
        golden_votes.main()
    monkeypatch.setattr(golden_votes, "VOTES_VERSION", VOTES_VERSION + 1)
    golden_votes.main()
    assert golden_votes.kept() == (VOTES_VERSION + 1, ["one 2 1 0 abe", "new 1 1 0 abf"])
