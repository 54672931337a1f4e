"""The laws of the Store contract, by subject. Each is a function whose docstring is the guarantee.

It must not know any store.
"""

from __future__ import annotations

from collections.abc import Callable

from durable.testing.store_laws import (
    appending,
    checkpoints,
    closing,
    inbox,
    leases,
    listing,
    pruning,
    reading,
    sharing,
    sizes,
)
from durable.testing.store_laws.bench import Bench

LAWS: dict[str, list[Callable[[Bench], None]]] = {
    "appending": appending.LAWS,
    "reading": reading.LAWS,
    "listing": listing.LAWS,
    "checkpoints": checkpoints.LAWS,
    "leases": leases.LAWS,
    "inbox": inbox.LAWS,
    "sizes": sizes.LAWS,
    "pruning": pruning.LAWS,
    "closing": closing.LAWS,
    "sharing": sharing.LAWS,
}
"""The laws of each subject, in the order of the contract's methods."""

SHARING = "sharing"
"""The subject whose laws need a second store object over the same data."""
