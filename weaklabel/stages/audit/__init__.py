"""What becomes of a policy while it trains: fixed questions at every checkpoint, and warnings in plain words.

asked policy monitors    prompts and answers; what the model is asked; what functions and comparers say
choices                  multiple-choice questions
warned                   from where each warning speaks, and what it says
auditor result page      the looks, on the disk; what they found; the HTML page
"""

from weaklabel.stages.audit.auditor import Auditor
from weaklabel.stages.audit.result import Audit, Look
from weaklabel.stages.audit.settings import AuditSettings
from weaklabel.stages.audit.warned import WARNINGS, Warned

__all__ = ["WARNINGS", "Audit", "AuditSettings", "Auditor", "Look", "Warned"]
