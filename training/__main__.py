"""`python -m training train-vae | train | eval`: make Sketch, fine-tune any FramePack model, measure either."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine import command_line
from engine.errors import Code, EngineError
from engine.media.files import make_folder
from engine.models.catalog import find_model

if TYPE_CHECKING:
    from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackPipeline

    from engine.models.spec import ModelSpec

_WORD_STEPS = 400
VAE_FOLDER, MODEL_FOLDER, LORA_FOLDER = "vae", "model", "lora"
WORDS_FILE = "words.safetensors"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the process's exit code, as `command_line.run` says."""
    parser = command_line.Parser(
        prog="python -m training", description="Train and measure the small model that ships with Shotpack."
    )
    actions = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=command_line.Parser)

    vae = actions.add_parser("train-vae", help="train the VAE on drawn pictures, then its decoder on clips")
    vae.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run's folder; one begun goes on")
    vae.add_argument("--steps", type=int, default=6000, help="steps on pictures (default: 6000); 0: DIR/vae is there")
    vae.add_argument("--time-steps", type=int, default=2000, help="optimiser steps on clips (default: 2000)")
    vae.add_argument("--pictures", type=int, default=7000, help="pictures drawn beforehand (default: 7000)")
    vae.add_argument("--clips", type=int, default=800, help="clips drawn beforehand (default: 800)")
    vae.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    vae.set_defaults(act=_train_vae)

    train = actions.add_parser("train", help="train a FramePack transformer on drawn clips")
    train.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run's folder; one begun goes on")
    train.add_argument("--model", metavar="NAME_OR_DIR", help="begin with this model instead of from nothing")
    train.add_argument("--heads", type=int, metavar="N", help="make that model wider first, to N heads of its size")
    train.add_argument("--words", type=int, default=0, metavar="STEPS", help="correct that model's text encoders first")
    train.add_argument("--vae", type=Path, metavar="DIR", help="the VAE of a new Sketch (default: DIR/vae of the run)")
    train.add_argument("--steps", type=int, default=6000, help="optimiser steps (default: 6000)")
    train.add_argument("--batch", type=int, default=8, help="clips a step (default: 8)")
    train.add_argument("--rate", type=float, default=1.0, help="multiple of the learning rates (default: 1)")
    train.add_argument("--lora", type=int, default=0, metavar="RANK", help="train a LoRA instead of the weights")
    train.add_argument(
        "--new-kernels",
        choices=("full",),
        help="beside a LoRA: train the layers that history and vision come in by, whole, and save them beside it",
    )
    train.add_argument("--full", action="store_true", help="train all of --model's transformer, and nothing else")
    train.add_argument("--schedule", metavar="NAME", help="practise this packing alone (td_f16k4f2k2f1k1_g9)")
    train.add_argument("--clips", type=int, default=1200, help="clips encoded beforehand (default: 1200)")
    train.add_argument("--sections", type=int, default=5, help="sections of each clip (default: 5)")
    train.add_argument("--bank-often", default="", metavar="NAME,NAME", help="moves drawn three times as often")
    train.add_argument(
        "--guided-clips", type=int, default=0, help="clips with a guide, for lessons with one (default: 0)"
    )
    train.add_argument("--guides", type=float, default=0.6, help="then: share of steps with a guide (default: 0.6)")
    train.add_argument("--crop", type=int, default=16, help="latents a side practised first; 0: whole pictures only")
    train.add_argument("--longest", type=int, metavar="N", help="sections of the longest shot (default: --sections)")
    train.add_argument("--noise", type=float, default=0.2, help="share of samples from noise alone (default: 0.2)")
    train.add_argument("--own", type=float, default=0.5, help="share of steps on its own history (default: 0.5)")
    train.add_argument("--guided", type=float, default=0.5, help="share of steps that teach guidance (default: 0.5)")
    train.add_argument("--moves", default="", metavar="NAME,NAME", help="only moves that begin so: zoom,roll,object")
    train.add_argument("--often", default="", metavar="NAME,NAME", help="moves that begin so come three times as often")
    train.add_argument("--size", type=_latents, metavar="WxH", help="only clips of this size in pixels")
    train.add_argument("--compile", action="store_true", help="compile the blocks first; pays in long runs")
    train.add_argument("--seed", type=int, default=5)
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    train.set_defaults(act=_train)

    measure = actions.add_parser("eval", help="measure a model on held-out scenes: a table and contact sheets")
    measure.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="shots, sheets and table; one begun goes on"
    )
    measure.add_argument("--model", metavar="NAME_OR_DIR", default="sketch", help="what to measure (default: sketch)")
    measure.add_argument(
        "--only",
        default="",
        metavar="PART,PART",
        help="vae, pictures, obedience, fidelity, distance, sections, foresight, steps, drift, speed",
    )
    measure.add_argument("--shots", type=int, default=200, help="shots for obedience (default: 200)")
    measure.add_argument("--lengths", default="1,3", metavar="N,N", help="their lengths in sections (default: 1,3)")
    measure.add_argument("--pictures", type=Path, metavar="DIR", help="pictures that no training code drew")
    measure.add_argument("--bank", type=Path, metavar="DIR", help="the run's bank, to set known scenes beside new ones")
    measure.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    measure.set_defaults(act=_eval)
    parser.set_defaults(run=_run)
    return command_line.run(parser, arguments)


