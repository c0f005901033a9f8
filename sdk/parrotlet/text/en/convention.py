"""What differs between the ways in which two countries read the same text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from parrotlet.text.en import tables
from parrotlet.text.en.numbers import AMERICAN, Numbers


@dataclass(frozen=True)
class Convention:
    """How numbers are said, and the tables and pronunciations that are others than the American ones."""

    name: str
    numbers: Numbers = AMERICAN
    tables: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> Any:
        """A table of `tables.py` by its name, or the convention's own."""
        own = self.tables.get(name)
        return getattr(tables, name) if own is None else own


US = Convention("en-US")
