"""From trained networks to a model folder: scale folded in, weights in bfloat16, previews fitted, facts written."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLHunyuanVideo, FlowMatchEulerDiscreteScheduler, HunyuanVideoFramepackPipeline
from peft import get_peft_model_state_dict
from safetensors.torch import save
from torch.nn import functional

from engine.file_copies import copy_whole
from engine.framepack.grid import Seam
from engine.framepack.packing import Order, Schedule
from engine.media.files import make_folder, whole_folder, write_whole
from engine.models.folder import FACTS, INDEX, ModelFolder
from engine.models.guide_use import GuidePictures, GuideUse
from engine.models.lora_files import KERNELS, LAYERS
from engine.serialization import to_json

from .latent_bank import SIZES
from .networks.architecture import FAR_SHIFT, SHIFT
from .picture_bank import drawn_pictures, to_signed
from .scenes.known_words import known_words

_FIT_SEED = 21
_FIT_PICTURES = 128
_NATIVE_FPS = 30
_STEPS = 8
_GUIDANCE = 10.0
GUIDE_USE = GuideUse(GuidePictures.LATENT, seen=0.25, hidden=1.0, guidance=3.0, alone=True)
"""How weights without such lessons use a guide. Measured (`training/NOTEBOOK.md`): a higher threshold loses what is
seen, and what is not they cannot invent."""
OVERLAP = 2
"""Latents that others are decoded behind: behind one they are 40 dB from a whole clip's (docs/measurements.md)."""
HEAD = 4
"""Latents, 13 frames, that are decoded and shown before the rest of a shot's first section: they cost two latents more,
and 0.3 dB of the worst frame."""
_ORIGIN = {"_name_or_path", "is_local", "local_files_only"}


@torch.inference_mode()
def encode_pictures(vae: AutoencoderKLHunyuanVideo, pictures: torch.Tensor) -> torch.Tensor:
    """Posterior means (N, C, h, w) float32 of pictures (N, 3, H, W) in [-1, 1], scaled."""
    parts = [
        vae.encode(part.unsqueeze(2).to(vae.device, vae.dtype)).latent_dist.mode().float().cpu().squeeze(2)
        for part in torch.split(pictures, 8)
    ]
    scaled: torch.Tensor = torch.cat(parts) * vae.config["scaling_factor"]
    return scaled


@torch.no_grad()
def fold_scale(vae: AutoencoderKLHunyuanVideo) -> None:
    """Make the latents of storyboard pictures have mean 0 in each channel and variance 1 over all.

    Zeros in an empty slot then mean an average picture, and `scaling_factor` is 1.
    """
    pictures = _fit_pictures()
    latents = encode_pictures(vae, pictures)
    mean = latents.mean((0, 2, 3)).to(vae.device)
    deviation = float((latents - mean.cpu()[:, None, None]).std())
    channels = len(mean)
    after, before = vae.quant_conv, vae.post_quant_conv
    after.weight[:channels] /= deviation
    after.bias[:channels] = (after.bias[:channels] - mean) / deviation
    after.bias[channels:] -= 2 * float(np.log(deviation))
    before.bias += (before.weight[:, :, 0, 0, 0] @ mean[:, None])[:, 0]
    before.weight *= deviation


def fit_preview(vae: AutoencoderKLHunyuanVideo) -> dict[str, list[list[float]] | list[float]]:
    """The linear map from a latent pixel to the mean colour of its 8 x 8 pixels, by least squares."""
    pictures = _fit_pictures()
    latents = encode_pictures(vae, pictures).permute(0, 2, 3, 1).reshape(-1, vae.config["latent_channels"])
    colours = functional.avg_pool2d(pictures, vae.spatial_compression_ratio).permute(0, 2, 3, 1).reshape(-1, 3)
    solved = torch.linalg.lstsq(torch.cat([latents, torch.ones(len(latents), 1)], 1), colours).solution
    rounded = [[round(float(value), 4) for value in row] for row in solved]
    return {"matrix": rounded[:-1], "bias": rounded[-1]}


def _fit_pictures() -> torch.Tensor:
    """Storyboard pictures (N, 3, H, W) in [-1, 1] that scale and preview are fitted to."""
    return torch.from_numpy(to_signed(np.stack(list(islice(drawn_pictures(_FIT_SEED, 0), _FIT_PICTURES)))))


