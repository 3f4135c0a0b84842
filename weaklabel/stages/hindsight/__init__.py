"""The stage `hindsight`: a policy learns good and bad outputs, each behind words that say which it is."""

from weaklabel.stages.hindsight.stage import hindsight

__all__ = ["hindsight"]
