"""HunyuanVideo's two text encoders, as diffusers' FramePack pipeline runs them (`encode_prompt`).

The pipeline itself is not used: to make one, diffusers imports all of its loaders and torch's compiler.
"""

from __future__ import annotations

from typing import Any

import torch

CLIP_TOKENS = 77
_SKIPPED = 2
"""Hidden states of Llama's last layers that are left out."""


def llama_states(
    tokenizer: Any, encoder: Any, prompt: str, device: torch.device, *, crop: int, tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Llama's hidden state [-3] of the `prompt`, which stands in its template, without the first `crop` tokens.

    Returns (1, tokens, D) in the encoder's dtype, and which of its tokens are the prompt's: (1, tokens), 1 or 0.
    """
    read = tokenizer(prompt, max_length=tokens + crop, padding="max_length", truncation=True, return_tensors="pt")
    mask: torch.Tensor = read["attention_mask"].to(device)
    told = encoder(input_ids=read["input_ids"].to(device), attention_mask=mask, output_hidden_states=True)
    states: torch.Tensor = told.hidden_states[-1 - _SKIPPED]
    return states[:, crop:], mask[:, crop:]


def clip_vector(tokenizer: Any, encoder: Any, prompt: str, device: torch.device) -> torch.Tensor:
    """The one vector (1, D) in which CLIP sums the prompt up, in the encoder's dtype."""
    read = tokenizer(prompt, max_length=CLIP_TOKENS, padding="max_length", truncation=True, return_tensors="pt")
    pooled: torch.Tensor = encoder(read["input_ids"].to(device)).pooler_output
    return pooled
