"""Gold split by prompt into `dev` and a locked `test`: whole prompts, stratified by source, whatever the row order.

Prompts that look the same are one (`types/prompt_key.py`). They are ordered by the hash of seed and prompt, and the
first of them go to test until its share of the gold rows is met as nearly as whole prompts allow; the rounding error
of one source is carried to the next. What is kept in memory are the prompts with gold, not the pairs: the tables are
gone through several times instead.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklabel._validation import check_least
from weaklabel.artifacts import content_hash
from weaklabel.data.near_duplicates import Links, link_near_duplicates
from weaklabel.errors import ConfigError, DataError
from weaklabel.types import Pairs, collapse_whitespace, prompt_key

# A pool prompt is drawn like any other, so that gold which arrives later is split too.
_LOCKED: Final = ("test", "dev")
_MOST_KEYS: Final = 1 << 16
_Ints = NDArray[np.int64]


def split_by_prompt(
    pairs: Pairs,
    *,
    test_share: float = 0.5,
    seed: int = 0,
    near_duplicates: bool = False,
    max_gold: int | None = None,
    redraw: bool = False,
) -> Pairs:
    """The pairs with `part` filled: `dev` or `test` where their prompt has gold, else `pool`.

    Args:
        test_share: share of the gold rows that is locked away, 0 to 1.
        seed: changes which prompts that are.
        near_duplicates: keep prompts together that are nearly the same (`data/near_duplicates.py`).
        max_gold: keep the gold of about so many dev pairs (whole prompts) and hide the rest: their `gold`
            becomes null and their part `pool`. Simulates scarce gold; where there is one source, a larger
            number keeps what a smaller one kept.
        redraw: draw anew although the pairs have parts; otherwise parts that are there stay.

    Raises:
        ConfigError: a setting out of range.
        DataError: parts that are there separate a prompt.
    """
    parts = draw_parts(
        lambda: [pairs.table],
        test_share=test_share,
        seed=seed,
        near_duplicates=near_duplicates,
        max_gold=max_gold,
        redraw=redraw,
    )
    return Pairs(parts.fill(pairs.table), pairs.set_aside)


Tables = Callable[[], Iterable[pa.Table]]
"""The rows of a source, piece by piece, as often as one asks."""


class Keys:
    """What makes prompts and conversations the same as others, as short hashes; `Pairs.prompt_groups` sees them alike.

    A split goes through its tables several times, and a long prompt takes long to fold: by a hash of its spelling the
    keys of the first `_MOST_KEYS` texts are remembered, in some ten megabytes.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}

    def of(self, text: str) -> str:
        spelling = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        key = self._known.get(spelling)
        if key is None:
            key = content_hash(prompt_key(text))[:32]
            if len(self._known) < _MOST_KEYS:
                self._known[spelling] = key
        return key

    def of_prompts(self, table: pa.Table) -> list[str]:
        """The key of each row's prompt."""
        return [self.of(prompt) for prompt in table["prompt"].to_pylist()]

    def of_talks(self, table: pa.Table) -> list[str | None]:
        """The key of each row's conversation; None where there is none."""
        if table["messages"].null_count == len(table):
            return [None] * len(table)
        return [
            self.of(" ".join(turn["content"] or "" for turn in turns)) if turns else None
            for turns in table["messages"].to_pylist()
        ]


def _asked_about(tables: Tables, keys: Keys, *, all_rows: bool) -> set[str] | None:
    """Keys of prompts and conversations with gold or in dev or test, or one with some that are; None for all."""
    if all_rows:
        return None
    found: set[str] = set()
    talks = False
    for table in tables():
        talks = talks or table["messages"].null_count < len(table)
        locked = pc.is_in(table["part"], pa.array(_LOCKED))  # "pool" binds nobody
        known = table.filter(pc.or_(table["gold"].is_valid(), locked))
        found.update(keys.of_prompts(known), filter(None, keys.of_talks(known)))
    grown = talks and bool(found)
    while grown:  # one conversation may be rendered as several prompts, and a prompt stand for several
        before = len(found)
        for table in tables():
            for prompt, talk in zip(keys.of_prompts(table), keys.of_talks(table), strict=True):
                if talk is not None and (prompt in found or talk in found):
                    found.update((prompt, talk))
        grown = len(found) > before
    return found


