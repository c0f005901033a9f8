"""Subtitles from the marks of speech, as SubRip or WebVTT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from parrotlet.audio import AudioChunk, Mark
from parrotlet.errors import UsageError
from parrotlet.output import open_output

LONGEST, LONGEST_S, GAP_S = 84, 6.0, 0.6
"""Characters and seconds of a subtitle at most (two lines of 42), and the silence that begins a new one."""
ENDINGS = {".srt", ".vtt"}


def require_subtitles(path: Path) -> None:
    """Raise UsageError unless the name ends as subtitles do."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"{path}: subtitles are .srt or .vtt: name it {path.with_suffix('.srt')}")


def heard(chunks: Iterable[AudioChunk], utterances: list[tuple[Mark, ...]]) -> Iterator[AudioChunk]:
    """The chunks as they go by, while the words of their utterances are collected."""
    for chunk in chunks:
        if chunk.words:
            utterances.append(chunk.words)
        yield chunk


def write_subtitles(path: Path, utterances: Iterable[Iterable[Mark]]) -> None:
    """Write words, with their times, in the format of the file's ending. Raises UsageError."""
    vtt = path.suffix.lower() == ".vtt"
    with open_output(path) as file:
        file.write(b"WEBVTT\n\n" if vtt else b"")
        for number, cue in enumerate((cue for words in utterances for cue in cues(words)), 1):
            times = f"{_time(cue.start, vtt)} --> {_time(cue.end, vtt)}"
            file.write(f"{number}\n{times}\n{cue.text}\n\n".encode())


def cues(words: Iterable[Mark]) -> Iterator[Mark]:
    """An utterance's words in groups that can be read at once."""
    group: list[Mark] = []
    for word in words:
        if group and (
            len(" ".join(one.text for one in group)) + 1 + len(word.text) > LONGEST
            or word.end - group[0].start > LONGEST_S
            or word.start - group[-1].end > GAP_S
        ):
            yield _joined(group)
            group = []
        group.append(word)
    if group:
        yield _joined(group)


def _joined(group: list[Mark]) -> Mark:
    return Mark(" ".join(word.text for word in group), group[0].start, group[-1].end)


def _time(seconds: float, vtt: bool) -> str:
    milliseconds = round(seconds * 1000)
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{'.' if vtt else ','}{rest:03}"
