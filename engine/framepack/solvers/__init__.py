"""Solvers of the flow ODE, written as generators: the caller gets every step, so progress and cancel need no callback.

All take `velocity(x, sigma)`, a noise tensor `x` of any shape and `sigmas` falling from 1, and yield one `Denoised` a
step. They call the velocity exactly once a step and work in the dtype and on the device of `x`.
"""