class Outline:
    """What a split needs to know of each prompt: how much gold it has, its parts and sources, what is one with it."""

    def __init__(self, keys: Keys, keep_texts: bool = False) -> None:
        self.keys = keys
        self.prompts: dict[str, int] = {}  # key of the prompt -> number, in order of appearance
        # Hashes of its spellings, by which it is drawn: a prompt that is spelt in one way is drawn as it always was.
        self.spellings: list[tuple[str, ...]] = []
        # Only near-duplicates need the texts, which can be most of a large file.
        self.texts: list[str] | None = [] if keep_texts else None
        self.n_gold: list[int] = []  # rows with gold, per prompt
        self.sources: list[tuple[str, ...]] = []  # per prompt; nearly always one, and one tuple shared by all
        self.given: dict[int, set[str]] = defaultdict(set)
        self.first_id: dict[int, str] = {}
        # Prompts that are rendered differently and yet one conversation.
        self.same: list[tuple[int, int]] = []
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._conversations: dict[str, int] = {}

    def add(self, table: pa.Table, wanted: set[str] | None) -> None:
        """Take in the rows of a canonical table whose prompt is `wanted`, or all of them."""
        keys = self.keys.of_prompts(table)
        if wanted is not None:
            mask = [key in wanted for key in keys]
            table, keys = table.filter(pa.array(mask, pa.bool_())), [k for k in keys if k in wanted]
        columns = (table[name].to_pylist() for name in ("id", "prompt", "gold", "part", "source"))
        talks = self.keys.of_talks(table)
        for key, talk, pair_id, prompt, gold, part, source in zip(keys, talks, *columns, strict=True):
            number = self._number(key, prompt)
            self.n_gold[number] += gold is not None
            self._add_source(number, source or "")
            if part is not None:
                self.first_id.setdefault(number, pair_id)
                self.given[number].add(part)
            if talk is not None:
                other = self._conversations.setdefault(talk, number)
                if other != number:
                    self.same.append((other, number))

    def _add_source(self, number: int, source: str) -> None:
        known = self.sources[number] if number < len(self.sources) else ()
        if source in known:
            return
        both = tuple(sorted((*known, source)))
        both = self._shared.setdefault(both, both)
        if known:
            self.sources[number] = both
        else:
            self.sources.append(both)

    def _number(self, key: str, prompt: str) -> int:
        number = self.prompts.setdefault(key, len(self.prompts))
        if number == len(self.n_gold):
            self.n_gold.append(0)
            self.spellings.append(())
            if self.texts is not None:
                self.texts.append(prompt_key(prompt))
        spelling = content_hash(collapse_whitespace(prompt))[:32]
        if spelling not in self.spellings[number]:
            self.spellings[number] += (spelling,)
        return number


@dataclass(frozen=True, slots=True)
class Parts:
    """The outcome of a split: per prompt with gold or a part its part, and whether its gold is hidden."""

    of_prompt: Mapping[str, tuple[str, bool]]
    keys: Keys

    def fill(self, table: pa.Table) -> pa.Table:
        """A table with `part` filled, "pool" where nothing else is known, and gold hidden."""
        gold, part = table["gold"].to_pylist(), ["pool"] * len(table)
        if self.of_prompt:
            for row, key in enumerate(self.keys.of_prompts(table)):
                part[row], hidden = self.of_prompt.get(key, ("pool", False))
                if hidden:
                    gold[row] = None
        for name, values in (("gold", gold), ("part", part)):
            table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
        return table


def draw_parts(
    tables: Tables,
    *,
    test_share: float,
    seed: int,
    near_duplicates: bool = False,
    max_gold: int | None = None,
    redraw: bool = False,
) -> Parts:
    """The split itself, of rows that come in tables; other arguments and errors are those of `split_by_prompt`."""
    if not 0 <= test_share <= 1:
        raise ConfigError(
            f"test_share is {test_share}. Allowed: 0 to 1, the share of gold that is locked away."
        )
    if max_gold is not None:
        check_least("max_gold", max_gold, 0, "no gold")
    known = Keys()
    outline = Outline(known, keep_texts=near_duplicates)
    wanted = _asked_about(tables, known, all_rows=near_duplicates)
    for table in tables() if wanted is None or wanted else ():
        outline.add(table, wanted)
    units = _Units(outline, near_duplicates)
    parts: list[str | None] = [None] * len(units) if redraw else units.given_parts()
    keys = units.keys(f"{seed}:test")
    asked = [u for u in range(len(units)) if parts[u] is None and units.gold[u]]
    test = _draw(asked, keys, units, test_share)
    drawn = [
        part or ("test" if u in test else "dev" if units.gold[u] else "pool") for u, part in enumerate(parts)
    ]
    hidden = _hidden(drawn, units, seed, max_gold)
    final = [("pool", True) if u in hidden else (part, False) for u, part in enumerate(drawn)]
    return Parts({prompt: final[unit] for prompt, unit in units.of_prompt.items()}, known)


