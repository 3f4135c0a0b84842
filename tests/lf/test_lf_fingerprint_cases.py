"""Fingerprints: which edits of a project count for a labeling function, and which do not."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from weaklabel.lf import fingerprint, load_lfs
from weaklabel.lf.discovery import grain
from weaklabel.text import lexicons
from weaklabel.text.features import FEATURES

HEAD = "from weaklabel.lf import ABSTAIN, labeling_function, response_scorer, keyword_scorer, features\n"
USE = """
@response_scorer
def score(response):
    return {use}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(lexicons, "STOP_WORDS", lexicons.STOP_WORDS)  # a case adds to them
    yield tmp_path
    FEATURES.pop("n_of_test", None)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).replace("HEAD\n", HEAD))


def loaded(folder: Path, files: dict[str, str]):
    """The functions of `lfs.py` by name."""
    write(folder, files)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pkg", "rule_1")]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    return {lf.name: lf for lf in load_lfs(folder / "lfs.py")}


# One line per way to reach something: files, what is used, and an edit (file, from, to) that changes scores.
CHANGES: dict[str, tuple[dict[str, str], str, tuple[str, str, str]]] = {
    "the function itself": ({}, "len(response) + 1", ("lfs.py", "+ 1", "+ 2")),
    "helper": ({"lfs.py": "def h(x):\n    return 1\n"}, "h(response)", ("lfs.py", "return 1", "return 2")),
    "helper of a helper": (
        {"lfs.py": "from a import f\n", "a.py": "import b\ndef f(x):\n    return b.g(x)\n", "b.py": "def g(x):\n    return 1\n"},
        "f(response)",
        ("b.py", "return 1", "return 2"),
    ),
    "constant": ({"lfs.py": "LIMIT = 3\n"}, "LIMIT", ("lfs.py", "LIMIT = 3", "LIMIT = 4")),
    "true for one": ({"lfs.py": "LIMIT = 1\n"}, "isinstance(LIMIT, bool)", ("lfs.py", "LIMIT = 1", "LIMIT = True")),
    "imported under another name": (
        {"lfs.py": "from a import LIMIT as L\n", "a.py": "LIMIT = 3\n"}, "L", ("a.py", "3", "4")),
    "module under another name": (
        {"lfs.py": "import a as h\n", "a.py": "LIMIT = 3\n"}, "h.LIMIT", ("a.py", "3", "4")),
    "module of a package": (
        {"lfs.py": "import pkg.sub\n", "pkg/__init__.py": "", "pkg/sub.py": "LIMIT = 3\n"},
        "pkg.sub.LIMIT", ("pkg/sub.py", "3", "4")),
    "module of a module": (
        {"lfs.py": "import a\n", "a.py": "import b\n", "b.py": "LIMIT = 3\n"}, "a.b.LIMIT", ("b.py", "3", "4")),
    "star import": ({"lfs.py": "from a import *\n", "a.py": "LIMIT = 3\n"}, "LIMIT", ("a.py", "3", "4")),
    "module __getattr__": (
        {"lfs.py": "import a\n", "a.py": "def __getattr__(name):\n    return 3\n"}, "a.anything", ("a.py", "3", "4")),
    "import inside": ({"a.py": "LIMIT = 3\n"}, "__import__('a').LIMIT", ("a.py", "3", "4")),
    "word list": ({"lfs.py": "WORDS = ['so', 'well']\n"}, "sum(w in response for w in WORDS)", ("lfs.py", "'so'", "'b'")),
    "appended word": (
        {"lfs.py": "WORDS = ['so']\nWORDS.append('well')\n"}, "len(WORDS)", ("lfs.py", "WORDS.append('well')\n", "")),
    "word list made elsewhere": (
        {"lfs.py": "from a import WORDS\nfor w in 'ab':\n    WORDS.add(w)\n", "a.py": "WORDS = set()\n"},
        "len(WORDS)", ("lfs.py", "'ab'", "'abc'")),
    "default argument": ({"lfs.py": "def h(x, n=3):\n    return n\n"}, "h(response)", ("lfs.py", "n=3", "n=4")),
    "keyword default": ({"lfs.py": "def h(x, *, n=3):\n    return n\n"}, "h(response)", ("lfs.py", "n=3", "n=4")),
    "closure": (
        {"lfs.py": "def made(n):\n    def inner(x):\n        return n\n    return inner\nh = made(3)\n"},
        "h(response)", ("lfs.py", "made(3)", "made(4)")),
    "lambda": ({"lfs.py": "h = lambda x: 3\n"}, "h(response)", ("lfs.py", "3", "4")),
    "two lambdas on a line": (
        {"lfs.py": "h, g = (lambda x: 3), (lambda x: 4)\n"}, "h(response)", ("lfs.py", "3", "4")),
    "partial": (
        {"lfs.py": "import functools\ndef f(n, x):\n    return n\nh = functools.partial(f, 3)\n"},
        "h(response)", ("lfs.py", "partial(f, 3)", "partial(f, 4)")),
    "body behind a partial": (
        {"lfs.py": "import functools\ndef f(n, x):\n    return n\nh = functools.partial(f, 3)\n"},
        "h(response)", ("lfs.py", "return n", "return -n")),
    "decorator": (
        {"lfs.py": "def twice(f):\n    def w(x):\n        return 2 * f(x)\n    return w\n@twice\ndef h(x):\n    return 1\n"},
        "h(response)", ("lfs.py", "2 * f", "3 * f")),
    "decorated": (
        {"lfs.py": "def twice(f):\n    def w(x):\n        return 2 * f(x)\n    return w\n@twice\ndef h(x):\n    return 1\n"},
        "h(response)", ("lfs.py", "return 1", "return 2")),
    "decorator taken away": (
        {"lfs.py": "def twice(f):\n    def w(x):\n        return 2 * f(x)\n    return w\n@twice\ndef h(x):\n    return 1\n"},
        "h(response)", ("lfs.py", "@twice\n", "")),
    "wraps": (
        {"lfs.py": "import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(x):\n        return 2 * f(x)\n    return w\n@d\ndef h(x):\n    return 1\n"},
        "h(response)", ("lfs.py", "2 * f", "3 * f")),
    "cached": (
        {"lfs.py": "import functools\n@functools.cache\ndef h(x):\n    return 1\n"}, "h(response)", ("lfs.py", "return 1", "return 2")),
    "remembered": (
        {"lfs.py": "@features.remembered\ndef h(x):\n    return 1\n"}, "h(response)", ("lfs.py", "return 1", "return 2")),
    "nested function": (
        {"lfs.py": "def h(x):\n    def i(y):\n        return 3\n    return i(x)\n"}, "h(response)", ("lfs.py", "3", "4")),
    "global in a comprehension": (
        {"lfs.py": "LIMIT = 3\n"}, "sum([LIMIT for _ in response])", ("lfs.py", "3", "4")),
    "dispatch table": (
        {"lfs.py": "def f(x):\n    return 1\nTABLE = {'x': f}\n"}, "TABLE['x'](response)", ("lfs.py", "return 1", "return 2")),
    "dispatch table's key": (
        {"lfs.py": "def f(x):\n    return 1\nTABLE = {'x': f}\n"}, "len(TABLE.get('x', '')and'a')", ("lfs.py", "'x': f", "'y': f")),
    "registry": (
        {"lfs.py": "ALL = []\ndef add(f):\n    ALL.append(f)\n    return f\n@add\ndef f(x):\n    return 1\n"},
        "sum(f(response) for f in ALL)", ("lfs.py", "return 1", "return 2")),
    "class attribute": ({"lfs.py": "class C:\n    LIMIT = 3\n"}, "C.LIMIT", ("lfs.py", "3", "4")),
    "class attribute set later": ({"lfs.py": "class C:\n    LIMIT = 3\nC.LIMIT = 5\n"}, "C.LIMIT", ("lfs.py", "5", "4")),
    "method": ({"lfs.py": "class C:\n    def m(self):\n        return 3\n"}, "C().m()", ("lfs.py", "3", "4")),
    "base class": (
        {"lfs.py": "from a import B\nclass C(B):\n    pass\n", "a.py": "class B:\n    def m(self):\n        return 3\n"},
        "C().m()", ("a.py", "3", "4")),
    "another base class": (
        {"lfs.py": "class A:\n    n = 1\nclass B:\n    n = 2\nclass C(A):\n    pass\n"}, "C.n", ("lfs.py", "C(A)", "C(B)")),
    "property": (
        {"lfs.py": "class C:\n    @property\n    def m(self):\n        return 3\n"}, "C().m", ("lfs.py", "return 3", "return 4")),
    "static and class methods": (
        {"lfs.py": "class C:\n    @staticmethod\n    def s():\n        return 3\n    @classmethod\n    def c(cls):\n        return cls.s()\n"},
        "C.c()", ("lfs.py", "return 3", "return 4")),
    "metaclass": (
        {"lfs.py": "class M(type):\n    def __len__(cls):\n        return 3\nclass C(metaclass=M):\n    pass\n"},
        "len(C)", ("lfs.py", "3", "4")),
    "dataclass default": (
        {"lfs.py": "from dataclasses import dataclass\n@dataclass\nclass C:\n    n: int = 3\n"}, "C().n", ("lfs.py", "3", "4")),
    "dataclass factory": (
        {"lfs.py": "from dataclasses import dataclass, field\n@dataclass\nclass C:\n    n: list = field(default_factory=lambda: [3])\n"},
        "C().n[0]", ("lfs.py", "[3]", "[4]")),
    "named tuple": (
        {"lfs.py": "from typing import NamedTuple\nclass C(NamedTuple):\n    n: int = 3\n"}, "C().n", ("lfs.py", "3", "4")),
    "enum": (
        {"lfs.py": "import enum\nclass E(enum.Enum):\n    A = 3\n"}, "E.A.value", ("lfs.py", "3", "4")),
    "enum member": (
        {"lfs.py": "import enum\nclass E(enum.IntEnum):\n    A = 3\nX = E.A\n"}, "X + 0", ("lfs.py", "3", "4")),
    "object": (
        {"lfs.py": "class C:\n    def __init__(self, n):\n        self.n = n\nX = C(3)\n"}, "X.n", ("lfs.py", "C(3)", "C(4)")),
    "object with slots": (
        {"lfs.py": "class C:\n    __slots__ = ('n',)\n    def __init__(self, n):\n        self.n = n\nX = C(3)\n"}, "X.n", ("lfs.py", "C(3)", "C(4)")),
    "callable object": (
        {"lfs.py": "class C:\n    def __call__(self, x):\n        return 3\nX = C()\n"}, "X(response)", ("lfs.py", "3", "4")),
    "list with methods": (
        {"lfs.py": "class W(list):\n    def n(self):\n        return 3\nX = W(['a'])\n"}, "X.n()", ("lfs.py", "return 3", "return 4")),
    "list with items": (
        {"lfs.py": "class W(list):\n    pass\nX = W(['a'])\n"}, "response.count(X[0])", ("lfs.py", "'a'", "'b'")),
    "dict with a default": (
        {"lfs.py": "from collections import defaultdict\nX = defaultdict(lambda: 3)\n"}, "X.get('a') or X.default_factory()", ("lfs.py", "3", "4")),
    "counter": (
        {"lfs.py": "from collections import Counter\nX = Counter('aab')\n"}, "X['a']", ("lfs.py", "aab", "ab")),
    "item getter": (
        {"lfs.py": "from operator import itemgetter\nX = itemgetter(0)\n"}, "ord(X(response + 'ab'))", ("lfs.py", "(0)", "(1)")),
    "bound method": (
        {"lfs.py": "class C:\n    def __init__(self, n):\n        self.n = n\n    def m(self):\n        return self.n\nm = C(3).m\n"},
        "m()", ("lfs.py", "C(3)", "C(4)")),
    "method of a string": ({"lfs.py": "h = 'aab'.count\n"}, "h('a')", ("lfs.py", "aab", "ab")),
    "pattern": ({"lfs.py": "import re\nP = re.compile('a')\n"}, "len(P.findall(response))", ("lfs.py", "'a'", "'b'")),
    "pattern flags": (
        {"lfs.py": "import re\nP = re.compile('A')\n"}, "len(P.findall(response))", ("lfs.py", "'A'", "'A', re.I")),
    "array": (
        {"lfs.py": "import numpy as np\nX = np.array([1.0, 2.0])\n"}, "X.sum()", ("lfs.py", "2.0", "3.0")),
    "f-string": ({"lfs.py": "SIGN = '!'\n"}, "len(f'{response}{SIGN}')", ("lfs.py", "'!'", "'!!'")),
    "conditional definition": (
        {"lfs.py": "NEW = True\nif NEW:\n    def h(x):\n        return 1\nelse:\n    def h(x):\n        return 2\n"},
        "h(response)", ("lfs.py", "NEW = True", "NEW = False")),
    "redefinition": (
        {"lfs.py": "def h(x):\n    return 1\nold = h\ndef h(x):\n    return 2 + old(x)\n"}, "h(response)", ("lfs.py", "return 1", "return 3")),
    "attribute of a function": (
        {"lfs.py": "def h(x):\n    return h.n\nh.n = 3\n"}, "h(response)", ("lfs.py", "h.n = 3", "h.n = 4")),
    "global that a called helper sets": (
        {"lfs.py": "LIMIT = 0\ndef h():\n    global LIMIT\n    LIMIT = 3\n    return LIMIT\n"}, "h()", ("lfs.py", "LIMIT = 3", "LIMIT = 4")),
    "match": (
        {"lfs.py": "def h(x):\n    match len(x):\n        case 0:\n            return 3\n        case _:\n            return 1\n"},
        "h('')", ("lfs.py", "3", "4")),
    "swapped functions in a list": (
        {"lfs.py": "F = [lambda x, n=n: n for n in (1, 2)]\n"}, "F[0](response)", ("lfs.py", "(1, 2)", "(2, 1)")),
    "getattr on a module": (
        {"lfs.py": "import a\n", "a.py": "LIMIT = 3\n"}, "getattr(a, 'LIMIT')", ("a.py", "3", "4")),
    "globals()": ({"lfs.py": "LIMIT = 3\n"}, "globals()['LIMIT']", ("lfs.py", "3", "4")),
    "eval": ({"lfs.py": "LIMIT = 3\n"}, "eval('LIMIT')", ("lfs.py", "3", "4")),
    "sys.modules": (
        {"lfs.py": "import sys\nLIMIT = 3\n"}, "sys.modules[__name__].LIMIT", ("lfs.py", "3", "4")),
    "docstring that is read": (
        {"lfs.py": "def h():\n    'aab'\n"}, "h.__doc__.count('a')", ("lfs.py", "aab", "ab")),
    "own line": (
        {"lfs.py": "import inspect\n"}, "len(inspect.getsource(score.fn))", ("lfs.py", "return len", "return  len")),
    "patched library": (
        {"lfs.py": "import math\nmath.weaklabel_test = lambda: 3\n"}, "math.weaklabel_test()", ("lfs.py", "3", "4")),
    "seeded library": (
        {"lfs.py": "import decimal\ndecimal.getcontext().prec = 5\n"},
        "float(decimal.Decimal(1) / 3)", ("lfs.py", "= 5", "= 6")),
    "environment": (
        {"lfs.py": "import os\nos.environ['WEAKLABEL_TEST'] = '3'\n"}, "float(os.environ['WEAKLABEL_TEST'])", ("lfs.py", "'3'", "'4'")),
    "another labeling function": (
        {"lfs.py": "@response_scorer\ndef other(response):\n    return 1\n"}, "other.score(response)", ("lfs.py", "return 1", "return 2")),
    "settings of another labeling function": (
        {"lfs.py": "from weaklabel.types import Pair\n@response_scorer(prefer='more')\ndef other(response):\n    return len(response)\n"},
        "other(Pair('1', '', '', 'a'))", ("lfs.py", "'more'", "'less'")),
    "generic single dispatch": (
        {"lfs.py": "import functools\n@functools.singledispatch\ndef h(x):\n    return 1\n@h.register\ndef _(x: str):\n    return 3\n"},
        "h(str(response))", ("lfs.py", "return 3", "return 4")),
    "context manager": (
        {"lfs.py": "import contextlib\n@contextlib.contextmanager\ndef c():\n    yield 3\ndef h():\n    with c() as n:\n        return n\n"},
        "h()", ("lfs.py", "yield 3", "yield 4")),
    "descriptor": (
        {"lfs.py": "class D:\n    def __get__(self, o, t):\n        return 3\nclass C:\n    d = D()\n"}, "C.d", ("lfs.py", "return 3", "return 4")),
    "cached property": (
        {"lfs.py": "import functools\nclass C:\n    @functools.cached_property\n    def d(self):\n        return 3\n"}, "C().d", ("lfs.py", "return 3", "return 4")),
    "init_subclass": (
        {"lfs.py": "class B:\n    def __init_subclass__(cls):\n        cls.n = 3\nclass C(B):\n    pass\n"}, "C.n", ("lfs.py", "= 3", "= 4")),
    "walrus default": (
        {"lfs.py": "N = 3\ndef h(x, n=(m := N)):\n    return n\n"}, "h(response)", ("lfs.py", "N = 3", "N = 4")),
    "chain map": (
        {"lfs.py": "from collections import ChainMap\nX = ChainMap({'a': 3})\n"}, "X['a']", ("lfs.py", "3", "4")),
    "frozen set": ({"lfs.py": "X = frozenset({'a', 'b'})\n"}, "len(X)", ("lfs.py", "'b'", "'a'")),
    "words of a file": (
        {"lfs.py": "from pathlib import Path\nX = (Path(__file__).parent / 'w.txt').read_text().split()\n", "w.txt": "a b"},
        "len(X)", ("w.txt", "a b", "a b c")),
    "words of a file of a lazy helper": (
        {"a.py": "from pathlib import Path\nX = (Path(__file__).parent / 'w.txt').read_text().split()\n", "w.txt": "a b",
         "lfs.py": "def h():\n    import a\n    return len(a.X)\n"},
        "h()", ("w.txt", "a b", "a b c")),
    "class in a function": (
        {"lfs.py": "N = 3\ndef h():\n    class C:\n        n = N\n    return C.n\n"}, "h()", ("lfs.py", "N = 3", "N = 4")),
    "weak reference": (
        {"lfs.py": "import weakref\nclass C:\n    n = 3\nc = C()\nr = weakref.ref(c)\n"}, "r().n", ("lfs.py", "3", "4")),
    "weak table": (
        {"lfs.py": "import weakref\nclass C:\n    pass\nc = C()\nr = weakref.WeakKeyDictionary({c: 3})\n"},
        "sum(r.values())", ("lfs.py", "3", "4")),
    "module in a list": ({"lfs.py": "import a\nL = [a]\n", "a.py": "X = 3\n"}, "L[0].X", ("a.py", "3", "4")),
    "module as a default": (
        {"lfs.py": "import a\ndef h(m=a):\n    return m.X\n", "a.py": "X = 3\n"}, "h()", ("a.py", "3", "4")),
    "module in a closure": (
        {"lfs.py": "import a\ndef made(m):\n    def f():\n        return m.X\n    return f\nf = made(a)\n", "a.py": "X = 3\n"},
        "f()", ("a.py", "3", "4")),
    "class patched by another file": (
        {"lfs.py": "import a, b\n", "a.py": "import b\nb.C.m = lambda self: 3\n", "b.py": "class C:\n    pass\n"},
        "b.C().m()", ("a.py", "3", "4")),
    "a model of numbers": (
        {"lfs.py": "import polars as pl\ne = pl.lit(3)\n"}, "__import__('polars').select(e).item()", ("lfs.py", "3", "4")),
    "from import inside": (
        {"a.py": "X = 3\n", "lfs.py": "def h():\n    from a import X as y\n    return y\n"}, "h()", ("a.py", "3", "4")),
    "module of a package inside": (
        {"pkg/__init__.py": "", "pkg/sub.py": "X = 3\n", "lfs.py": "def h():\n    from pkg import sub\n    return sub.X\n"},
        "h()", ("pkg/sub.py", "3", "4")),
    "module by its name in a string": (
        {"pkg/__init__.py": "", "pkg/sub.py": "X = 3\n", "lfs.py": "import importlib\n"},
        "importlib.import_module('pkg.sub').X", ("pkg/sub.py", "3", "4")),
    "module by a made name": (
        {"rule_1.py": "X = 3\n", "lfs.py": "import importlib\n"},
        "importlib.import_module(f'rule_{1}').X", ("rule_1.py", "3", "4")),
    "environment under another name": (
        {"lfs.py": "import os\nenv = os.environ\nenv['WEAKLABEL_TEST'] = '3'\n"}, "float(os.environ['WEAKLABEL_TEST'])", ("lfs.py", "'3'", "'4'")),
    "setting made by a called function": (
        {"lfs.py": "import decimal\ndef setup(n):\n    decimal.getcontext().prec = n\nsetup(5)\n"},
        "float(decimal.Decimal(1) / 3)", ("lfs.py", "setup(5)", "setup(6)")),
    "registered feature": (
        {"lfs.py": "@features.feature\ndef n_of_test(text):\n    return 3\n"},
        "features.FEATURES['n_of_test'](response)", ("lfs.py", "return 3", "return 4")),
    "random numbers": (
        {"lfs.py": "import random\nR = random.Random(3)\nX = R.random()\n"}, "X", ("lfs.py", "(3)", "(4)")),
    "an object with a state of its own to show": (
        {"lfs.py": "class C:\n    def __init__(self, n):\n        self.n = n\n    def __getstate__(self):\n        return {}\nX = C(3)\n"},
        "X.n", ("lfs.py", "C(3)", "C(4)")),
    "words of a file in a class": (
        {"lfs.py": "from pathlib import Path\nclass C:\n    X = (Path(__file__).parent / 'w.txt').read_text().split()\n", "w.txt": "a b"},
        "len(C.X)", ("w.txt", "a b", "a b c")),
    "words of a file in a default": (
        {"lfs.py": "from pathlib import Path\ndef h(x, w=(Path(__file__).parent / 'w.txt').read_text().split()):\n    return len(w)\n",
         "w.txt": "a b"}, "h(response)", ("w.txt", "a b", "a b c")),
    "words of a file in a method's default": (
        {"lfs.py": "from pathlib import Path\nclass C:\n    def m(self, w=(Path(__file__).parent / 'w.txt').read_text().split()):\n"
         "        return len(w)\n", "w.txt": "a b"}, "C().m()", ("w.txt", "a b", "a b c")),
    "the same object or an equal one": (
        {"lfs.py": "A = []\nB = A\n"}, "float(A is B)", ("lfs.py", "B = A", "B = []")),
    "name of a class's own kind": (
        {"lfs.py": "_C__LIMIT = 3\nclass C:\n    def m(self):\n        return __LIMIT\n"}, "C().m()", ("lfs.py", "3", "4")),
    "branch taken when a package is missing": (
        {"lfs.py": "try:\n    import no_such_package_here\n    N = 2\nexcept ImportError:\n    N = 3\n"}, "N", ("lfs.py", "N = 3", "N = 4")),
    "local function's own import": (
        {"lfs.py": "def h():\n    import math as m\n    return m.floor(3.5)\n"}, "h()", ("lfs.py", "m.floor", "m.ceil")),
    "another function of a package under one name": (
        {"lfs.py": "from math import floor as f\n"}, "f(3.5)", ("lfs.py", "floor", "ceil")),
}  # fmt: skip


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


