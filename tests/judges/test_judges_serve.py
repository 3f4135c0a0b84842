"""LLM judges against `transformers serve`, with a tiny model that the test makes: no download, known answers."""

from __future__ import annotations

import numpy as np
import pytest
from tiny_models import make_model

from weaklabel.engine import apply
from weaklabel.judges.prompted import judge
from weaklabel.types import Pair, Pairs

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def server(transformers_server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """`(url, model)` of a server and a model that says "A" to everything."""
    folder = make_model(tmp_path_factory.mktemp("tiny"), ("A", "B", "tie"), seed=None)
    return transformers_server, str(folder)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_a_real_server_is_asked_in_both_orders_and_its_taste_for_a_is_seen(server, tmp_path, api):
    url, model = server
    pairs = Pairs.of([Pair(f"p{i}", f"Question {i}?", "x" * i, "y" * (9 - i)) for i in range(4)])
    # This server gives no log-probabilities and says so with an error: the client asks again without.
    tiny = judge(
        "tiny", url=url, model=model, api=api, max_tokens=1, cache=tmp_path, timeout=120, concurrency=2
    )
    votes = apply([tiny], pairs)
    report = tiny.summary(pairs)
    assert not votes.faults
    assert report.bias.counts == {"said": 8}
    assert (report.bias.share_first.value, report.bias.contradictory) == (1.0, 1.0)
    assert (votes.L == -1).all()
    assert np.array_equal(votes.margins[:, 0], np.zeros(4))
    assert report.answers == 8
