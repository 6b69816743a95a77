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