# ----------------------------------------------------------------------------------------- changed elsewhere

SHARED = """
@response_scorer
def first(response):
    return {first}

@response_scorer
def second(response):
    return {second}
"""
# What two functions share, what the second does with it, and the grain of the first.
MEETINGS: dict[str, tuple[str, str, str, str]] = {
    "both read a list": ("W = ['a']\n", "len(W)", "sum(w in response for w in W)", "function"),
    "both read a dict": ("W = {'a': 1}\n", "len(W)", "W.get('a') + W['a'] + len(W)", "function"),
    "both read a dict of lists": ("W = {'a': [1]}\n", "len(W)", "W['a'].append(1) or 1", "file"),
    "a list is appended to": ("W = ['a']\n", "len(W)", "W.append('b') or 1", "file"),
    "an item is set": ("W = {}\ndef put():\n    W[1] = 2\n", "len(W)", "put() or 1", "file"),
    "it is grown in place": ("W = {1}\ndef put():\n    global W\n    W |= {2}\n", "len(W)", "put() or 1", "file"),
    "a number is set": ("N = 1\ndef put():\n    global N\n    N = 2\n", "N", "put() or 1", "file"),
    "it is handed to a function": ("W = []\ndef put(w):\n    w.append(1)\n", "len(W)", "put(W) or 1", "file"),
    "it gets another name": ("W = []\ndef put():\n    w = W\n    w.append(1)\n", "len(W)", "put() or 1", "file"),
    "it is appended to by a lambda": ("W = []\nput = lambda: W.append(1)\n", "len(W)", "put() or 1", "file"),
    "the neighbour's module is used": (
        "from a import W\nimport a\ndef put():\n    a.W.append(1)\n", "len(W)", "put() or 1", "file"),
    "the neighbour does it": ("from a import W, put\n", "len(W)", "put() or 1", "file"),
    "a name of a module is set": ("import a\ndef put():\n    a.N = 3\n", "a.N", "put() or 1", "file"),
    "a class is changed": ("class C:\n    n = 1\ndef put():\n    C.n = 2\n", "C.n", "put() or 1", "file"),
    "a class is used": ("class C:\n    n = 1\n", "C.n", "C().n", "function"),
    "an object that never changes": (
        "class C:\n    def __init__(self, n):\n        self.n = n\n    def m(self):\n        return self.n\nO = C(2)\n",
        "O.m()", "O.m() + O.n", "function"),
    "an object that changes itself": (
        "class C:\n    n = 1\n    def m(self):\n        self.n += 1\n        return self.n\nO = C()\n", "O.n", "O.m()", "file"),
    "a variable is shared by two inner functions": (
        "def made():\n    n = 0\n    def put():\n        nonlocal n\n        n += 1\n        return n\n    def get():\n        return n\n"
        "    return put, get\nput, get = made()\n", "get()", "put()", "file"),
    "a list is shared by two inner functions": (
        "def made():\n    w = []\n    def put():\n        w.append(1)\n        return 1\n    def get():\n        return len(w)\n"
        "    return put, get\nput, get = made()\n", "get()", "put()", "file"),
    "a list is reached by another way": (
        "W = []\nTABLE = {'w': W}\ndef put():\n    W.append(1)\n", "len(TABLE['w'])", "put() or 1", "file"),
    "a seed is set by a function that gives something": (
        "import random\ndef setup():\n    random.seed(3)\n    return 1\nX = setup()\n", "random.random()", "1", "file"),
    "a call in a function that is run": (
        "import gc as g, locale\ndef setup():\n    g.disable()\n    return 1\nX = setup()\n", "X", "1", "file"),
    "both change it": ("W = []\n", "len(W) + len(W.append(1) or 'a')", "len(W)", "file"),
    "phrases of the library": ("W = features.Phrases(['a'])\n", "W.count(response)", "W.count(response)", "function"),
    "a setup is run": ("def setup():\n    return 1\nsetup()\n", "1", "1", "function"),
    "a logger is set up": ("import logging\nlogging.basicConfig(level='ERROR')\n", "1", "1", "function"),
    "a path is added": ("import sys\nsys.path.append('x')\n", "1", "1", "function"),
    "a main block": ("def setup():\n    return 1\nif __name__ == '__main__':\n    setup()\n", "1", "1", "function"),
    "a list is filled in a loop": ("W = []\nfor w in 'ab':\n    W.append(w)\n", "len(W)", "1", "function"),
    "a lexicon of the library is changed": (
        "from weaklabel.text import lexicons\nlexicons.STOP_WORDS |= set()\n", "1", "1", "function"),
    "a plug-in is registered": ("import atexit\n@atexit.register\ndef f():\n    pass\n", "1", "1", "function"),
    "a list that a helper remembers": (
        "import functools\n@functools.cache\ndef w():\n    return ['a']\n", "len(w())", "w().append('b') or 1", "file"),
    "a list is handed to a package": ("import heapq\nW = [3, 4]\n", "len(W)", "heapq.heappop(W)", "file"),
    "an item is looked up that is not there": (
        "from collections import defaultdict\nW = defaultdict(int)\n", "len(W)", "W[response]", "file"),
    "a list lies in a default": ("def put(w=[]):\n    w.append(1)\n    return len(w)\n", "put()", "put()", "file"),
    "a list lies in a class": (
        "class C:\n    w = []\n    def put(self):\n        self.w.append(1)\n        return 1\n", "len(C.w)", "C().put()", "file"),
    "random numbers are drawn": ("import random\nR = random.Random(3)\n", "R.random()", "R.random()", "file"),
    "random numbers of a kind of its own are drawn": (
        "import random\nclass R(random.Random):\n    pass\nr = R(3)\n", "r.random()", "r.random()", "file"),
    "an item of a kind of its own is looked up": (
        "from collections import defaultdict\nclass D(defaultdict):\n    pass\nW = D(int)\n", "len(W)", "W[response]", "file"),
    "lines of a file are read": ("F = iter(['a', 'b'])\n", "len(next(F))", "len(next(F))", "file"),
    "what a function made is hung into a package": (
        "import math\ndef made():\n    w = []\n    def n():\n        w.append(1)\n        return len(w)\n    return n\nmath.n_test = made()\n",
        "math.n_test()", "math.n_test()", "file"),
    "code is run": ("W = [1]\n", "len(W)", "exec('W.append(2)') or 1", "file"),
    "a list of its own is filled": (
        "W = ['a']\ndef put(x):\n    w = []\n    for y in x:\n        w.append(y)\n    w += [x]\n    return len(w)\n",
        "len(W)", "put(response)", "function"),
    "counts of its own are kept": (
        "from collections import Counter\nW = ['a']\ndef put(x):\n    n = Counter()\n    for y in x:\n        n[y] += 1\n    return len(n)\n",
        "len(W)", "put(response)", "function"),
    "a helper reads what it is given": (
        "W = ['a']\ndef hits(x, w):\n    return sum(y in x for y in w)\n", "hits(response, W)", "hits(response, W)", "function"),
    "a memo beside a number": (
        "N = 1\nMEMO = {}\ndef put(x):\n    MEMO[x] = MEMO.get(x, 0) + 1\n    return MEMO[x]\n", "N", "put(response)", "function"),
}  # fmt: skip


