"""Muon: steps whose directions all count alike, and that go down."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="compression needs torch: pip install torch==2.13.0")

from parrotlet_compression.train.muon import Muon, orthogonal  # noqa: E402


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (16, 16)])
def test_singular_values_come_near_1(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    before, after = (torch.linalg.svd(one) for one in (matrix, orthogonal(matrix)))
    assert float(before.S.max() / before.S.min()) > 1.5
    assert 0.6 < float(after.S.min()) <= float(after.S.max()) < 1.3
    # The directions stay.
    assert float((before.U[:, 0] @ orthogonal(matrix) @ before.Vh[0]).abs()) > 0.6


def test_it_finds_a_product_as_torchs_own_does() -> None:
    """Over a hundred steps: the other computes the direction in bfloat16."""
    random = torch.Generator().manual_seed(1)
    x, aim = torch.randn(64, 12, generator=random), torch.randn(12, 8, generator=random)
    losses = []
    for kind in (
        lambda weight: Muon([weight], lr=0.2),
        lambda weight: torch.optim.Muon([weight], lr=0.2, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
    ):
        weight = torch.zeros(12, 8, requires_grad=True)
        optimizer, course = kind(weight), []
        for _ in range(100):
            loss = (x @ (weight - aim)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            course.append(float(loss.detach()))
        losses.append(course)
    ours, theirs = losses
    assert ours[-1] < 0.01 * ours[0]
    assert ours[:20] == pytest.approx(theirs[:20], rel=0.05)
