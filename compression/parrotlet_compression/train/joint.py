"""Train the whole acoustic graph at once, in voices as enrolled, against adversaries that know who speaks.

Decoder and refiner, and if wanted the text side, learn from clips that stay in the memory of one device
(``resident``). On a GPU a step is one CUDA graph: a step of 96 clips takes 0.10 s on an H200, and 0.26 s without.
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

from ..export import load_students
from ..models.acoustic import RECORDING
from ..models.aligner import Aligner
from ..models.synthesizer import Synthesizer
from ..models.weights import load_weights, save_weights
from .acoustic import contour_losses, duration_loss
from .adversaries import Adversaries, Shown
from .adversary import voice_asked_for
from .enrolled import RATE_KNOWN
from .listener import FRAMES as FRAMES_LISTENED
from .listener import Listener
from .loop import FASTER, Learner, Losses, fast_math, remembered
from .refiner import FRAMES, LISTENED, MARGIN, UNDERSTOOD, Cuts, Spectra, misheard, refined, voice_layer
from .resident import Crop, Draw, Enrolled, Resident, Spoken, speak

SLOWER = 0.5  # what the text side learns at: it is good, and there is little text
TEXT_SIDE = tuple(f"acoustic.{part}." for part in "embed voice encoder duration duration_head".split())
TEXT_SIDE += tuple(f"acoustic.{part}." for part in "pitch_in pitch pitch_head".split())
# Steps on a GPU before one is captured: cuDNN and cuBLAS have then chosen their kernels and taken their memory.
WARM = 12
LOGGED = 50


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train: so many ``steps`` or so many ``minutes``, of the two the one that is given.

    Rates stay for the first ``hold`` of the way, then fall as a cosine. The generator waits for most of ``head_start``
    steps, in which the adversaries learn from what it makes, and hears of them from then on. Of a ``batch`` of pieces
    as many as ``listened`` are listened to. Runs of another ``seed`` draw other clips, and their adversaries begin
    otherwise: means of the weights of several keep what all of them learned.
    """

    steps: int | None = None
    minutes: float | None = None
    rate: float = 6e-4
    adversary_rate: float = 4e-4
    batch: int = 96
    listened: int = 32
    head_start: int = 150
    hold: float = 0.3
    average: float = 0.998
    clip: float = 1.0
    save_every_s: float = 180.0
    seed: int = 0

    def progress(self, step: int, seconds: float) -> float:
        """How much of the way is done, 1 at its end."""
        if self.steps is not None:
            return step / self.steps
        assert self.minutes is not None
        return seconds / (60 * self.minutes)

    def falling(self, progress: float) -> float:
        """What is left of the rates."""
        if progress < self.hold:
            return 1.0
        way = min(1.0, (progress - self.hold) / (1 - self.hold))
        return max(0.02, 0.5 * (1 + math.cos(math.pi * way)))

    def warmth(self, step: int) -> float:
        """Of the generator's rate: 0 for the better part of the head start, then 1 within two thirds of one more."""
        if not self.head_start:
            return 1.0
        return min(1.0, max(0.0, (step / self.head_start - 0.6) * 1.5))