@pytest.mark.parametrize("case", MEETINGS, ids=lambda name: name.replace(" ", "_"))
def test_what_another_function_may_change_makes_the_grain_the_file(here, case):
    head, first, second, expected = MEETINGS[case]
    helper = "W = []\nN = 1\ndef put():\n    W.append(1)\n"
    text = HEAD + head + SHARED.format(first=first, second=second)
    assert grain(loaded(here, {"a.py": helper, "lfs.py": text})["first"])[0] == expected


@pytest.mark.parametrize(
    ("head", "old", "new"),
    [
        (MEETINGS["a setup is run"][0], "return 1", "return 2"),
        (MEETINGS["a lexicon of the library is changed"][0], "set()", "{'zzz'}"),
        (MEETINGS["a plug-in is registered"][0], "pass", "return"),
        (MEETINGS["a logger is set up"][0], "ERROR", "INFO"),
    ],
)
def test_what_a_file_does_when_it_is_loaded_counts_for_all_its_functions(here, head, old, new):
    text = HEAD + head + SHARED.format(first="1", second="2")
    before = loaded(here / "before", {"lfs.py": text})
    after = loaded(here / "after", {"lfs.py": text.replace(old, new, 1)})
    assert grain(before["first"]).kind == "function"
    assert all(fingerprint(before[name]) != fingerprint(after[name]) for name in before)


