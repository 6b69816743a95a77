from binascii import unhexlify
from _sluiceway import ask
import hashlib


class UUID:
    def __init__(self, hex=None, bytes=None, int=None, version=None):
        if hex is None and bytes is None and int is None:
            raise TypeError("one of the hex, bytes or int arguments must be given")
        if bytes is not None:
            hex = "".join(["%02x" % byte for byte in bytes])
        if int is not None:
            hex = "%032x" % int
        hex = hex.replace("urn:", "").replace("uuid:", "").strip("{}").replace("-", "").lower()
        if len(hex) != 32 or any([one not in "0123456789abcdef" for one in hex]):
            raise ValueError("badly formed hexadecimal UUID string")
        if version is not None:
            hex = hex[:12] + str(version) + hex[13:16] + "89ab"["0123456789abcdef".index(hex[16]) & 3] + hex[17:]
        self.hex = hex

    @property
    def bytes(self):
        return unhexlify(self.hex)

    @property
    def int(self):
        return _int(self.hex, 16)

    @property
    def version(self):
        return _int(self.hex[12], 16)

    @property
    def urn(self):
        return "urn:uuid:" + str(self)

    def __str__(self):
        h = self.hex
        return "-".join([h[:8], h[8:12], h[12:16], h[16:20], h[20:]])

    def __repr__(self):
        return "UUID('%s')" % str(self)

    def __eq__(self, other):
        return isinstance(other, UUID) and self.hex == other.hex

    def __hash__(self):
        return hash(self.hex)


_int = int


def uuid4():
    return UUID(hex=ask("bytes", 16), version=4)


uuid1 = uuid4


def uuid5(namespace, name):
    return UUID(hex=hashlib.sha1(namespace.bytes + name.encode()).hexdigest()[:32], version=5)


def uuid3(namespace, name):
    return UUID(hex=hashlib.md5(namespace.bytes + name.encode()).hexdigest(), version=3)


NAMESPACE_DNS = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
NAMESPACE_URL = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
NAMESPACE_OID = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")
NAMESPACE_X500 = UUID("6ba7b814-9dad-11d1-80b4-00c04fd430c8")
