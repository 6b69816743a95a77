import ujson
from _sluiceway import ask, plain, text_of


class JSONDecodeError(ValueError):
    pass


def loads(text, **options):
    try:
        if isinstance(text, str) and ("\\ud" in text or "\\uD" in text):
            text = ask("unescaped", text)
        return ujson.loads(text)
    except ValueError:
        raise JSONDecodeError("the text is not JSON")


def load(file, **options):
    return loads(file.read())


def dumps(value, skipkeys=False, ensure_ascii=True, indent=None, separators=None, default=None, sort_keys=False, **options):
    if default is not None:
        value = _with_default(value, default)
    value = plain(value)
    text = ""
    if indent is None and not sort_keys:
        text = ujson.dumps(value, separators=separators) if separators else ujson.dumps(value)
    # Numbers with more digits than they need are written again.
    if text == "" or "0000" in text or "9999" in text:
        between, after = separators or (("," if indent is not None else ", "), ": ")
        if isinstance(indent, int):
            indent = " " * indent
        text = _written(value, indent, between, after, sort_keys, "\n")
    return _ascii(text) if ensure_ascii else text


def dump(value, file, **options):
    file.write(dumps(value, **options))


def _with_default(value, default):
    if isinstance(value, dict):
        return {key: _with_default(one, default) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_default(one, default) for one in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return _with_default(default(value), default)


def _written(value, indent, between, after, sort_keys, line):
    if not isinstance(value, (dict, list)):
        return text_of(value) if isinstance(value, float) else ujson.dumps(value)
    opened, closed = ("{", "}") if isinstance(value, dict) else ("[", "]")
    if not value:
        return opened + closed
    inner = line + indent if indent is not None else line
    if isinstance(value, dict):
        keys = sorted(value) if sort_keys else list(value)
        parts = [
            ujson.dumps(key) + after + _written(value[key], indent, between, after, sort_keys, inner) for key in keys
        ]
    else:
        parts = [_written(one, indent, between, after, sort_keys, inner) for one in value]
    if indent is None:
        return opened + between.join(parts) + closed
    return opened + inner + (between + inner).join(parts) + line + closed


def _ascii(text):
    if len(text) == len(text.encode()):
        return text
    out = []
    for letter in text:
        code = ord(letter)
        if code < 128:
            out.append(letter)
        elif code < 65536:
            out.append("\\u%04x" % code)
        else:
            code -= 65536
            out.append("\\u%04x\\u%04x" % (55296 + (code >> 10), 56320 + (code & 1023)))
    return "".join(out)
