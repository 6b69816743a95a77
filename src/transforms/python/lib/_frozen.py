# Modules that MicroPython brings along, for those of the same name that add to them.
import sys


def names_of(name):
    ours = sys.modules.pop(name, None)
    path = sys.path[:]
    sys.path[:] = [".frozen"]
    try:
        found = __import__(name)
    finally:
        sys.path[:] = path
        if ours is None:
            del sys.modules[name]
        else:
            sys.modules[name] = ours
    return {key: value for key, value in found.__dict__.items() if key[:2] != "__"}
