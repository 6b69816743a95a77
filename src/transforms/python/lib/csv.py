from io import StringIO
from _sluiceway import text_of

QUOTE_MINIMAL = 0
QUOTE_ALL = 1
QUOTE_NONNUMERIC = 2
QUOTE_NONE = 3


class Error(Exception):
    pass


class Dialect:
    delimiter = ","
    quotechar = '"'
    escapechar = None
    doublequote = True
    skipinitialspace = False
    lineterminator = "\r\n"
    quoting = QUOTE_MINIMAL


class excel(Dialect):
    pass


class excel_tab(excel):
    delimiter = "\t"


class unix_dialect(Dialect):
    quoting = QUOTE_ALL
    lineterminator = "\n"


_dialects = {"excel": excel, "excel-tab": excel_tab, "unix": unix_dialect}


def register_dialect(name, dialect=excel, **options):
    _dialects[name] = _dialect(dialect, options)


def list_dialects():
    return list(_dialects)


def _dialect(dialect, options):
    found = _dialects[dialect] if isinstance(dialect, str) else dialect
    made = Dialect()
    for name in ("delimiter", "quotechar", "escapechar", "doublequote", "skipinitialspace", "lineterminator", "quoting"):
        setattr(made, name, options.get(name, getattr(found, name)))
    return made


class reader:
    def __init__(self, lines, dialect="excel", **options):
        self.dialect = _dialect(dialect, options)
        self._lines = iter(lines)
        self.line_num = 0

    def __iter__(self):
        return self

    def __next__(self):
        d = self.dialect
        row = []
        field = []
        quoted = inside = False
        began = False
        while True:
            try:
                line = next(self._lines)
            except StopIteration:
                if inside:
                    raise Error("unexpected end of data")
                if not began:
                    raise StopIteration
                break
            self.line_num += 1
            began = True
            i = 0
            while i < len(line):
                letter = line[i]
                i += 1
                if d.escapechar and letter == d.escapechar and i < len(line):
                    field.append(line[i])
                    i += 1
                elif inside:
                    if letter != d.quotechar:
                        field.append(letter)
                    elif d.doublequote and line[i : i + 1] == d.quotechar:
                        field.append(letter)
                        i += 1
                    else:
                        inside = False
                elif letter == d.quotechar and not field and not quoted and d.quoting != QUOTE_NONE:
                    inside = quoted = True
                elif letter == d.delimiter:
                    row.append(self._value(field, quoted))
                    field = []
                    quoted = False
                elif letter in "\r\n":
                    pass
                elif letter == " " and d.skipinitialspace and not field and not quoted:
                    pass
                else:
                    field.append(letter)
            if inside:
                if line[-1:] not in ("\n", "\r"):
                    field.append("\n")
                continue
            break
        if not row and not field and not quoted:
            return []
        row.append(self._value(field, quoted))
        return row

    def _value(self, field, quoted):
        text = "".join(field)
        return float(text) if self.dialect.quoting == QUOTE_NONNUMERIC and not quoted else text


class writer:
    def __init__(self, file, dialect="excel", **options):
        self.dialect = _dialect(dialect, options)
        self._file = file

    def writerow(self, row):
        d = self.dialect
        fields = [self._shown(value) for value in row]
        if fields == [""]:
            fields = [d.quotechar * 2]
        line = d.delimiter.join(fields) + d.lineterminator
        return self._file.write(line)

    def writerows(self, rows):
        for row in rows:
            self.writerow(row)

    def _shown(self, value):
        d = self.dialect
        text = "" if value is None else text_of(value)
        special = d.delimiter in text or "\n" in text or "\r" in text or (d.quotechar and d.quotechar in text)
        if d.quoting == QUOTE_NONE:
            if special and not d.escapechar:
                raise Error("need to escape, but no escapechar set")
            return "".join([d.escapechar + c if c in (d.delimiter, d.escapechar) else c for c in text]) if special else text
        isNumber = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (special or d.quoting == QUOTE_ALL or (d.quoting == QUOTE_NONNUMERIC and not isNumber)):
            return text
        inner = d.quotechar * 2 if d.doublequote else d.escapechar + d.quotechar
        return d.quotechar + text.replace(d.quotechar, inner) + d.quotechar


class DictReader:
    def __init__(self, lines, fieldnames=None, restkey=None, restval=None, dialect="excel", **options):
        self.reader = reader(lines, dialect, **options)
        self._names = fieldnames
        self.restkey = restkey
        self.restval = restval

    @property
    def fieldnames(self):
        if self._names is None:
            self._names = next(self.reader, None)
        return self._names

    @property
    def line_num(self):
        return self.reader.line_num

    def __iter__(self):
        return self

    def __next__(self):
        names = self.fieldnames
        if names is None:
            raise StopIteration
        row = next(self.reader)
        while row == []:
            row = next(self.reader)
        found = {name: row[i] if i < len(row) else self.restval for i, name in enumerate(names)}
        if len(row) > len(names):
            found[self.restkey] = row[len(names) :]
        return found


class DictWriter:
    def __init__(self, file, fieldnames, restval="", extrasaction="raise", dialect="excel", **options):
        self.fieldnames = list(fieldnames)
        self.restval = restval
        self.extrasaction = extrasaction
        self.writer = writer(file, dialect, **options)

    def writeheader(self):
        return self.writer.writerow(self.fieldnames)

    def writerow(self, row):
        if self.extrasaction == "raise":
            wrong = [key for key in row if key not in self.fieldnames]
            if wrong:
                raise ValueError("dict contains fields not in fieldnames: " + ", ".join([repr(one) for one in wrong]))
        return self.writer.writerow([row.get(name, self.restval) for name in self.fieldnames])

    def writerows(self, rows):
        for row in rows:
            self.writerow(row)
