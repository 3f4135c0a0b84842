"""Everything that answers "does B beat A?": loading it, checking it, and yardsticks to hold it against."""

from weaklabel.comparers.loading import load

__all__ = ["load"]
