"""What a server counts, as Prometheus reads it. Neither texts nor names of voices are in it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MIME = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts of one process. Belongs to the event loop's thread."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        self.speech_s = 0.0
        self._first: Counter[float] = Counter()
        self._first_sum = 0.0
        self._first_count = 0

    def request(self, protocol: str, outcome: str) -> None:
        self.requests[protocol, outcome] += 1

    def first_audio(self, seconds: float) -> None:
        """How long somebody waited for the first sound."""
        self._first_sum += seconds
        self._first_count += 1
        self._first.update(bound for bound in BUCKETS if seconds <= bound)

    def text(self, speaking: int, limit: int, voices: int) -> str:
        """Everything, in the text format."""
        lines = ["# HELP parrotlet_requests_total Requests for speech, by protocol and outcome."]
        lines.append("# TYPE parrotlet_requests_total counter")
        for (protocol, outcome), count in sorted(self.requests.items()):
            lines.append(f'parrotlet_requests_total{{protocol="{protocol}",outcome="{outcome}"}} {count}')
        lines += _one("parrotlet_speech_seconds_total", "counter", "Seconds of speech made.", self.speech_s)
        name = "parrotlet_first_audio_seconds"
        lines += [f"# HELP {name} From a request to its first sound.", f"# TYPE {name} histogram"]
        lines += [f'{name}_bucket{{le="{bound:g}"}} {self._first[bound]}' for bound in BUCKETS]
        lines.append(f'{name}_bucket{{le="+Inf"}} {self._first_count}')
        lines += [f"{name}_sum {self._first_sum:.6f}", f"{name}_count {self._first_count}"]
        lines += _one("parrotlet_speaking", "gauge", "Requests that are being spoken or wait.", speaking)
        lines += _one("parrotlet_speaking_limit", "gauge", "How many may; those past it get 429.", limit)
        lines += _one("parrotlet_voices", "gauge", "Voices that are served.", voices)
        lines += _one("process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes())
        return "\n".join(lines) + "\n"


def _one(name: str, kind: str, text: str, value: float) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {value:.12g}"]


def resident_bytes() -> int:
    """Memory of this process; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
