"""Random numbers that were drawn before: who asks with the same generator in the same state gets the same ones at once.

Bootstrap weights and shuffled labels do not depend on the values that they weigh, and audits seed their generators by
what is compared. So when lists change and users do not, as while a knob is moved, nothing has to be drawn again.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np

MOST_BYTES = 2**27  # of all that is kept
Draw = Callable[[np.random.Generator], np.ndarray]


class Drawn:
    """The latest arrays that were drawn, each with the state in which it left its generator; safe among threads."""

    def __init__(self, most_bytes: int = MOST_BYTES):
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, tuple[np.ndarray, dict]] = OrderedDict()
        self._lock = threading.Lock()

    def once(self, what: Hashable, draw: Draw, rng: np.random.Generator) -> np.ndarray:
        """What `draw` makes with the generator, which ends in the same state whether it was drawn now or before.

        Args:
            what: all that the result depends on besides the generator's state.

        Returns:
            an array that must not be written to.
        """
        key = what, repr(rng.bit_generator.state)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found, after = self._kept[key]
                rng.bit_generator.state = after
                return found
        found = draw(rng)
        found.flags.writeable = False
        with self._lock:
            self._keep(key, found, rng.bit_generator.state)
        return found

    def _keep(self, key: Hashable, found: np.ndarray, after: dict) -> None:
        if key in self._kept or found.nbytes > self._most:
            return
        self._kept[key] = found, after
        self._bytes += found.nbytes
        while self._bytes > self._most:
            _, (oldest, _) = self._kept.popitem(last=False)
            self._bytes -= oldest.nbytes


DRAWN = Drawn()
