from binascii import hexlify, unhexlify
from _sluiceway import ask

algorithms_available = algorithms_guaranteed = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
_blocks = {"md5": 64, "sha1": 64, "sha224": 64, "sha256": 64, "sha384": 128, "sha512": 128}


class _Hash:
    def __init__(self, name, data=b""):
        if name not in _blocks:
            raise ValueError("unsupported hash type " + name)
        self.name = name
        self.block_size = _blocks[name]
        self._data = b""
        self.update(data)

    def update(self, data):
        if isinstance(data, str):
            raise TypeError("Strings must be encoded before hashing")
        self._data += data

    def hexdigest(self):
        return ask("hash", [self.name, hexlify(self._data).decode()])

    def digest(self):
        return unhexlify(self.hexdigest())

    @property
    def digest_size(self):
        return len(self.digest())

    def copy(self):
        return _Hash(self.name, self._data)


def new(name, data=b"", **options):
    return _Hash(name.lower().replace("-", ""), data)


def md5(data=b"", **options):
    return _Hash("md5", data)


def sha1(data=b"", **options):
    return _Hash("sha1", data)


def sha224(data=b"", **options):
    return _Hash("sha224", data)


def sha256(data=b"", **options):
    return _Hash("sha256", data)


def sha384(data=b"", **options):
    return _Hash("sha384", data)


def sha512(data=b"", **options):
    return _Hash("sha512", data)
