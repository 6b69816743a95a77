from collections import namedtuple

_safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
_Split = namedtuple("SplitResult", ("scheme", "netloc", "path", "query", "fragment"))
_Parse = namedtuple("ParseResult", ("scheme", "netloc", "path", "params", "query", "fragment"))


def quote(text, safe="/", encoding=None, errors=None):
    kept = _safe + safe
    data = text if isinstance(text, bytes) else text.encode()
    return "".join([chr(byte) if byte < 128 and chr(byte) in kept else "%%%02X" % byte for byte in data])


def quote_plus(text, safe="", encoding=None, errors=None):
    return quote(text, safe + " ").replace(" ", "+")


def unquote(text, encoding="utf-8", errors="replace"):
    if "%" not in text:
        return text
    out = bytearray()
    parts = text.split("%")
    out.extend(parts[0].encode())
    for part in parts[1:]:
        try:
            out.append(int(part[:2], 16) if len(part) > 1 else int("x"))
            out.extend(part[2:].encode())
        except ValueError:
            out.extend(b"%" + part.encode())
    try:
        return bytes(out).decode()
    except UnicodeError:
        return "".join([chr(byte) if byte < 128 else "\ufffd" for byte in out])


def unquote_plus(text, encoding="utf-8", errors="replace"):
    return unquote(text.replace("+", " "))


def _values(value, doseq):
    if doseq and isinstance(value, (list, tuple)):
        return value
    return [value]


def urlencode(query, doseq=False, safe="", encoding=None, errors=None, quote_via=quote_plus):
    pairs = query.items() if hasattr(query, "items") else query
    text = lambda one: quote_via(one if isinstance(one, (str, bytes)) else str(one), safe)
    return "&".join([text(key) + "=" + text(one) for key, value in pairs for one in _values(value, doseq)])


def parse_qsl(text, keep_blank_values=False, strict_parsing=False, encoding="utf-8", errors="replace", max_num_fields=None, separator="&"):
    out = []
    for pair in text.split(separator):
        if not pair:
            continue
        key, _, value = pair.partition("=")
        if value or keep_blank_values:
            out.append((unquote_plus(key), unquote_plus(value)))
    return out


def parse_qs(text, keep_blank_values=False, **options):
    out = {}
    for key, value in parse_qsl(text, keep_blank_values, **options):
        out.setdefault(key, []).append(value)
    return out


class _Address:
    # What both results add to their tuple.
    def __init__(self, parts):
        self._parts = parts

    def __getattr__(self, name):
        return getattr(self._parts, name)

    def __iter__(self):
        return iter(self._parts)

    def __getitem__(self, index):
        return self._parts[index]

    def __len__(self):
        return len(self._parts)

    def __eq__(self, other):
        return tuple(self) == tuple(other)

    def __repr__(self):
        return repr(self._parts)

    def _asdict(self):
        return {name: getattr(self, name) for name in ("scheme", "netloc", "path", "query", "fragment")}

    def _replace(self, **changes):
        names = ("scheme", "netloc", "path", "params", "query", "fragment")
        names = names if len(self._parts) == 6 else names[:3] + names[4:]
        make = _Parse if len(names) == 6 else _Split
        return _Address(make(*[changes.get(name, getattr(self._parts, name)) for name in names]))

    def geturl(self):
        return urlunparse(self._parts) if len(self._parts) == 6 else urlunsplit(self._parts)

    @property
    def _host(self):
        return self.netloc.rpartition("@")[2]

    @property
    def hostname(self):
        host = self._host
        if host[:1] == "[":
            return host[1:].partition("]")[0].lower() or None
        return host.partition(":")[0].lower() or None

    @property
    def port(self):
        text = self._host.rpartition("]")[2].partition(":")[2]
        return int(text) if text else None

    @property
    def username(self):
        user, at, _ = self.netloc.rpartition("@")
        return user.partition(":")[0] if at else None

    @property
    def password(self):
        user, at, _ = self.netloc.rpartition("@")
        return (user.partition(":")[2] or None) if at else None


def urlsplit(url, scheme="", allow_fragments=True):
    rest = url.strip()
    query = fragment = netloc = ""
    colon = rest.find(":")
    if colon > 0 and rest[0].isalpha() and all([one.isalpha() or one.isdigit() or one in "+-." for one in rest[:colon]]):
        scheme, rest = rest[:colon].lower(), rest[colon + 1 :]
    if rest[:2] == "//":
        end = len(rest)
        for one in "/?#":
            found = rest.find(one, 2)
            if found >= 0:
                end = min(end, found)
        netloc, rest = rest[2:end], rest[end:]
    if allow_fragments:
        rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    return _Address(_Split(scheme, netloc, rest, query, fragment))


def urlparse(url, scheme="", allow_fragments=True):
    scheme, netloc, path, query, fragment = urlsplit(url, scheme, allow_fragments)
    params = ""
    if ";" in path.rpartition("/")[2]:
        path, _, params = path.rpartition(";")
    return _Address(_Parse(scheme, netloc, path, params, query, fragment))


def urlunsplit(parts):
    scheme, netloc, path, query, fragment = parts
    url = path
    if netloc:
        url = "//" + netloc + ("/" if path and path[0] != "/" else "") + path
    if scheme:
        url = scheme + ":" + url
    return url + ("?" + query if query else "") + ("#" + fragment if fragment else "")


def urlunparse(parts):
    scheme, netloc, path, params, query, fragment = parts
    return urlunsplit((scheme, netloc, path + ";" + params if params else path, query, fragment))


def urljoin(base, url, allow_fragments=True):
    if not base or not url:
        return url or base
    b, u = urlsplit(base), urlsplit(url)
    if u.scheme:
        return url
    if u.netloc:
        return b.scheme + ":" + url
    if not u.path:
        return urlunsplit((b.scheme, b.netloc, b.path, u.query or b.query, u.fragment))
    path = u.path if u.path[0] == "/" else b.path.rpartition("/")[0] + "/" + u.path
    out = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            if len(out) > 1:
                out.pop()
        elif part != ".":
            out.append(part)
    if parts[-1] in (".", ".."):
        out.append("")
    return urlunsplit((b.scheme, b.netloc, "/".join(out), u.query, u.fragment))
