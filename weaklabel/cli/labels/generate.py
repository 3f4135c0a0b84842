"""`weaklabel generate`: responses of models to prompts, made into pairs and labelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weaklabel.cli._common import _columns, emit, json_option, note, results_only

if TYPE_CHECKING:
    from weaklabel.servers.endpoint import Endpoint


@click.command("generate")
@click.option(
    "--prompts", required=True, metavar="FILE", help="Pairs in any layout, or rows with prompt or messages."
)
@click.option(
    "--model", "models", multiple=True, required=True, metavar="MODEL",
    help="Folder, hf:org/name, or NAME@http://host:port/v1. May repeat.",
)  # fmt: skip
@click.option(
    "--comparer", required=True, metavar="FOLDER", help="What labels: runs/base/labeler, a reward model."
)
@click.option("--out", required=True, metavar="FILE", help="A .parquet or .jsonl file.")
@click.option("-k", "--responses", "k", type=int, default=2, show_default=True, help="Responses per prompt.")
@click.option("--each", is_flag=True, help="So many of every model, instead of models in turn.")
@click.option(
    "--pair-up", type=click.Choice(["all", "neighbours"]), default="all", show_default=True,
    help="Which responses of a prompt are compared.",
)  # fmt: skip
@click.option(
    "--temperature", type=float, default=1.0, show_default=True, help="0 takes the likeliest token."
)
@click.option(
    "--top-p", type=float, default=1.0, show_default=True, help="Draw from the likeliest that reach it."
)
@click.option(
    "--top-k", type=int, default=0, show_default=True, help="Draw from so many of the likeliest; 0: all."
)
@click.option("--max-new-tokens", type=int, default=256, show_default=True, help="Longest response.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the responses and of their order.")
@click.option("--columns", metavar="prompt=q,...", callback=_columns, help="Which column is which.")
@click.option("--limit", type=int, help="Ask the first so many prompts only.")
@click.option("--include-test", is_flag=True, help="Ask locked test prompts too.")
@click.option("--append", is_flag=True, help="Keep the pairs that FILE holds already.")
@click.option(
    "--batch-size", type=int, default=16, show_default=True, help="Local models: responses at once."
)
@click.option("--dtype", default="auto", show_default=True, help="Local models: float32, bfloat16, float16.")
@click.option("--device", help="Local models: cpu, cuda. Default: a GPU where there is one.")
@click.option(
    "--api", type=click.Choice(["chat", "completions"]), default="chat", show_default=True,
    help="Endpoints: completions for a model without a chat template.",
)  # fmt: skip
@click.option("--key-env", metavar="NAME", help="Endpoints: the environment variable with the key.")
@click.option("--concurrency", type=int, default=8, show_default=True, help="Endpoints: requests at once.")
@click.option(
    "--timeout", type=float, default=60.0, show_default=True, help="Endpoints: seconds one try may take."
)
@click.option("--max-tries", type=int, default=5, show_default=True, help="Endpoints: tries of one request.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=JSON",
    help="Endpoints: one more field, as seed=omit. May repeat.",
)
@click.option("--price-in", type=float, help="Endpoints: price of a million tokens in.")
@click.option("--price-out", type=float, help="Endpoints: price of a million tokens out.")
@json_option
def command(
    as_json: bool,
    prompts: str,
    models: tuple[str, ...],
    comparer: str,
    out: str,
    api: str,
    key_env: str | None,
    concurrency: int,
    timeout: float,
    max_tries: int,
    fields: tuple[str, ...],
    **options: Any,
) -> None:
    """Sample responses to prompts, pair them, label the pairs, and write a file that weaklabel reads as pairs.

    A run that was killed continues with the same command: what was answered is kept in .weaklabel/responses.

    \b
    weaklabel generate --prompts prompts.jsonl --model models/a --model models/b \\
        --comparer runs/base/labeler --out generated.parquet
    weaklabel generate --prompts pairs.parquet --model tiny@http://127.0.0.1:8000/v1 -k 4 \\
        --comparer runs/base/reward --out generated.jsonl
    """
    results_only()
    from weaklabel.pipeline.generating import generate_pairs
    from weaklabel.servers.endpoint import Endpoint
    from weaklabel.training.sampling import Sampling

    def model_of(text: str) -> str | Endpoint:
        name, at, address = text.partition("@http")
        if not at:
            return text
        patience = {"timeout": timeout, "max_tries": max_tries, "concurrency": concurrency}
        return Endpoint(url=f"http{address}", model=name, api=api, key_env=key_env, **patience)  # type: ignore[arg-type]

    drawn = ("temperature", "top_p", "top_k", "max_new_tokens", "seed")
    made = generate_pairs(
        prompts,
        [model_of(text) for text in models],
        Path(comparer),
        out,
        sampling=Sampling(**{name: options.pop(name) for name in drawn}),
        body=dict(_field(text) for text in fields),
        **options,
    )
    if made.counts["set_aside"]:
        note(f"{made.counts['set_aside']:,} rows without a usable prompt were set aside")
    emit(made.to_dict(), str(made), as_json)


def _field(text: str) -> tuple[str, Any]:
    """`name=value`; a value that is no JSON is text."""
    name, equals, value = text.partition("=")
    if not (name.strip() and equals):
        raise click.BadParameter(f"{text!r} is not NAME=JSON. Example: --field seed=omit")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value
