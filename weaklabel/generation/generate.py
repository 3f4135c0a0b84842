"""Prompts in, responses of models drawn, paired and labelled by a comparer, one file out.

The second arm of Hauptvogel et al. (2024, arXiv 2410.20869): two models answer prompts from several sets, and a label
model fitted elsewhere labels the pairs. Theirs takes one answer of each of two models; here any number of responses of
any number of models, and whatever can compare two responses labels them.

The order of things: read prompts, leave out the locked ones, ask (every answer is on disk before it is used), pair,
label, write. Everything behind the asking is cheap and repeatable, so a run that was killed is the same command again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from weaklabel import artifacts
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.data.asked.prompts import Prompt, Prompts, read_prompts
from weaklabel.errors import DataError
from weaklabel.generation.generated import (
    Generated,
    check_target,
    earlier_pairs,
    labelled,
    without,
    write_manifest,
    write_tables,
)
from weaklabel.generation.paired import Pairing
from weaklabel.generation.responders import EndpointSource, LocalSource, Source, answers_of
from weaklabel.generation.settings import GenerationSettings, check_names
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Reply
from weaklabel.types import Comparer

Progress = Callable[[int, int], None]


def generate(
    prompts: Any,
    models: Sequence[str | Endpoint],
    comparer: Comparer,
    out: str | Path,
    settings: GenerationSettings,
    *,
    locked: frozenset[str] = frozenset(),
    comparer_name: str | None = None,
    comparer_hash: str = "",
    progress: Progress = lambda done, total: None,
) -> Generated:
    """Responses of models to prompts, made into pairs and labelled; what the file holds says `weaklabel.generate_pairs`.

    Args:
        prompts: whatever `read_pairs` takes, or rows with a column `prompt` or `messages`; each prompt is asked once.
        models: a folder with a saved model, "hf:org/name", or an `Endpoint`; no two of one name.
        comparer: what labels the pairs.
        out: a .parquet, .jsonl or .ndjson file.
        settings: how responses are drawn and paired, and what becomes of the file.
        locked: hashes of test prompts (`Prompt.looks`): these are not asked, unless `settings.include_test`.
        comparer_name, comparer_hash: what the file and its manifest say of the comparer; its class and nothing.
        progress: told `(done, total)` responses.

    Raises:
        ConfigError: a setting out of range, a model that is not there, a file that was not made here.
        DataError: no prompts, or none from which a pair could be made.
        EndpointError: an endpoint that cannot be used. What was answered until then is kept.
    """
    out, sampling = Path(out), settings.sampling
    settings.check(len(models), out)
    check_target(out, settings.append)
    sources = _sources(models, settings)
    earlier = earlier_pairs(out) if settings.append else []
    found = read_prompts(prompts, columns=settings.columns)
    asked, n_locked = _allowed(found, locked, include_test=settings.include_test)
    asked = asked[: settings.limit]
    n_slots = settings.k * len(sources) if settings.each else settings.k
    replies = _ask(asked, sources, n_slots, settings.cache, progress)

    name = comparer_name or type(comparer).__name__
    drawn = {"generation_seed" if n == "seed" else n: value for n, value in sampling.in_force.items()}
    pairing = Pairing(settings.pair_up, sampling.seed)
    made = [
        row
        for prompt, answers in zip(asked, replies, strict=True)
        for row in pairing.rows(prompt, [(sources[i % len(sources)].name, r) for i, r in enumerate(answers)])
    ]
    if not made:
        raise DataError(
            f"no pairs could be made of {len(asked):,} prompts: {_plain(pairing.counts)}. {_advice(pairing.counts)}"
        )
    tables = labelled(made, comparer, drawn | {"comparer": name})
    kept = without(earlier, {row["id"] for row in made})
    tokens = {source.name: _tokens(replies, j, len(sources)) for j, source in enumerate(sources)}
    result = Generated(
        path=out,
        n_prompts=len(asked),
        n_locked=n_locked,
        n_pairs=len(made),
        n_kept=sum(len(table) for table in kept),
        counts=dict(sorted(pairing.counts.items()))
        | {"repeated": found.repeated, "set_aside": len(found.set_aside)},
        tokens=tokens,
        cost=_cost(sources, tokens, settings.price_in, settings.price_out),
    )
    write_manifest(
        result,
        inputs={"prompts": _prompts_hash(asked), "comparer": comparer_hash},
        settings={"models": [source.about for source in sources], "comparer": name} | settings.about,
        append=settings.append,
    )
    write_tables(out, [*kept, *tables])
    return result


def _sources(models: Sequence[str | Endpoint], settings: GenerationSettings) -> list[Source]:
    hashes = HashMemo(Path(settings.cache) / "hashes")
    local = (hashes, settings.batch_size, settings.dtype, settings.device)
    found: list[Source] = [
        EndpointSource(model, settings.sampling, dict(settings.body or {}))
        if isinstance(model, Endpoint)
        else LocalSource(model, settings.sampling, *local)
        for model in models
    ]
    check_names([source.name for source in found])
    for source in found:
        _ = source.asked  # a model that is not there is told before anything is read or asked
    return found


def _allowed(found: Prompts, locked: frozenset[str], *, include_test: bool) -> tuple[list[Prompt], int]:
    """The prompts that may be asked, and how many are locked.

    Raises:
        DataError: all are locked.
    """
    if include_test:
        return found.prompts, 0
    kept = [p for p in found.prompts if p.part != "test" and not p.looks & locked]
    if not kept:
        raise DataError(
            f"all {len(found):,} prompts are in the locked test part. Give others, or --include-test (include_test=True) "
            "if no figure will be reported on them."
        )
    return kept, len(found) - len(kept)


def _ask(
    asked: Sequence[Prompt], sources: Sequence[Source], n_slots: int, cache: str | Path, progress: Progress
) -> list[list[Reply | None]]:
    """Per prompt its `n_slots` replies; number i is of model i modulo their number. One model after another."""
    found: list[list[Reply | None]] = [[None] * n_slots for _ in asked]
    total, before = len(asked) * n_slots, 0
    for j, source in enumerate(sources):
        places = [(row, number) for row in range(len(asked)) for number in range(j, n_slots, len(sources))]
        wanted = [(asked[row], number) for row, number in places]
        told = partial(_tell, progress, before, total)
        replies = answers_of(source, wanted, cache, told)
        for (row, number), reply in zip(places, replies, strict=True):
            found[row][number] = reply
        before += len(places)
    return found


def _tell(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _prompts_hash(asked: Sequence[Prompt]) -> str:
    return artifacts.content_hash(*(part for prompt in asked for part in (prompt.text, prompt.told)))


def _tokens(replies: Sequence[Sequence[Reply | None]], j: int, n_models: int) -> tuple[int, int]:
    given = [reply for answers in replies for reply in answers[j::n_models] if reply is not None]
    return sum(r.tokens_in or 0 for r in given), sum(r.tokens_out or 0 for r in given)


def _cost(
    sources: Sequence[Source],
    tokens: Mapping[str, tuple[int, int]],
    price_in: float | None,
    price_out: float | None,
) -> float | None:
    if price_in is None or price_out is None:
        return None
    paid = [tokens[source.name] for source in sources if isinstance(source, EndpointSource)]
    return sum(n_in * price_in + n_out * price_out for n_in, n_out in paid) / 1e6


def _advice(counts: Mapping[str, int]) -> str:
    if counts.get("too_long", 0) * 2 > counts.get("responses", 0):
        return "Lower max_new_tokens, shorten the prompts, or take a model with a longer context."
    return "Raise temperature or max_new_tokens, or take another model."


def _plain(counts: Mapping[str, int]) -> str:
    return (
        ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()) if count)
        or "nothing came back"
    )
