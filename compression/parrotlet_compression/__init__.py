"""Training, distillation, quantization and export of Parrotlet's models (needs torch; never on a device)."""
