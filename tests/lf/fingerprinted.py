"""Projects of one labeling function: ways for it to reach something, and an edit of each that changes its scores."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

from weaklabel.lf import load_lfs

HEAD = "from weaklabel.lf import ABSTAIN, labeling_function, response_scorer, keyword_scorer, features\n"
USE = """
@response_scorer
def score(response):
    return {use}
"""


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
