"""Who is asked for responses: local models and endpoints behind one interface, and where their answers are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from weaklabel._paths import expanded
from weaklabel._progress import bar
from weaklabel._validation import check_least
from weaklabel.artifacts import content_hash
from weaklabel.artifacts.hash_memo import HashMemo
from weaklabel.data.asked.prompts import Prompt
from weaklabel.errors import ConfigError, EndpointError, MissingExtraError
from weaklabel.servers.client import Client
from weaklabel.servers.endpoint import Endpoint
from weaklabel.servers.protocol import Reply, Request
from weaklabel.servers.replies import ReplyCache
from weaklabel.training.sampling import Sampling, cut_at
from weaklabel.types.messages import asking_transcript, joined, template_turns

if TYPE_CHECKING:
    from weaklabel.training.decoding import Responder

Keep = Callable[[Mapping[str, Reply]], None]
"""Called with answers, by the keys of their questions, as soon as they are there."""

_WEIGHTS: Final = (".json", ".safetensors", ".jinja", ".model", ".txt")
_MOST_IN_A_ROW: Final = 20  # requests that fail one after another before the work ends


@dataclass(frozen=True, slots=True)
class Slot:
    """One response that is wanted: which prompt, the how-manieth response to it, and the hash of both with the model."""

    prompt: Prompt
    number: int
    key: str

    @classmethod
    def of(cls, prompt: Prompt, number: int, identity: str) -> Slot:
        return cls(prompt, number, content_hash(identity, prompt.told, str(number)))

    def draw_key(self, seed: int) -> str:
        """Of the random numbers: neither the model nor its place on disk is part of it."""
        return content_hash("draw 1", str(seed), self.prompt.told, str(self.number))


class Source(Protocol):
    """A model that gives responses. What is made asks nothing: neither a server nor the hub."""

    @property
    def name(self) -> str:
        """For people and for the columns `model_a` and `model_b`."""

    @property
    def about(self) -> dict[str, Any]:
        """What the manifest says of it."""

    @property
    def asked(self) -> dict[str, Any]:
        """Everything that a response rests on, beside the prompt.

        Raises:
            ConfigError: a model that is not there.
        """

    def ask(self, slots: Sequence[Slot], known: Collection[str], keep: Keep) -> Iterator[int]:
        """Answer the slots whose keys are not `known`, `keep` each reply; yields how many are done or failed."""


@dataclass
class MemorySource:
    """A model that is in memory already, such as one in training: it is asked as training asks, chat template or not.

    Its weights are hashed when `asked` is.
    """

    responder: Responder
    sampling: Sampling
    batch_size: int = 16

    def __post_init__(self) -> None:
        check_least("batch_size", self.batch_size, 1)

    @property
    def name(self) -> str:
        return self.responder.name

    @property
    def about(self) -> dict[str, Any]:
        return {"model": self.name, "sha256": self.responder.weights_hash()}

    @property
    def asked(self) -> dict[str, Any]:
        return {"weights": self.responder.weights_hash(), **self.sampling.in_force}

    def ask(self, slots: Sequence[Slot], known: Collection[str], keep: Keep) -> Iterator[int]:
        from weaklabel.training.tokens import prompt_ids

        given = [(slot.prompt.text, slot.prompt.messages if slot.prompt.given else ()) for slot in slots]
        ids = prompt_ids(given, self.responder.tokenizer)
        yield from _asked(self.responder, ids, slots, known, keep, self.sampling, self.batch_size)


@dataclass
class LocalSource:
    """A model in a folder, or of the hub as "hf:org/name". Found and hashed when `asked` is, loaded with the first question."""

    name: str
    sampling: Sampling
    hashes: HashMemo
    batch_size: int = 16
    dtype: str = "auto"
    device: str | None = None

    def __post_init__(self) -> None:
        check_least("batch_size", self.batch_size, 1)

    @cached_property
    def folder(self) -> Path:
        """Where the model lies; of the hub it is fetched."""
        return _model_folder(self.name)

    @cached_property
    def weights(self) -> str:
        """Hash of the model's files."""
        files = sorted(file for file in self.folder.iterdir() if file.suffix in _WEIGHTS and file.is_file())
        return content_hash(*(part for file in files for part in (file.name, self.hashes.of(file))))

    @property
    def about(self) -> dict[str, Any]:
        return {"model": self.name, "sha256": self.weights, "dtype": self.dtype}

    @property
    def asked(self) -> dict[str, Any]:
        return {"weights": self.weights, "dtype": self.dtype, **self.sampling.in_force}

    def ask(self, slots: Sequence[Slot], known: Collection[str], keep: Keep) -> Iterator[int]:
        try:
            from weaklabel.training.decoding import Responder
        except ImportError:
            raise MissingExtraError.for_extra("generating with a local model", "train") from None
        responder = Responder.load(self.folder, device=self.device, dtype=self.dtype)
        messages = [slot.prompt.messages for slot in slots]
        yield from _asked(responder, messages, slots, known, keep, self.sampling, self.batch_size)


def _asked(
    responder: Responder,
    prompts: Sequence[Any],
    slots: Sequence[Slot],
    known: Collection[str],
    keep: Keep,
    sampling: Sampling,
    batch_size: int,
) -> Iterator[int]:
    """`Source.ask` of a local model; `prompts` are messages or token ids, one per slot."""
    wanted = [(prompt, slot.draw_key(sampling.seed)) for prompt, slot in zip(prompts, slots, strict=True)]
    there = {i for i, slot in enumerate(slots) if slot.key in known}
    done = 0
    for batch in responder.replies(wanted, sampling, batch_size=batch_size, known=there):
        keep({slots[at].key: reply for at, reply in batch})
        done += len(batch)
        yield done


