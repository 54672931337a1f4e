"""Policies: the verdict over a group's recorded TaskResults.

``base.py`` holds the contract, ``rules.py`` the built-in policies, ``making.py`` what turns names and
descriptions into policies.
"""

from durable.core.policies.base import GroupExecutionPolicy
from durable.core.policies.factory import AllOf, is_built_in, make_policy
from durable.core.policies.rules import (
    AtLeastNGroupPolicy,
    BestEffortGroupPolicy,
    CriticalGroupPolicy,
    FirstSuccessPolicy,
    MaxFailuresPolicy,
    MinSuccessRatePolicy,
    StrictGroupPolicy,
)

__all__ = [
    "AllOf",
    "AtLeastNGroupPolicy",
    "BestEffortGroupPolicy",
    "CriticalGroupPolicy",
    "FirstSuccessPolicy",
    "GroupExecutionPolicy",
    "MaxFailuresPolicy",
    "MinSuccessRatePolicy",
    "StrictGroupPolicy",
    "is_built_in",
    "make_policy",
]
