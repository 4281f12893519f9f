"""LoRA files into a transformer: read in the formats people have, renamed by diffusers, added to its weights.

Three formats are met: diffusers' own, the original HunyuanVideo or Wan names, and Kohya's (musubi-tuner's) flattened
names of either. Kohya's become one of the others here; diffusers' loader knows those. The layers are merged into the
weights before those travel anywhere, so that a placement never sees them and a step costs what it costs without.
A LoRA that was trained with new kernels brings those whole, in a file beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import Code, EngineError
from ..models.lora_files import LoraFile

_KOHYA = "lora_unet_"
_PREFIXES = ("transformer.", "diffusion_model.")
_HUNYUAN = (
    (re.compile(r"(double_blocks)_(\d+)_((?:img|txt)_attn_(?:qkv|proj))"), r"\1.\2.\3"),
    (re.compile(r"(double_blocks)_(\d+)_((?:img|txt)_mlp)_(fc[12])"), r"\1.\2.\3.\4"),
    (re.compile(r"(double_blocks)_(\d+)_((?:img|txt)_mod)_(linear)"), r"\1.\2.\3.\4"),
    (re.compile(r"(single_blocks)_(\d+)_(linear[12])"), r"\1.\2.\3"),
    (re.compile(r"(single_blocks)_(\d+)_(modulation)_(linear)"), r"\1.\2.\3.\4"),
)
"""Flattened names of the original HunyuanVideo's layers, and the names, which diffusers knows."""
_WAN = (
    (re.compile(r"blocks_(\d+)_self_attn_([qkv])"), r"blocks.\1.attn1.to_\2"),
    (re.compile(r"blocks_(\d+)_self_attn_o"), r"blocks.\1.attn1.to_out.0"),
    (re.compile(r"blocks_(\d+)_cross_attn_([qkv])"), r"blocks.\1.attn2.to_\2"),
    (re.compile(r"blocks_(\d+)_cross_attn_o"), r"blocks.\1.attn2.to_out.0"),
    (re.compile(r"blocks_(\d+)_ffn_0"), r"blocks.\1.ffn.net.0.proj"),
    (re.compile(r"blocks_(\d+)_ffn_2"), r"blocks.\1.ffn.net.2"),
)
"""Flattened names of the original Wan's layers, and diffusers', whose own reading wants every layer of a block."""


def merge_loras(transformer: Any, loras: Sequence[LoraFile], reader: Any) -> None:
    """Add `loras` to the weights of `transformer`, a diffusers transformer, each as much as it says.

    `reader` is the class of diffusers whose `lora_state_dict` knows the names of its layers. Raises EngineError
    `lora_invalid` for a file that is none, or was made for another model.
    """
    own: dict[str, torch.Tensor] = {}
    for lora in loras:
        if lora.kernels is not None:
            _replace(lora, _read(lora, lora.kernels), dict(transformer.named_parameters()), own)
        layers = _layers(lora, transformer, reader)
        for name in sorted({_module(name) for name in layers}):
            _add(lora, layers, name, transformer.get_submodule(name))


@torch.no_grad()
def _replace(
    lora: LoraFile,
    kernels: Mapping[str, torch.Tensor],
    weights: Mapping[str, torch.Tensor],
    own: dict[str, torch.Tensor],
) -> None:
    """Bring `weights` toward `kernels`, as far as the file says; `own` keeps what the model has without any."""
    for name, kernel in kernels.items():
        if name not in weights:
            raise _invalid(lora, f"the model has no weights '{name}'")
        weight = weights[name]
        if kernel.shape != weight.shape:
            raise _invalid(lora, f"its '{name}' has another size than the model's")
        before = own.setdefault(name, weight.detach().clone()).float()
        said = torch.lerp(before, kernel.float(), lora.weight)
        weight.copy_(said + (weight.float() - before))  # beside what others have made of it


