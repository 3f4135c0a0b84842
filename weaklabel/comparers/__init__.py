"""Everything that answers "does B beat A?": loading it, checking it, asking it with care, and yardsticks to hold it against.

An expert answers pairs or single responses (`expert`). Wrappers compose, the outermost first:

    Metered(AskedBothWays(...), ...)    answers kept by content, counted in a ledger; both orders averaged

A newcomer adds one file with a class that has `compare`, and a line in `tests/contracts/test_contract_comparers.py`.
"""

from weaklabel.comparers.loading import comparer_hash, load, object_hash, open_comparer

__all__ = ["comparer_hash", "load", "object_hash", "open_comparer"]
