"""The paper: section plans, packed contexts, noise schedules, solvers and the generation loop.

Axes, named once and used everywhere: B batch, C channel, T latent frame, H W latent rows and columns, F pixel frame,
L token. A section is `window` latent frames; sigma runs from 1 (noise) to 0 (picture).
"""