class Joint:
    """Everything a step needs, on the device of ``resident``; ``feed``, then ``step``.

    listener: None not to listen. text_side: whether phoneme encoder, durations and pitch learn too.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        resident: Resident,
        enrolled: Enrolled,
        aligner: Aligner,
        listener: Listener | None,
        plan: Plan,
        text_side: bool = False,
    ) -> None:
        self.resident, self.enrolled, self.plan, self.text_side = resident, enrolled, plan, text_side
        self.device = device = resident.device
        self.synthesizer, self.aligner, self.listener = synthesizer, aligner, listener
        synthesizer.requires_grad_(False)
        learning: nn.Module = synthesizer if text_side else Spectra(synthesizer)
        named = dict(learning.requires_grad_(True).train().named_parameters())
        text = [p for name, p in named.items() if name.startswith(TEXT_SIDE)]
        voice = [p for name, p in named.items() if voice_layer(name) and not name.startswith(TEXT_SIDE)]
        apart = {id(p) for p in (*text, *voice)}
        rest = [p for p in named.values() if id(p) not in apart]
        self.learner = Learner([(rest, 1.0), (voice, FASTER), (text, SLOWER)], plan.rate, clip=plan.clip)
        width = synthesizer.acoustic.config.embedding + len(RECORDING)
        self.adversaries = Adversaries(width, device, plan.adversary_rate)
        self.average = [p.detach().clone() for p in self.learner.parameters]
        # What changes from step to step, at places that a CUDA graph knows.
        self.drawn = torch.zeros(len(Draw._fields), plan.batch, device=device)
        self.loud, self.fresh = (torch.zeros((), device=device) for _ in range(2))
        self.names: list[str] = []
        self.sums = torch.zeros(0, device=device)
        self.share = torch.zeros(adaptation.size(), device=device)
        self.share[sum(adaptation.sizes()[:3])] = 1  # where an adaptation holds the share
        self.rows = torch.arange(plan.batch, device=device)
        self.listened = torch.arange(FRAMES_LISTENED, device=device)

    def draw(self, step: int) -> np.ndarray[Any, Any]:
        """The batch of a step, on the host; the same whenever it is asked for."""
        known = RATE_KNOWN if self.text_side else 1.0
        random = np.random.default_rng((1 + self.plan.seed, step))
        return self.resident.draw(self.enrolled.starts, random, self.plan.batch, known)

    def feed(self, drawn: np.ndarray[Any, Any], step: int, progress: float) -> None:
        """Say what the next step is to learn from, and how fast."""
        plan, falling = self.plan, self.plan.falling(progress)
        self.drawn.copy_(torch.from_numpy(drawn))
        self.loud.fill_(float(step >= plan.head_start))
        self.fresh.fill_(1 - remembered(plan.average, step))
        self.learner.set_rate(plan.rate * falling * plan.warmth(step))
        self.adversaries.learner.set_rate(plan.adversary_rate * falling)

    def step(self) -> None:
        """Learn from what was fed. Nothing here waits for the device, or asks it for a value."""
        draw = Draw.unpacked(self.drawn)
        cut, crop, spoken = self._cut(draw)
        made, losses = refined(self.synthesizer, cut)
        if self.text_side:
            losses |= self._prosody_losses(crop, spoken)
        losses["misheard"] = UNDERSTOOD * misheard(self.aligner, made, cut.real, cut.phonemes, cut.inside)
        if self.listener is not None:
            losses |= self._listened_losses(self.listener, draw, cut, made)
        heard, told = self.adversaries.losses(made, self._shown(draw, cut), self.loud)
        losses |= heard
        norm = self.learner.learn(torch.stack(list(losses.values())).sum())
        with torch.no_grad():
            torch._foreach_mul_(self.average, 1 - self.fresh)
            now = [p.detach() for p in self.learner.parameters]
            torch._foreach_add_(self.average, torch._foreach_mul(now, self.fresh))
        self._log(losses | told | {"norm": norm})

    def _cut(self, draw: Draw) -> tuple[Cuts, Crop, Spoken]:
        """What the acoustic model says of a batch in voices as enrolled, with what was recorded."""
        whole = self.resident.crop(draw.clip, draw.variant, draw.start - MARGIN, FRAMES + 2 * MARGIN)
        known = torch.cat([torch.ones_like(whole.statistics[:, :2]), draw.rate[:, None]], dim=1)
        whole = whole._replace(statistics=whole.statistics * known)
        place = draw.clip, draw.variant, draw.enrollment
        embedding, adapted = self.enrolled.embeddings[place], self.enrolled.adaptations[place].float()
        share = draw.share[:, None]
        adapted = adapted * (share >= 0) * (1 + self.share * (share - 1))
        spoken = speak(self.synthesizer.acoustic, whole, embedding)
        inner = slice(MARGIN, MARGIN + FRAMES)
        crop = whole._replace(at=whole.at[:, inner], inside=whole.inside[:, inner])
        cut = Cuts(
            real=self.resident.real(crop),
            predicted=spoken.mel[:, inner],
            adapted=self.synthesizer.adapter(spoken.mel, adapted)[:, inner],
            features=spoken.features[:, inner],
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
        return cut, whole, spoken

    def _prosody_losses(self, crop: Crop, spoken: Spoken) -> Losses:
        with fast_math(self.device):
            pitch, voicing = self.synthesizer.acoustic.contour(spoken.rows, crop.inside, spoken.condition)
        contour = contour_losses(pitch, voicing, crop.pitch, crop.voiced, crop.inside.squeeze(-1))
        return duration_loss(spoken.log_durations, crop.durations, crop.phonemes) | contour

    def _listened_losses(self, listener: Listener, draw: Draw, cut: Cuts, made: Tensor) -> Losses:
        """How unlike some pieces of the batch sound, weighted."""
        count = min(self.plan.listened, self.plan.batch)
        row, at = draw.row[:count, None], draw.at[:count, None] + self.listened
        unlike = listener.unlike(made[row, at], cut.real[row, at], cut.f0[row, at])
        return {name: LISTENED[name] * value for name, value in unlike.items()}

    def _shown(self, draw: Draw, cut: Cuts) -> Shown:
        comb = self.synthesizer.refiner.comb(cut.f0)
        # A wrong voice in the same recording: how it was recorded does not give it away.
        own, wrong = (voice_asked_for(e, cut.recording) for e in (cut.embedding, cut.embedding[draw.wrong]))
        differs = (draw.wrong != self.rows).float()[:, None]
        return Shown(cut.real, comb, cut.phonemes, own, wrong, differs)

    def _log(self, values: Losses) -> None:
        if not self.names:
            self.names, self.sums = list(values), torch.zeros(len(values), device=self.device)
        self.sums.add_(torch.stack([value.detach().float() for value in values.values()]))

    def averages(self, steps: int) -> dict[str, float]:
        """Means of all losses over the last ``steps`` steps, which are all since this was last asked."""
        means = (self.sums / max(1, steps)).tolist()
        self.sums.zero_()
        return dict(zip(self.names, means, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """All that changes."""
        return {
            "text_side": self.text_side,
            "model": self.synthesizer.state_dict(),
            "average": self.average,
            "optimizer": self.learner.optimizer.state_dict(),
            "discriminators": self.adversaries.model.state_dict(),
            "discriminators_optimizer": self.adversaries.learner.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises InputError when it is that of a run in which other parts learn."""
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
    def save_averaged(self, path: Path) -> None:
        """Write the synthesizer with averaged weights, in float16."""
        now = [p.detach() for p in self.learner.parameters]
        kept = [p.clone() for p in now]
        torch._foreach_copy_(now, self.average)
        save_weights(self.synthesizer, path, half=True)
        torch._foreach_copy_(now, kept)


