"""What a file of labeling functions needs beside the decorators; `weaklabel.lf` offers it under the same names."""

from weaklabel.text import features as features
from weaklabel.text.column import TextColumn as TextColumn
from weaklabel.text.patterns import Pattern as Pattern
from weaklabel.types import ABSTAIN as ABSTAIN
from weaklabel.types import PREFER_A as PREFER_A
from weaklabel.types import PREFER_B as PREFER_B
from weaklabel.types import FloatArray as FloatArray
from weaklabel.types import Pair as Pair
from weaklabel.types import Text as Text
