"""``parrotlet say``."""

from __future__ import annotations

import argparse
import codecs
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from parrotlet.audio import SYNTHETIC, AudioChunk, Mark, wav_header
from parrotlet.cli.common import emit, load_engine, open_store, unicode_text
from parrotlet.cli.progress import Progress
from parrotlet.cli.speech import is_book, not_empty, require_format, speak_options
from parrotlet.cli.streams import to_stdout
from parrotlet.encoding import write_audio
from parrotlet.errors import InputError, UsageError
from parrotlet.store import find_voice
from parrotlet.subtitles import heard, require_subtitles, write_subtitles

if TYPE_CHECKING:
    import io

MAX_TEXT_BYTES = 16 * 1024 * 1024


def say(options: argparse.Namespace) -> None:
    """Speak a text to a file, to standard output or to the loudspeaker."""
    if options.batch:
        from parrotlet.cli.batch import batch

        batch(options)
        return
    if options.text is None:
        raise UsageError("no text: give one, or --batch LINES.tsv: see parrotlet say --help")
    if options.voice is None:
        raise UsageError("no voice: give one, such as --voice preset:robin: see parrotlet say --help")
    if options.play and (options.raw or options.output):
        raise UsageError("--play plays, and writes nothing: leave it out, or -o and --raw")
    if is_book(options.output):
        from parrotlet.cli.book import book

        book(options, cast(str, read_text(options.text, streamed=False)))
        return
    output = Path(options.output or "speech.wav")
    piped = options.raw or str(output) == "-"
    if options.raw and options.output and str(output) != "-":
        raise UsageError(f"--raw writes to standard output, not to {output}: leave out --raw or -o")
    require_format(output)
    subtitles = Path(options.subtitles) if options.subtitles else None
    if subtitles:
        require_subtitles(subtitles)
    if piped and sys.stdout.isatty():
        raise UsageError("standard output is a terminal: pipe it into a player, e.g. | aplay -f S16_LE -r 24000")
    settings = speak_options(options)
    text = read_text(options.text, streamed=(piped or options.play) and options.format != "ssml")
    bird = load_engine(options)
    voice = bird.voice(find_voice(bird, options.voice, lambda: open_store(options)), options.likeness)
    utterances: list[tuple[Mark, ...]] = []
    chunks = heard(not_empty(bird.speak(text, voice, options=settings, format=options.format)), utterances)
    if piped:
        _stream(chunks, b"" if options.raw else wav_header(bird.sample_rate, None, SYNTHETIC))
    elif options.play:
        from parrotlet.loudspeaker import play

        seconds = play(chunks, bird.sample_rate)
        emit(options, {"played": True, "seconds": round(seconds, 3)}, f"played {seconds:.1f} s of speech")
    else:
        _write(options, output, chunks, bird.sample_rate)
    if subtitles:
        write_subtitles(subtitles, utterances)


def _write(options: argparse.Namespace, output: Path, chunks: Iterable[AudioChunk], sample_rate: int) -> None:
    started = time.perf_counter()
    with Progress("s of speech") as progress:
        seconds = write_audio(output, progress.count(chunks, lambda chunk: chunk.seconds), sample_rate, SYNTHETIC)
    took = time.perf_counter() - started
    result = {"file": str(output), "seconds": round(seconds, 3), "compute_s": round(took, 3)}
    emit(options, result, f"{output}: {seconds:.1f} s of speech in {took:.2f} s")


def _stream(chunks: Iterable[AudioChunk], header: bytes) -> None:
    for chunk in chunks:
        with to_stdout():
            sys.stdout.buffer.write(header + chunk.int16_bytes())
            sys.stdout.buffer.flush()
        header = b""


def read_text(argument: str, streamed: bool) -> str | Iterator[str]:
    """The text to speak: itself, of standard input (-) or of a file (@FILE); @@ stands for a leading @.

    streamed: standard input as it comes.
    """
    if argument == "-":
        stdin = cast("io.BufferedReader", sys.stdin.buffer)
        pieces = _decoded(iter(lambda: stdin.read1(65536), b""))
        return pieces if streamed else "".join(pieces)
    if argument.startswith("@@"):
        return unicode_text(argument[1:])
    if not argument.startswith("@"):
        return unicode_text(argument)
    try:
        return "".join(_decoded([Path(argument[1:]).read_bytes()]))
    except OSError as error:
        raise InputError(
            f"cannot read {argument[1:]}: {error.strerror}: check the path, or begin a text with @@ for an @"
        ) from error


def _decoded(pieces: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    size = 0
    try:
        for piece in pieces:
            size += len(piece)
            if size > MAX_TEXT_BYTES:
                raise InputError("the text is longer than 16 MiB: split it")
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InputError("the text is not UTF-8: convert it, e.g. with iconv -t UTF-8") from error
