"""Is a batch of pairs unlike those a labeler was fitted on? `Reference` at fit time, `shift` when labelling."""

from weaklabel.shift.reference import Reference
from weaklabel.shift.report import Change, ShiftReport, shift

__all__ = ["Change", "Reference", "ShiftReport", "shift"]
