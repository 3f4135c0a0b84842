"""The kinds of sources: each is found by what a source begins with, and answers for its specs and its paths."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from weaklabel.errors import DiscoveryError
from weaklabel.judges import judge, judge_columns
from weaklabel.lf import column_scores, load_lfs
from weaklabel.lf.discovery import home_of, load_spec
from weaklabel.lf.sources.files import place_of
from weaklabel.lf.sources.kinds import KINDS, Kind, kind_of

STYLE = "from weaklabel.lf import response_scorer\n@response_scorer\ndef longer(response):\n    return len(response)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lfs").mkdir()
    (tmp_path / "lfs/style.py").write_text(STYLE)
    return tmp_path


@pytest.mark.parametrize("place", KINDS.values())
def test_every_registered_kind_is_one(place: str):
    module, _, name = place.partition(":")
    assert isinstance(getattr(import_module(module), name), Kind)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("shipped", "Shipped"),
        ("shipped:style.longer", "Shipped"),
        ("shipped_by_us/", "Files"),
        ("shipped.py", "Files"),
        ("entry:acme", "Plugins"),
        ("entry", "Files"),
        ('snorkel:{"use": "old.py:LFS"}::longer', "Snorkel"),
        ("snorkel:LFS", "Files"),
        ('column:{"name": "x"}', "Described"),
        ("column", "Files"),
        ("judge:LFS", "Files"),  # a module of the user's that is called as a kind is
        ("acme.lfs:LFS", "Files"),
        ("lfs/style.py::longer", "Files"),
        ("", "Files"),
    ],
)
def test_a_source_is_of_the_kind_that_it_begins_with(source: str, kind: str):
    assert type(kind_of(source)).__name__ == kind


@pytest.mark.parametrize(
    ("source", "moved"),
    [
        ("lfs/", "up/lfs/"),
        ("lfs/style.py", "up/lfs/style.py"),
        ("lfs/style.py:LFS", "up/lfs/style.py:LFS"),
        ("lfs/style.py::longer", "up/lfs/style.py::longer"),
        ("lfs/style.py:LFS::longer", "up/lfs/style.py:LFS::longer"),
        ("acme.lfs:LFS", "acme.lfs:LFS"),
        ("shipped:style", "shipped:style"),
        ("entry:acme", "entry:acme"),
        ('column:{"name": "lfs/"}', 'column:{"name": "lfs/"}'),
        (" ", " "),
    ],
)
def test_only_the_path_in_a_source_moves(source: str, moved: str):
    assert kind_of(source).moved(source, lambda path: f"up/{path}") == moved


def test_the_path_in_a_snorkel_source_moves_and_its_function_stays():
    source = 'snorkel:{"columns": {}, "use": "old.py:LFS", "votes": {"1": "a", "2": "b"}}'
    kind = kind_of(source)
    wanted = source.replace("old.py", "up/old.py")
    assert kind.moved(source, lambda path: f"up/{path}") == wanted
    assert kind.moved(f"{source}::longer", lambda path: f"up/{path}") == f"{wanted}::longer"


@pytest.mark.parametrize("source", ["lfs/", "lfs", "lfs/style.py", "lfs/style.py:longer"])
def test_a_function_of_a_file_comes_back_from_its_spec_and_its_file_is_known(here: Path, source: str):
    [lf] = load_lfs(source)
    assert load_spec(lf.spec or "") == lf
    assert home_of(lf.spec or "") == Path("lfs/style.py")


def test_one_function_of_a_folder_is_named_behind_two_colons(here: Path):
    (here / "lfs/tone.py").write_text(STYLE.replace("longer", "louder"))
    assert [lf.name for lf in load_lfs("lfs::louder")] == ["louder"]


def test_a_spec_that_names_several_functions_asks_for_one(here: Path):
    (here / "lfs/tone.py").write_text(STYLE.replace("longer", "louder"))
    with pytest.raises(DiscoveryError, match="'lfs' names 2 labeling functions, not one"):
        load_spec("lfs")


@pytest.mark.parametrize(
    "lf",
    [
        column_scores("old::model", "a::x", "b::y"),
        judge_columns("x", "a", "b", votes={"::": "first", "B": "second"}),
        judge("gpt", url="http://127.0.0.1:1/v1", model="m", template="a :: {response_a} {response_b}"),
    ],
    ids=lambda lf: type(lf).__name__,
)
def test_two_colons_in_settings_do_not_end_a_source(lf):
    assert load_spec(lf.spec) == lf
    assert home_of(lf.spec) is None


@pytest.mark.parametrize(
    "spec", ["column:{}", 'column:{"name": 3}', "column:{", 'judge:{"name": "x"}', "crowd:{}"]
)
def test_settings_that_describe_nothing_are_one_line_that_names_the_kind(spec: str):
    kind = spec.partition(":")[0]
    with pytest.raises(
        DiscoveryError, match=f"describes no labeling function of the kind '{kind}'"
    ) as caught:
        load_spec(spec)
    assert "\n" not in str(caught.value)


def test_kinds_that_name_a_file_a_server_or_a_module_are_not_harmless():
    harmless = {prefix for prefix in KINDS if _kind(prefix).is_harmless}
    assert harmless == {"shipped", "entry", "column", "judge_column"}


def _kind(prefix: str) -> Kind:
    module, _, name = KINDS[prefix].partition(":")
    found: Kind = getattr(import_module(module), name)
    return found


def test_a_judge_made_from_a_spec_reads_no_file(here: Path):
    (here / "secret.txt").write_text("{response_a} {response_b}")
    made = judge("gpt", url="http://127.0.0.1:1/v1", model="m")
    spec = re.sub(r'"template": "(?:[^"\\]|\\.)*"', '"template": "secret.txt"', made.spec or "")
    assert "secret.txt" in spec
    again = load_spec(spec)
    assert again.settings.template == "secret.txt"  # a name, as it came; `asks` alone would read it


def test_places_are_told_apart_by_their_colons():
    assert place_of("a/b.py:x").path == "a/b.py"
    assert place_of("a.b:x").module == "a.b"
    assert place_of("folder").path == "folder"