class Steps:
    """Runs ``joint.step``: as a CUDA graph once it is WARM, as it is where there is no GPU or the capture fails."""

    def __init__(self, joint: Joint) -> None:
        self.joint, self.done = joint, 0
        self.on_gpu = joint.device.type == "cuda"
        self.replay: Callable[[], None] | None = None

    def __call__(self) -> None:
        if self.on_gpu and self.done == WARM:
            self.replay = self._captured()
        if self.replay is not None:
            self.replay()
        elif self.on_gpu and self.done < WARM:
            self._aside()
        else:
            self.joint.step()
        self.done += 1

    def _aside(self) -> None:
        """In another stream than the default one, which cannot be captured after."""
        side, main = torch.cuda.Stream(), torch.cuda.current_stream()
        side.wait_stream(main)
        with torch.cuda.stream(side):
            self.joint.step()
        main.wait_stream(side)

    def _captured(self) -> Callable[[], None] | None:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.joint.step()
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
    listening: bool = True,
    processes: int = 1,
) -> None:
    """Train, or go on training, students in a folder on ``out / "resident"``, from ``resident.prepare``; write
    ``acoustic.safetensors`` to ``out``.

    aligner: its weights, to listen for the words. listening: also for the person, through the students' vocoder, by
    GE2E and CAM++. processes: that enroll voices before it begins.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.manual_seed(plan.seed)
    resident = Resident(out / "resident", device)
    _, synthesizer, vocoder = load_students(students)
    load_weights(recognizer := Aligner().requires_grad_(False).eval(), aligner)
    listener = Listener(vocoder, resident.index.mean).to(device) if listening else None
    synthesizer.to(device)
    enrolled = resident.enroll(synthesizer.acoustic, processes=processes)
    joint = Joint(synthesizer, resident, enrolled, recognizer.to(device), listener, plan, text_side)
    _run(joint, plan, out)


def _run(joint: Joint, plan: Plan, out: Path) -> None:
    """Step until the plan is done, resuming from ``state.pt``, which is written now and then and at the end."""
    step, before = 0, 0.0
    if (out / "state.pt").is_file():
        state = torch.load(out / "state.pt", weights_only=True, map_location=joint.device)
        joint.load_state_dict(state)
        step, before = state["step"], state["seconds"]
    torch.manual_seed(step + plan.seed)
    writer, progress = SummaryWriter(out), tqdm(total=plan.steps, initial=step, desc=out.name, mininterval=5)
    run, began = Steps(joint), time.monotonic()
    saved, logged = began, step
    drawn = joint.draw(step)
    while (done := plan.progress(step, before + time.monotonic() - began)) < 1:
        joint.feed(drawn, step, done)
        run()
        step += 1
        drawn = joint.draw(step)  # while the device is busy
        progress.update()
        if step % LOGGED == 0:
            means, logged = joint.averages(step - logged), step
            for name, value in means.items():
                writer.add_scalar(name, value, step)
            progress.set_postfix_str(" ".join(f"{name} {value:.3f}" for name, value in means.items()))
        if time.monotonic() - saved > plan.save_every_s:
            _save(joint, out, step, before + time.monotonic() - began)
            saved = time.monotonic()
    _save(joint, out, step, before + time.monotonic() - began)
    writer.close()
    progress.close()


def _save(joint: Joint, out: Path, step: int, seconds: float) -> None:
    part = out / "state.part"
    torch.save({**joint.state_dict(), "step": step, "seconds": seconds}, part)
    part.replace(out / "state.pt")
    joint.save_averaged(out / "acoustic.safetensors")
