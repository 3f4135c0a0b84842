"""What rooms hand to each other: pairs, votes, labels, and the one question that comparers answer."""

from weaklabel.types.comparer import Bare, CanCompare, Comparer, answer_of, as_comparer, interval_of
from weaklabel.types.fault import FAULT_KINDS, Fault, FaultKind
from weaklabel.types.features import PairFeatures
from weaklabel.types.labels import Explanation, Labels, Reason, Refit, sigmoid
from weaklabel.types.labels_file import LabelsFile
from weaklabel.types.messages import Message
from weaklabel.types.pair import ABSTAIN, PREFER_A, PREFER_B, Pair
from weaklabel.types.pairs import (
    CANONICAL,
    GOLD_VALUES,
    PARTS,
    TURNED_GOLD,
    Pairs,
    SetAside,
)
from weaklabel.types.prompt_key import prompt_key
from weaklabel.types.text import Text, collapse_whitespace
from weaklabel.types.votes import (
    Float32Array,
    FloatArray,
    Int8Array,
    Votes,
    signed_votes,
    swap_votes,
)

__all__ = [
    "ABSTAIN",
    "CANONICAL",
    "FAULT_KINDS",
    "GOLD_VALUES",
    "PARTS",
    "PREFER_A",
    "PREFER_B",
    "TURNED_GOLD",
    "Bare",
    "CanCompare",
    "Comparer",
    "Explanation",
    "Fault",
    "FaultKind",
    "Float32Array",
    "FloatArray",
    "Int8Array",
    "Labels",
    "LabelsFile",
    "Message",
    "Pair",
    "PairFeatures",
    "Pairs",
    "Reason",
    "Refit",
    "SetAside",
    "Text",
    "Votes",
    "answer_of",
    "as_comparer",
    "collapse_whitespace",
    "interval_of",
    "prompt_key",
    "sigmoid",
    "signed_votes",
    "swap_votes",
]
