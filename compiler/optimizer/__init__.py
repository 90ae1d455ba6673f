"""The model optimizer's report: what each step costs in accuracy and gains in predicted cycles."""

from compiler.optimizer.cycles import predictor
from compiler.optimizer.steps import Plan, Row, rows
from compiler.optimizer.subject import Subject, subject

__all__ = ["Plan", "Row", "Subject", "predictor", "rows", "subject"]
