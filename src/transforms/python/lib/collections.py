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
