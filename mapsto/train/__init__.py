"""Floor 8: the Learner, which trains, evaluates and predicts."""

from mapsto.train.learner import Learner
from mapsto.train.results import Evaluation, History

__all__ = ["Evaluation", "History", "Learner"]
