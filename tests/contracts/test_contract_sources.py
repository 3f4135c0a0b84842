"""Every kind of source in `KINDS`: what it loads carries a spec that leads back to it, in any process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from weaklabel.lf import load_lfs
from weaklabel.lf.discovery import fingerprint, home_of, load_spec, settings_of, source_hash
from weaklabel.lf.sources import plugins
from weaklabel.lf.sources.kinds import KINDS, kind_of

STYLE = "from weaklabel.lf import response_scorer\n@response_scorer\ndef longer(response):\n    return len(response)\n"
OLD = "class Old:\n    name = 'old'\n    def __call__(self, x):\n        return -1\nLFS = [Old()]\n"

# A source of each kind, and the file that its functions come from. A newcomer needs a line.
EXAMPLES = {
    "": ("lfs/style.py", "lfs/style.py"),
    "shipped": ("shipped:mt_bench", "*"),
    "entry": ("entry:acme", "plugin_of_a_test.py"),
    "snorkel": ('snorkel:{"use": "lfs/old.py:LFS", "votes": {"1": "a", "2": "b"}}', "lfs/old.py"),
    "column": ('column:{"name": "x", "column": "said", "votes": {"::": "a"}}', None),
    "judge_column": ('judge_column:{"name": "x", "first_a": "ab", "first_b": "ba"}', None),
    "judge": ('judge:{"name": "x", "url": "http://127.0.0.1:1/v1", "model": "m"}', None),
    "crowd": (
        'crowd:{"name": "crowd.ann", "settings": {"annotations": "votes.csv"}, "workers": ["ann"]}',
        None,
    ),
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lfs").mkdir()
    (tmp_path / "lfs/style.py").write_text(STYLE)
    (tmp_path / "lfs/old.py").write_text(OLD)
    (tmp_path / "plugin_of_a_test.py").write_text(STYLE)
    point = metadata.EntryPoint("acme", "plugin_of_a_test:longer", plugins.ENTRY_POINT_GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda: [point])
    yield tmp_path
    sys.modules.pop("plugin_of_a_test", None)


@pytest.mark.parametrize("prefix", KINDS)
def test_every_function_of_a_source_comes_back_from_its_spec(prefix: str) -> None:
    source, _ = EXAMPLES[prefix]
    lfs = load_lfs(source)
    assert lfs
    for lf in lfs:
        assert lf.spec is not None
        assert kind_of(lf.spec) is kind_of(source)
        again = replace(load_spec(lf.spec), **settings_of(lf))
        assert (again.name, again.family, again.spec) == (lf.name, lf.family, lf.spec)
        assert (source_hash(again), fingerprint(again)) == (source_hash(lf), fingerprint(lf))


@pytest.mark.parametrize("prefix", KINDS)
def test_settings_travel_as_json(prefix: str) -> None:
    for lf in load_lfs(EXAMPLES[prefix][0]):
        json.dumps([lf.parameters, lf.spec])


@pytest.mark.parametrize("prefix", KINDS)
def test_the_file_behind_a_function_is_known_or_there_is_none(prefix: str, project: Path) -> None:
    source, file = EXAMPLES[prefix]
    for lf in load_lfs(source):
        home = home_of(lf.spec or "")
        if file is None or home is None:
            assert home is None
            assert file is None
        else:
            assert home.is_file()
            assert file == "*" or home.resolve() == (project / file).resolve()


@pytest.mark.parametrize("prefix", KINDS)
def test_a_source_that_is_moved_there_and_back_is_the_same(prefix: str) -> None:
    source, _ = EXAMPLES[prefix]
    there = kind_of(source).moved(source, lambda path: f"up/{path}")
    back = kind_of(there).moved(there, lambda path: path.removeprefix("up/"))
    assert [lf.name for lf in load_lfs(back)] == [lf.name for lf in load_lfs(source)]
