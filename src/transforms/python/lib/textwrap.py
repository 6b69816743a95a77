def _words(text):
    return text.split()


def wrap(text, width=70, initial_indent="", subsequent_indent="", **options):
    lines = []
    line = ""
    for word in _words(text):
        indent = initial_indent if not lines else subsequent_indent
        while len(indent) + len(word) > width and not line and width > len(indent):
            lines.append(indent + word[: width - len(indent)])
            word = word[width - len(indent) :]
            indent = subsequent_indent
        if line and len(indent) + len(line) + 1 + len(word) > width:
            lines.append(indent + line)
            line = ""
            indent = subsequent_indent
            while len(indent) + len(word) > width and width > len(indent):
                lines.append(indent + word[: width - len(indent)])
                word = word[width - len(indent) :]
        line = line + " " + word if line else word
    if line:
        lines.append((initial_indent if not lines else subsequent_indent) + line)
    return lines


def fill(text, width=70, **options):
    return "\n".join(wrap(text, width, **options))


def shorten(text, width, placeholder=" [...]", **options):
    words = _words(text)
    whole = " ".join(words)
    if len(whole) <= width:
        return whole
    while words and len(" ".join(words)) + len(placeholder) > width:
        words.pop()
    return " ".join(words) + placeholder if words else placeholder.strip()


def dedent(text):
    lines = ["" if line.strip() == "" else line for line in text.split("\n")]
    margins = [len(line) - len(line.lstrip()) for line in lines if line]
    margin = min(margins) if margins else 0
    return "\n".join([line[margin:] for line in lines])


def indent(text, prefix, predicate=None):
    keeps = predicate or (lambda line: line.strip() != "")
    return "".join([prefix + line if keeps(line) else line for line in text.splitlines(True)])
