"""Is a batch of pairs unlike those a labeler was fitted on? `Reference` at fit time, `shift` when labelling."""

from weaklabel.shift.found import Change, Shift, shift
from weaklabel.shift.reference import Reference

__all__ = ["Change", "Reference", "Shift", "shift"]
