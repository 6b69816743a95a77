# Runs a user's functions for their host. `port` is the only way out: text in both directions.
import sys
import builtins
import ujson
import js as port
from io import StringIO


class _Suspended(BaseException):
    # Ends a call that waits for an answer: it runs again once the answer is there.
    pass


def log(*args):
    port.log = "Log:" + "".join([" " + (arg if isinstance(arg, str) else _shown(arg)) for arg in args])


def _shown(value):
    try:
        return text_of(value) if isinstance(value, float) else ujson.dumps(plain(value))
    except Exception:
        return str(value)


def geolocation(ip):
    return call("geolocation", ip)


def getCredential(key):
    if key is None:
        raise TypeError("Key should be valid and defined")
    return ask("credential", str(key))


def call(kind, args):
    # What JavaScript has to wait for. Raises what it rejects with.
    port.call = ujson.dumps([kind, plain(args)])
    answer = port.result
    if answer == "wait":
        raise _Suspended()
    return _answered(answer)


def ask(kind, args):
    # What JavaScript answers at once.
    port.ask = ujson.dumps([kind, args])
    return _answered(port.result)


def _answered(text):
    answer = ujson.loads(text)
    if "error" in answer:
        raise (ValueError if answer.get("kind") == "value" else RuntimeError)(answer["error"])
    return answer["value"]


