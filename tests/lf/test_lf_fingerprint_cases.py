"""Fingerprints: which edits of a project count for a labeling function, and which do not."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys

import pytest
from fingerprinted import CHANGES, HEAD, USE, loaded, write

from weaklabel.lf import fingerprint
from weaklabel.lf.discovery import grain


@pytest.mark.parametrize("case", CHANGES, ids=lambda name: name.replace(" ", "_"))
def test_an_edit_that_changes_a_score_changes_the_fingerprint(here, case):
    files, use, (edited, old, new) = CHANGES[case]
    files = files | {"lfs.py": "HEAD\n" + files.get("lfs.py", "") + USE.format(use=use)}
    assert old in files[edited]
    before = loaded(here / "before", files)["score"]
    was = before.score("abca")
    after = loaded(here / "after", files | {edited: files[edited].replace(old, new, 1)})["score"]
    assert after.score("abca") != was
    assert fingerprint(after) != fingerprint(before)


# ------------------------------------------------------------------------------------------------- harmless

COARSE = {
    "a model of numbers", "import inside", "module as a default", "module in a list", "getattr on a module", "globals()", "eval", "sys.modules", "docstring that is read", "own line",
    "registry", "words of a file of a lazy helper", "module in a closure", "from import inside", "module of a package inside",
    "module by its name in a string", "module by a made name", "dict with a default", "global that a called helper sets", "generic single dispatch",
    "setting made by a called function", "weak reference", "weak table"
}  # fmt: skip
NEIGHBOUR = """

def neighbour(x, words=[]):
    "Not used by anybody."
    return len(x)

@response_scorer
def neighbour_scorer(response):
    return neighbour(response)
"""


def tidied(text: str) -> str:
    """The same program laid out another way, with a docstring and a comment in every function and class."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.body.insert(0, ast.Expr(ast.Constant("What it does.")))
    lines = ast.unparse(ast.fix_missing_locations(tree)).split("\n")
    return "# a comment\n\n" + "\n".join(f"{line}  # a comment" for line in lines) + "\n"


@pytest.mark.parametrize("case", CHANGES, ids=lambda name: name.replace(" ", "_"))
def test_comments_layout_docstrings_and_neighbours_change_no_fingerprint_but_of_file_grain(here, case):
    files, use, _ = CHANGES[case]
    files = files | {"lfs.py": HEAD + files.get("lfs.py", "") + USE.format(use=use)}
    before = loaded(here / "before", files)["score"]
    other = {name: tidied(text) if name.endswith(".py") else text for name, text in files.items()}
    after = loaded(here / "after", other | {"lfs.py": other["lfs.py"] + NEIGHBOUR})["score"]
    kind, reason = grain(before)
    assert (kind == "file") == (case in COARSE), reason
    assert (fingerprint(after) == fingerprint(before)) == (case not in COARSE)


@pytest.mark.parametrize("case", sorted(COARSE))
def test_what_cannot_be_followed_says_why(here, case):
    files, use, _ = CHANGES[case]
    files = files | {"lfs.py": HEAD + files.get("lfs.py", "") + USE.format(use=use)}
    assert len(grain(loaded(here / "x", files)["score"]).reason) > 5


def test_another_name_changes_no_fingerprint(here):
    text = HEAD + "@response_scorer{how}\ndef {name}(response):\n    return len(response)\n"
    made = [("a", "()"), ("b", "()"), ("a", "(name='c')"), ("a", "")]
    found = {
        fingerprint(next(iter(loaded(here / str(i), {"lfs.py": text.format(name=n, how=how)}).values())))
        for i, (n, how) in enumerate(made)
    }
    assert len(found) == 1


def test_settings_in_the_decorator_count(here):
    text = HEAD + "@response_scorer({how})\ndef f(response):\n    return response.len()\n"
    made = ["", "batch=True", "min_gap=1", "prefer='less'", "version='2'", "max_gap=9"]
    found = {
        fingerprint(loaded(here / str(i), {"lfs.py": text.format(how=how)})["f"])
        for i, how in enumerate(made)
    }
    assert len(found) == len(made)


# ------------------------------------------------------------------------------------------------ processes

ELSEWHERE = """
import json, sys
from pathlib import Path
from weaklabel.lf import fingerprint, load_lfs
from weaklabel.lf.discovery import grain, ingredients, source_hash

found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    sys.path.insert(0, str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "pkg"]:
        del sys.modules[name]
    for lf in load_lfs(folder / "lfs.py"):
        lf.score("abc")
        found[folder.name + "/" + lf.name] = [fingerprint(lf), source_hash(lf), ingredients(lf)]
print(json.dumps(found, sort_keys=True))
"""


def test_every_process_finds_the_same_fingerprints_whatever_the_order_of_its_sets(here):
    for i, (files, use, _) in enumerate(CHANGES.values()):
        write(
            here / "all" / f"p{i}", files | {"lfs.py": HEAD + files.get("lfs.py", "") + USE.format(use=use)}
        )
    told = [
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE, str(here / "all")],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert json.loads(told[0]) == json.loads(told[1])
    assert len(json.loads(told[0])) >= len(CHANGES)


def test_a_file_in_folders_without_init_counts(here):
    """Importlib finds such a folder inside another only when that one is imported already."""
    files = {
        "deep_of_test/inner/words.py": "N = 1\n",
        "lfs.py": HEAD
        + "@response_scorer\ndef score(response):\n    import deep_of_test.inner.words\n"
        + "    return deep_of_test.inner.words.N\n",
    }
    before = fingerprint(loaded(here / "before", files)["score"])
    for name in [name for name in sys.modules if name.startswith("deep_of_test")]:
        del sys.modules[name]
    sys.path.remove(str(here / "before"))
    after = loaded(here / "after", files | {"deep_of_test/inner/words.py": "N = 2\n"})["score"]
    assert fingerprint(after) != before
