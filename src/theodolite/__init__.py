"""Theodolite audits language models for misalignment, with a clean control in every finding."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("theodolite")
