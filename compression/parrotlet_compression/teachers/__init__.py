"""Teachers: larger models the students learn from; never shipped."""
