"""Training, distillation, quantization and export of Parrotlet's models (needs torch; never on a device)."""

import parrotlet_runtimes as _runtimes  # noqa: F401 - switches onnxruntime's telemetry off before a module loads it