def _run(args: argparse.Namespace) -> int:
    args.act(args)
    return 0


def _train_vae(args: argparse.Namespace) -> None:
    import torch
    from diffusers import AutoencoderKLHunyuanVideo

    from engine.inference.registry import choose_device

    from .export import fold_scale
    from .networks.architecture import new_vae
    from .networks.flat_vae import inflate
    from .picture_bank import ClipBank, PictureBank
    from .train_vae import CLIP_SEED, PICTURE_SEED, picture_stage, time_stage

    device, workers = choose_device(args.device), os.cpu_count() or 1
    torch.manual_seed(PICTURE_SEED)
    if args.steps:
        twin, vae = new_vae(), new_vae()
        pictures = PictureBank.drawn(PICTURE_SEED, args.pictures, workers)
        picture_stage(twin, args.out / "pictures", steps=args.steps, bank=pictures, device=device)
        inflate({name: each.cpu() for name, each in twin.state_dict().items()}, vae)
        del pictures, twin
        fold_scale(vae)
    else:
        vae = AutoencoderKLHunyuanVideo.from_pretrained(args.out / VAE_FOLDER)
    if args.time_steps:
        clips = ClipBank.drawn(CLIP_SEED, args.clips, frames=13, workers=workers)
        time_stage(vae, args.out / "time", steps=args.time_steps, bank=clips, device=device)
    vae.cpu().save_pretrained(args.out / VAE_FOLDER)


def _train(args: argparse.Namespace) -> None:
    from engine.inference.registry import choose_device

    from .export import GUIDE_USE, write_lora, write_model, write_trained
    from .guide_bank import extend_guides, read_guides
    from .guided_lessons import LEARNED_USE
    from .latent_bank import BankRecipe, extend_bank, read_bank
    from .lessons import practised_schedule
    from .networks.architecture import VISION_SIDE
    from .networks.flat_vae import looks_at_present_only
    from .train_transformer import Settings, train

    _check_kind(args)
    device = choose_device(args.device)
    pipeline, spec = _beginning(args)
    schedule = practised_schedule(args.schedule, spec) if args.schedule else None
    vae: AutoencoderKLHunyuanVideo = pipeline.vae.eval()
    if not looks_at_present_only(vae):
        vae.to(device)  # a large VAE that must see whole clips; Sketch's is quicker in a process for every core
    side = pipeline.image_encoder.config.image_size if pipeline.image_encoder is not None else VISION_SIDE
    bank = args.out / "bank"
    workers = os.cpu_count() or 1
    recipe = BankRecipe(args.sections, side, args.seed, _names(args.bank_often))
    extend_bank(bank, vae, recipe, clips=args.clips, workers=workers)
    guided = args.out / "guided"
    if args.guided_clips:
        extend_guides(guided, vae, side=side, seed=args.seed, clips=args.guided_clips, workers=workers)
    vae.cpu()
    settings = Settings(
        steps=args.steps,
        seed=args.seed,
        batch=args.batch,
        longest=args.longest or args.sections,
        crop=args.crop,
        pure_noise=args.noise,
        own_history=args.own,
        guided=args.guided,
        moves=_names(args.moves),
        often=_names(args.often),
        size=args.size,
        rank=args.lora,
        new_kernels=args.new_kernels is not None,
        full=args.full,
        schedule=schedule,
        guides=args.guides,
        rate=args.rate,
        compiled=args.compile,
    )
    clips = read_guides(guided) if args.guided_clips else []
    train(pipeline, spec, read_bank(bank), args.out / "transformer", settings, device, clips)
    if args.lora:
        write_lora(pipeline, args.out / LORA_FOLDER, schedule)
    elif args.full:
        write_trained(pipeline.transformer, find_model(args.model), args.out / MODEL_FOLDER, schedule)
    else:
        write_model(
            pipeline.to("cpu"),
            args.out / MODEL_FOLDER,
            LEARNED_USE if clips or spec.guide == LEARNED_USE else GUIDE_USE,
        )