def write_model(pipeline: HunyuanVideoFramepackPipeline, folder: Path, guide: GuideUse = GUIDE_USE) -> None:
    """Write `pipeline` as Sketch's model folder: bfloat16 safetensors and `shotpack.json`."""
    pipeline.to(torch.bfloat16)
    pipeline.register_modules(scheduler=FlowMatchEulerDiscreteScheduler(shift=SHIFT))
    for tokenizer in (pipeline.tokenizer, pipeline.tokenizer_2):
        # The last prompts' padding and length, which training has left in it, would be written too.
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()
    pipeline.save_pretrained(folder, safe_serialization=True)
    for config in folder.rglob("*.json"):
        _forget_origin(config)
    vae = AutoencoderKLHunyuanVideo.from_pretrained(folder / "vae", torch_dtype=torch.float32)
    facts = {
        "family": "framepack-hunyuan",
        "title": "Sketch",
        "licence": "GPL-3.0-or-later",
        "native_fps": _NATIVE_FPS,
        "sizes": [list(size) for size in SIZES],
        "side_limits": [64, 1024],
        "steps": _STEPS,
        "guidance": _GUIDANCE,
        "shift": SHIFT,
        "far_shift": FAR_SHIFT,
        "order": str(Order.FORWARD),
        "trained_orders": [str(order) for order in Order],
        "seam": str(Seam.CAUSAL),
        "overlap": OVERLAP,
        "head": HEAD,
        "guide": {name: value for name, value in asdict(guide).items() if value is not None},
        "preview": fit_preview(vae),
        "vocabulary": to_json(known_words()),
    }
    write_whole(folder / FACTS, (json.dumps(facts, indent=2) + "\n").encode())


def write_lora(pipeline: HunyuanVideoFramepackPipeline, folder: Path, schedule: Schedule | None = None) -> None:
    """Write the LoRA that `pipeline`'s transformer was trained with, and beside it what was trained whole, if anything.

    As a folder in the LoRA folder, `loras/NAME`, it is the LoRA NAME.
    """
    state = get_peft_model_state_dict(pipeline.transformer)
    layers = {name: each for name, each in state.items() if ".lora_" in name}
    kernels = {name: each.float().cpu().contiguous() for name, each in state.items() if name not in layers}
    make_folder(folder)
    pipeline.save_lora_weights(folder, transformer_lora_layers=layers, weight_name=LAYERS)
    if kernels:
        write_whole(folder / KERNELS, save(kernels, {"schedule": str(schedule)} if schedule else None))


def write_trained(transformer: Any, begun: ModelFolder, folder: Path, schedule: Schedule | None) -> None:
    """Write `begun` as a model folder with the weights of `transformer` in bfloat16, and all else as it is there.

    What an earlier run left there is replaced. Raises EngineError `folder_unwritable` and `disk_full`.
    """
    facts = json.loads((begun.path / FACTS).read_bytes()) if (begun.path / FACTS).is_file() else {}
    for name in ("components", "files", "revisions"):  # they tell where what is copied here lay
        facts.pop(name, None)
    if schedule is not None:
        facts["order"] = str(schedule.order())
        facts["schedules"] = {str(schedule.order()): str(schedule)}
        facts.pop("trained_orders", None)
    with whole_folder(folder, over=True) as made:
        write_parts(transformer, begun, made)
        (made / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def write_parts(transformer: Any, begun: ModelFolder, folder: Path) -> None:
    """Write the parts of `begun` into `folder`, but for its transformer: that has the weights of `transformer`."""
    transformer.to("cpu", torch.bfloat16).save_pretrained(folder / "transformer", safe_serialization=True)
    _forget_origin(folder / "transformer" / "config.json")
    for name, path in begun.files():
        if not name.startswith("transformer/"):
            (folder / name).parent.mkdir(exist_ok=True)
            copy_whole(path, folder / name)
    if (begun.path / INDEX).is_file():
        copy_whole(begun.path / INDEX, folder / INDEX)


def _forget_origin(config: Path) -> None:
    """Take what a config says of where it was read from out of it: it is nobody else's business."""
    facts = json.loads(config.read_bytes())
    if isinstance(facts, dict) and facts.keys() & _ORIGIN:
        facts = {name: value for name, value in facts.items() if name not in _ORIGIN}
        write_whole(config, (json.dumps(facts, indent=2, sort_keys=True) + "\n").encode())
