# Regular expressions are those of JavaScript, which the pattern is translated to.
from _sluiceway import ask

A = ASCII = 256
I = IGNORECASE = 2
M = MULTILINE = 8
S = DOTALL = 16
U = UNICODE = 32
X = VERBOSE = 64


class error(ValueError):
    pass


def _asked(kind, args):
    try:
        return ask(kind, args)
    except ValueError as wrong:
        raise error(str(wrong))


class Match:
    def __init__(self, pattern, text, found):
        self.re = pattern
        self.string = text
        self._spans = found
        self.lastindex = None
        for i in range(1, len(found)):
            if found[i] is not None:
                self.lastindex = i

    def _index(self, group):
        if isinstance(group, str):
            if group not in self.re.groupindex:
                raise IndexError("no such group")
            return self.re.groupindex[group]
        if group < 0 or group >= len(self._spans):
            raise IndexError("no such group")
        return group

    def _one(self, group, default=None):
        span = self._spans[self._index(group)]
        return default if span is None else self.string[span[0] : span[1]]

    def group(self, *groups):
        if len(groups) < 2:
            return self._one(groups[0] if groups else 0)
        return tuple([self._one(group) for group in groups])

    def __getitem__(self, group):
        return self._one(group)

    def groups(self, default=None):
        return tuple([self._one(i, default) for i in range(1, len(self._spans))])

    def groupdict(self, default=None):
        return {name: self._one(name, default) for name in self.re.groupindex}

    def span(self, group=0):
        span = self._spans[self._index(group)]
        return (-1, -1) if span is None else (span[0], span[1])

    def start(self, group=0):
        return self.span(group)[0]

    def end(self, group=0):
        return self.span(group)[1]

    def expand(self, template):
        return _expand(template, self)


class Pattern:
    def __init__(self, pattern, flags):
        self.pattern = pattern
        self.flags = flags
        facts = _asked("re.compile", [pattern, flags])
        self.groups = facts["groups"]
        self.groupindex = facts["names"]

    def _find(self, how, text, pos=0, limit=0):
        if not isinstance(text, str):
            raise TypeError("expected string, got %s" % type(text).__name__)
        found = _asked("re.find", [self.pattern, self.flags, how, text, pos, limit])
        return [Match(self, text, one) for one in found]

    def _first(self, how, text, pos):
        for found in self._find(how, text, pos, 1):
            return found
        return None

    def search(self, text, pos=0):
        return self._first("search", text, pos)

    def match(self, text, pos=0):
        return self._first("match", text, pos)

    def fullmatch(self, text, pos=0):
        return self._first("fullmatch", text, pos)

    def finditer(self, text, pos=0):
        return iter(self._find("search", text, pos))

    def findall(self, text, pos=0):
        found = self._find("search", text, pos)
        if self.groups == 0:
            return [one.group() for one in found]
        if self.groups == 1:
            return [one._one(1, "") for one in found]
        return [one.groups("") for one in found]

    def subn(self, repl, text, count=0):
        out = []
        at = 0
        found = self._find("search", text, 0, count)
        for one in found:
            out.append(text[at : one.start()])
            out.append(repl(one) if callable(repl) else _expand(repl, one))
            at = one.end()
        out.append(text[at:])
        return "".join(out), len(found)

    def sub(self, repl, text, count=0):
        return self.subn(repl, text, count)[0]

    def split(self, text, maxsplit=0):
        out = []
        at = 0
        for one in self._find("search", text, 0, maxsplit):
            out.append(text[at : one.start()])
            out.extend(one.groups())
            at = one.end()
        out.append(text[at:])
        return out


_escapes = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\x07", "f": "\x0c", "v": "\x0b"}


def _expand(template, found):
    if "\\" not in template:
        return template
    out = []
    i = 0
    while i < len(template):
        letter = template[i]
        i += 1
        if letter != "\\" or i == len(template):
            out.append(letter)
            continue
        letter = template[i]
        i += 1
        if letter == "g" and template[i : i + 1] == "<":
            end = template.find(">", i)
            if end < 0:
                raise error("missing >, unterminated name")
            name = template[i + 1 : end]
            out.append(found._one(int(name) if name.isdigit() else name, ""))
            i = end + 1
        elif letter.isdigit():
            if template[i : i + 1].isdigit():
                letter += template[i]
                i += 1
            out.append(found._one(int(letter), ""))
        elif letter in _escapes:
            out.append(_escapes[letter])
        else:
            out.append("\\" + letter)
    return "".join(out)


_compiled = {}


def compile(pattern, flags=0):
    if isinstance(pattern, Pattern):
        return pattern
    if not isinstance(pattern, str):
        raise TypeError("a pattern is a str")
    key = (pattern, flags)
    if key not in _compiled:
        if len(_compiled) > 200:
            _compiled.clear()
        _compiled[key] = Pattern(pattern, flags)
    return _compiled[key]


def search(pattern, text, flags=0):
    return compile(pattern, flags).search(text)


def match(pattern, text, flags=0):
    return compile(pattern, flags).match(text)


def fullmatch(pattern, text, flags=0):
    return compile(pattern, flags).fullmatch(text)


def findall(pattern, text, flags=0):
    return compile(pattern, flags).findall(text)


def finditer(pattern, text, flags=0):
    return compile(pattern, flags).finditer(text)


def sub(pattern, repl, text, count=0, flags=0):
    return compile(pattern, flags).sub(repl, text, count)


def subn(pattern, repl, text, count=0, flags=0):
    return compile(pattern, flags).subn(repl, text, count)


def split(pattern, text, maxsplit=0, flags=0):
    return compile(pattern, flags).split(text, maxsplit)


def escape(text):
    return "".join(["\\" + one if one in "()[]{}?*+-|^$\\.&~# \t\n\r\v\f" else one for one in text])


def purge():
    _compiled.clear()
