"""``parrotlet say --batch``: the phrases of a device, each into a file of its own."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from parrotlet.cli.common import emit, load_engine, open_store
from parrotlet.cli.progress import Progress
from parrotlet.cli.speech import not_empty, require_format, speak_options
from parrotlet.encoding import write_audio
from parrotlet.errors import InputError, ParrotletError, UsageError
from parrotlet.store import find_voice


class Line(NamedTuple):
    """One phrase: where it goes, what is said and by whom."""

    number: int
    file: Path
    text: str
    voice: str


def batch(options: argparse.Namespace) -> None:
    """Speak the lines whose files are not there yet, several at once."""
    if options.text is not None or options.raw or options.play or options.subtitles:
        raise UsageError("--batch takes its texts from the file, and writes files: leave out TEXT, --raw and --play")
    folder = Path(options.output or "speech")
    lines = list(_lines(options.batch, folder, options.voice))
    waiting = [line for line in lines if not line.file.exists()]
    settings = speak_options(options)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}: name another folder with -o") from error
    seconds = 0.0
    if waiting:
        bird = load_engine(options)
        names = dict.fromkeys(line.voice for line in waiting)
        found = {name: find_voice(bird, name, lambda: open_store(options)) for name in names}
        voices = {name: bird.voice(profile, options.likeness) for name, profile in found.items()}

        def speak(line: Line) -> float:
            chunks = bird.speak(line.text, voices[line.voice], options=settings, format=options.format)
            try:
                return write_audio(line.file, not_empty(chunks), bird.sample_rate)
            except ParrotletError as error:
                raise type(error)(f"{options.batch}:{line.number}: {error}") from error

        with ThreadPoolExecutor(os.cpu_count() or 1) as threads, Progress("files") as progress:
            work = [threads.submit(speak, line) for line in waiting]
            try:
                seconds = sum(progress.count((future.result() for future in work), lambda _: 1))
            except BaseException:
                threads.shutdown(wait=True, cancel_futures=True)
                raise
    result = {"folder": str(folder), "written": len(waiting), "kept": len(lines) - len(waiting)}
    kept = f"; {result['kept']} were there already" if result["kept"] else ""
    emit(options, {**result, "seconds": round(seconds, 3)}, f"{folder}: {len(waiting)} files, {seconds:.1f} s{kept}")


def _lines(source: Path, folder: Path, default_voice: str | None) -> Iterator[Line]:
    """The lines of a file: id, text and perhaps a voice, with tabs between. Raises InputError, UsageError."""
    try:
        rows = [line.rstrip("\r").split("\t") for line in source.read_text(encoding="utf-8-sig").split("\n")]
    except OSError as error:
        raise InputError(f"cannot read {source}: {error.strerror}: check the path") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is not UTF-8: convert it, e.g. with iconv -t UTF-8") from error
    seen: set[Path] = set()
    for number, row in enumerate(rows, 1):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{source}:{number}"
        if len(row) not in (2, 3):
            raise InputError(f"{where}: a line is an id, a text and perhaps a voice, with tabs between")
        name, text, voice = row[0].strip(), row[1], row[2].strip() if len(row) == 3 else ""
        voice = voice or default_voice or ""
        if not voice:
            raise UsageError(f"{where}: no voice: name one in the third column, or give --voice")
        file = folder / (name if Path(name).suffix else f"{name}.wav")
        if not name or Path(name).name != name or name.startswith("."):
            raise InputError(f"{where}: {name!r} is no file name: write letters, digits, dashes")
        require_format(file)
        if file in seen:
            raise InputError(f"{where}: {name!r} is there twice: give each line an id of its own")
        seen.add(file)
        yield Line(number, file, text, voice)
