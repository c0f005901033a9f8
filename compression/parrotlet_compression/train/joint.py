"""Train the whole acoustic graph at once, in voices as enrolled, against adversaries that know who speaks.

Decoder and refiner learn from clips in the memory of one device (``device_dataset``); the text side may learn too. On a
GPU a step is one CUDA graph: 96 clips take 0.10 s on an H200, and 0.26 s without the graph.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from parrotlet import adaptation
from parrotlet.errors import InputError
from parrotlet.output import open_output

from ..export import load_students
from ..models.acoustic import RECORDING
from ..models.aligner import Aligner
from ..models.synthesizer import Synthesizer
from ..models.weights import load_weights, save_weights
from .acoustic_losses import contour_losses, duration_loss
from .adversaries import AdversarialBatch, ConditionalAdversaries
from .adversary import discriminator_condition
from .device_dataset import Crop, DeviceDataset, Draw, EnrolledVoices, TeacherForcedOutput, teacher_forced
from .enrolled import RATE_KNOWN
from .loop import FASTER, Learner, Losses, ema_decay, fast_math
from .refiner import (
    MARGIN,
    PHONEME_RECOGNITION,
    REFINER_FRAMES,
    SPEAKER_CONSISTENCY,
    DecoderParameters,
    RefinerBatch,
    phoneme_recognition_loss,
    refined,
    voice_layer,
)
from .speaker_consistency import CONSISTENCY_FRAMES, SpeakerConsistencyLoss

SLOWER = 0.5  # factor of the text side's learning rate: it is good already, and the text is little
TEXT_SIDE = tuple(f"acoustic.{part}." for part in "embed voice encoder duration duration_head".split())
TEXT_SIDE += tuple(f"acoustic.{part}." for part in "pitch_in pitch pitch_head".split())
# Steps on a GPU before the capture: by then cuDNN and cuBLAS have chosen their kernels and allocated their memory.
WARM = 12
LOGGED = 50


@dataclass(frozen=True)
class Plan:
    """Length and rates of a run. Give ``steps`` or ``minutes``, not both.

    The learning rates are constant for the first ``hold`` of the run and then decay as a cosine. During ``head_start``
    steps the adversaries learn alone: the generator's rate is 0 for most of them, and its adversarial losses are 0 for
    all. ``consistency_clips`` of a batch enter the speaker consistency loss. Runs of different ``seed`` draw different
    clips and initialize their adversaries differently; average their weights to keep what all of them learn.
    """

    steps: int | None = None
    minutes: float | None = None
    rate: float = 6e-4
    adversary_rate: float = 4e-4
    batch: int = 96
    consistency_clips: int = 32
    head_start: int = 150
    hold: float = 0.3
    average: float = 0.998
    clip: float = 1.0
    save_every_s: float = 180.0
    seed: int = 0

    def progress(self, step: int, seconds: float) -> float:
        """The part of the run that is done, 1 at its end."""
        if self.steps is not None:
            return step / self.steps
        assert self.minutes is not None
        return seconds / (60 * self.minutes)

    def lr_decay(self, progress: float) -> float:
        """Factor of all learning rates."""
        if progress < self.hold:
            return 1.0
        way = min(1.0, (progress - self.hold) / (1 - self.hold))
        return max(0.02, 0.5 * (1 + math.cos(math.pi * way)))

    def warmup(self, step: int) -> float:
        """Factor of the generator's rate: 0 until 0.6 of the head start, then linear to 1 within two thirds of it."""
        if not self.head_start:
            return 1.0
        return min(1.0, max(0.0, (step / self.head_start - 0.6) * 1.5))


