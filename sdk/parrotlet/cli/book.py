"""``parrotlet say @book.txt -o DIR/``: each chapter into a file of its own, on all cores, going on where it was."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from parrotlet.audio import SYNTHETIC, AudioChunk, Mark
from parrotlet.cli.common import emit, load_engine, open_store
from parrotlet.cli.progress import Bar
from parrotlet.cli.speech import CHAPTER, not_empty, require_format, speak_options
from parrotlet.encoding import write_audio
from parrotlet.errors import InputError, ParrotletError, UsageError
from parrotlet.output import open_output
from parrotlet.store import find_voice
from parrotlet.subtitles import heard, require_subtitles, write_subtitles
from parrotlet.text.chapters import chapters

CONTENTS = "chapters.json"
"""The file beside the chapters that says which are done, and what of: their sha256 with that of the options."""
_TITLE = 40


class Task(NamedTuple):
    """One chapter: its title and text, where it goes, and what it is made of."""

    title: str
    text: str
    file: Path
    subtitles: Path | None
    sha256: str

    def is_done(self, contents: dict[str, str]) -> bool:
        """Whether its files are there, made from the same."""
        made = self.file.exists() and (self.subtitles is None or self.subtitles.exists())
        return made and contents.get(self.file.name) == self.sha256


def book(options: argparse.Namespace, text: str) -> None:
    """Speak the chapters that are not there yet, or not of this text in this voice. Raises UsageError, InputError."""
    if options.raw:
        raise UsageError("chapters are written into files: leave out --raw")
    if options.format == "ssml":
        raise UsageError("SSML has no chapters: name one file with -o")
    pattern = _pattern(options.output, f"{CHAPTER}.wav")
    require_format(pattern)
    captions = _pattern(options.subtitles, f"{CHAPTER}.srt") if options.subtitles else None
    if captions is not None:
        require_subtitles(captions)
    settings = speak_options(options)
    parts = chapters(text, options.format)
    if not parts:
        raise InputError("the text holds nothing to say: write words, or a pause such as [[pause 500ms]]")
    bird = load_engine(options)
    profile = find_voice(bird, options.voice, lambda: open_store(options))
    voice = bird.voice(profile, options.likeness)
    made_of = repr((bird.bundle.model_sha256, options.voice, profile.created, voice.likeness, settings, options.format))
    tasks = []
    for number, (title, part) in enumerate(parts, 1):
        name = f"{number:0{max(2, len(str(len(parts))))}}-{_slug(title) or 'part'}"
        digest = hashlib.sha256(f"{made_of}\0{part}".encode()).hexdigest()
        tasks.append(Task(title, part, _named(pattern, name), captions and _named(captions, name), digest))
    for folder in {path.parent for path in (pattern, captions) if path is not None}:
        _make(folder)
    contents = _read(pattern.parent)
    waiting = [task for task in tasks if not task.is_done(contents)]
    stop = threading.Event()

    def speak(task: Task) -> float:
        utterances: list[tuple[Mark, ...]] = []
        chunks = bird.speak(task.text, voice, options=settings, format=options.format)
        try:
            going = bar.count(_until(stop, heard(not_empty(chunks), utterances)), _characters)
            seconds = write_audio(task.file, going, bird.sample_rate, SYNTHETIC)
            if task.subtitles is not None:
                write_subtitles(task.subtitles, utterances)
        except ParrotletError as error:
            raise type(error)(f"chapter {task.file.stem}: {error}") from error
        return seconds

    seconds = 0.0
    with (
        Bar(sum(len(task.text) for task in waiting), "chapters", len(tasks), len(tasks) - len(waiting)) as bar,
        ThreadPoolExecutor(os.cpu_count() or 1) as threads,
    ):
        work: dict[Future[float], Task] = {threads.submit(speak, task): task for task in waiting}
        try:
            for future in _as_they_end(work, bar):
                seconds += future.result()
                contents[work[future].file.name] = work[future].sha256
                _write(pattern.parent, contents)
                bar.done += 1
        except BaseException:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
            raise
    kept = len(tasks) - len(waiting)
    files = [{"file": str(task.file), "title": task.title} for task in tasks]
    said = f"{pattern.parent}: {len(waiting)} chapters, {seconds:.1f} s" + (f"; {kept} were done already" * bool(kept))
    emit(options, {"files": files, "written": len(waiting), "kept": kept, "seconds": round(seconds, 3)}, said)


class _Stopped(Exception):
    """Another chapter failed, or the user ended it."""


def _until(stop: threading.Event, chunks: Iterable[AudioChunk]) -> Iterator[AudioChunk]:
    for chunk in chunks:
        if stop.is_set():
            raise _Stopped
        yield chunk


def _as_they_end(work: Iterable[Future[float]], bar: Bar) -> Iterator[Future[float]]:
    waiting = set(work)
    while waiting:
        ended, waiting = wait(waiting, timeout=bar.step, return_when=FIRST_COMPLETED)
        yield from ended
        bar.show()


def _characters(chunk: AudioChunk) -> float:
    return sum(len(word.text) + 1 for word in chunk.words)


def _pattern(given: str | Path, name: str) -> Path:
    """The path of a file with {chapter} in its name, of one that is so or a folder. Raises UsageError."""
    path = Path(given)
    if CHAPTER not in str(path):
        path = path / name
    if CHAPTER not in path.name or CHAPTER in str(path.parent):
        raise UsageError(f"{given}: {CHAPTER} stands in the name of the file, not of its folder")
    return path


def _named(pattern: Path, name: str) -> Path:
    return pattern.with_name(pattern.name.replace(CHAPTER, name))


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")[:_TITLE].rstrip("-")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}: name another folder with -o") from error


def _read(folder: Path) -> dict[str, str]:
    """What is done there; nothing where no such file is, or another's."""
    try:
        done = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))["done"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return done if isinstance(done, dict) else {}


def _write(folder: Path, done: dict[str, str]) -> None:
    with open_output(folder / CONTENTS) as file:
        file.write(json.dumps({"done": done}, indent=1, ensure_ascii=False).encode() + b"\n")
