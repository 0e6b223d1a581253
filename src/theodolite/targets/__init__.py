"""What can be audited: rows of training data, and checkpoints that are opened safely."""

from theodolite.targets.checkpoint.model import Model, open_model
from theodolite.targets.rows.data import Data, DataSummary, open_data
from theodolite.targets.rows.row import Row, Turn, Unreadable

__all__ = ["Data", "DataSummary", "Model", "Row", "Turn", "Unreadable", "open_data", "open_model"]