class RefineTrainer:
    """Everything that a step needs, on the device of ``dataset``. Call ``feed``, then ``step``.

    consistency: None leaves that loss out. text_side: phoneme encoder, durations and pitch learn too.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        dataset: DeviceDataset,
        enrolled: EnrolledVoices,
        aligner: Aligner,
        consistency: SpeakerConsistencyLoss | None,
        plan: Plan,
        text_side: bool = False,
    ) -> None:
        self.dataset, self.enrolled, self.plan, self.text_side = dataset, enrolled, plan, text_side
        self.device = device = dataset.device
        self.synthesizer, self.aligner, self.consistency = synthesizer, aligner, consistency
        synthesizer.requires_grad_(False)
        learning: nn.Module = synthesizer if text_side else DecoderParameters(synthesizer)
        named = dict(learning.requires_grad_(True).train().named_parameters())
        text = [p for name, p in named.items() if name.startswith(TEXT_SIDE)]
        voice = [p for name, p in named.items() if voice_layer(name) and not name.startswith(TEXT_SIDE)]
        chosen = {id(p) for p in (*text, *voice)}
        rest = [p for p in named.values() if id(p) not in chosen]
        self.learner = Learner([(rest, 1.0), (voice, FASTER), (text, SLOWER)], plan.rate, clip=plan.clip)
        width = synthesizer.acoustic.config.embedding + len(RECORDING)
        self.adversaries = ConditionalAdversaries(width, device, plan.adversary_rate)
        self.average = [p.detach().clone() for p in self.learner.parameters]
        # What changes from step to step lies at addresses that a CUDA graph knows.
        self.drawn = torch.zeros(len(Draw._fields), plan.batch, device=device)
        self.adversarial_gate, self.ema_step = (torch.zeros((), device=device) for _ in range(2))
        self.names: list[str] = []
        self.sums = torch.zeros(0, device=device)
        self.share = torch.zeros(adaptation.size(), device=device)
        self.share[sum(adaptation.sizes()[:3])] = 1  # the index of the share in an adaptation
        self.rows = torch.arange(plan.batch, device=device)
        self.consistency_frames = torch.arange(CONSISTENCY_FRAMES, device=device)

    def draw(self, step: int) -> np.ndarray[Any, Any]:
        """The batch of a step, on the host. Depends on seed and step alone."""
        known = RATE_KNOWN if self.text_side else 1.0
        random = np.random.default_rng((1 + self.plan.seed, step))
        return self.dataset.draw(self.enrolled.starts, random, self.plan.batch, known)

    def feed(self, drawn: np.ndarray[Any, Any], step: int, progress: float) -> None:
        """Copy the next batch, and the rates of its step, to the device."""
        plan, decay = self.plan, self.plan.lr_decay(progress)
        self.drawn.copy_(torch.from_numpy(drawn))
        self.adversarial_gate.fill_(float(step >= plan.head_start))
        self.ema_step.fill_(1 - ema_decay(plan.average, step))
        self.learner.set_rate(plan.rate * decay * plan.warmup(step))
        self.adversaries.learner.set_rate(plan.adversary_rate * decay)

    def step(self) -> None:
        """Learn from the batch that was fed. Nothing here waits for the device or reads a value from it."""
        draw = Draw.unpacked(self.drawn)
        batch, crop, predicted = self._batch(draw)
        made, losses = refined(self.synthesizer, batch)
        if self.text_side:
            losses |= self._prosody_losses(crop, predicted)
        losses["phoneme_recognition"] = PHONEME_RECOGNITION * phoneme_recognition_loss(
            self.aligner, made, batch.real, batch.phonemes, batch.inside
        )
        if self.consistency is not None:
            losses |= self._consistency_losses(self.consistency, draw, batch, made)
        generator, own = self.adversaries.losses(made, self._adversarial_batch(draw, batch), self.adversarial_gate)
        losses |= generator
        norm = self.learner.learn(torch.stack(list(losses.values())).sum())
        with torch.no_grad():
            torch._foreach_mul_(self.average, 1 - self.ema_step)
            now = [p.detach() for p in self.learner.parameters]
            torch._foreach_add_(self.average, torch._foreach_mul(now, self.ema_step))
        self._log(losses | own | {"norm": norm})

    def _batch(self, draw: Draw) -> tuple[RefinerBatch, Crop, TeacherForcedOutput]:
        """What the acoustic model predicts of a batch in voices as enrolled, beside the recordings."""
        whole = self.dataset.crop(draw.clip, draw.variant, draw.start - MARGIN, REFINER_FRAMES + 2 * MARGIN)
        known = torch.cat([torch.ones_like(whole.statistics[:, :2]), draw.rate[:, None]], dim=1)
        whole = whole._replace(statistics=whole.statistics * known)
        place = draw.clip, draw.variant, draw.enrollment
        embedding, adapted = self.enrolled.embeddings[place], self.enrolled.adaptations[place].float()
        share = draw.share[:, None]
        adapted = adapted * (share >= 0) * (1 + self.share * (share - 1))
        predicted = teacher_forced(self.synthesizer.acoustic, whole, embedding)
        inner = slice(MARGIN, MARGIN + REFINER_FRAMES)
        crop = whole._replace(at=whole.at[:, inner], inside=whole.inside[:, inner])
        batch = RefinerBatch(
            real=self.dataset.real(crop),
            predicted=predicted.mel[:, inner],
            adapted=self.synthesizer.adapter(predicted.mel, adapted)[:, inner],
            features=predicted.features[:, inner],
            f0=whole.f0[:, inner],
            phonemes=whole.symbols[:, inner],
            inside=crop.inside,
            mask=crop.inside * whole.valid[:, None],
            frames=crop.inside.sum(dim=(1, 2)).long(),
            embedding=embedding,
            statistics=whole.statistics,
            recording=whole.recording,
            adaptation=adapted,
        )
        return batch, whole, predicted

    def _prosody_losses(self, crop: Crop, predicted: TeacherForcedOutput) -> Losses:
        with fast_math(self.device):
            pitch, voicing = self.synthesizer.acoustic.contour(predicted.rows, crop.inside, predicted.condition)
        contour = contour_losses(pitch, voicing, crop.pitch, crop.voiced, crop.inside.squeeze(-1))
        return duration_loss(predicted.log_durations, crop.durations, crop.phonemes) | contour

    def _consistency_losses(
        self, consistency: SpeakerConsistencyLoss, draw: Draw, batch: RefinerBatch, made: Tensor
    ) -> Losses:
        """Weighted speaker consistency losses of some pieces of the batch."""
        count = min(self.plan.consistency_clips, self.plan.batch)
        row, at = draw.row[:count, None], draw.at[:count, None] + self.consistency_frames
        distances = consistency.piece_losses(made[row, at], batch.real[row, at], batch.f0[row, at])
        return {name: SPEAKER_CONSISTENCY[name] * value for name, value in distances.items()}

    def _adversarial_batch(self, draw: Draw, batch: RefinerBatch) -> AdversarialBatch:
        comb = self.synthesizer.refiner.comb(batch.f0)
        # The wrong voice comes with the same recording conditions, so that they do not give it away.
        own, wrong = (
            discriminator_condition(e, batch.recording) for e in (batch.embedding, batch.embedding[draw.wrong])
        )
        differs = (draw.wrong != self.rows).float()[:, None]
        return AdversarialBatch(batch.real, comb, batch.phonemes, own, wrong, differs)

    def _log(self, values: Losses) -> None:
        if not self.names:
            self.names, self.sums = list(values), torch.zeros(len(values), device=self.device)
        self.sums.add_(torch.stack([value.detach().float() for value in values.values()]))

    def averages(self, steps: int) -> dict[str, float]:
        """Means of all losses over the last ``steps`` steps: all since the last call."""
        means = (self.sums / max(1, steps)).tolist()
        self.sums.zero_()
        return dict(zip(self.names, means, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """All state that changes."""
        return {
            "text_side": self.text_side,
            "model": self.synthesizer.state_dict(),
            "average": self.average,
            "optimizer": self.learner.optimizer.state_dict(),
            "discriminators": self.adversaries.model.state_dict(),
            "discriminators_optimizer": self.adversaries.learner.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises InputError for the state of a run in which other parts learn."""
        if state.get("text_side") is not self.text_side:
            raise InputError(
                "this run was begun with the other choice of --text-side: go on with that, or in a new folder"
            )
        self.synthesizer.load_state_dict(state["model"])
        torch._foreach_copy_(self.average, state["average"])
        self.learner.optimizer.load_state_dict(state["optimizer"])
        self.adversaries.model.load_state_dict(state["discriminators"])
        self.adversaries.learner.optimizer.load_state_dict(state["discriminators_optimizer"])

    @torch.no_grad()
    def save_averaged(self, path: Path, step: int) -> None:
        """Write the synthesizer with averaged weights, in float16."""
        now = [p.detach() for p in self.learner.parameters]
        kept = [p.clone() for p in now]
        torch._foreach_copy_(now, self.average)
        save_weights(self.synthesizer, path, half=True, step=step)
        torch._foreach_copy_(now, kept)


