from ucollections import OrderedDict, deque, namedtuple


class defaultdict(dict):
    def __init__(self, default_factory=None, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.default_factory = default_factory

    def __getitem__(self, key):
        if key not in self:
            if self.default_factory is None:
                raise KeyError(key)
            self[key] = self.default_factory()
        return super().__getitem__(key)


class Counter(dict):
    def __init__(self, items=()):
        super().__init__()
        self.update(items)

    def __getitem__(self, key):
        return super().get(key, 0)

    def update(self, items):
        pairs = items.items() if isinstance(items, dict) else [(one, 1) for one in items]
        for key, count in pairs:
            self[key] = super().get(key, 0) + count

    def most_common(self, n=None):
        found = sorted(self.items(), key=lambda pair: -pair[1])
        return found if n is None else found[:n]

    def elements(self):
        return [key for key, count in self.items() for _ in range(count)]

    def total(self):
        return sum(self.values())

    def subtract(self, items):
        pairs = items.items() if isinstance(items, dict) else [(one, 1) for one in items]
        for key, count in pairs:
            self[key] = super().get(key, 0) - count

    def _joined(self, other, join):
        out = Counter()
        for key in set(self.keys()) | set(other.keys()):
            count = join(self[key], other[key])
            if count > 0:
                out[key] = count
        return out

    def __add__(self, other):
        return self._joined(other, lambda a, b: a + b)

    def __sub__(self, other):
        return self._joined(other, lambda a, b: a - b)

    def __or__(self, other):
        return self._joined(other, max)

    def __and__(self, other):
        return self._joined(other, min)


class ChainMap:
    def __init__(self, *maps):
        self.maps = list(maps) or [{}]

    def __getitem__(self, key):
        for one in self.maps:
            if key in one:
                return one[key]
        raise KeyError(key)

    def get(self, key, default=None):
        return self[key] if key in self else default

    def __contains__(self, key):
        return any([key in one for one in self.maps])

    def __setitem__(self, key, value):
        self.maps[0][key] = value

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def keys(self):
        out = {}
        for one in reversed(self.maps):
            out.update(one)
        return list(out.keys())

    def items(self):
        return [(key, self[key]) for key in self.keys()]

    def values(self):
        return [self[key] for key in self.keys()]

    def new_child(self, m=None):
        return ChainMap({} if m is None else m, *self.maps)
