"""Reasoning: does the chain of thought make the answer, or only dress it?"""

from theodolite.reasoning.answers import first_mention, same_answer
from theodolite.reasoning.arms import ARMS, Arm, ArmName, Flag, NoArm
from theodolite.reasoning.build import build_arms
from theodolite.reasoning.chain import Chain, Item, count_states, cut_chain, tail_shares
from theodolite.reasoning.chunks import chunked, count_words
from theodolite.reasoning.control import (
    Controllability,
    ControlTrial,
    MonitorRecall,
    MonitorScore,
    measure_controllability,
    measure_monitor,
)
from theodolite.reasoning.corruption import carry_forward
from theodolite.reasoning.curve import Curve, chart_curves, draw_curves, label_curves
from theodolite.reasoning.experiment import Experiment, Spent
from theodolite.reasoning.items_file import read_items
from theodolite.reasoning.logged import Logged, read_logged
from theodolite.reasoning.monitors import (
    Suspicion,
    WatchedChain,
    count_words_of,
    read_watched,
    watch_chains,
)
from theodolite.reasoning.plan import Cost, Design
from theodolite.reasoning.reader import Forced, Free, Reader, Usage
from theodolite.reasoning.readout import ReadOut
from theodolite.reasoning.reliance import Figure, Reliance, measure_reliance
from theodolite.reasoning.rewriting import Rewriting, read_rewritings, rewrite
from theodolite.reasoning.verdict import Band, BandRange, RelianceVerdict, conclude, make_band

__all__ = [
    "ARMS",
    "Arm",
    "ArmName",
    "Band",
    "BandRange",
    "Chain",
    "ControlTrial",
    "Controllability",
    "Cost",
    "Curve",
    "Design",
    "Experiment",
    "Figure",
    "Flag",
    "Forced",
    "Free",
    "Item",
    "Logged",
    "MonitorRecall",
    "MonitorScore",
    "NoArm",
    "ReadOut",
    "Reader",
    "Reliance",
    "RelianceVerdict",
    "Rewriting",
    "Spent",
    "Suspicion",
    "Usage",
    "WatchedChain",
    "build_arms",
    "carry_forward",
    "chart_curves",
    "chunked",
    "conclude",
    "count_states",
    "count_words",
    "count_words_of",
    "cut_chain",
    "draw_curves",
    "first_mention",
    "label_curves",
    "make_band",
    "measure_controllability",
    "measure_monitor",
    "measure_reliance",
    "read_items",
    "read_logged",
    "read_rewritings",
    "read_watched",
    "rewrite",
    "same_answer",
    "tail_shares",
    "watch_chains",
]