@dataclass
class EndpointSource:
    """A model behind an OpenAI-compatible endpoint. The seed goes along; whether the server obeys it is its affair."""

    endpoint: Endpoint
    sampling: Sampling
    body: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if secret := [name for name in self.body if "key" in name.lower() or "auth" in name.lower()]:
            raise ConfigError(f"a field is {secret[0]!r}. A key goes into an environment variable: key_env.")
        if self.sampling.num_beams > 1:
            raise ConfigError(
                f"num_beams is {self.sampling.num_beams} for {self.endpoint.model!r} at an endpoint, and servers have no "
                "common beam search. Set num_beams to 1, or name a local model."
            )

    @property
    def about(self) -> dict[str, Any]:
        to = self.endpoint
        return {"model": to.model, "url": to.url, "api": to.api, "body": dict(self.body)}

    @property
    def asked(self) -> dict[str, Any]:
        to = self.endpoint
        return {"model": to.model, "api": to.api, "body": dict(self.body), **self.sampling.in_force}

    @property
    def name(self) -> str:
        return self.endpoint.model

    def ask(self, slots: Sequence[Slot], known: Collection[str], keep: Keep) -> Iterator[int]:
        todo = [slot for slot in slots if slot.key not in known]
        jobs = ((slot, self.request(slot)) for slot in todo)
        in_a_row, has_answered = 0, bool(known)
        with (
            Client(self.endpoint) as client,
            closing(
                client.ask_all(jobs, on_reply=lambda slot, reply: keep({slot.key: self._own(reply)}))
            ) as answers,
        ):
            for done, (_, answer) in enumerate(answers, 1):
                if isinstance(answer, Reply):
                    has_answered, in_a_row = True, 0
                    yield done
                    continue
                in_a_row += 1
                # A server that is gone, or that never took such a request; not some prompts too long for it.
                never = not has_answered and in_a_row >= min(_MOST_IN_A_ROW, len(todo))
                if never or (in_a_row >= _MOST_IN_A_ROW and not answer.lasting):
                    raise EndpointError(
                        f"model {self.name!r}: {in_a_row} requests in a row failed, the last because "
                        f"{answer.error}. What was answered is kept; the same command continues."
                    )
                yield done

    def request(self, slot: Slot) -> Request:
        """What is sent. Each response of a prompt has a seed of its own."""
        drawn = self.sampling
        body: dict[str, Any] = {"temperature": drawn.temperature, "top_p": drawn.top_p}
        body["seed"] = int(slot.draw_key(drawn.seed)[:7], 16)  # 28 bits: every server's integers hold them
        if drawn.top_k:
            body["top_k"] = drawn.top_k
        if self.endpoint.api == "chat":
            body["messages"] = joined(template_turns(slot.prompt.messages))
        if self._stops:
            body["stop"] = list(self._stops)
        prompt = asking_transcript(slot.prompt.messages)
        return Request(prompt, max_tokens=drawn.max_new_tokens, body=body | dict(self.body))

    def _own(self, reply: Reply) -> Reply:
        kept = cut_at(reply.text, self._stops)
        if kept == reply.text:
            return reply
        return Reply(kept, (), "stop", reply.refused, reply.tokens_in, reply.tokens_out)

    @property
    def _stops(self) -> tuple[str, ...]:
        return self.sampling.stops(has_template=self.endpoint.api == "chat")


def answers_of(
    source: Source,
    wanted: Sequence[tuple[Prompt, int]],
    folder: str | Path,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Reply | None]:
    """The replies to `wanted` in its order, of those at hand and for the rest by asking; None where asking failed.

    What is answered is on disk before it is used: a run that is killed asks for the rest alone, in the same batches, and
    ends with the same replies.

    Args:
        source: who is asked: a model in memory, in a folder, or at an endpoint.
        wanted: `(prompt, number)`: the how-manieth response to it.
        folder: where replies are kept, in a file of JSON lines per source and sampling.
        progress: told how many replies there are.

    Raises:
        ConfigError: a source that cannot be asked so. EndpointError: a server that cannot be used.
        ArtifactError: replies cannot be kept there.
    """
    identity = content_hash("responses 1", json.dumps(source.asked, sort_keys=True))
    slots = [Slot.of(prompt, number, identity) for prompt, number in wanted]
    cached = ReplyCache(folder, source.name.rpartition("/")[2], identity)
    if any(slot.key not in cached for slot in slots):
        with cached.held():
            # Now: while this waited for the file, others may have asked.
            known = {slot.key for slot in slots if slot.key in cached}
            progress(len(known))
            with bar(f"responses of {source.name}", len(slots)) as step:
                step(before := len(known))
                for done in source.ask(slots, known, cached.add):
                    step(len(known) + done - before)
                    progress(before := len(known) + done)
    progress(len(slots))
    return [cached.get(slot.key) for slot in slots]


def _model_folder(name: str) -> Path:
    """Where a model lies: the folder itself, or the hub's copy of "hf:org/name", fetched if it is not there."""
    if name.startswith("hf:"):
        try:
            from weaklabel.training.models.hub import fetched
        except ImportError:
            raise MissingExtraError.for_extra("a model of the hub", "train") from None
        return fetched(name)
    folder = Path(expanded(name, "the model"))
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file():
            raise ConfigError(
                f"{name!r} is an adapter, not a whole model. Merge it into its base (merge_and_unload), save that, and name "
                "its folder."
            )
        what = "holds no config.json" if folder.is_dir() else "is no folder"
        raise ConfigError(
            f"there is no model {name!r}: it {what}. Name a folder with a saved model, hf:org/name of the hub, or "
            "NAME@http://host:port/v1 at an endpoint."
        )
    return folder
