"""HiFi-GAN (Kong 2020), the vocoder teacher: generators V1, V2 and V3, and both discriminators.

Modules are named as in jik876's public code, so ``generator_*`` files load with their ``config.json``. The
generator here has plain weights: ``read_hifigan`` folds the weight norm of checkpoints into them, and
``with_weight_norm`` puts it on again for training.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from parrotlet.errors import InputError
from parrotlet.mel import MelConfig

from .checkpoints import load_checkpoint, load_named

SLOPE = 0.1
PUBLISHED_MEL = MelConfig(22050, 256, 1024, 1024, 80, 0.0, 8000.0)


@dataclass(frozen=True)
class HifiGanConfig:
    """Shape of a generator and the mel spectrogram it reads; the defaults are V1 at 22.05 kHz."""

    upsample_rates: tuple[int, ...] = (8, 8, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 4, 4)
    upsample_initial_channel: int = 512
    resblock: str = "1"
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5),) * 3
    mel: MelConfig = PUBLISHED_MEL

    @staticmethod
    def ours(version: str) -> HifiGanConfig:
        """V1, V2 or V3 for our own mel contract (24 kHz, hop 300). Raises InputError for another version."""
        channels = {"V1": 512, "V2": 128, "V3": 256}
        if version not in channels:
            raise InputError(f"there is no HiFi-GAN {version!r}: choose {', '.join(channels)}")
        if version == "V3":
            dilations = ((1, 2), (2, 6), (3, 12))
            return HifiGanConfig((10, 6, 5), (20, 12, 11), 256, "2", (3, 5, 7), dilations, MelConfig())
        return HifiGanConfig((5, 5, 4, 3), (11, 11, 8, 7), channels[version], mel=MelConfig())

    @staticmethod
    def read(path: Path) -> HifiGanConfig:
        """From jik876's ``config.json``. Raises InputError naming a missing or impossible entry."""
        try:
            values: dict[str, Any] = json.loads(path.read_text())
            mel = MelConfig(
                int(values["sampling_rate"]),
                int(values["hop_size"]),
                int(values["win_size"]),
                int(values["n_fft"]),
                int(values["num_mels"]),
                float(values["fmin"]),
                float(values["fmax"] or values["sampling_rate"] / 2),
            )
            config = HifiGanConfig(
                tuple(values["upsample_rates"]),
                tuple(values["upsample_kernel_sizes"]),
                int(values["upsample_initial_channel"]),
                str(values["resblock"]),
                tuple(values["resblock_kernel_sizes"]),
                tuple(tuple(row) for row in values["resblock_dilation_sizes"]),
                mel,
            )
        except OSError as error:
            raise InputError(f"a HiFi-GAN generator needs its config.json: there is no {path}") from error
        except KeyError as error:
            raise InputError(f"{path} is not a HiFi-GAN config: it has no {error}") from error
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} is not a HiFi-GAN config: {error}") from error
        if math.prod(config.upsample_rates) != mel.hop_length:
            raise InputError(f"{path}: upsample_rates multiply to {math.prod(config.upsample_rates)}, not hop_size")
        return config

    def as_dict(self) -> dict[str, Any]:
        """The entries of jik876's ``config.json`` that describe the generator."""
        return {
            "resblock": self.resblock,
            "upsample_rates": self.upsample_rates,
            "upsample_kernel_sizes": self.upsample_kernel_sizes,
            "upsample_initial_channel": self.upsample_initial_channel,
            "resblock_kernel_sizes": self.resblock_kernel_sizes,
            "resblock_dilation_sizes": self.resblock_dilation_sizes,
            "sampling_rate": self.mel.sample_rate,
            "hop_size": self.mel.hop_length,
            "win_size": self.mel.win_length,
            "n_fft": self.mel.n_fft,
            "num_mels": self.mel.n_mels,
            "fmin": self.mel.f_min,
            "fmax": self.mel.f_max,
        }


def _conv(channels: int, kernel: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2)


