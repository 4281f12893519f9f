"""What the paper proposes beyond the released recipe, tried on small models, and plain video models made into packed ones."""
