"""Train the unknown-word model: `python -m parrotlet_compression.g2p.train OUT.safetensors --epochs 8`.

Keeps its state beside the output and goes on from there when started again.
Prints phoneme error rate and word accuracy on held-out CMUdict words, both sides folded to ARPAbet.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from parrotlet_compression.g2p.cmudict import to_arpabet
from parrotlet_compression.g2p.model import SLOTS, LettersToPhonemes, decode, encode_letters, encode_phonemes, fits
from parrotlet_compression.g2p.words import edit_distance, split_words
from parrotlet_compression.models.weights import save_weights

_PEAK_RATE = 3e-3
_WARM_UP = 0.03
_BATCH_LETTERS = 2_048
_SAVE_EVERY = 120.0

Pair = tuple[list[int], list[int]]


def batches(pairs: Sequence[Pair], chooser: random.Random) -> Iterator[list[Pair]]:
    """Pairs of one length together, in random order, about 2,048 letters at a time."""
    by_length: dict[int, list[Pair]] = {}
    for pair in pairs:
        by_length.setdefault(len(pair[0]), []).append(pair)
    groups: list[list[Pair]] = []
    for length, members in by_length.items():
        chooser.shuffle(members)
        size = max(1, _BATCH_LETTERS // length)
        groups.extend(members[at : at + size] for at in range(0, len(members), size))
    chooser.shuffle(groups)
    yield from groups


@torch.no_grad()
def judge(model: LettersToPhonemes, held_out: Mapping[str, list[str]]) -> tuple[float, float]:
    """Phoneme error rate and word accuracy on CMUdict's first pronunciation."""
    model.eval()
    errors = total = right = 0
    words = sorted(held_out, key=len)
    for at in range(0, len(words), 256):
        group = words[at : at + 256]
        letters = torch.nn.utils.rnn.pad_sequence([torch.tensor(encode_letters(word)) for word in group], True)
        for word, best in zip(group, model(letters).argmax(-1).tolist(), strict=True):
            truth = [phone.rstrip("012") for phone in held_out[word]]
            wrong = edit_distance(to_arpabet(decode(best[: SLOTS * len(word)])), truth)
            errors, total, right = errors + wrong, total + len(truth), right + (wrong == 0)
    model.train()
    return errors / total, right / len(words)


def _loss(model: LettersToPhonemes, group: Sequence[Pair]) -> Tensor:
    letters = torch.tensor([pair[0] for pair in group])
    targets = torch.tensor([code for pair in group for code in pair[1]])
    sizes = torch.tensor([len(pair[1]) for pair in group])
    scores = model(letters, masked=False)
    slots = torch.full((len(group),), scores.shape[1])
    return torch.nn.functional.ctc_loss(scores.transpose(0, 1), targets, slots, sizes, zero_infinity=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    words = split_words()
    encoded = ((encode_letters(word), encode_phonemes(phonemes)) for word, phonemes in words.train.items())
    pairs = [(letters, codes) for letters, codes in encoded if codes and fits(letters, codes)]
    print(f"{len(pairs)} words to learn from, {len(words.held_out)} held out", flush=True)
    model = LettersToPhonemes()
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998))
    optimizer = torch.optim.AdamW(model.parameters(), lr=_PEAK_RATE, weight_decay=0.01, betas=(0.9, 0.98))
    parts: dict[str, Any] = {"model": model, "average": average, "optimizer": optimizer}
    state_file = arguments.output.with_suffix(".state")
    done = _resume(state_file, parts)
    per_epoch = sum(1 for _ in batches(pairs, random.Random(0)))
    for epoch in range(done // per_epoch, arguments.epochs):
        saved = time.monotonic()
        running = 0.0
        for step, group in enumerate(batches(pairs, random.Random(epoch)), 1 + epoch * per_epoch):
            if step <= done:
                continue
            used = step / (arguments.epochs * per_epoch)
            rate = min(1.0, used / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * used))
            for parameters in optimizer.param_groups:
                parameters["lr"] = _PEAK_RATE * max(rate, 1e-3)
            optimizer.zero_grad(set_to_none=True)
            loss = _loss(model, group)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(model)
            running += 0.02 * (loss.item() - running)
            if time.monotonic() - saved > _SAVE_EVERY or step % per_epoch == 0:
                saved = time.monotonic()
                torch.save({"step": step} | {name: part.state_dict() for name, part in parts.items()}, state_file)
                print(f"step {step} used {used:.1%} loss {running:.3f}", flush=True)
        per, accuracy = judge(cast(LettersToPhonemes, average.module), words.held_out)
        print(f"epoch {epoch + 1} PER {per:.2%} words {accuracy:.1%}", flush=True)
        save_weights(average.module, arguments.output)


def _resume(state_file: Path, parts: Mapping[str, Any]) -> int:
    """Load what an earlier run left; returns the steps it did."""
    if not state_file.exists():
        return 0
    state = torch.load(state_file, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])


if __name__ == "__main__":
    main()
