"""Everything Theodolite raises on purpose.

TheodoliteError
├── UserError              the person at the keyboard can fix it: one line and a hint, exit code 2
│   ├── SpecError          an option, key or value of the audit's specification
│   ├── ModelError         a model folder that cannot be opened safely
│   ├── DataError          a data file that cannot be read
│   ├── OutputError        a run directory that cannot be used
│   └── InstrumentError    an instrument that is unknown, or claimed by two plug-ins
├── GateError              a model organism that did not reach its behaviour gate
└── ContractError          an instrument that broke the contract of `theodolite.core.Instrument`
"""

__all__ = [
    "ContractError",
    "DataError",
    "GateError",
    "InstrumentError",
    "ModelError",
    "OutputError",
    "SpecError",
    "TheodoliteError",
    "UserError",
]


class TheodoliteError(Exception):
    """The root of the tree: catching it catches whatever Theodolite raises on purpose."""


class UserError(TheodoliteError):
    """What is wrong, with the value, and what to do about it, in one sentence.

    Args:
        problem: what is wrong, with the offending value, without a full stop.
        hint: what to do, as an imperative, without a full stop.
    """

    def __init__(self, problem: str, hint: str) -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"{problem}; {hint}.")


class SpecError(UserError):
    """An option, key or value of the audit's specification is wrong."""


class ModelError(UserError):
    """A model folder is missing, unsafe, damaged or not understood."""


class DataError(UserError):
    """A data file is missing, empty, or in a shape that is not understood."""


class OutputError(UserError):
    """A run directory cannot be written, or belongs to another audit."""


class InstrumentError(UserError):
    """An instrument is unknown, or two plug-ins claim its name."""


class GateError(TheodoliteError):
    """A model organism did not reach its behaviour gate within its budget of steps."""


class ContractError(TheodoliteError):
    """An instrument returned something that the contract does not allow."""
