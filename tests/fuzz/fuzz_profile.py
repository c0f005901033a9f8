"""Coverage-guided fuzzing of the profile format with atheris (test-only, Linux).

    python tests/fuzz/fuzz_profile.py -atheris_runs=100000

The first byte picks what the rest is taken for: a file, or a header, wraps or payload inside a
file whose MAC and tag are right, so that the fuzzer is not stopped by cryptography. Whatever the
input, the documented errors are all that may come out; what parses is written back as the same bytes.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent / "vault"))

with atheris.instrument_imports(include=["parrotlet.vault"]):
    from parrotlet.errors import ProfileFormatError
    from parrotlet.vault.format import parse_file, parse_header, parse_wraps, write_header, write_wraps
    from parrotlet.vault.payload import parse_payload, write_payload

from make_vectors import PATH, WITH_KEY_FILE
from vault_forge import DATA_KEY, MemoryKey, canonical, forge, make_profile, outcome_of, wrap

KEYS = [MemoryKey()]
GOOD = parse_file(base64.b64decode(next(v["file"] for v in json.loads(PATH.read_text()) if v["outcome"] == "opens")))
WRAPS = canonical(wrap())


def one_input(data: bytes) -> None:
    """Judge one input; anything raised from here is a finding."""
    kind, rest = data[:1], data[1:]
    if kind == b"h":
        _check_header(rest)
    elif kind == b"w":
        _check_wraps(rest)
    elif kind == b"p":
        _check_payload(rest)
    else:
        assert outcome_of(rest, KEYS) in {"format", "newer", "unlock", "expired", "opens"}


def _check_header(data: bytes) -> None:
    try:
        header = parse_header(data)
    except ProfileFormatError:
        assert outcome_of(forge(data, WRAPS, b""), KEYS) in {"format", "newer"}
        return
    assert write_header(header) == data


def _check_wraps(data: bytes) -> None:
    try:
        stanzas = parse_wraps(data)
    except ProfileFormatError:
        return
    assert write_wraps(stanzas) == data
    for stanza in stanzas:
        found = KEYS[0].unwrap(stanza)
        assert found is None or len(found) == len(DATA_KEY)


def _check_payload(data: bytes) -> None:
    expected = "format"
    try:
        tensors = parse_payload(data)
        expected = "opens"
        assert write_payload(tensors) == data
    except ProfileFormatError:
        pass
    if len(data) <= 64 * 1024:
        assert outcome_of(forge(GOOD.header, WRAPS, data), KEYS) == expected


def write_seeds(directory: Path) -> None:
    """The vectors, whole and in parts, as a corpus to start from."""
    for vector in json.loads(PATH.read_text(encoding="ascii")):
        file = base64.b64decode(vector["file"])
        if vector["key"] != WITH_KEY_FILE or len(file) > 4000:
            continue
        (directory / vector["name"]).write_bytes(b"f" + file)
        try:
            parts = parse_file(file)
        except ProfileFormatError:
            continue
        (directory / f"{vector['name']}-header").write_bytes(b"h" + parts.header)
        (directory / f"{vector['name']}-wraps").write_bytes(b"w" + parts.wraps)


def main() -> None:
    """Fuzz with libFuzzer's options; without a corpus directory, start from the vectors."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="parrotlet-fuzz-") as name:
        write_seeds(Path(name))
        (Path(name) / "payload").write_bytes(b"p" + bytes(write_payload(make_profile().tensors)))
        atheris.Setup([*sys.argv, "-max_len=4096", name], one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
