"""Shotpack, the Blender add-on: registration only; what there is to register is listed by `operators` and `panels`."""


def register() -> None:
    """Register every class and hook, or none: Blender drops an add-on whose register() fails, but keeps its classes."""
    # Imported here because tests and the engine also load this package, where there is no bpy.
    import bpy

    from . import operators

    registered: list[type] = []
    attaching = False
    try:
        for cls in _classes():
            bpy.utils.register_class(cls)
            registered.append(cls)
        attaching = True
        operators.attach()
    except Exception:
        if attaching:  # else what is attached is not ours: one of us may be registered already
            operators.detach()
        for cls in reversed(registered):
            bpy.utils.unregister_class(cls)
        raise


def unregister() -> None:
    """Undo `register`, the last first."""
    import bpy

    from . import operators

    operators.detach()
    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)


def _classes() -> tuple[type, ...]:
    from . import operators, panels

    # Operators first: panels refer to their properties and ids.
    return (*operators.CLASSES, *panels.CLASSES)
