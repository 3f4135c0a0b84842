"""What rooms hand to each other: pairs, votes, labels, and the one question that comparers answer."""

from weaklabel.types.comparer import Comparer
from weaklabel.types.features import PairFeatures
from weaklabel.types.labels import Explanation, Labels, Reason, sigmoid
from weaklabel.types.labels_file import LabelsFile
from weaklabel.types.messages import Message
from weaklabel.types.pair import ABSTAIN, PREFER_A, PREFER_B, Pair
from weaklabel.types.pairs import CANONICAL, GOLD_VALUES, PARTS, TURNED_GOLD, Pairs, SetAside, fold
from weaklabel.types.text import Text
from weaklabel.types.votes import (
    Fault,
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
    "GOLD_VALUES",
    "PARTS",
    "PREFER_A",
    "PREFER_B",
    "TURNED_GOLD",
    "Comparer",
    "Explanation",
    "Fault",
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
    "SetAside",
    "Text",
    "Votes",
    "fold",
    "sigmoid",
    "signed_votes",
    "swap_votes",
]