def plain(value):
    # What json.dumps of CPython takes, but NaN and infinities become null, as in JavaScript.
    if value is None or isinstance(value, (bool, int, str)):
        # A member of an enum that is one of these.
        return value if type(value) in (bool, int, str, type(None)) else getattr(value, "value", value)
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {_key(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def _key(key):
    if isinstance(key, str):
        return key if type(key) is str else getattr(key, "value", key)
    if key is None:
        return "null"
    if key is True or key is False:
        return "true" if key else "false"
    if isinstance(key, (int, float)):
        return str(key)
    raise TypeError("keys must be str, int, float, bool or None, not %s" % type(key).__name__)


_shared_text = ""
_shared = {}


def metadata(event):
    # What many events share is read once: reading JSON is what takes time here.
    global _shared_text, _shared
    port.asked = event.get("messageId") if isinstance(event, dict) else None
    text = port.shared
    if text != _shared_text:
        _shared = ujson.loads(text)
        _shared_text = text
    found = _shared.copy()
    found.update(ujson.loads(port.metadata))
    return found


def start():
    builtins.log = log
    builtins.geolocation = geolocation
    builtins.getCredential = getCredential
    for name, value in _added.items():
        setattr(builtins, name, value)
    global _main
    try:
        _main = __import__("_transform")
        found = [name for name in ("transformEvent", "transformBatch") if callable(getattr(_main, name, None))]
        port.output = ",".join(found)
    except BaseException as error:
        _failed(error)


def run():
    # One call of the user's function.
    global _last
    try:
        result = getattr(_main, port.function)(ujson.loads(port.input), metadata)
        if result is None or isinstance(result, (dict, list, tuple)):
            port.output = ujson.dumps(result)
        else:
            # No object, and no array: RudderStack's rules say what that is.
            port.output = "0"
    except BaseException as error:
        _failed(error)
    else:
        _last = result


def again():
    # Of the same result, where `ujson.dumps` wrote what is no JSON.
    try:
        port.output = ujson.dumps(plain(_last))
    except BaseException as error:
        _failed(error)


def reseed():
    # A call that runs again for an answer sees the same random numbers.
    import urandom

    urandom.seed(port.seed)


def _failed(error):
    out = StringIO()
    sys.print_exception(error, out)
    port.error = out.getvalue()


# What adapt.ts writes in place of Python that MicroPython does not have.
def _merge(*parts):
    out = {}
    for part in parts:
        out.update(part)
    return out


def _joined(*parts):
    out = []
    for part in parts:
        out.extend(part)
    return out


def _method(value, name):
    if name in _texts:
        if value is str:
            return _texts[name]
        if isinstance(value, str):
            # A member of an enum is no whole str.
            text = value if type(value) is str else getattr(value, "value", value)
            return lambda *args, **kwargs: _texts[name](text, *args, **kwargs)
    if name == "format" and isinstance(value, str) and ("," in value or "_" in value):
        return lambda *args, **kwargs: _formatted(value, args, kwargs)
    found = _methods.get(name)
    if found is None or not isinstance(value, found[0]) or hasattr(value, name):
        return getattr(value, name)
    return lambda *args, **kwargs: found[1](value, *args, **kwargs)


def _of_letters(name):
    # MicroPython knows letters of ASCII alone.
    native = getattr(str, name)
    return lambda text: native(text) if _is_ascii(text) else ask(name, text)


def _is_ascii(text):
    return len(text.encode()) == len(text)


def _stripped(name):
    native = getattr(str, name)
    return lambda text, letters=None: native(text, letters) if letters is not None else native(text) if _is_ascii(text) else ask(name, text)


def _split(text, sep=None, maxsplit=-1):
    if sep is None and maxsplit == -1 and not _is_ascii(text):
        return ask("split", text)
    return text.split(sep, maxsplit)


def _encode(text, encoding="utf-8", errors="strict"):
    kind = encoding.lower().replace("-", "").replace("_", "")
    if kind in ("utf8", "u8"):
        return text.encode()
    if kind not in ("ascii", "usascii", "latin1", "iso88591"):
        raise LookupError("unknown encoding: " + encoding)
    end = 256 if "1" in kind else 128
    out = bytearray()
    for letter in text:
        code = ord(letter)
        if code < end:
            out.append(code)
        elif errors == "replace":
            out.append(63)
        elif errors != "ignore":
            raise UnicodeError("'%s' codec can't encode character %d" % (encoding, code))
    return bytes(out)


_texts = {
    name: _of_letters(name) for name in ("lower", "upper", "isalpha", "isdigit", "isupper", "islower", "isspace")
}
_texts.update({name: _stripped(name) for name in ("strip", "lstrip", "rstrip")})
_texts["split"] = _split
_texts["encode"] = _encode
_lower = _texts["lower"]
_upper = _texts["upper"]
_isalpha = _texts["isalpha"]
_isdigit = _texts["isdigit"]


def _words(text):
    out = []
    inside = False
    for letter in text:
        out.append(_lower(letter) if inside else _upper(letter))
        inside = _isalpha(letter)
    return "".join(out)


def _capitalize(text):
    return _upper(text[:1]) + _lower(text[1:])


def _zfill(text, width):
    sign = text[0] if text[:1] in ("+", "-") and text else ""
    return sign + "0" * (width - len(text)) + text[len(sign) :]


def _all(test):
    return lambda text: len(text) > 0 and all([test(one) for one in text])


def _translate(text, table):
    out = []
    for letter in text:
        found = table.get(ord(letter), letter)
        if found is not None:
            out.append(chr(found) if isinstance(found, int) else found)
    return "".join(out)


_methods = {
    "title": (str, lambda text: _words(text)),
    "capitalize": (str, _capitalize),
    "casefold": (str, lambda text: _lower(text).replace("\u00df", "ss")),
    "swapcase": (str, lambda text: "".join([_lower(c) if _texts["isupper"](c) else _upper(c) for c in text])),
    "zfill": (str, _zfill),
    "ljust": (str, lambda text, width, fill=" ": text + fill * (width - len(text))),
    "rjust": (str, lambda text, width, fill=" ": fill * (width - len(text)) + text),
    "removeprefix": (str, lambda text, part: text[len(part) :] if part and text.startswith(part) else text),
    "removesuffix": (str, lambda text, part: text[: -len(part)] if part and text.endswith(part) else text),
    "isalnum": (str, _all(lambda c: _isalpha(c) or _isdigit(c))),
    "isnumeric": (str, _all(_isdigit)),
    "isdecimal": (str, _all(_isdigit)),
    "isascii": (str, lambda text: all([ord(c) < 128 for c in text])),
    "isidentifier": (
        str,
        lambda text: _all(lambda c: _isalpha(c) or _isdigit(c) or c == "_")(text) and not text[0].isdigit(),
    ),
    "translate": (str, _translate),
    "is_integer": (float, lambda number: number == int(number)),
    "bit_length": (int, lambda number: 0 if number == 0 else len(bin(abs(number))) - 2),
}


def text_of(*args, **kwargs):
    # MicroPython writes more digits of a number than it needs: 95478.10000000001 for 95478.1.
    if len(args) != 1 or type(args[0]) is not float:
        return str(*args, **kwargs)
    value = args[0]
    text = str(value)
    if len(text) > 15 and value - value == 0:
        for form in ("%.15g", "%.16g"):
            short = form % value
            if float(short) == value and ("e" in short) == ("e" in text):
                return short if "." in short or "e" in short else short + ".0"
    return text


def _isinstance(value, kinds):
    # A class of an enum is an object here.
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    return isinstance(value, tuple([getattr(one, "_class", one) for one in kinds]))


def _format(value, spec=""):
    if hasattr(value, "__format__"):
        return value.__format__(spec)
    lead = spec[:2] if spec[1:2] in ("<", ">", "^", "=") else ""
    rest = spec[len(lead) :]
    mark = "," if "," in rest else "_"
    if mark in rest and isinstance(value, (int, float)):
        return _grouped(value, lead, rest.split(mark, 1), mark)
    return ("{:" + spec + "}").format(value) if spec else str(value)


def _grouped(value, lead, parts, mark):
    # MicroPython puts no marks between the thousands of what is no whole number.
    width, form = parts
    sign = "+" if "+" in width else ""
    width = width.replace("+", "")
    if form == "" or form == "d":
        text = text_of(value) if isinstance(value, float) else str(value)
    else:
        text = ("{:" + form + "}").format(value)
    if text[:1] == "-":
        sign, text = "-", text[1:]
    end = 0
    while text[end : end + 1].isdigit():
        end += 1
    whole = text[:end]
    groups = []
    while len(whole) > 3:
        groups.insert(0, whole[-3:])
        whole = whole[:-3]
    text = sign + mark.join([whole] + groups) + text[end:]
    if lead == "" and width[:1] not in ("<", ">", "^", "="):
        lead = ">"
    return ("{:" + lead + width + "}").format(text) if width else text


def _formatted(text, args, kwargs):
    # `text.format(…)`, each field by itself.
    out = []
    place = 0
    i = 0
    while i < len(text):
        letter = text[i]
        if letter in "{}" and text[i + 1 : i + 2] == letter:
            out.append(letter)
            i += 2
            continue
        end = text.find("}", i)
        if letter != "{" or end < 0:
            out.append(letter)
            i += 1
            continue
        field = text[i + 1 : end]
        if "{" in field:
            return text.format(*args, **kwargs)
        name, colon, spec = field.partition(":")
        if name == "" or name[0] == "!":
            name = str(place) + name
            place += 1
        if name.isdigit() and int(name) < len(args):
            out.append(_format(args[int(name)], spec))
        elif name in kwargs:
            out.append(_format(kwargs[name], spec))
        else:
            out.append(("{" + name + colon + spec + "}").format(*args, **kwargs))
        i = end + 1
    return "".join(out)


_added = {"__format": _format, "__merge": _merge, "__joined": _joined, "__method": _method, "__isinstance": _isinstance, "__str": text_of, "format": _format}
