"""A language model grades rows of training data, and cannot be talked to by them.

Read in this order: `rubric` (what is asked), `stripping` and `envelope` (how a row is shown), `answer` and
`judgement` (what comes back), `asking` (the model), `entry` and `ledger` (what is kept), `canaries` (whether
the judge works), `plan` and `shards` (what is asked when), `engine` (where) and `judge` (the door). Beside
it: `kappa` (two judges), `themes` (what rows have in common), `addressing` (rows that speak to a judge).
"""

from theodolite.judge.addressing import speaks_to_a_judge
from theodolite.judge.asking import Settings
from theodolite.judge.canaries import Canaries, OperatingPoint
from theodolite.judge.engine import LocalEngine, RayEngine
from theodolite.judge.judge import Judge
from theodolite.judge.judgement import Judgement
from theodolite.judge.kappa import Agreement, agreement
from theodolite.judge.rubric import Rubric
from theodolite.judge.themes import Pack, Theme, belongs, propose_themes

__all__ = [
    "Agreement",
    "Canaries",
    "Judge",
    "Judgement",
    "LocalEngine",
    "OperatingPoint",
    "Pack",
    "RayEngine",
    "Rubric",
    "Settings",
    "Theme",
    "agreement",
    "belongs",
    "propose_themes",
    "speaks_to_a_judge",
]