@torch.no_grad()
def _add(lora: LoraFile, layers: Mapping[str, torch.Tensor], name: str, module: torch.nn.Linear) -> None:
    """Add B A, as much as the file says, to a layer's weights: in float32, rounded once to what the layer holds."""
    sides = [layers.get(f"{name}.lora_{side}.weight") for side in "AB"]
    if sides[0] is None or sides[1] is None or sides[0].shape[0] != sides[1].shape[1]:
        raise _invalid(lora, f"its layer '{name}' lacks one of its two sides")
    down, up = sides[0].float(), sides[1].float()
    module.weight.copy_(module.weight.float() + (up @ down) * lora.weight)
    if (bias := layers.get(f"{name}.lora_B.bias")) is not None:
        if module.bias is None:
            raise _invalid(lora, f"its layer '{name}' has a bias and the model's has none")
        module.bias.copy_(module.bias.float() + bias.float() * lora.weight)


def _layers(lora: LoraFile, transformer: Any, reader: Any) -> dict[str, torch.Tensor]:
    """The file's layers under the names of `transformer`'s modules: `MODULE.lora_A.weight`, `MODULE.lora_B.weight`."""
    tensors = _read(lora, lora.path)
    modules = {name: module for name, module in transformer.named_modules() if isinstance(module, torch.nn.Linear)}
    if any(name.startswith(_KOHYA) for name in tensors):
        tensors = _from_kohya(lora, tensors, modules)
    tensors = {_peft_name(name): tensor for name, tensor in tensors.items()}
    tensors = reader.lora_state_dict(_scaled(tensors))
    layers = {_without_prefix(name): tensor for name, tensor in tensors.items()}
    unknown = sorted({_module(name) for name in layers} - modules.keys())
    if not layers or unknown:
        detail = f"the model has no layer '{unknown[0]}'" if unknown else "it holds no layers"
        raise _invalid(lora, detail)
    for name, tensor in layers.items():
        module = modules[_module(name)]
        side = module.in_features if ".lora_A" in name else module.out_features
        if tensor.shape[1 if ".lora_A" in name else 0] != side:
            raise _invalid(lora, f"its layer '{_module(name)}' has another size than the model's")
    return layers


def _read(lora: LoraFile, path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as fault:
        raise _invalid(lora, str(fault)) from fault


def _from_kohya(
    lora: LoraFile, tensors: Mapping[str, torch.Tensor], modules: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """Kohya's flattened names as plain ones: `lora_down` is A, `lora_up` is B, `alpha` stays."""
    flattened = {name.replace(".", "_"): name for name in modules}
    kinds = {"lora_down.weight": "lora_A.weight", "lora_up.weight": "lora_B.weight", "alpha": "alpha"}
    plain = {}
    for key, tensor in tensors.items():
        flat, _, kind = key.removeprefix(_KOHYA).partition(".")
        name = flattened.get(flat) or _original_name(flat)
        if name is None or kind not in kinds:
            raise _invalid(lora, f"the model has no layer '{flat}'" if name is None else f"it holds a '{kind}'")
        plain[f"transformer.{name}.{kinds[kind]}"] = tensor
    return plain


def _original_name(flat: str) -> str | None:
    for pattern, name in (*_HUNYUAN, *_WAN):
        if found := pattern.fullmatch(flat):
            return found.expand(name)
    return None


def _peft_name(name: str) -> str:
    """A layer as peft calls it, where diffusers wrote it as it did before, `python -m training` of 0.1.0 for one."""
    return name.replace(".lora.down.", ".lora_A.").replace(".lora.up.", ".lora_B.")


def _scaled(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without alphas: B is multiplied by alpha over rank, which is what alpha means."""
    alphas = {name.removesuffix(".alpha"): float(each) for name, each in tensors.items() if name.endswith(".alpha")}
    scaled = {}
    for name, tensor in tensors.items():
        if name.endswith(".alpha"):
            continue
        module = _module(name)
        if ".lora_B" in name and module in alphas:
            tensor = tensor * (alphas[module] / tensor.shape[1])
        scaled[name] = tensor
    return scaled


def _module(name: str) -> str:
    return re.split(r"\.lora_[AB]\b", name)[0]


def _without_prefix(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def _invalid(lora: LoraFile, detail: str) -> EngineError:
    return EngineError(Code.LORA_INVALID, lora=lora.name, detail=detail)
