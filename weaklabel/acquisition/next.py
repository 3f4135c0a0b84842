"""`next_pairs`: the pairs whose gold is worth most now, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from weaklabel._arguments import checked
from weaklabel._validation import check_least
from weaklabel.acquisition.base import Acquisition, Chosen
from weaklabel.acquisition.embedding import Reader, differences, of_votes, one_scale, reader_of, texts
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.price import Price, within_budget
from weaklabel.acquisition.queue import NextPairs, Question
from weaklabel.acquisition.registry import DEFAULT, get_acquisition
from weaklabel.acquisition.source import Facts, Opinion, Rows, Source
from weaklabel.acquisition.strata import strata
from weaklabel.acquisition.twins import Twins
from weaklabel.errors import ConfigError, DataError
from weaklabel.ledger import Budget
from weaklabel.types import Comparer, FloatArray, Labels, LabelsFile, sigmoid

CANDIDATES: Final = 50_000
_MOST_KNOWN: Final = 5_000  # pairs with gold that a rule hears of


@checked
def next_pairs(
    labels: Labels | LabelsFile,
    n: int = 50,
    *,
    acquisition: str | Acquisition = DEFAULT,
    opinion: Comparer | None = None,
    embedding: str | Callable[[Sequence[str], Sequence[str]], FloatArray] = "ngrams",
    random_share: float = 0.2,
    candidates: int = CANDIDATES,
    budget: Budget | None = None,
    price: Price | None = None,
    seed: int = 0,
    **settings: Any,
) -> NextPairs:
    """The pairs whose gold is worth most now. Pairs with gold and the locked test part are never among them.

    Args:
        labels: of `Labeler.label`, or a file of labels; they need no policy and no reward model.
        n: how many pairs.
        acquisition: a name in `ACQUISITIONS`, or a rule.
        opinion: what the labels are held against by `disagreement`. Default: reward models taught by the labels of other
            prompts (`SecondOpinion`), for which every response is read.
        embedding: of the rules that compare pairs: "ngrams", "minilm", "votes" (which reads no response), "policy:FOLDER" (a
            language model's hidden states), or a function from prompts and responses to one row of numbers each.
        random_share: share of the questions that are drawn at random whatever the rule, 0 to 1. They say what the rule is
            worth, and how good the labels are.
        candidates: at most so many pairs, drawn, are looked at.
        budget: what all answers may cost; never passed.
        price: of a pair.
        seed: of every draw.
        **settings: of the rule, when it is given by name.

    Raises:
        DataError: every pair has gold or is locked.
        ConfigError: `n` below 1, a budget that holds no pair, a share out of range, a setting that the rule does not have.
        UnknownNameError: no rule, or no embedding, of that name.

    >>> from weaklabel.data.sample import sample_pairs
    >>> from weaklabel.labeler import fit
    >>> from weaklabel.lf import load_lfs
    >>> labels = fit(load_lfs("shipped:length"), pairs := sample_pairs(200, 50), model="majority_vote").label(pairs)
    >>> asked = next_pairs(labels, 10, acquisition="uncertainty")
    >>> len(asked), {question.rule for question in asked.questions} == {"uncertainty", "random"}
    (10, True)
    """
    rule = _rule(acquisition, settings)
    second = _second(labels, opinion) if "other" in rule.needs else None
    return choose_next(
        Source.of(labels, second),
        n,
        rule=rule,
        embedding=embedding,
        random_share=random_share,
        candidates=candidates,
        budget=budget,
        price=price,
        seed=seed,
    )


def choose_next(
    source: Source,
    n: int,
    *,
    rule: Acquisition,
    embedding: str | Reader = "ngrams",
    random_share: float = 0.2,
    candidates: int = CANDIDATES,
    budget: Budget | None = None,
    price: Price | None = None,
    seed: int = 0,
    skip: Collection[str] = (),
) -> NextPairs:
    """`next_pairs` of any source; arguments and errors are the same. `skip` are ids that are left out.

    Of pairs with the same texts one is asked, and none where one has gold.
    """
    check_least("n", n, 1, "one pair")
    check_least("candidates", candidates, 1, "one pair")
    if not 0 <= random_share <= 1:
        raise ConfigError(f"random_share is {random_share}. Allowed: 0 to 1, a share of the questions.")
    free, known = source.places(skip)
    if not len(free):
        raise DataError(_why_none(len(known), len(skip)))
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(free, min(candidates, len(free)), replace=False))
    facts = source.facts(rows)
    pool = _pool(source, rule, rows, facts, known, reader_of(embedding), seed)
    twins, left = Twins(source, known), np.arange(len(pool))

    def asked() -> list[Question]:
        chosen, rules = chosen_of(pool.take(left), rule, min(n, len(left)), random_share, seed)
        return list(_questions(source, rows, facts, replace(chosen, rows=left[chosen.rows]), rules))

    questions = asked()
    if twins.among(
        questions
    ):  # then all texts are read, once: one twin after the other would choose anew for each
        left = twins.first(rows, facts.prompts)
        if not len(left):
            raise DataError(
                f"no pair can be asked: all {len(pool):,} that were looked at have the texts of pairs with gold. Add pairs."
            )
        questions = asked()
    kept, cost = within_budget(questions, budget or Budget(), price or Price())
    notes = _notes(n, pool, len(left), len(kept), len(questions))
    return NextPairs(rule.name, tuple(kept), len(free), len(rows), cost, notes)


def _why_none(n_known: int, n_skipped: int) -> str:
    if n_skipped:
        return (
            f"no pair can be asked: all outside the locked test part have gold ({n_known:,}) or were asked before. Answer these, "
            "or add pairs."
        )
    return f"no pair can be asked: all outside the locked test part have gold ({n_known:,}). Add pairs without gold."


def _rule(acquisition: str | Acquisition, settings: dict[str, Any]) -> Acquisition:
    if isinstance(acquisition, str):
        return get_acquisition(acquisition, **settings)
    if settings:
        raise ConfigError(
            f"next_pairs: {', '.join(settings)} came with a rule that has its settings already. Name the rule, or set them "
            "where it is made."
        )
    return acquisition


def _second(labels: Labels | LabelsFile, opinion: Comparer | None) -> Opinion:
    """The log-odds of a comparer, by default of one that the labels of other prompts teach."""
    if isinstance(labels, LabelsFile):
        raise ConfigError(
            "'disagreement' needs a second opinion, and a file of labels has none. Give Labels, or ask the run: weaklabel "
            "next --acquisition disagreement."
        )
    if opinion is None:
        from weaklabel.comparers.out_of_fold import SecondOpinion

        second, pairs = SecondOpinion(labels), labels.pairs
        return lambda rows: second.logit(pairs.take(rows))
    other, given = opinion, labels.pairs

    return lambda rows: log_odds(other.compare(given.take(rows)))


def log_odds(p: FloatArray) -> FloatArray:
    """`(n,)` log-odds of beliefs; a certain one stays finite, and turning a pair round changes the sign to the bit.

    >>> log_odds(np.array([0.5, 0.75])).round(4).tolist()  # 0 and log 3
    [0.0, 1.0986]
    """
    excess = 2.0 * p - 1.0
    return np.asarray(2.0 * np.arctanh(np.clip(excess, -1 + 1e-12, 1 - 1e-12)), dtype=np.float64)


def _pool(
    source: Source,
    rule: Acquisition,
    rows: Rows,
    facts: Facts,
    known: Rows,
    reader: Reader | None,
    seed: int,
) -> Pool:
    """What the rule needs, and nothing else, is worked out."""
    parts: dict[str, Any] = {}
    if "other" in rule.needs and source.opinion is not None:
        parts["other"] = source.opinion(rows)
    if {"features", "text"} & set(rule.needs):
        if len(known) > _MOST_KNOWN:
            known = np.sort(np.random.default_rng(seed).choice(known, _MOST_KNOWN, replace=False))
        gold = source.facts(known)
        parts["known_logit"] = gold.logit
        for name in {"features", "text"} & set(rule.needs):
            parts[name], parts[f"known_{name}"] = _embedded(source, name, rows, facts, known, gold, reader)
    return Pool(facts.ids, facts.logit, strata(facts.prompts, seed=seed), **parts)


def _embedded(
    source: Source, name: str, rows: Rows, facts: Facts, known: Rows, gold: Facts, reader: Reader | None
) -> tuple[FloatArray, ...]:
    """Rows of the candidates and of what is known, in one scale."""
    if reader is not None:
        embed = differences if name == "features" else texts
        return one_scale(embed(reader, source.pairs(rows)), embed(reader, source.pairs(known)))
    if name == "text":
        raise ConfigError("the embedding 'votes' reads no texts. For space='text' use ngrams or minilm.")
    return one_scale(of_votes(facts.L), of_votes(gold.L))


def chosen_of(
    pool: Pool, rule: Acquisition, n: int, random_share: float, seed: int
) -> tuple[Chosen, list[str]]:
    """What is asked in order, and the rule behind each: those at random are drawn first, of all, and spread evenly."""
    n_random = 0 if rule.name == DEFAULT else round(random_share * n)
    parts: list[tuple[str, Chosen]] = []
    left: NDArray[np.int64] = np.arange(len(pool))
    for each, count in ((get_acquisition(DEFAULT), n_random), (rule, n - n_random)):
        if count:
            found = each.choose(pool.take(left), count, seed=seed)
            parts.append((each.name, Chosen(left[found.rows], found.value, found.reasons)))
            left = np.delete(left, found.rows)
    places = np.concatenate([(np.arange(len(part.rows)) + 0.5) / len(part.rows) for _, part in parts])
    order = np.argsort(places, kind="stable")
    rows, value = (np.concatenate([getattr(part, name) for _, part in parts]) for name in ("rows", "value"))
    reasons = [reason for _, part in parts for reason in part.reasons]
    names = [name for name, part in parts for _ in part.rows]
    together = Chosen(rows[order], value[order], tuple(reasons[i] for i in order))
    return together, [names[i] for i in order]


def _questions(
    source: Source, rows: Rows, facts: Facts, chosen: Chosen, rules: list[str]
) -> Iterator[Question]:
    """With their texts; of other pairs none is read here."""
    asked = np.sort(chosen.rows)
    table = source.pairs(rows[asked]).table
    found = [table[name].to_pylist() for name in ("prompt", "response_a", "response_b")]
    p = sigmoid(facts.logit)
    for row, value, reason, rule in zip(chosen.rows, chosen.value, chosen.reasons, rules, strict=True):
        at = int(np.searchsorted(asked, row))
        silent = "" if facts.w[row] > 0 else "; no labeling function voted"
        yield Question(
            facts.ids[row], rule, float(value), reason + silent, float(p[row]), *(text[at] for text in found)
        )


def _notes(n: int, pool: Pool, n_left: int, n_kept: int, n_chosen: int) -> tuple[str, ...]:
    found = []
    if n > n_left:
        found.append(f"{n:,} pairs were asked for, and {n_left:,} can be asked: all of them.")
    if n_left < len(pool):
        found.append(
            f"{len(pool) - n_left:,} pairs were left out: another one with the same texts can be asked, or has gold."
        )
    if n_kept < n_chosen:
        found.append(f"the budget holds {n_kept:,} of {n_chosen:,} pairs.")
    if len(np.unique(pool.strata)) == 1 and len(pool) > 1:
        found.append("all prompts are of one kind, so nothing was stratified.")
    return tuple(found)
