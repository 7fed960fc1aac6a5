"""Causal self-attention blocks with rotary positions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROTARY_BASE = 1000.0  # longest wavelength of the rotary positions, in baskets (times 2 pi)


class Block(nn.Module):
    """Pre-norm Transformer block; position t attends to positions up to t.

    Vaswani et al., Attention is all you need, NeurIPS 2017; rotary positions: Su et al., RoFormer, 2021.
    """

    def __init__(self, width: int, *, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.before_attention = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.before_expand = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """(B, T, D) -> (B, T, D). Padding may only stand at the end, where nothing real can see it."""
        users, length, width = tokens.shape
        joint = self.query_key_value(self.before_attention(tokens))
        joint = joint.view(users, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = joint  # each (B, H, T, D/H)
        query, key = rotate(query, rotation), rotate(key, rotation)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        seen = seen.transpose(1, 2).reshape(users, length, width)  # (B, H, T, D/H) -> (B, T, D)
        tokens = tokens + self.dropout(self.mix(seen))
        return tokens + self.dropout(self.contract(F.gelu(self.expand(self.before_expand(tokens)))))


def rotation(length: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of each position's angles, two (T, width / 2)."""
    half = width // 2
    rates = ROTARY_BASE ** -(torch.arange(half, device=device) / max(half, 1))
    angles = torch.arange(length, device=device)[:, None] * rates
    return angles.cos(), angles.sin()


def rotate(vectors: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn pairs of coordinates by their position's angles, (B, H, T, d) -> same; an odd last one stays."""
    cos, sin = (part.to(vectors.dtype) for part in rotation)
    half = cos.shape[-1]
    first, second, rest = vectors.split([half, half, vectors.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1)
