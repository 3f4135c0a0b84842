"""No edit that changes a vote keeps the fingerprint: random projects and random edits, executed and compared."""

from __future__ import annotations

import ast
import re
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weaklabel.errors import WeaklabelError
from weaklabel.lf import fingerprint, load_lfs
from weaklabel.lf.discovery import grain

TEXTS = ["", "a", "bb aa", "so be it 3", "abba abba 1 2 aaa"]
HEAD = (
    "import enum, functools, re\nfrom dataclasses import dataclass, field\n"
    "from weaklabel.lf import features, response_scorer\n"
)
# How a thing is defined, and how it is used. {n}, {m}: numbers; {d}: an expression over earlier things; {b}: a class.
BLOCKS = [
    ("{x} = {n}", "{x}"),
    ("{x} = [{n}, {m}]\n{x}.append({n})", "sum({x})"),
    ("{x} = {{{n}, {m}, 'a'}}", "len([w for w in {x} if str(w) in response])"),
    ("def {x}(x, k={n}):\n    return k + {m} + ({d})", "{x}(response)"),
    ("def {x}(x):\n    return sum(i * {n} for i in range({m})) + ({d})", "{x}(response)"),
    ("{x} = lambda x: {n} * ({d})", "{x}(response)"),
    ("class {x}:\n    a = {n}\n    def m(self):\n        return self.a + {m} + ({d})", "{x}().m()"),
    ("class {x}({b}):\n    a = {n}", "{x}().a"),
    ("class {x}:\n    @property\n    def p(self):\n        return {n} - ({d})", "{x}().p"),
    ("class {x}:\n    def __init__(self, n):\n        self.n = n\n    def __call__(self, x):\n        return self.n + {m}\n{x}_o = {x}({n})", "{x}_o(response)"),
    ("@dataclass\nclass {x}:\n    a: int = {n}\n    b: list = field(default_factory=lambda: [{m}])", "{x}().a + {x}().b[0]"),
    ("class {x}(enum.IntEnum):\n    A = {n}", "{x}.A"),
    ("def {x}_made(n):\n    def inner(x):\n        return n + ({d})\n    return inner\n{x} = {x}_made({n})", "{x}(response)"),
    ("def {x}_f(n, x):\n    return n * {m}\n{x} = functools.partial({x}_f, {n})", "{x}(response)"),
    ("@functools.cache\ndef {x}(x):\n    return {n} + ({d})", "{x}(str(response))"),
    ("def {x}_d(f):\n    @functools.wraps(f)\n    def w(x):\n        return f(x) + {n}\n    return w\n@{x}_d\ndef {x}(x):\n    return {m}", "{x}(response)"),
    ("def {x}_f(x):\n    return {n} + ({d})\n{x} = {{'k': {x}_f, 'l': lambda x: {m}}}", "{x}['k'](response)"),
    ("{x} = re.compile('a{{{n}}}')", "len({x}.findall(response))"),
    ("{x} = {n}\ndef {x}_s():\n    global {x}\n    {x} = {m}\n    return {x}", "{x}_s()"),
    ("if {n} > {m}:\n    def {x}(x):\n        return {n}\nelse:\n    def {x}(x):\n        return ({d})", "{x}(response)"),
    ("def {x}(x):\n    match len(x):\n        case {n}:\n            return {m}\n        case _:\n            return ({d})", "{x}(response)"),
    ("{x} = {n}\ndef {x}_g():\n    return globals()['{x}']", "{x}_g()"),
    ("@features.remembered\ndef {x}(x):\n    return {n} + ({d})", "{x}(response)"),
    ("{x} = [{n}]\ndef {x}_add(f):\n    {x}.append(f)\n    return f\n@{x}_add\ndef {x}_r(x):\n    return {m}", "sum(f(response) if callable(f) else f for f in {x})"),
    ("def {x}(x):\n    return {x}.n + {m}\n{x}.n = {n}", "{x}(response)"),
    ("{x} = [{n}]\ndef {x}_w():\n    {x}[0] += {m}\n    return 0", "{x}[0]"),
    ("{x} = f'{{{n}}}b'", "len({x} + response)"),
    ("{x}_l = [{n}]\ndef {x}_p(w):\n    w.append({m})\n    return 1", "len({x}_l) + {x}_p({x}_l)"),
    ("{x}_l = [{n}]\n{x}_t = {{'k': {x}_l}}\ndef {x}_p():\n    {x}_l.append({m})\n    return 0", "sum({x}_t['k']) + {x}_p()"),
    ("class {x}:\n    def __init__(self):\n        self.n = {n}\n    def up(self):\n        self.n += {m}\n        return self.n\n{x}_o = {x}()", "{x}_o.n + {x}_o.up()"),
    ("@functools.cache\ndef {x}():\n    return [{n}]\ndef {x}_g():\n    {x}().append({m})\n    return 0", "sum({x}()) + {x}_g()"),
    ("def {x}_made():\n    n = {n}\n    def up():\n        nonlocal n\n        n += {m}\n        return n\n    return up\n{x} = {x}_made()", "{x}()"),
    ("def {x}(x):\n    {x} = [{n}]\n    {x} += [{m}]\n    return sum({x})", "{x}(response)"),
    ("{x} = 0\nfor i in range({n}):\n    {x} += {m}", "{x}"),
    ("import random\nrandom.seed({n})\n{x} = random.randint(0, {m} * 100)", "{x}"),
    ("{x} = [lambda x: {n}, lambda x: {m}]", "{x}[0](response)"),
    ("try:\n    import no_such_{x}\nexcept ImportError:\n    {x} = {n}", "{x}"),
]  # fmt: skip
STYLES = ["from helper import {x} as {y}", "import helper", "import helper as h", "from helper import *"]
USES = ["{y}", "helper.{x}", "h.{x}", "{x}"]