class Steps:
    """Run ``trainer.step``: eagerly at first, as a CUDA graph after WARM steps on a GPU. If the capture fails, stay
    eager."""

    def __init__(self, trainer: RefineTrainer) -> None:
        self.trainer, self.done = trainer, 0
        self.on_gpu = trainer.device.type == "cuda"
        self.replay: Callable[[], None] | None = None

    def __call__(self) -> None:
        if self.on_gpu and self.done == WARM:
            self.replay = self._captured()
        if self.replay is not None:
            self.replay()
        elif self.on_gpu and self.done < WARM:
            self._aside()
        else:
            self.trainer.step()
        self.done += 1

    def _aside(self) -> None:
        """Step in a side stream: work in the default stream prevents a later capture."""
        side, main = torch.cuda.Stream(), torch.cuda.current_stream()
        side.wait_stream(main)
        with torch.cuda.stream(side):
            self.trainer.step()
        main.wait_stream(side)

    def _captured(self) -> Callable[[], None] | None:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.trainer.step()
        except RuntimeError as error:
            torch.cuda.synchronize()
            print(f"no CUDA graph, each step takes some three times as long: {str(error).splitlines()[0]}", flush=True)
            return None
        return graph.replay


def train_joint(
    out: Path,
    students: Path,
    aligner: Path,
    plan: Plan,
    device: torch.device,
    text_side: bool = False,
    speaker_consistency: bool = True,
    processes: int = 1,
) -> None:
    """Train, or go on training, the students of a folder on ``out / "resident"``, which ``write_dataset`` makes; write
    ``acoustic.safetensors`` to ``out``.

    aligner: its weights, for the phoneme recognition loss. speaker_consistency: use that loss too, through the
    students' vocoder, by GE2E and CAM++. processes: how many enroll voices before training.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.manual_seed(plan.seed)
    dataset = DeviceDataset(out / "resident", device)
    _, synthesizer, vocoder = load_students(students)
    load_weights(recognizer := Aligner().requires_grad_(False).eval(), aligner)
    consistency = SpeakerConsistencyLoss(vocoder, dataset.index.mean).to(device) if speaker_consistency else None
    synthesizer.to(device)
    enrolled = dataset.enroll(synthesizer.acoustic, processes=processes)
    trainer = RefineTrainer(synthesizer, dataset, enrolled, recognizer.to(device), consistency, plan, text_side)
    _run(trainer, plan, out)


def _run(trainer: RefineTrainer, plan: Plan, out: Path) -> None:
    """Step until the plan is done. Resume from ``state.pt``, which is written at intervals and at the end."""
    step, before = 0, 0.0
    if (out / "state.pt").is_file():
        state = torch.load(out / "state.pt", weights_only=True, map_location=trainer.device)
        trainer.load_state_dict(state)
        step, before = state["step"], state["seconds"]
    torch.manual_seed(step + plan.seed)
    writer, progress = SummaryWriter(out), tqdm(total=plan.steps, initial=step, desc=out.name, mininterval=5)
    run, began = Steps(trainer), time.monotonic()
    saved, logged = began, step
    drawn = trainer.draw(step)
    while (done := plan.progress(step, before + time.monotonic() - began)) < 1:
        trainer.feed(drawn, step, done)
        run()
        step += 1
        drawn = trainer.draw(step)  # while the device is busy
        progress.update()
        if step % LOGGED == 0:
            means, logged = trainer.averages(step - logged), step
            for name, value in means.items():
                writer.add_scalar(name, value, step)
            progress.set_postfix_str(" ".join(f"{name} {value:.3f}" for name, value in means.items()))
        if time.monotonic() - saved > plan.save_every_s:
            _save(trainer, out, step, before + time.monotonic() - began)
            saved = time.monotonic()
    _save(trainer, out, step, before + time.monotonic() - began)
    writer.close()
    progress.close()


def _save(trainer: RefineTrainer, out: Path, step: int, seconds: float) -> None:
    with open_output(out / "state.pt") as file:
        torch.save({**trainer.state_dict(), "step": step, "seconds": seconds}, file)
    trainer.save_averaged(out / "acoustic.safetensors", step)
