"""The second stage: the user's sequence attends to each of the best candidates, R = g(U, P)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CandidateRanker(nn.Module):
    """Corrects the first stage's score of each candidate:

        s'_i = s_i + w2 gelu(W1 [u; p_i; u * p_i; a_i; a_i * p_i; price_i; s_i - max s])
        a_i = sum_t softmax_t((Q p_i) . (K x_t) / sqrt(D)) V x_t

    x_t: the user's baskets after attention, up to the moment; u: behaviour vector U; p_i: product vector P. The
    candidate attends to the behaviour, as in Zhou et al., Deep interest network, KDD 2018. The last layer starts at
    zero, so that ranking begins as the first stage left it.
    """

    def __init__(self, width: int, *, prices: int):
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.hidden = nn.Linear(5 * width + prices + 1, 2 * width)
        self.out = nn.Linear(2 * width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, tokens: Tensor, known: Tensor, users: Tensor, products: Tensor, prices: Tensor, scores: Tensor
    ) -> Tensor:
        """Corrected scores.

        Args:
            tokens: (M, T, D); known: bool (M, T), those up to the moment.
            users: (M, D); products: (M, C, D); prices: (M, C, F); scores: (M, C).
        """
        # The price of padding: a moment without any basket would attend to nothing.
        mask = (known | ~known.any(dim=1, keepdim=True))[:, None, :]  # (M, 1, T)
        attended = F.scaled_dot_product_attention(
            self.query(products), self.key(tokens), self.value(tokens), attn_mask=mask
        )  # (M, C, D)
        user = users[:, None, :].expand_as(products)
        relative = (scores - scores.amax(dim=1, keepdim=True))[..., None]
        parts = [user, products, user * products, attended, attended * products, prices, relative]
        hidden = F.gelu(self.hidden(torch.cat(parts, dim=2).to(products.dtype)))
        return scores + self.out(hidden).squeeze(2)
