"""Which pairs to ask next: rules that pick those whose gold is worth most.

A newcomer adds one file with an `Acquisition` to `strategies/` and one line in `ACQUISITIONS`; `check_acquisition` holds it
to the contract.
"""

from weaklabel.acquisition.base import Acquisition, Chosen
from weaklabel.acquisition.checks import check_acquisition
from weaklabel.acquisition.next import next_pairs
from weaklabel.acquisition.pool import Pool
from weaklabel.acquisition.price import Price
from weaklabel.acquisition.queue import NextPairs
from weaklabel.acquisition.registry import ACQUISITIONS, get_acquisition

__all__ = [
    "ACQUISITIONS",
    "Acquisition",
    "Chosen",
    "NextPairs",
    "Pool",
    "Price",
    "check_acquisition",
    "get_acquisition",
    "next_pairs",
]
