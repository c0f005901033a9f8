"""Values between rows: the mel bands of another vocal tract, the frames of another speed."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Real = TypeVar("Real", np.float32, np.float64)


def rows_at(rows: npt.NDArray[Real], places: npt.NDArray[np.float64]) -> npt.NDArray[Real]:
    """What lies at places [K] from 0 to N - 1 between rows [N, C], by linear interpolation: [K, C]."""
    low = np.floor(places).astype(int)
    part = (places - low).astype(rows.dtype)[:, None]
    return rows[low] * (1 - part) + rows[np.minimum(low + 1, len(rows) - 1)] * part
