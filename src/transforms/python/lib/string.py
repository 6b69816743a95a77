from _frozen import names_of
from _sluiceway import text_of

globals().update(names_of("string"))


def capwords(text, sep=None):
    words = text.split(sep) if sep is not None else text.split()
    return (" " if sep is None else sep).join([word[:1].upper() + word[1:].lower() for word in words])


class Template:
    def __init__(self, template):
        self.template = template

    def _filled(self, values, safe):
        text = self.template
        out = []
        i = 0
        while i < len(text):
            if text[i] != "$":
                out.append(text[i])
                i += 1
                continue
            if text[i + 1 : i + 2] == "$":
                out.append("$")
                i += 2
                continue
            braced = text[i + 1 : i + 2] == "{"
            start = end = i + 2 if braced else i + 1
            while end < len(text) and (text[end].isalpha() or text[end] == "_" or (end > start and text[end].isdigit())):
                end += 1
            name = text[start:end]
            after = end + 1 if braced else end
            if not name or (braced and text[end : end + 1] != "}"):
                if not safe:
                    raise ValueError("Invalid placeholder in string")
                out.append("$")
                i += 1
                continue
            if name in values:
                out.append(text_of(values[name]))
            elif safe:
                out.append(text[i:after])
            else:
                raise KeyError(name)
            i = after
        return "".join(out)

    def substitute(self, mapping=None, **values):
        return self._filled(_merged(mapping, values), False)

    def safe_substitute(self, mapping=None, **values):
        return self._filled(_merged(mapping, values), True)


def _merged(mapping, values):
    out = dict(mapping or {})
    out.update(values)
    return out
