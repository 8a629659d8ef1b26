"""Ways to hold a process and its children to a share of a CPU, and the choice among them."""

from .choice import LIMITERS, Choice, choose
from .interface import Cage, Limiter

__all__ = ["LIMITERS", "Cage", "Choice", "Limiter", "choose"]