@st.composite
def projects(draw: Any) -> dict[str, str]:
    """`lfs.py` and `helper.py` of two labeling functions that use things, which use things."""
    files: dict[str, list[str]] = {"helper.py": [HEAD], "lfs.py": [HEAD]}
    used, classes = ["1"], {"helper.py": ["object"], "lfs.py": ["object"]}
    for where in ("helper.py", "lfs.py"):
        imports: list[str] = []
        if where == "lfs.py":
            style = draw(st.integers(0, len(STYLES) - 1))
            names = re.findall(r"^(?:def|class) (\w+)|^(\w+) =", "\n".join(files["helper.py"]), re.M)
            for name in dict.fromkeys(a or b for a, b in names):
                imports.append(STYLES[style].format(x=name, y=f"my_{name}"))
                told = USES[style].format(x=name, y=f"my_{name}")
                used = [re.sub(rf"\b{name}\b", told, use) for use in used]
            files[where] += dict.fromkeys(imports)
        local = list(used)
        for i in range(draw(st.integers(1, 4))):
            template, use = draw(st.sampled_from(BLOCKS))
            name = f"{where[0]}{i}"
            values = {
                "x": name,
                "n": draw(st.integers(1, 4)),
                "m": draw(st.integers(1, 4)),
                "d": draw(st.sampled_from(local)).replace("response", "'ab'"),
                "b": draw(st.sampled_from(classes[where])),
            }
            files[where].append(template.format(**values))
            local.append(use.format(x=name))
            if template.startswith("class {x}:") and "__init__" not in template:
                classes[where].append(name)
        used = local
    some = draw(st.lists(st.sampled_from(used), min_size=1, max_size=3))
    other = draw(st.sampled_from(used))
    files["lfs.py"] += [
        f"@response_scorer(min_gap=0)\ndef score(response):\n    return {' + '.join(some)} + len(response)",
        f"@response_scorer\ndef other(response):\n    return {other}",
    ]
    return {name: "\n\n".join(parts) + "\n" for name, parts in files.items()}


@st.composite
def edits(draw: Any, files: dict[str, str]) -> dict[str, str]:
    """The project after some edit of its text: a number, a line, a name, or the order of lines."""
    edited = draw(st.sampled_from(sorted(files)))
    text = files[edited]
    kind = draw(st.sampled_from(["number", "number", "number", "drop", "twice", "name"]))
    start = text.index("response_scorer\n") + 16
    if kind == "number":
        spots = list(re.finditer(r"(?<![\w])\d(?!\w)", text[start:]))
        spot = draw(st.sampled_from(spots)) if spots else None
        new = str(draw(st.integers(1, 5)))
        return files | ({edited: _put(text, start, spot, new)} if spot else {})
    lines = text.splitlines(keepends=True)
    i = draw(st.integers(3, len(lines) - 1))
    if kind == "drop":
        return files | {edited: "".join(lines[:i] + lines[i + 1 :])}
    if kind == "twice":
        j = draw(st.integers(3, len(lines) - 1))
        return files | {edited: "".join([*lines[:j], lines[i], *lines[j:]])}
    names = sorted(set(re.findall(r"\b[hl]\d\w*", text)))
    spots = list(re.finditer(r"\b[hl]\d\w*", text))
    if not names:
        return files
    return files | {edited: _put(text, 0, draw(st.sampled_from(spots)), draw(st.sampled_from(names)))}


def _put(text: str, start: int, spot: re.Match[str], new: str) -> str:
    return text[: start + spot.start()] + new + text[start + spot.end() :]


def outcome(
    files: dict[str, str], step: int = 1
) -> tuple[dict[str, str | None], dict[str, Any], dict[str, str]] | None:
    """Fingerprints, votes and grains by name; None where the project does not load. The last votes first if `step` is -1."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        try:
            lfs = {lf.name: lf for lf in load_lfs(Path(folder) / "lfs.py")}
        except WeaklabelError:
            return None
        prints = {name: fingerprint(lf) for name, lf in lfs.items()}
        # Scores and not votes, in which a constant would cancel out.
        votes = {name: [_score(lfs[name], text) for text in TEXTS] for name in list(lfs)[::step]}
        return prints, votes, {name: grain(lf).kind for name, lf in lfs.items()}


def _score(lf: Any, text: str) -> Any:
    try:
        return lf.score(text)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_no_edit_that_changes_a_vote_keeps_the_fingerprint(data):
    files = data.draw(projects())
    before = outcome(files)
    after = outcome(data.draw(edits(files)))
    if before is None or after is None:
        return
    for name in before[0].keys() & after[0].keys():
        if before[0][name] == after[0][name]:
            assert before[1][name] == after[1][name], name


def _tidied(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.body.insert(0, ast.Expr(ast.Constant("What it does.")))
    lines = ast.unparse(ast.fix_missing_locations(tree)).split("\n")
    return "# a comment\n\n" + "\n\n".join(f"{line}  # a comment" for line in lines) + "\n"


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(projects())
def test_comments_layout_and_docstrings_never_change_a_fingerprint_of_function_grain(files):
    before = outcome(files)
    after = outcome({name: _tidied(text) + "\nunused = 3\n" for name, text in files.items()})
    if before is None or after is None:
        return
    for name, kind in before[2].items():
        if kind == "function":
            assert before[0][name] == after[0][name]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(projects())
def test_functions_of_function_grain_vote_alike_whoever_votes_first(files):
    before, after = outcome(files), outcome(files, step=-1)
    if before is None or after is None:
        return
    for name, kind in before[2].items():
        if kind == "function":
            assert before[1][name] == after[1][name], name
