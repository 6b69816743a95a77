from _sluiceway import ask
from binascii import unhexlify


def token_hex(nbytes=32):
    return ask("bytes", nbytes)


def token_bytes(nbytes=32):
    return unhexlify(token_hex(nbytes))


def choice(items):
    return items[int(token_hex(8), 16) % len(items)]


def randbelow(limit):
    return int(token_hex(16), 16) % limit
