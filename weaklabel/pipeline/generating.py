"""`generate_pairs` as people meet it: the comparer may be a folder, and the test prompts of its run stay locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaklabel._arguments import checked
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.comparers.loading import labeler_in
from weaklabel.data import PairsFile
from weaklabel.data.asked.prompts import looks_of
from weaklabel.data.sources import PairSource
from weaklabel.generation.generate import Progress, generate
from weaklabel.generation.generated import Generated
from weaklabel.generation.paired import PairUp
from weaklabel.generation.settings import DEFAULT_CACHE, GenerationSettings
from weaklabel.lf.core import LabelingFunction
from weaklabel.pipeline.loading import load
from weaklabel.servers.endpoint import Endpoint
from weaklabel.training.sampling import Sampling
from weaklabel.types import CanCompare, as_comparer


@checked
def generate_pairs(
    prompts: PairSource,
    models: Sequence[str | Endpoint],
    comparer: str | Path | CanCompare,
    out: str | Path,
    *,
    lfs: Sequence[LabelingFunction] | None = None,
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
        lfs: where the comparer is the folder of a labeler, your functions, as for `weaklabel.load`.
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
    settings = GenerationSettings(
        k=k,
        each=each,
        pair_up=pair_up,
        sampling=sampling or Sampling(),
        columns=columns,
        limit=limit,
        include_test=include_test,
        append=append,
        batch_size=batch_size,
        dtype=dtype,
        device=device,
        body=body,
        price_in=price_in,
        price_out=price_out,
        cache=cache,
    )
    settings.check(len(models), Path(out))  # before a comparer is loaded
    given: dict[str, Any] = {"progress": progress}
    if isinstance(comparer, str | Path):
        hashes = HashMemo(Path(cache) / "hashes")
        digest = hashes.of(labeler_in(comparer) or Path(comparer))
        given |= {"comparer_name": str(comparer), "comparer_hash": digest, "locked": locked_prompts(comparer)}
        answers = load(comparer, lfs)
        return generate(prompts, models, answers, out, settings, **given)
    return generate(
        prompts, models, as_comparer(comparer), out, settings, comparer_name=type(comparer).__name__, **given
    )


def locked_prompts(comparer: str | Path) -> frozenset[str]:
    """Hashes of the test prompts of the run to which a comparer's folder belongs; none where it belongs to none."""
    folder = Path(comparer)
    run = folder if (folder / "pairs.parquet").is_file() else folder.resolve().parent
    if not (run / "pairs.parquet").is_file():
        return frozenset()
    file = PairsFile(run / "pairs.parquet")
    rows = (row for i in range(len(file)) for row in file.read(i, ["prompt", "messages", "part"]).to_pylist())
    return frozenset(
        key for row in rows if row["part"] == "test" for key in looks_of(row["prompt"], row["messages"])
    )
