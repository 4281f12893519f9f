"""Shotpack, the Blender add-on: registration only; what there is to register is listed by `operators` and `panels`."""


def register() -> None:
    """Register every class, or none: Blender drops an add-on whose register() fails, but keeps the classes it added."""
    # Imported here because tests and the engine also load this package, where there is no bpy.
    import bpy

    registered: list[type] = []
    try:
        for cls in _classes():
            bpy.utils.register_class(cls)
            registered.append(cls)
    except Exception:
        for cls in reversed(registered):
            bpy.utils.unregister_class(cls)
        raise


def unregister() -> None:
    """Unregister every class, the last registered first."""
    import bpy

    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)


def _classes() -> tuple[type, ...]:
    from . import operators, panels

    # Operators first: panels refer to their properties and ids.
    return (*operators.CLASSES, *panels.CLASSES)
