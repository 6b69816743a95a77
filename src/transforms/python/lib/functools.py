from _frozen import names_of

globals().update(names_of("functools"))


def lru_cache(maxsize=128, typed=False):
    if callable(maxsize):
        return lru_cache()(maxsize)

    def decorate(function):
        known = {}

        def cached(*args, **kwargs):
            key = (args, tuple(sorted(kwargs.items())))
            if key not in known:
                if maxsize is not None and len(known) >= maxsize:
                    known.clear()
                known[key] = function(*args, **kwargs)
            return known[key]

        return cached

    return decorate


cache = lru_cache(None)


def cmp_to_key(compare):
    class Key:
        def __init__(self, value):
            self.value = value

        def __lt__(self, other):
            return compare(self.value, other.value) < 0

        def __eq__(self, other):
            return compare(self.value, other.value) == 0

    return Key


def total_ordering(cls):
    # From `__lt__` and `__eq__`, which is what classes have most often.
    own = cls.__dict__
    if "__lt__" in own:
        added = {
            "__gt__": lambda self, other: not (self < other or self == other),
            "__le__": lambda self, other: self < other or self == other,
            "__ge__": lambda self, other: not self < other,
        }
    elif "__gt__" in own:
        added = {
            "__lt__": lambda self, other: not (self > other or self == other),
            "__ge__": lambda self, other: self > other or self == other,
            "__le__": lambda self, other: not self > other,
        }
    else:
        raise ValueError("must define at least one ordering operation: < >")
    for name, value in added.items():
        if name not in own:
            setattr(cls, name, value)
    return cls


def cached_property(method):
    # Of an object without a name of its own: by its place.
    def get(self):
        known = self.__dict__.get("_cached_properties")
        if known is None:
            known = {}
            setattr(self, "_cached_properties", known)
        if method not in known:
            known[method] = method(self)
        return known[method]

    return property(get)


def singledispatch(function):
    kinds = []

    def call(*args, **kwargs):
        for kind, one in reversed(kinds):
            if isinstance(args[0], kind):
                return one(*args, **kwargs)
        return function(*args, **kwargs)

    def register(kind, one=None):
        if one is None:
            return lambda given: register(kind, given)
        kinds.append((kind, one))
        return one

    class Dispatched:
        def __call__(self, *args, **kwargs):
            return call(*args, **kwargs)

    made = Dispatched()
    made.register = register
    return made
