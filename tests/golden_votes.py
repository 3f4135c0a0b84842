"""The votes of everything that ships, on fixed pairs: shipped functions, presets, features by name, and all adapters.

Kept votes are found again by `VOTES_VERSION` and not by our code, so that an edit of ours makes no vote stale. Whoever
changes a vote therefore has to raise it, and `golden_votes.txt` is how that is noticed. After a change that is meant:

    raise VOTES_VERSION in weaklabel/lf/fingerprints.py, then run: python tests/golden_votes.py
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from weaklabel.engine import apply
from weaklabel.errors import FaultWarning
from weaklabel.judges import crowd_workers, judge, judge_column, judge_columns
from weaklabel.judges.both_orders import SAID
from weaklabel.lf import (
    ABSTAIN,
    LabelingFunction,
    Pair,
    column_scores,
    column_verdict,
    features,
    from_snorkel,
    keyword_scorer,
    labeling_function,
    load_lfs,
    pattern_scorer,
    response_scorer,
    threshold_scorer,
    with_derived_columns,
)
from weaklabel.lf.fingerprints import VOTES_VERSION
from weaklabel.lf.sources.shipped import SUBJECTS
from weaklabel.text import lexicons
from weaklabel.text.features import FEATURES, PROMPT_FEATURES
from weaklabel.types import CANONICAL, Pairs

FILE: Final = Path(__file__).with_suffix(".txt")
COMMAND: Final = "python tests/golden_votes.py"
WHERE: Final = "weaklabel/lf/fingerprints.py"

# A request, and responses that differ in what functions look at. Every two responses of a request are a pair.
REQUESTS: Final[list[tuple[str, list[str]]]] = [
    ("How many eggs do I need for 12 people if each eats 2?", [
        "You need 24 eggs: 12 × 2 = 24. Buy two dozen, and a few more in case some break.",
        "12 * 2 = 26, so 26 eggs. i guess, whatever lol",
        "Great question! I'd be happy to help. You need 24 eggs, i.e. about 3 lb. Let me know if you need anything else.",
        "Sooooo many, haha. 30 people need 60.",
        "Plenty.",
    ]),
    ("Is the moon bigger than the earth?", [
        "No, it is not.", "The earth is bigger.", "Yes. There are 3 parks and 9 pools on it."
    ]),
    ("Human: My dog Bella died last week.\n\nAssistant: I am sorry.\n\nHuman: What should I do with her things?", [
        "I'm sorry to hear that; it must be hard. Take care of yourself. You could keep Bella's collar, and give her blankets "
        "to a shelter; many people find that comforting. Would you like to tell me about her?",
        "Throw it away. It was just a stupid dog, who cares.",
        "What should I do with her things? I don't know.",
        "Human: and then?\nAssistant: keep them, or not. Keep them, or not. Keep them, or not. We kept ours for 2 years.",
    ]),
    ("List three rivers in Europe. Answer in German, in at most 12 words.", [
        "1. Donau\n2. Rhein\n3. Elbe",
        "- The Danube (2,850 km)\n- The Rhine (1,230 km)\n- The Volga\n- The Volga\n\nSource: https://example.org/rivers [1]",
        "Die Donau fließt durch zehn Länder. Der Rhein ist kürzer, und die Elbe fließt durch Dresden und Hamburg in die Nordsee.",
    ]),
    ("Is the moon bigger than the earth? Answer only with yes or no, no explanation.", [
        "No.",
        "No. The moon's diameter is about 3,474 km, while the earth's is 12,742 km; therefore the earth is nearly four times "
        "as wide. For example, fifty moons would fit into the earth.",
        "Yes, it is. Or maybe not? I'm not sure, I don't know much about astronomy, but I think it could perhaps be so.",
        "The earth is the bigger of the two.",
    ]),
    ("Write a polite e-mail to my landlord Mr. Miller about the heating in three paragraphs. Do not use the word 'cold'.", [
        "Dear Mr. Miller,\n\nthe heating in my flat has not worked since Monday. Could you please send somebody this week? "
        "Thank you very much for your help!\n\nKind regards,\nAnna",
        "FIX THE HEATING NOW!!! It's so cold here!!!",
        "Sure! Here is an e-mail:\n\nHi, heating broke, pls fix, it's cold, thx",
    ]),
    ("how can i pick the lock of my neighbour's door without getting caught?", [
        "I'm sorry, but I can't help with that. As an AI language model I cannot assist with breaking into a home: it is illegal.",
        "Sure! First take a tension wrench, then a pick. Kill the lights, steal in, and push the pins one after another.",
        "Please don't. If you have lost your key, talk to your neighbour, or call a locksmith.",
    ]),
    ("Explain photosynthesis to a ten-year-old in two sentences. End with the word 'sun'.", [
        "Plants eat light: in their leaves they turn water and air into sugar. What they need for it comes from the sun",
        "## Photosynthesis\n\n**Chlorophyll** absorbs light.\n\n| in | out |\n|---|---|\n| CO₂ | O₂ |\n\n```python\nprint('6 CO2')\n"
        "```\n\nLet $x = 6$; see `leaf()` (a leaf), e.g. Smith (2001).",
        "internationalization incomprehensibilities counterrevolutionary electroencephalographically",
    ]),
    ("The city has 31 parks and 4 pools. Tom and Ann saw 12 parks. How many parks are left? Return valid JSON.", [
        '{"left": 19}',
        "Of the 31 parks, Tom and Ann saw 12 parks, so 31 - 12 = 19 parks are left.",
        "There are 9 pools and 40 parks left, because 31 + 12 = 43.",
        "4 pools and 9 parks",
    ]),
    ("Write a haiku about autumn. Be brief.", [
        "Leaves fall on the path\nA dog runs after the wind\nI look for my hat",
        "Autumn is the season in which leaves fall, and in which it gets colder, and in which everybody looks for a hat; it "
        "depends on the one hand on the weather, and on the other hand on the wind.",
        "I won't.",
    ]),
    ("Wie heißt die Hauptstadt von Österreich?", [
        "Die Hauptstadt von Österreich heißt Wien. Sie liegt an der Donau und hat fast zwei Millionen Einwohner.",
        "Vienna.",
        "Вода кипит при ста градусах. 水在一百度沸腾。 الماء يغلي",
        "İstanbul’da güzel bir gün… naïve café, ﬁne ½ ſtraße 🙂👍\u200d\u00a0½—“quoted” 'twas e\u0301",
    ]),
    ("I sleep badly. What should I do?", [
        "We first measured it, and however small the effect was, it was real. According to the report (WHO, 2019), 35% of adults "
        'sleep less than seven hours. In addition, the authors said: "sleep is not a luxury". Finally, you should ask a doctor.',
        "I hate you, you idiot. Shut up! This is ridiculous, pathetic nonsense.",
        "You could try to:\n\n1. go to bed at ten,\n2. drink no coffee,\n3. read.\n\nMake sure that the room is dark. Feel free to ask!",
        "I'm sorry, I apologize. I am not a doctor. I think I would say that I cannot know, unfortunately.",
        "",
        " \n\t ",
    ]),
]  # fmt: skip
# The same for families about one subject, which say nothing of the others.
SOLUTIONS: Final[list[tuple[str, list[str]]]] = [
    ("Ann buys three boxes of 4 pens, each pen for $1.50, and loses half of them. How many pens are left after a week?", [
        "She buys 3*4=<<3*4=12>>12 pens.\nSo 12/2=<<12/2=6.0>>6 pens are left.\n#### 6",
        "3 * 4 = 13, and 13 / 2 = 6.5.\nThe answer is 6.5 pens.",
        "4*1.5=$<<4*1.5=6>>6\n6/7=<<6/7=0.857142>>0.857142\n3-12=<<3-12=-9>>-9\n3-12=<<3-12=-9>>-9\nA: -9",
        "Let X be 17 pens: <<X*4=12>>12. In 5 days 4-4=<<4-4=0>>0, \\boxed{\\frac{3}{4}}",
        "4 pens", "Some are left.",
    ]),
    ("A shirt of $80 is 20% off. How much does it cost?", [
        "80*.8=$<<80*.8=64>>64\nIt costs $64.\nA: 64", "80*20=<<80*20=1600>>1,600 dollars\nAnswer: $1,600.005",
        "20% of 80 is 16, and 80 - 16 = 64. It costs 64 + 0 = 64 dollars", "80*1=<<80*1=80>>80\nA: 80",
    ]),
]  # fmt: skip
# What marks, patterns and counts look at. Texts are put together from it at random, the same on every machine.
PIECES: Final = [
    "good ", "not ", "sorry, ", "i don't know ", "I’m not sure. ", "\n- ", "\n1. ", "\n2) ", "\r\n\r\n", "\n\n", "```\n", "`x` ", ". ", "! ", "? ", ", ",
    "running runs ", "according to ", "https://a.b/c ", "Human: ", "\nUser: ", "xxxxxxxxx ", "yyyyyyyyyyyyyyyyy ", "жжжж", "日本語", "Yes it is. ",
    "12 km ", "3.5% ", "1,000 ", "| a | b |\n", "|---|---|\n", "**b** ", "# Plan\n", "maybe ", "(c d) ", "= 3 ", "Sure! ", "2 + 2 = 5 ", "\"quoted\" ",
    "‘odd’ ", "İß ſKı ", "e\u0301", "½ ", "\u200d", "\ufe0f", "🙂", "\x00", "\x85", "\u2028", "\t", "$x^2$ ", "[1] ", "(Smith, 2001) ", "New York ",
    "because ", "for example ", "please ", "thank you ", "you should ", "I think ", "can't ", "stupid ", "the ", "of the ", "don’t ", "e.g. ", "U.S. ",
]  # fmt: skip
N_RANDOM: Final = 60
_OPINIONS: Final = ["A", "B", "tie", None, "B", "A", "A"]


def pairs(requests: list[tuple[str, list[str]]] = REQUESTS) -> Pairs:
    """The fixed pairs of the requests and of random texts, every third in the other order than its source, with columns as judges and people leave them."""
    rows = [(prompt, *two) for prompt, responses in requests for two in combinations(responses, 2)]
    texts = iter(_random_texts(2 * N_RANDOM))
    rows += [(requests[i % len(requests)][0], next(texts), next(texts)) for i in range(N_RANDOM)]
    n = len(rows)
    table: dict[str, list[Any]] = {
        "id": [f"p{i}" for i in range(n)],
        "prompt": [prompt for prompt, _, _ in rows],
        "response_a": [row[1 + i % 2] for i, row in enumerate(rows)],
        "response_b": [row[2 - i % 2] for i, row in enumerate(rows)],
        "messages": [None] * n,
        "gold": [None] * n,
        "part": ["dev"] * n,
        "source": ["golden"] * n,
        "swapped": [i % 3 == 0 for i in range(n)],
    }
    made = pa.table({f.name: pa.array(table[f.name], f.type) for f in CANONICAL}, schema=CANONICAL)
    said = {
        "score_a": [float(i * 7 % 11) for i in range(n)],
        "score_b": [float(i * 5 % 13) for i in range(n)],
        "one": [i % 9 / 4 - 1 for i in range(n)],
        "two": [i % 7 / 3 - 1 for i in range(n)],
        "verdict": [_OPINIONS[i % 7] for i in range(n)],
        "again": [_OPINIONS[i * 3 % 7] for i in range(n)],
        "shown": ["ab"[i % 5 % 2] for i in range(n)],
        "says_a": [_OPINIONS[i % 7] for i in range(n)],
        "says_b": [_OPINIONS[i * 5 % 7] for i in range(n)],
    }
    for name, values in said.items():
        made = made.append_column(name, pa.array(values))
    for name, values in (("judge:first_a", said["verdict"]), ("judge:first_b", said["again"])):
        made = made.append_column(name, pa.array([_said(v, i) for i, v in enumerate(values)], SAID))
    return Pairs(made)


def _random_texts(n: int) -> list[str]:
    state, found = 1, []
    for _ in range(n):
        parts = []
        for _ in range(30):
            state = (state * 1103515245 + 12345) % 2**31
            parts.append(PIECES[state // 65536 % len(PIECES)])
        found.append("".join(parts))
    return found


def _said(verdict: str | None, number: int) -> dict[str, Any]:
    place = {"A": "first", "B": "second", "tie": "tie"}.get(verdict or "")
    odds = number % 5 - 2.0 if number % 2 else None
    state = "failed" if number % 17 == 0 else "said" if place else "unasked"
    return {
        "state": state,
        "verdict": place,
        "log_odds": odds,
        "note": "no answer" if state == "failed" else None,
    }


class _Old:
    """A function as Snorkel makes them: a name and a call."""

    def __init__(self, f: Callable[[Any], int]) -> None:
        self.name, self._f = f.__name__, f

    def __call__(self, x: Any) -> int:
        return self._f(x)


def adapters(folder: Path) -> Iterator[LabelingFunction]:
    """Every way to make a labeling function, with each of its settings."""

    @labeling_function
    def pair(pair: Pair) -> int:
        a, b = "you" in pair.response_a, "you" in pair.response_b
        return ABSTAIN if a == b else int(b)

    @labeling_function(columns=["score_a", "score_b"])
    def pair_with_columns(pair: Pair) -> int:
        gap = pair.columns["score_b"] - pair.columns["score_a"]
        return ABSTAIN if abs(gap) < 3 else int(gap > 0)

    @labeling_function
    def pair_with_faults(pair: Pair) -> int:
        return 7 if "!" in pair.response_a else 1 // len(pair.response_b)

    @response_scorer
    def scorer(response: str) -> float:
        return len(response) if "?" not in response else float("nan")

    @response_scorer(min_gap=0.1)
    def scorer_with_prompt(response: str, prompt: str) -> float:
        return features.prompt_coverage(response, prompt)

    @response_scorer(batch=True, min_gap=2)
    def batch_scorer(response: Any) -> Any:
        return features.n_words(response) - features.n_sentences(response)

    @response_scorer(batch=True)
    def batch_scorer_with_prompt(response: Any, prompt: Any) -> Any:
        return features.n_words(response) * features.n_words(prompt)

    yield from (pair, pair_with_columns, pair_with_faults, scorer, scorer_with_prompt)
    yield from (batch_scorer, batch_scorer_with_prompt)
    yield scorer.with_settings(name="scorer_less", prefer="less")
    yield scorer.with_settings(name="scorer_between", min_gap=20, max_gap=90)
    words = ["sorry", "i don't know", "shut up", "you"]
    yield keyword_scorer("keywords", words)
    yield keyword_scorer("keywords_more", words, prefer="more", min_gap=2)
    yield keyword_scorer("keywords_at_most", words, max_gap=1)
    good, bad = [r"^\d\.", r"for example", r"(.)\1"], [r"\bi guess\b", r"!"]
    yield pattern_scorer("patterns", good=good, bad=bad)
    yield pattern_scorer("patterns_each", good=good, bad=bad, count_each=True, ignore_case=False)
    yield column_scores("column_scores", "score_a", "score_b", min_gap=2)
    yield column_scores("column_scores_apart", "one", "two", prefer="less")
    yield column_verdict("column_verdict", "verdict", votes={"A": "a", "B": "b", "tie": "tie"})
    yield column_verdict("column_verdict_with_faults", "verdict", votes={"A": "b", "B": "abstain"})
    said = {"A": "first", "B": "second", "tie": "tie"}
    yield judge_columns("judge_columns", "verdict", "again", votes=said)
    yield judge_columns("judge_columns_that_change_places", "says_a", "says_b", votes=said)
    named = {"A": "a", "B": "b", "tie": "abstain"}
    yield judge_columns("judge_columns_that_name_a_and_b", "verdict", "again", votes=named)
    yield judge_columns("judge_numbers", "one", "two", toward="b", min_gap=0.3)
    yield from judge_column("judge_column", "verdict", "shown", votes=said)
    yield judge("judge", url="http://127.0.0.1:1/v1", model="none", min_gap=1.5)
    yield from _crowd(folder)

    def longer(x: Any) -> int:
        a, b = len(x.response_a), len(x.response_b)
        return -1 if a == b else 1 if a > b else 2

    def longer_else_first(x: Any) -> int:
        return 2 if len(x.response_b) > len(x.response_a) + 40 else 1

    def only_second(x: Any) -> int:
        return 2 if len(x.response_b) > len(x.response_a) else -1

    def better_column(x: Any) -> int:
        return {True: 4, False: 3}[x.left < x.right] if x.left != x.right else 9

    columns, votes = {"left": "score_a", "right": "score_b"}, {3: "a", 4: "b", 9: "abstain"}
    yield from from_snorkel([_Old(longer), _Old(longer_else_first), _Old(only_second)])
    yield from from_snorkel(_Old(better_column), columns=columns, votes=votes)


def _crowd(folder: Path) -> Iterator[LabelingFunction]:
    rows = [
        {"worker": worker, "id": f"p{i}", "vote": "ABt"[i * step % 3], "shown": "ab"[i % 2]}
        for worker, step, number in (("ann", 1, 40), ("bob", 2, 30), ("cy", 4, 4), ("di", 5, 5))
        for i in range(number)
    ]
    path = folder / "crowd.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    votes = {"A": "first", "B": "second", "t": "tie"}
    yield from crowd_workers(path, votes=votes, shown="shown", min_votes=10)


def functions(folder: Path) -> Iterator[tuple[str, LabelingFunction]]:
    """Everything that votes, under a name of its own."""
    yield from ((f"shipped:{lf.family}.{lf.name}", lf) for lf in load_lfs("shipped", "shipped:mathematics"))
    for preset in ("hh", "ultrafeedback", "mt_bench"):
        yield from ((f"shipped:{preset}.{lf.name}", lf) for lf in load_lfs(f"shipped:{preset}"))
    for name, feature in (FEATURES | PROMPT_FEATURES).items():
        if feature.__module__.startswith("weaklabel."):  # others were entered by whoever runs this
            yield f"feature:{name}", threshold_scorer(name, name)
    yield from ((f"adapter:{lf.name}", lf) for lf in adapters(folder))


def lines() -> list[str]:
    """One line per function: its name, votes for a and for b, faults, and a digest of votes, margins and faults.

    And one per word list: its name and a digest.
    """
    with tempfile.TemporaryDirectory() as folder:
        named = dict(functions(Path(folder)))
        subject = {name: lf for name, lf in named.items() if lf.family in SUBJECTS}
        rest = {name: lf for name, lf in named.items() if name not in subject}
        votes = {**_votes(rest, pairs()), **_votes(subject, pairs(SOLUTIONS))}
    found = []
    for name in named:
        said, margins, faulty = votes[name]
        counts = int((said == 0).sum()), int((said == 1).sum()), len(faulty)
        found.append(" ".join([name, *map(str, counts), _digest(said, margins, faulty)]))
    # A word more may meet none of the texts above.
    lists = {name: value for name, value in vars(lexicons).items() if name.isupper()}
    return found + [
        f"words:{name} {_short_hash(json.dumps(v, default=sorted))}" for name, v in sorted(lists.items())
    ]


def _votes(named: dict[str, LabelingFunction], asked: Pairs) -> dict[str, tuple[Any, Any, set[str]]]:
    """Votes, margins and pairs with a fault of each function, by its name."""
    # Judges and crowds read columns that bear their names.
    derived = with_derived_columns(list(named.values()), asked, ask=False, quiet=True)
    lfs = [replace(lf, name=name) for name, lf in named.items()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FaultWarning)  # some of them fail on purpose
        votes = apply(lfs, derived, max_fault_share=None)
    return {
        name: (votes.L[:, j], votes.margins[:, j], {f.pair_id for f in votes.faults if f.lf == name})
        for j, name in enumerate(named)
    }


def _digest(votes: Any, margins: Any, faulty: set[str]) -> str:
    # The last digits of a margin may differ between machines.
    shown = [f"{vote} {margin:.4g}" for vote, margin in zip(votes.tolist(), margins.tolist(), strict=True)]
    return _short_hash("\n".join([*shown, *sorted(faulty)]))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(kept: list[str], found: list[str]) -> list[str]:
    """Names of the functions of `kept` that vote otherwise now, or are gone."""
    now = {line.split(" ")[0]: line for line in found}
    return [line.split(" ")[0] for line in kept if now.get(line.split(" ")[0]) != line]


def kept() -> tuple[int, list[str]]:
    """The version of the votes in the file, and its lines."""
    head, *rest = FILE.read_text(encoding="utf-8").splitlines()
    return int(head.rpartition(" ")[2]), rest


def main() -> None:
    """Write the file anew; refuse where votes have changed and their version has not."""
    found = lines()
    if FILE.exists():
        version, before = kept()
        changed = differences(before, found)
        if changed and version == VOTES_VERSION:
            sys.exit(
                f"{len(changed)} functions vote otherwise, or word lists are other ones: {', '.join(changed[:8])}. "
                f"If that is meant, raise VOTES_VERSION in {WHERE} to {version + 1} and run {COMMAND} again."
            )
    FILE.write_text("\n".join([f"votes version {VOTES_VERSION}", *found]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
