import hashlib


class HMAC:
    def __init__(self, key, msg=None, digestmod=None):
        if digestmod is None:
            raise TypeError("Missing required argument 'digestmod'.")
        self._make = digestmod if callable(digestmod) else lambda data=b"": hashlib.new(digestmod, data)
        inner = self._make()
        self.name = "hmac-" + inner.name
        block = inner.block_size
        if len(key) > block:
            key = self._make(key).digest()
        key = key + bytes(block - len(key))
        self._inner = self._make(bytes([byte ^ 0x36 for byte in key]))
        self._outer = bytes([byte ^ 0x5C for byte in key])
        if msg is not None:
            self.update(msg)

    def update(self, msg):
        self._inner.update(msg)

    def digest(self):
        return self._make(self._outer + self._inner.digest()).digest()

    def hexdigest(self):
        return self._make(self._outer + self._inner.digest()).hexdigest()


def new(key, msg=None, digestmod=None):
    return HMAC(key, msg, digestmod)


def digest(key, msg, digest):
    return HMAC(key, msg, digest).digest()


def compare_digest(a, b):
    return a == b
