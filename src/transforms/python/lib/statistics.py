class StatisticsError(ValueError):
    pass


def _given(data):
    data = list(data)
    if not data:
        raise StatisticsError("no data")
    return data


def mean(data):
    data = _given(data)
    return sum(data) / len(data)


fmean = mean


def median(data):
    data = sorted(_given(data))
    middle = len(data) // 2
    return data[middle] if len(data) % 2 else (data[middle - 1] + data[middle]) / 2


def mode(data):
    counts = {}
    best = None
    for one in _given(data):
        counts[one] = counts.get(one, 0) + 1
        if best is None or counts[one] > counts[best]:
            best = one
    return best


def pvariance(data):
    data = _given(data)
    middle = mean(data)
    return sum([(one - middle) ** 2 for one in data]) / len(data)


def pstdev(data):
    return pvariance(data) ** 0.5


def variance(data):
    data = _given(data)
    if len(data) < 2:
        raise StatisticsError("variance requires at least two data points")
    return pvariance(data) * len(data) / (len(data) - 1)


def stdev(data):
    return variance(data) ** 0.5
