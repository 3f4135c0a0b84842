"""Fingerprints: what two functions of a file share, and what one of them does with it."""

from __future__ import annotations

import pytest
from fingerprinted import HEAD, loaded

from weaklabel.lf import fingerprint
from weaklabel.lf.discovery import grain

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
