"""Generated pairs with about 150 words a response: Zipf's law, sentences, lists, and typography in a third of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 8192
_PLAIN = """the of and to in is that it for was with as be this are you not have from they or what which your can will
their has there would how when if we an my but by on at do so about more some than then them these could like time just
people make into year take see other only think also back after use two because way well even want any give first new
don't can't it's i'm you're that's i've let's isn't doesn't"""
_CHARGED = """good great love happy best better help hope nice safe sure thanks welcome perfect enjoy bad worse terrible
hate sad wrong problem fail fear risk lost angry poor hurt please sorry maybe perhaps however example important stupid
whatever literally basically stuff"""
# How a word is set: behind it, and whether it is a capital.
_ENDS = (" ", ", ", ". ", "? ", "! ", ".\n\n", ".\n- ", ".\n1. ")
_CHANCES = (0.85, 0.07, 0.046, 0.007, 0.005, 0.009, 0.01, 0.003)  # a sentence has a dozen words


def vocabulary(rng: random.Random, size: int = 20_000) -> list[str]:
    """English words in front, made-up ones behind, in order of falling frequency."""
    words = dict.fromkeys([*_PLAIN.split(), *_CHARGED.split(), "café", "naïve", "2019", "12", "3"])
    consonants, vowels = "bcdfghlmnprstvw", "aeiou"
    while len(words) < size:
        parts = rng.choice((1, 2, 2, 3, 3, 4))
        word = "".join(
            rng.choice(consonants) + rng.choice(vowels) + rng.choice(["", "", rng.choice(consonants)])
            for _ in range(parts)
        )
        words.setdefault(word)
    return list(words)


def write_pairs(path: Path, n: int, seed: int = 0) -> None:
    """`n` pairs as Parquet, zstd, in row groups of one shard."""
    rng = np.random.default_rng(seed)
    words = vocabulary(random.Random(seed))
    chances = 1 / (np.arange(len(words)) + 2.7)
    edges = np.cumsum(chances / chances.sum())
    tables = [_set(words, curly=False), _set(words, curly=True)]
    schema = pa.schema([(name, pa.string()) for name in ("id", "prompt", "response_a", "response_b")])
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        for start in range(0, n, ROW_GROUP):
            m = min(ROW_GROUP, n - start)
            columns = [
                [f"p{i}" for i in range(start, start + m)],
                _texts(rng, edges, tables, m, 8, 40),
                _texts(rng, edges, tables, m, 50, 250),
                _texts(rng, edges, tables, m, 50, 250),
            ]
            file.write_table(pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema))


def _set(words: list[str], curly: bool) -> Any:
    """`(2, ends, words)` strings: every word with every end, small and with a capital."""
    if curly:
        words = [
            w.replace("'", "’") if "'" in w else f"“{w}”" if i % 50 == 7 else w for i, w in enumerate(words)
        ]
    ends = [end.replace(", ", " — ") if curly else end for end in _ENDS]
    table = np.empty((2, len(ends), len(words)), dtype=object)
    for capital in (0, 1):
        for i, end in enumerate(ends):
            table[capital, i] = [(w.capitalize() if capital else w) + end for w in words]
    return table


def _texts(rng: np.random.Generator, edges: Any, tables: list[Any], n: int, low: int, high: int) -> list[str]:
    lengths = rng.integers(low, high + 1, n)
    total = int(lengths.sum())
    word = np.searchsorted(edges, rng.random(total))
    end = rng.choice(len(_ENDS), total, p=_CHANCES)
    capital = np.concatenate([[1], (end[:-1] > 1).astype(np.int64)])
    stops = np.cumsum(lengths)
    texts = []
    for first, last, curly in zip(stops - lengths, stops, rng.random(n) < 1 / 3, strict=True):
        part = slice(first, last)
        text = "".join(tables[int(curly)][capital[part], end[part], word[part]].tolist()).rstrip(" ,—-\n1")
        texts.append(text if text.endswith((".", "?", "!")) else text + ".")
    return texts
