"""A text-to-video checkpoint in diffusers' layout, with the input layers and the configuration of a packed one."""
