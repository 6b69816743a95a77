from _frozen import names_of

globals().update(names_of("itertools"))


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
