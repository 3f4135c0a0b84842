"""One self-contained HTML page about labels."""

from weaklabel.report.build import write_report
from weaklabel.report.judged import Judged, honest_labels, judge

__all__ = ["Judged", "honest_labels", "judge", "write_report"]
