"""Training loops, one module per model, on one resumable loop."""
