"""One self-contained HTML page about labels."""

from weaklabel.report.build import report_html, write_report
from weaklabel.report.judged import Judged, honest_labels, judge

__all__ = ["Judged", "honest_labels", "judge", "report_html", "write_report"]
