from _frozen import names_of

globals().update(names_of("itertools"))


class chain:
    def __init__(self, *parts):
        self._made = self._all(parts)

    @staticmethod
    def _all(parts):
        for part in parts:
            for one in part:
                yield one

    @staticmethod
    def from_iterable(parts):
        return chain._all(parts)

    def __iter__(self):
        return self._made

    def __next__(self):
        return next(self._made)


def product(*pools, repeat=1):
    found = [()]
    for pool in [list(pool) for pool in pools] * repeat:
        found = [before + (one,) for before in found for one in pool]
    return iter(found)


def combinations(items, r):
    pool = list(items)

    def rest(start, size):
        if size == 0:
            yield ()
            return
        for i in range(start, len(pool) - size + 1):
            for tail in rest(i + 1, size - 1):
                yield (pool[i],) + tail

    return rest(0, r)


def groupby(items, key=None):
    group = []
    last = None
    for one in items:
        found = one if key is None else key(one)
        if group and found != last:
            yield last, iter(group)
            group = []
        group.append(one)
        last = found
    if group:
        yield last, iter(group)


def zip_longest(*pools, fillvalue=None):
    lists = [list(pool) for pool in pools]
    for i in range(max([len(one) for one in lists], default=0)):
        yield tuple([one[i] if i < len(one) else fillvalue for one in lists])


def takewhile(test, items):
    for one in items:
        if not test(one):
            return
        yield one


def dropwhile(test, items):
    items = iter(items)
    for one in items:
        if not test(one):
            yield one
            break
    for one in items:
        yield one


def permutations(items, r=None):
    pool = tuple(items)
    r = len(pool) if r is None else r

    def rest(left, size):
        if size == 0:
            yield ()
            return
        for i in range(len(left)):
            for tail in rest(left[:i] + left[i + 1 :], size - 1):
                yield (left[i],) + tail

    return rest(pool, r)


def combinations_with_replacement(items, r):
    pool = tuple(items)

    def rest(start, size):
        if size == 0:
            yield ()
            return
        for i in range(start, len(pool)):
            for tail in rest(i, size - 1):
                yield (pool[i],) + tail

    return rest(0, r)


def compress(items, selectors):
    return (one for one, keep in zip(items, selectors) if keep)


def filterfalse(test, items):
    return (one for one in items if not (one if test is None else test(one)))


def pairwise(items):
    last = None
    began = False
    for one in items:
        if began:
            yield last, one
        last = one
        began = True


def batched(items, n):
    batch = []
    for one in items:
        batch.append(one)
        if len(batch) == n:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)
