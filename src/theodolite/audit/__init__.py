"""The main job: from a spec to `audit.json` and `report.html`."""

from theodolite.audit.match import match_control
from theodolite.audit.opening import Opened, open_control, open_subject, open_target
from theodolite.audit.plan import Planned, plan
from theodolite.audit.reading import read_audit
from theodolite.audit.run import Prepared, prepare, run_audit
from theodolite.audit.spec import build_spec, read_spec_file, set_value
from theodolite.audit.store import Store

__all__ = [
    "Opened",
    "Planned",
    "Prepared",
    "Store",
    "build_spec",
    "match_control",
    "open_control",
    "open_subject",
    "open_target",
    "plan",
    "prepare",
    "read_audit",
    "read_spec_file",
    "run_audit",
    "set_value",
]
