"""Fingerprints of the functions of files: what an edit changes, and what it does not."""

from __future__ import annotations

from textwrap import dedent

import pytest
from made_files import ONE, working_folder, write

from weaklabel.lf import fingerprint, load_lfs


@pytest.fixture
def here(tmp_path, monkeypatch):
    with working_folder(tmp_path, monkeypatch) as folder:
        yield folder


def fingerprints(source: object) -> dict[str, str | None]:
    return {lf.name: fingerprint(lf) for lf in load_lfs(source)}


def test_editing_one_file_changes_its_fingerprints_alone(here):
    path = write(here / "lfs/a.py", name="in_a")
    write(here / "lfs/b.py", name="in_b")
    before = fingerprints("lfs/")
    write(path, ONE.replace("len(response)", "len(response) + 1"), name="in_a")
    after = fingerprints("lfs/")
    assert before["in_a"] != after["in_a"]
    assert before["in_b"] == after["in_b"]


def test_editing_a_neighbour_changes_the_fingerprints_of_those_who_use_what_was_edited(here):
    helper = write(here / "lfs/_helpers.py", "LIMIT = 1\n")
    text = ONE.replace("len(response)", "len(response) + _helpers.LIMIT")
    write(here / "lfs/use.py", "import _helpers\n" + dedent(text.format(name="uses")))
    write(here / "lfs/alone.py", "import _helpers\n" + dedent(ONE.format(name="alone")))
    before = fingerprints("lfs/")
    write(helper, "LIMIT = 2\n")
    after = fingerprints("lfs/")
    assert before["uses"] != after["uses"]
    assert before["alone"] == after["alone"]


def test_words_read_from_a_file_count(here):
    text = """
        from pathlib import Path
        from weaklabel.lf import keyword_scorer, load_keywords, response_scorer
        WORDS = load_keywords(Path(__file__).parent / "words.txt")
        rude = keyword_scorer("rude", WORDS)

        @response_scorer
        def also_rude(response):
            return sum(word in WORDS for word in response.words)
    """
    for folder, words in (("one", "idiot\n"), ("two", "idiot\nfool\n"), ("same", "idiot\n")):
        write(here / folder / "words.txt", words)
        write(here / folder / "rude.py", text)
    one, two, same = (fingerprints(f"{folder}/rude.py") for folder in ("one", "two", "same"))
    assert one == same
    assert one["rude"] != two["rude"]
    assert one["also_rude"] != two["also_rude"]


def test_functions_of_one_file_that_differ_have_different_fingerprints(here):
    text = """
        import functools
        from dataclasses import dataclass
        import numpy as np
        from weaklabel.lf import labeling_function, response_scorer

        @dataclass
        class Settings:
            word: str

        class Counts:
            def __init__(self, sign):
                self.sign = sign

            def __call__(self, response):
                return response.count(self.sign)

            def missing(self, response):
                return -response.count(self.sign)

        def by_settings(settings):
            return response_scorer(name=f"has_{settings.word}")(lambda response: settings.word in response)

        def by_array(weights):
            return response_scorer(name=f"weighs_{weights[0]}")(lambda response: len(response) * weights[0])

        def by_name(name, *, sign):
            return 0

        LFS = [
            labeling_function(name="first")(lambda pair: 0), labeling_function(name="second")(lambda pair: 1),
            *(by_settings(Settings(word)) for word in ("so", "well")),
            *(by_array(np.array([number])) for number in (1, 2)),
            *(response_scorer(name=f"counts_{n}")(Counts(sign)) for n, sign in enumerate("!?")),
            *(response_scorer(name=f"lacks_{n}")(Counts(sign).missing) for n, sign in enumerate("!?")),
            *(labeling_function(name=f"part_{n}")(functools.partial(by_name, sign=sign)) for n, sign in enumerate("!?")),
        ]
    """
    write(here / "many.py", text)
    found = fingerprints("many.py")
    assert len(set(found.values())) == len(found) == 12
    write(here / "again/many.py", text)
    assert fingerprints("again/many.py") == found


def test_what_is_captured_twice_counts_where_it_stands(here):
    text = """
        from weaklabel.lf import response_scorer
        A, B = ["a"], ["b"]

        def counts(name, *words):
            return response_scorer(name=name)(lambda response: words.index(A) + len(words))

        LFS = [counts("aba", A, B, A), counts("abb", A, B, B)]
    """
    write(here / "twice.py", text)
    found = fingerprints("twice.py")
    assert found["aba"] != found["abb"]


def test_a_logger_and_objects_that_hold_themselves_can_be_captured(here):
    text = """
        import logging
        from weaklabel.lf import response_scorer
        log = logging.getLogger("weaklabel.test")

        class Node:
            def __init__(self):
                self.me, self.all = self, {self}
                self.deep = None

        NODE = Node()
        LAST = NODE
        for _ in range(5000):
            LAST.deep = Node()
            LAST = LAST.deep

        @response_scorer
        def logs(response):
            log.debug("%s", NODE)
            return len(response)

        @response_scorer
        def only_logs(response):
            log.debug("%s", response)
            return len(response)
    """
    write(here / "graph.py", text)
    before = fingerprints("graph.py")
    import logging

    logging.getLogger("weaklabel.test").setLevel("ERROR")
    write(here / "again/graph.py", text)
    assert fingerprints("again/graph.py") == before


def test_settings_count_and_names_do_not(here):
    write(here / "style.py", name="longer")
    (lf,) = load_lfs("style.py")
    assert fingerprint(lf.with_settings(name="other")) == fingerprint(lf)
    assert fingerprint(lf.with_settings(min_gap=2)) != fingerprint(lf)


def test_the_folder_does_not_count(here):
    write(here / "one/style.py", name="longer")
    write(here / "two/style.py", name="longer")
    assert fingerprints("one/") == fingerprints("two/")


def test_a_file_edited_after_loading_does_not_lend_its_new_source_to_the_old_code(here):
    path = write(here / "style.py", name="longer")
    (lf,) = load_lfs("style.py")
    before = fingerprint(lf)
    write(path, ONE.replace("len(response)", "7"), name="longer")
    assert fingerprint(lf) == before
    assert fingerprints("style.py")["longer"] != before


def test_a_memo_that_a_function_fills_does_not_count(here):
    text = """
        from weaklabel.lf import response_scorer
        MEMO = {}

        @response_scorer
        def remembers(response):
            return MEMO.setdefault(response, len(response))
    """
    write(here / "memo.py", text)
    (lf,) = load_lfs("memo.py")
    before = fingerprint(lf)
    lf.score("abc")
    assert fingerprint(lf) == before


def test_a_function_of_this_process_alone_has_no_fingerprint():
    from weaklabel.lf import response_scorer

    assert fingerprint(response_scorer(len)) is None


def test_loading_twice_gives_equal_fingerprints_for_everything_shipped():
    for source in ("shipped", "shipped:mathematics"):
        assert fingerprints(source) == fingerprints(source)
