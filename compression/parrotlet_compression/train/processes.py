"""Work that is divided among forked processes, which write to shared memory."""

from __future__ import annotations

import math
import mmap
import multiprocessing
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm


def shared_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Zeros in memory that forked processes can write to."""
    memory = mmap.mmap(-1, math.prod(shape) * dtype.itemsize)
    return np.frombuffer(memory, dtype).reshape(shape)


def in_processes(work: Callable[[int], None], count: int, processes: int) -> None:
    """Call ``work`` with 0 … count - 1. Results are lost: ``work`` must write them to ``shared_zeros``."""

    def stripe(first: int, step: int) -> None:
        for number in tqdm(range(first, count, step), desc="enroll", mininterval=5, disable=first > 0):
            work(number)

    if processes < 2 or "fork" not in multiprocessing.get_all_start_methods():
        stripe(0, 1)
        return
    context = multiprocessing.get_context("fork")  # they share the gigabytes that they read
    started = [context.Process(target=stripe, args=(first, processes)) for first in range(processes)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    if any(process.exitcode for process in started):
        raise RuntimeError("a process that enrolls voices has failed")
