"""`generate_pairs`: prompts in, responses of models drawn, paired and labelled by a comparer, one file out.

The second arm of Hauptvogel et al. (2024, arXiv 2410.20869): two models answer prompts from several sets, and a label
model fitted elsewhere labels the pairs. Theirs takes one answer of each of two models; here any number of responses of
any number of models, and whatever can compare two responses labels them.

The order of things: read prompts, leave out the locked ones, ask (every answer is on disk before it is used), pair,
label, write. Everything behind the asking is cheap and repeatable, so a run that was killed is the same command again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

from weaklabel import artifacts
from weaklabel.artifacts.steps import HashMemo
from weaklabel.comparers.loading import load
from weaklabel.data.prompts import Prompt, read_prompts
from weaklabel.errors import ConfigError, DataError
from weaklabel.generation.generated import (
    Generated,
    check_target,
    earlier_pairs,
    labelled,
    without,
    write_manifest,
    write_tables,
)
from weaklabel.generation.locked import allowed
from weaklabel.generation.paired import Pairing, PairUp
from weaklabel.generation.responders import EndpointSource, LocalSource, Source, answers_of
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Reply
from weaklabel.training.sampling import Sampling
from weaklabel.types import Comparer

DEFAULT_CACHE: Final = ".weaklabel/responses"
_ENDINGS: Final = (".parquet", ".jsonl", ".ndjson")

Progress = Callable[[int, int], None]


def generate_pairs(
    prompts: Any,
    models: Sequence[str | Endpoint],
    comparer: str | Path | Comparer,
    out: str | Path,
    *,
    k: int = 2,
    each: bool = False,
    pair_up: PairUp = "all",
    sampling: Sampling | None = None,
    columns: Mapping[str, str] | None = None,
    limit: int | None = None,
    include_test: bool = False,
    append: bool = False,
    batch_size: int = 16,
    dtype: str = "auto",
    device: str | None = None,
    body: Mapping[str, Any] | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    cache: str | Path = DEFAULT_CACHE,
    progress: Progress = lambda done, total: None,
) -> Generated:
    """Responses of models to prompts, made into pairs and labelled.

    The file can be read as pairs: the canonical columns (no gold, part `pool`, `swapped` where the coin turned the
    order), `p`, `w`, `label`, `confidence`, `calibrated`, and where each came from: `model_a`, `number_a`, `finish_a`,
    the same for b, `temperature`, `top_p`, `top_k`, `max_new_tokens`, `generation_seed`, `comparer`. Beside it lies
    `<out>.manifest.json`.

    Args:
        prompts: whatever `read_pairs` takes, or rows with a column `prompt` or `messages`; each prompt is asked once.
        models: a folder with a saved model, "hf:org/name", or an `Endpoint`; no two of one name.
        comparer: a folder (`runs/base/labeler`, a reward model), or anything with `compare(pairs)`.
        out: a .parquet, .jsonl or .ndjson file.
        k: responses per prompt, the models taking turns; at least as many as models.
        each: `k` responses of every model instead.
        pair_up: "all" pairs of a prompt's responses, or "neighbours": each with the next.
        sampling: length, temperature, top_p, top_k and seed.
        columns: our names -> yours.
        limit: ask the first so many prompts only.
        include_test: ask locked test prompts too: those in part `test`, and those that are in the test part of the run
            that the comparer's folder belongs to.
        append: keep the pairs that are in `out` already; one that is made again is replaced.
        batch_size, dtype, device: of local models. They change nothing in the texts beyond rounding.
        body: further fields of an endpoint's requests; the value "omit" leaves a field out ({"seed": "omit"}).
        price_in, price_out: prices of a million tokens at the endpoints.
        cache: folder of the responses: what is in it is not asked for again.
        progress: told `(done, total)` responses.

    Raises:
        ConfigError: a setting out of range, a model that is not there, a file that was not made here.
        DataError: no prompts, or none from which a pair could be made.
        EndpointError: an endpoint that cannot be used. What was answered until then is kept.
    """
    sampling = sampling or Sampling()
    out, hashes = Path(out), HashMemo(Path(cache) / "hashes")
    _check_settings(k, len(models), each, pair_up, sampling, limit, out)
    check_target(out, append)
    sources: list[Source] = [
        EndpointSource(model, sampling, dict(body or {}))
        if isinstance(model, Endpoint)
        else LocalSource(model, sampling, hashes, batch_size, dtype, device)
        for model in models
    ]
    _check_names([source.name for source in sources])
    earlier = earlier_pairs(out) if append else []
    judge = load(comparer) if isinstance(comparer, str | Path) else comparer
    found = read_prompts(prompts, columns=columns)
    asked, n_locked = allowed(found, comparer, include_test)
    asked = asked[:limit]
    n_slots = k * len(sources) if each else k
    replies = _ask(asked, sources, n_slots, cache, progress)

    name = str(comparer) if isinstance(comparer, str | Path) else type(judge).__name__
    drawn = {"generation_seed" if n == "seed" else n: value for n, value in asdict(sampling).items()}
    pairing = Pairing(pair_up, sampling.seed)
    made = [
        row
        for prompt, answers in zip(asked, replies, strict=True)
        for row in pairing.rows(prompt, [(sources[i % len(sources)].name, r) for i, r in enumerate(answers)])
    ]
    if not made:
        raise DataError(
            f"no pairs could be made of {len(asked):,} prompts: {_plain(pairing.counts)}. {_advice(pairing.counts)}"
        )
    tables = labelled(made, judge, drawn | {"comparer": name})
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
        cost=_cost(sources, tokens, price_in, price_out),
    )
    write_manifest(
        result,
        inputs={"prompts": _prompts_hash(asked), "comparer": _hash_of(comparer, hashes)},
        settings={
            "models": [source.about for source in sources],
            "k": k,
            "each": each,
            "pair_up": pair_up,
            "sampling": asdict(sampling),
            "comparer": name,
            "include_test": include_test,
        },
        append=append,
    )
    write_tables(out, [*kept, *tables])
    return result


def _check_settings(
    k: int, n_models: int, each: bool, pair_up: str, sampling: Sampling, limit: int | None, out: Path
) -> None:
    if not n_models:
        raise ConfigError("no model was named. Name a folder, hf:org/name, or NAME@http://host:port/v1.")
    least = 1 if each and n_models > 1 else 2 if each else max(2, n_models)
    if k < least:
        raise ConfigError(
            f"k is {k} with {n_models} model(s). Allowed: at least {least}, since a pair needs two responses and every "
            "model a turn."
        )
    if sampling.temperature == 0 and (k > 1 if each else k > n_models):
        raise ConfigError(
            "temperature is 0, so a model gives the same response every time, and there is nothing to compare. Raise it, "
            "or take one response of each of several models."
        )
    if pair_up not in ("all", "neighbours"):
        raise ConfigError(f"pair_up is {pair_up!r}. Allowed: 'all', 'neighbours'.")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}. Allowed: at least 1 prompt.")
    if out.suffix not in _ENDINGS:
        raise ConfigError(f"out is {str(out)!r}. Allowed: a file ending in {', '.join(_ENDINGS)}.")


def _check_names(names: Sequence[str]) -> None:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"model {twice!r} is named twice. Name each once; k sets the number of responses.")


def _ask(
    asked: Sequence[Prompt], sources: Sequence[Source], n_slots: int, cache: str | Path, progress: Progress
) -> list[list[Reply | None]]:
    """Per prompt its `n_slots` replies; number i is of model i modulo their number. One model after another."""
    found: list[list[Reply | None]] = [[None] * n_slots for _ in asked]
    total, before = len(asked) * n_slots, 0
    for j, source in enumerate(sources):
        places = [(row, number) for row in range(len(asked)) for number in range(j, n_slots, len(sources))]
        wanted = [(asked[row], number) for row, number in places]
        replies = answers_of(source, wanted, cache, partial(_told, progress, before, total))
        for (row, number), reply in zip(places, replies, strict=True):
            found[row][number] = reply
        before += len(places)
    return found


def _told(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _prompts_hash(asked: Sequence[Prompt]) -> str:
    return artifacts.content_hash(*(part for prompt in asked for part in (prompt.text, prompt.told)))


def _hash_of(comparer: Any, hashes: HashMemo) -> str:
    if not isinstance(comparer, str | Path):
        return ""
    inside = Path(comparer) / "labeler"  # a run's folder stands for the labeler in it
    return hashes.of(inside if inside.is_dir() else Path(comparer))


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
