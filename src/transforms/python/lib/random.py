from urandom import choice, getrandbits, randint, random, randrange, seed, uniform


def shuffle(items):
    for i in range(len(items) - 1, 0, -1):
        j = randrange(i + 1)
        items[i], items[j] = items[j], items[i]


def sample(population, k):
    pool = list(population)
    if k > len(pool):
        raise ValueError("Sample larger than population or is negative")
    shuffle(pool)
    return pool[:k]


def choices(population, weights=None, k=1):
    if weights is None:
        return [choice(population) for _ in range(k)]
    total = sum(weights)
    out = []
    for _ in range(k):
        at = random() * total
        for one, weight in zip(population, weights):
            at -= weight
            if at < 0:
                break
        out.append(one)
    return out


def randbytes(n):
    return bytes([getrandbits(8) for _ in range(n)])