def _beginning(args: argparse.Namespace) -> tuple[HunyuanVideoFramepackPipeline, ModelSpec]:
    """The pipeline that training begins with, and its spec."""
    import torch
    from diffusers import AutoencoderKLHunyuanVideo, HunyuanVideoFramepackPipeline

    from engine.framepack.sigmas import FlowShift
    from engine.inference.hunyuan.spec import RELEASED
    from engine.inference.registry import spec_of

    from .networks.architecture import SHIFT, new_pipeline, new_transformer
    from .networks.local_heads import start_local
    from .networks.motion_heads import start_motion
    from .networks.widen import widened
    from .train_text import RATE_UNIT, correct_words, teach_words

    if args.model:
        model = find_model(args.model)
        dtype = torch.bfloat16 if args.lora else torch.float32
        pipeline = HunyuanVideoFramepackPipeline.from_pretrained(model.path, torch_dtype=dtype)
        if args.heads:
            torch.manual_seed(args.seed)
            pipeline.transformer = widened(pipeline.transformer, args.heads)
        if args.words:
            _learn_words(pipeline, args, partial(correct_words, steps=args.words))
        return pipeline, spec_of(model)
    torch.manual_seed(args.seed)
    vae = AutoencoderKLHunyuanVideo.from_pretrained(args.vae or args.out / VAE_FOLDER)
    transformer = new_transformer()
    start_local(transformer)
    start_motion(transformer, RATE_UNIT)
    pipeline = new_pipeline(vae, transformer)
    _learn_words(pipeline, args, partial(teach_words, steps=args.words or _WORD_STEPS))
    return pipeline, replace(RELEASED, shift=FlowShift.fixed(SHIFT))


def _learn_words(
    pipeline: HunyuanVideoFramepackPipeline, args: argparse.Namespace, teach: Callable[..., object]
) -> None:
    """Have `teach` train the text encoders, once for a run: a run that was stopped reads what they learned."""
    from engine.inference.registry import choose_device

    from .train_text import read_words, write_words

    words = args.out / WORDS_FILE
    if not words.is_file():
        teach(pipeline, seed=args.seed, device=choose_device(args.device))
        make_folder(args.out)
        write_words(pipeline, words)
    read_words(pipeline, words)


def _names(listed: str) -> tuple[str, ...]:
    """The names in a list such as zoom,roll."""
    return tuple(name for name in listed.split(",") if name)


def _latents(size: str) -> tuple[int, int]:
    """(width, height) in latents of a size in pixels such as 256x144."""
    width, height = (int(side) // 8 for side in size.split("x"))  # argparse says what a ValueError means
    return width, height


def _check_kind(args: argparse.Namespace) -> None:
    """Refuse what does not go together. Raises EngineError `bad_request`."""
    detail = ""
    if args.new_kernels and not args.lora:
        detail = "--new-kernels goes with --lora; without one all weights are trained"
    elif args.full and (args.lora or args.heads or args.words or args.guided_clips):
        detail = "--full trains a transformer as it is: without --lora, --heads, --words and --guided-clips"
    elif args.full and not args.model:
        detail = "--full goes with --model"
    if detail:
        raise EngineError(Code.BAD_REQUEST, detail=detail)


def _eval(args: argparse.Namespace) -> None:
    from .evaluation.evaluation import Extent, Sources
    from .evaluation.report import PARTS, evaluate

    try:
        extent = Extent(args.shots, tuple(int(length) for length in args.lengths.split(",")))
    except ValueError as fault:
        raise EngineError(Code.CHOICE_INVALID, name="lengths", value=args.lengths, allowed="such as 1,3") from fault
    parts = _names(args.only) or PARTS
    evaluate(find_model(args.model), args.out, parts, extent, Sources(args.pictures, args.bank), args.device)


if __name__ == "__main__":
    sys.exit(main())
