"""Theodolite audits language models for misalignment, with a clean control in every finding.

The names below are loaded when they are first used: importing the package loads nothing heavy.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from theodolite.audit import build_spec, prepare, read_audit, run_audit
    from theodolite.core import (
        Association,
        Audit,
        AuditSpec,
        Context,
        Evidence,
        Finding,
        Hypothesis,
        Instrument,
        InstrumentConfig,
        Measure,
        Rate,
        Sample,
        Target,
    )
    from theodolite.report import render_html
    from theodolite.targets import open_data, open_model
    from theodolite.testing import check_instrument

__all__ = [
    "Association",
    "Audit",
    "AuditSpec",
    "Context",
    "Evidence",
    "Finding",
    "Hypothesis",
    "Instrument",
    "InstrumentConfig",
    "Measure",
    "Rate",
    "Sample",
    "Target",
    "__version__",
    "build_spec",
    "check_instrument",
    "open_data",
    "open_model",
    "prepare",
    "read_audit",
    "render_html",
    "run_audit",
]

__version__ = version("theodolite")

_HOMES = {
    "audit": ("build_spec", "prepare", "read_audit", "run_audit"),
    "report": ("render_html",),
    "targets": ("open_data", "open_model"),
    "testing": ("check_instrument",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME.get(name, 'core')}"), name)