class ResBlock1(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair with a residual connection."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_conv(channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_conv(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(functional.leaky_relu(first(functional.leaky_relu(x, SLOPE)), SLOPE))
        return x


class ResBlock2(nn.Module):
    """Dilated convolutions, each with a residual connection."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(channels, kernel, dilation) for dilation in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(functional.leaky_relu(x, SLOPE))
        return x


class Generator(nn.Module):
    """Log-mel [B, T, M] -> samples [B, T * hop]."""

    def __init__(self, config: HifiGanConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or HifiGanConfig()
        channels = config.upsample_initial_channel
        self.conv_pre = nn.Conv1d(config.mel.n_mels, channels, 7, padding=3)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        block = ResBlock1 if config.resblock == "1" else ResBlock2
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(nn.ConvTranspose1d(channels, channels // 2, kernel, rate, (kernel - rate) // 2))
            channels //= 2
            for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True):
                self.resblocks.append(block(channels, size, dilations))
        self.conv_post = nn.Conv1d(channels, 1, 7, padding=3)
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d) and module is not self.conv_pre:
                nn.init.normal_(module.weight, 0.0, 0.01)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.conv_pre(mel.transpose(1, 2))
        width = len(self.config.resblock_kernel_sizes)
        for index, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, SLOPE))
            made = [block(x) for block in self.resblocks[index * width : (index + 1) * width]]
            x = torch.stack(made).sum(0) / width
        # The last activation has torch's default slope, 0.01, in the original too.
        return torch.tanh(self.conv_post(functional.leaky_relu(x))).squeeze(1)

    @torch.no_grad()
    def vocode(self, mel: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Log-mel [T, M] -> samples [T * hop]."""
        return self(torch.from_numpy(mel)[None])[0].numpy()


_NORMED = re.compile(r"(.*)\.(?:weight_g|parametrizations\.weight\.original0)")


def fold_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights from direction and length (Salimans 2016), whichever of torch's two ways they were saved in.

    Raises InputError naming the direction when only the length is there.
    """
    folded = dict(state)
    for name in state:
        match = _NORMED.fullmatch(name)
        if match is None:
            continue
        direction = f"{match[1]}.weight_v" if name.endswith("weight_g") else name[:-1] + "1"
        if direction not in state:
            raise InputError(f"the checkpoint has {name!r} but lacks {direction!r}: it is incomplete")
        length, v = folded.pop(name), folded.pop(direction)
        folded[f"{match[1]}.weight"] = v * (length / v.flatten(1).norm(dim=1).reshape(length.shape))
    return folded


def with_weight_norm(model: nn.Module) -> nn.Module:
    """Put weight norm on every convolution of ``model``, in place; its output does not change."""
    for module in list(model.modules()):
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d):
            parametrizations.weight_norm(module)
    return model


def read_hifigan(path: Path, config: Path | None = None) -> Generator:
    """Read a generator: jik876's ``generator_*`` (a pickled ``{"generator": state_dict}``) or our .safetensors.

    config: its config.json; without it, the one in the same folder. Raises InputError when the checkpoint has
    another layout, or lacks a key, which it names.
    """
    if not path.is_file():
        raise InputError(f"there is no HiFi-GAN checkpoint {path}")
    model = Generator(HifiGanConfig.read(config or path.with_name("config.json")))
    load_named(model, fold_weight_norm(load_checkpoint(path, "generator")), path)
    return model.eval()


class _Discriminator(nn.Module):
    """Convolutions with leaky ReLU and a last one to the score; also returns every layer's output."""

    def __init__(self, convs: list[nn.Module], post: nn.Module) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)
        self.conv_post = post

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for conv in self.convs:
            x = functional.leaky_relu(conv(x), SLOPE)
            features.append(x)
        x = self.conv_post(x)
        return x.flatten(1), [*features, x]


class PeriodDiscriminator(_Discriminator):
    """Sees samples [B, N] folded into rows of ``period``. ``width`` is 32 in the paper."""

    def __init__(self, period: int, width: int = 32) -> None:
        sizes = [1, width, 4 * width, 16 * width, 32 * width, 32 * width]
        strides = [3, 3, 3, 3, 1]
        pairs = zip(sizes[:-1], sizes[1:], strides, strict=True)
        convs: list[nn.Module] = [nn.Conv2d(a, b, (5, 1), (stride, 1), (2, 0)) for a, b, stride in pairs]
        super().__init__(convs, nn.Conv2d(sizes[-1], 1, (3, 1), 1, (1, 0)))
        self.period = period

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        short = -x.shape[1] % self.period
        x = functional.pad(x.unsqueeze(1), (0, short), "reflect")
        return super().forward(x.unflatten(2, (-1, self.period)))


class ScaleDiscriminator(_Discriminator):
    """Sees samples [B, N] as they are. ``width`` is 128 in the paper."""

    def __init__(self, width: int = 128) -> None:
        w = width
        convs: list[nn.Module] = [
            nn.Conv1d(1, w, 15, 1, 7),
            nn.Conv1d(w, w, 41, 2, 20, groups=4),
            nn.Conv1d(w, 2 * w, 41, 2, 20, groups=16),
            nn.Conv1d(2 * w, 4 * w, 41, 4, 20, groups=16),
            nn.Conv1d(4 * w, 8 * w, 41, 4, 20, groups=16),
            nn.Conv1d(8 * w, 8 * w, 41, 1, 20, groups=16),
            nn.Conv1d(8 * w, 8 * w, 5, 1, 2),
        ]
        super().__init__(convs, nn.Conv1d(8 * w, 1, 3, 1, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        return super().forward(x.unsqueeze(1))


DiscriminatorOutputs = list[tuple[Tensor, list[Tensor]]]


class MultiPeriodDiscriminator(nn.Module):
    """Five period discriminators: samples [B, N] -> a score and features for each."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(PeriodDiscriminator(p, width) for p in (2, 3, 5, 7, 11))
        with_weight_norm(self)

    def forward(self, x: Tensor) -> DiscriminatorOutputs:
        return [discriminator(x) for discriminator in self.discriminators]


class MultiScaleDiscriminator(nn.Module):
    """Three scale discriminators, on samples [B, N] and on their averages by 2 and by 4."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        whole = ScaleDiscriminator(width)
        for conv in (*whole.convs, whole.conv_post):
            parametrizations.spectral_norm(conv)
        averaged = [with_weight_norm(ScaleDiscriminator(width)) for _ in range(2)]
        self.discriminators = nn.ModuleList([whole, *averaged])

    def forward(self, x: Tensor) -> DiscriminatorOutputs:
        heard = []
        for index, discriminator in enumerate(self.discriminators):
            x = functional.avg_pool1d(x, 4, 2, 2) if index else x
            heard.append(discriminator(x))
        return heard
