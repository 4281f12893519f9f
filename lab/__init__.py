"""What the paper proposes beyond the released recipe, tried on small models; packed models made of plain ones."""
