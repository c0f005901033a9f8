"""How near marked speech is to the same speech without the mark: PESQ, wide band (ITU-T P.862.2, 4.64 at most).

python benchmarks/mark/pesq_marked.py WORK_FOLDER: of survival.py. Needs the package pesq, which builds C code.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
from pesq import pesq

values = []
for path in sorted(Path(sys.argv[1]).glob("*.marked.wav")):
    plain, marked = (
        soxr.resample(soundfile.read(path.with_name(path.name.replace("marked", kind)))[0], 24000, 16000)
        for kind in ("plain", "marked")
    )
    values.append(pesq(16000, plain, marked, "wb"))
    print(f"{path.name} {values[-1]:.3f}")
print(f"mean {np.mean(values):.3f}, least {min(values):.3f}, of {len(values)}")
