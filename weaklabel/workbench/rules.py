"""Everything `weaklabel check` can find, by code. A code never changes its meaning; a retired one is not used again."""

from __future__ import annotations

from typing import Final

from weaklabel._validation import lookup
from weaklabel.lf.checks import CONTRACT_RULES, Rule

NEAR_COPY_AGREEMENT: Final = 0.98
SAME_ABSTAINS: Final = 0.9
ENOUGH_VOTES: Final = 30
THIN_COVERAGE: Final = 0.01
TOO_GOOD: Final = 0.99
ONE_SIDED: Final = 0.95
SLOW_MS: Final = 2.0
SLOW_TIMES_MEDIAN: Final = 10.0
VERY_SLOW_MS: Final = 20.0

RULES: Final = dict(
    sorted(
        {
            **CONTRACT_RULES,
            **{
                rule.code: rule
                for rule in (
                    Rule(
                        "WL103",
                        "below chance",
                        "warning",
                        "On dev gold the function is wrong more often than right: the whole 95% interval of its "
                        "accuracy, which resamples prompts, lies below one half.",
                        "Models that learn without gold take every function for better than chance, so this one "
                        "pulls labels the wrong way.",
                        "Turn its preference round if that makes sense to you, narrow it, or drop it.",
                    ),
                    Rule(
                        "WL104",
                        "near-copy",
                        "warning",
                        f"Another function votes on the same pairs (at least {SAME_ABSTAINS:.0%} of those on which "
                        f"either votes) and says the same on at least {NEAR_COPY_AGREEMENT:.0%} of them, or the "
                        "opposite.",
                        "A copy counts the same evidence twice, and labels become over-confident.",
                        "Keep one of the two, or make one look at something else.",
                    ),
                    Rule(
                        "WL105",
                        "silent",
                        "warning",
                        "The function votes on no pair of the sample.",
                        "It costs time and says nothing; often a pattern, a column or a gap does not fit the data.",
                        "Look at the pairs it should speak on, lower min_gap, or drop it.",
                    ),
                    Rule(
                        "WL106",
                        "thin coverage",
                        "warning",
                        f"The function votes on fewer than {THIN_COVERAGE:.0%} of the pairs.",
                        "So few votes hardly move any label, and gold can hardly tell whether they are right.",
                        "Widen it, or merge it with its relatives into one function.",
                    ),
                    Rule(
                        "WL107",
                        "slow",
                        "warning",
                        f"The function takes at least {SLOW_MS:g} ms per pair and {SLOW_TIMES_MEDIAN:g} times as long "
                        f"as the median function, or at least {VERY_SLOW_MS:g} ms.",
                        "Labeling functions are nine tenths of the cost of a run; one slow one can be most of that.",
                        "Use response.words and the other remembered features, compile patterns once, write a batch "
                        "scorer (batch=True), or compute the score once and use it as a column LF.",
                    ),
                    Rule(
                        "WL110",
                        "one-sided",
                        "warning",
                        f"At least {ONE_SIDED:.0%} of its votes are for the same position.",
                        "Order is redrawn by a coin, so votes on responses fall on both sides alike. Either the "
                        "function looks at the position, or the order of these pairs gives the answer away.",
                        "If WL101 is reported too, mend that. Otherwise read the pairs with read_pairs, which redraws "
                        "the order.",
                    ),
                    Rule(
                        "WL114",
                        "name taken",
                        "error",
                        "Two functions have the same name.",
                        "Votes are stored and shown by name, so apply() refuses both.",
                        "Rename one: @labeling_function(name=...) or scorer.with_settings(name=...).",
                    ),
                    Rule(
                        "WL115",
                        "over time",
                        "error",
                        "The function was still at work when the time of its examination was up.",
                        "It hangs on some pair, or is so slow that a run would take days. A run without a time limit "
                        "never ends; one with a limit records its votes there as faults.",
                        "Look for a loop without an end or a pattern that backtracks on the pair named. If it is just "
                        "slow, give it more with --time-limit, or store its scores in a column and use a column LF.",
                    ),
                    Rule(
                        "WL116",
                        "reads gold",
                        "error",
                        "A column that the function reads, or two of them, say what gold says on all pairs where both "
                        "are known, up to a coding.",
                        "Labels would be learned from gold itself: perfect on the pairs that have it, and of no use on "
                        "those that have not. apply() refuses it.",
                        "Read another column. Where the column is no copy of gold, such as a checker's that is always "
                        "right, write allow = true (allow=True in Python).",
                    ),
                    Rule(
                        "WL117",
                        "too good to be true",
                        "warning",
                        f"On dev gold the function is right in at least {TOO_GOOD:.0%} of {ENOUGH_VOTES} votes or more.",
                        "People agree with each other in some four of five cases, so hardly anything agrees with them "
                        "always. Mostly the function sees gold: in a column, in an id, in marks that a tool left.",
                        "Look at what it reads. Where the answer can be known, as of sums, all is well: allow=True says "
                        "so for a function of columns.",
                    ),
                )
            },
        }.items()
    )
)


def explain_rule(code: str) -> str:
    """One rule in words: what it says, why it matters, what to do. Case does not matter.

    Raises:
        UnknownNameError: when there is no such code.

    >>> print(explain_rule("WL105").splitlines()[0])
    WL105 silent (warning)
    """
    return str(lookup("rule", RULES, code.upper()))