class _Units:
    """Prompts that must not be separated: of one conversation, or nearly the same."""

    def __init__(self, outline: Outline, near_duplicates: bool) -> None:
        self._outline = outline
        links = Links(len(outline.prompts))
        for one, other in outline.same:
            links.join(one, other)
        if near_duplicates:
            texts = outline.texts or []
            order = sorted(range(len(texts)), key=lambda number: texts[number])
            for a, b in link_near_duplicates([texts[number] for number in order]):
                links.join(order[a], order[b])
        numbers: dict[int, int] = {}
        unit_of = [numbers.setdefault(links.root(i), len(numbers)) for i in range(len(outline.prompts))]
        self.of_prompt = {prompt: unit_of[number] for prompt, number in outline.prompts.items()}
        self.prompts: list[list[str]] = [[] for _ in numbers]
        self.gold: _Ints = np.zeros(len(numbers), dtype=np.int64)
        for prompt, number in outline.prompts.items():
            self.prompts[unit_of[number]].append(prompt)
            self.gold[unit_of[number]] += outline.n_gold[number]
        self.strata = [
            tuple(sorted(set().union(*(outline.sources[outline.prompts[p]] for p in prompts))))
            for prompts in self.prompts
        ]

    def __len__(self) -> int:
        return len(self.prompts)

    def keys(self, salt: str) -> list[str]:
        """A number drawn for each unit from its prompts alone, so that row order has no say."""
        return [
            min(content_hash(salt, spelling) for prompt in prompts for spelling in self._spellings(prompt))
            for prompts in self.prompts
        ]

    def _spellings(self, prompt: str) -> tuple[str, ...]:
        return self._outline.spellings[self._outline.prompts[prompt]]

    def given_parts(self) -> list[str | None]:
        """`dev` or `test` where a row of the unit has it already, else None."""
        found: list[str | None] = []
        for prompts in self.prompts:
            seen = set().union(*(self._outline.given.get(self._outline.prompts[p], set()) for p in prompts))
            if {"dev", "test"} <= seen:
                numbers = (self._outline.prompts[p] for p in prompts)
                pair_id = next(self._outline.first_id[n] for n in numbers if n in self._outline.first_id)
                raise DataError(
                    f"the prompt of pair {pair_id!r}, or one that counts as the same, is in dev and in test, so "
                    "test is not locked. Drop the column 'part', or give each prompt one part."
                )
            found.append(next((part for part in _LOCKED if part in seen), None))
        return found


def _draw(asked: list[int], keys: list[str], units: _Units, share: float) -> set[int]:
    """Units that together hold about `share` of the gold of `asked`, each stratum as nearly as it can."""
    by_stratum: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for unit in asked:
        by_stratum[units.strata[unit]].append(unit)
    taken: set[int] = set()
    got = wanted = 0.0
    for stratum in sorted(by_stratum):
        ordered = sorted(by_stratum[stratum], key=lambda u: keys[u])
        sizes = np.concatenate([[0], np.cumsum(units.gold[ordered])])
        wanted += share * float(sizes[-1])
        # Whole prompts only: stop where the count comes nearest; the rest is owed to the next source.
        count = int(np.argmin(np.abs(got + sizes - wanted)))
        got += float(sizes[count])
        taken.update(ordered[:count])
    return taken


def _hidden(parts: list[str], units: _Units, seed: int, max_gold: int | None) -> set[int]:
    """Dev units whose gold is hidden so that about `max_gold` dev pairs keep theirs."""
    dev = [u for u, part in enumerate(parts) if part == "dev" and units.gold[u]]
    total = int(units.gold[dev].sum())
    if max_gold is None or max_gold >= total:
        return set()
    keys = units.keys(f"{seed}:gold")
    kept = _draw(dev, keys, units, max_gold / total)
    if not kept and max_gold:
        kept = {min(dev, key=lambda u: keys[u])}  # a prompt with many pairs is still better than no gold
    return set(dev) - kept