def test_a_local_variable_called_like_a_function_is_not_taken_for_it(here):
    text = "def count(x):\n    return 1\n" + SHARED.format(
        first="sum([1 for count in response])", second="count(response)"
    )
    before = loaded(here / "before", {"lfs.py": HEAD + text})
    after = loaded(here / "after", {"lfs.py": HEAD + text.replace("return 1\n", "return 2\n", 1)})
    assert fingerprint(before["second"]) != fingerprint(after["second"])
    local = text.replace("sum([1 for count in response])", "(count := len(response)) + count")
    before = loaded(here / "before_local", {"lfs.py": HEAD + local})
    after = loaded(here / "after_local", {"lfs.py": HEAD + local.replace("return 1\n", "return 2\n", 1)})
    assert fingerprint(before["first"]) == fingerprint(after["first"])


def test_of_ten_functions_an_edit_of_one_changes_one(here):
    one = "@response_scorer\ndef f{i}(response):\n    return len(response) + {i}\n\n"
    text = HEAD + "WORDS = {'so', 'well'}\n" + "".join(one.format(i=i) for i in range(10))
    before = loaded(here / "before", {"lfs.py": text})
    after = loaded(here / "after", {"lfs.py": text.replace("+ 7", "+ 70")})
    assert [n for n in before if fingerprint(before[n]) != fingerprint(after[n])] == ["f7"]


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
