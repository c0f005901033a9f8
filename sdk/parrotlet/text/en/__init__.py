"""English: normalization, pronunciation, cutting for streaming."""
