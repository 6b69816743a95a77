from _frozen import names_of

globals().update(names_of("datetime"))
UTC = timezone.utc

_days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_months = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _offset(moment, colon):
    delta = moment.utcoffset() if hasattr(moment, "utcoffset") else None
    if delta is None:
        return ""
    minutes = round(delta.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return "%s%02d%s%02d" % (sign, abs(minutes) // 60, colon, abs(minutes) % 60)


def _strftime(self, form):
    get = lambda name: getattr(self, name, 0)
    hour = get("hour")
    out = []
    i = 0
    while i < len(form):
        letter = form[i]
        i += 1
        if letter != "%" or i == len(form):
            out.append(letter)
            continue
        letter = form[i]
        i += 1
        plain = letter == "-"
        if plain:
            letter = form[i]
            i += 1
        day = self.toordinal() - date(self.year, 1, 1).toordinal() + 1 if letter in "jU" else 0
        if letter == "Y":
            text = "%04d" % self.year
        elif letter == "y":
            text = "%02d" % (self.year % 100)
        elif letter == "m":
            text = "%02d" % self.month
        elif letter == "d":
            text = "%02d" % self.day
        elif letter == "H":
            text = "%02d" % hour
        elif letter == "I":
            text = "%02d" % (hour % 12 or 12)
        elif letter == "M":
            text = "%02d" % get("minute")
        elif letter == "S":
            text = "%02d" % get("second")
        elif letter == "f":
            text = "%06d" % get("microsecond")
        elif letter == "p":
            text = "AM" if hour < 12 else "PM"
        elif letter == "j":
            text = "%03d" % day
        elif letter == "A":
            text = _days[self.weekday()]
        elif letter == "a":
            text = _days[self.weekday()][:3]
        elif letter == "B":
            text = _months[self.month - 1]
        elif letter == "b":
            text = _months[self.month - 1][:3]
        elif letter == "w":
            text = str((self.weekday() + 1) % 7)
        elif letter == "u":
            text = str(self.weekday() + 1)
        elif letter == "z":
            text = _offset(self, "")
        elif letter == "Z":
            text = (self.tzname() or "") if hasattr(self, "tzname") else ""
        elif letter == "F":
            text = _strftime(self, "%Y-%m-%d")
        elif letter == "T":
            text = _strftime(self, "%H:%M:%S")
        elif letter == "s":
            text = str(int(self.timestamp()))
        elif letter == "%":
            text = "%"
        else:
            raise ValueError("strftime does not know %" + letter)
        out.append((text.lstrip("0") or "0") if plain else text)
    return "".join(out)


_digits = {"Y": 4, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "y": 2, "j": 3}


def _strptime(text, form):
    bad = ValueError("time data %r does not match format %r" % (text, form))
    found = {}
    zone = None
    at = 0
    i = 0
    while i < len(form):
        letter = form[i]
        i += 1
        if letter != "%":
            if letter == " ":
                while text[at : at + 1] == " ":
                    at += 1
            elif text[at : at + 1] != letter:
                raise bad
            else:
                at += 1
            continue
        letter = form[i]
        i += 1
        if letter in _digits or letter == "f":
            end = at
            most = 6 if letter == "f" else _digits[letter]
            while end < len(text) and end - at < most and text[end].isdigit():
                end += 1
            if end == at:
                raise bad
            found[letter] = int((text[at:end] + "000000")[:6] if letter == "f" else text[at:end])
            at = end
        elif letter in "bBaA":
            names = _months if letter in "bB" else _days
            for number, name in enumerate(names):
                word = name if letter in "BA" else name[:3]
                if text[at : at + len(word)].lower() == word.lower():
                    found[letter.lower()] = number + 1
                    at += len(word)
                    break
            else:
                raise bad
        elif letter == "p":
            found["p"] = text[at : at + 2].upper()
            if found["p"] not in ("AM", "PM"):
                raise bad
            at += 2
        elif letter == "z":
            zone, length = _zone(text[at:], bad)
            at += length
        elif letter == "Z":
            if text[at : at + 3] not in ("UTC", "GMT"):
                raise bad
            at += 3
        elif letter == "%" and text[at : at + 1] == "%":
            at += 1
        else:
            raise bad
    if at != len(text):
        raise ValueError("unconverted data remains: " + text[at:])
    year = found.get("Y", 1900)
    if "y" in found:
        year = found["y"] + (1900 if found["y"] > 68 else 2000)
    hour = found.get("H", 0)
    if "I" in found:
        hour = found["I"] % 12 + (12 if found.get("p") == "PM" else 0)
    made = datetime(
        year, found.get("m", found.get("b", 1)), found.get("d", 1),
        hour, found.get("M", 0), found.get("S", 0), found.get("f", 0), zone,
    )  # fmt: skip
    return made + timedelta(days=found["j"] - 1) if "j" in found else made


def _zone(text, bad):
    if text[:1] in ("Z", "z"):
        return timezone.utc, 1
    if text[:1] not in ("+", "-"):
        raise bad
    colon = text[3:4] == ":"
    digits = text[1:3] + (text[4:6] if colon else text[3:5])
    if len(digits) != 4 or not digits.isdigit():
        raise bad
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    zone = timezone.utc if minutes == 0 else timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
    return zone, 6 if colon else 5


def _fromisoformat(text):
    bad = ValueError("Invalid isoformat string: %r" % text)
    day = text[:10]
    if len(day) != 10 or day[4] != "-" or day[7] != "-":
        raise bad
    try:
        year, month, number = int(day[:4]), int(day[5:7]), int(day[8:])
        rest = text[11:]
        at = len(rest)
        for i in range(len(rest)):
            if rest[i] in "Zz+-":
                at = i
                break
        clock, zone = rest[:at], rest[at:]
        whole, _, fraction = clock.replace(",", ".").partition(".")
        parts = [int(part) for part in whole.split(":")] if whole else [0]
        parts = parts + [0] * (3 - len(parts))
        micro = int((fraction + "000000")[:6]) if fraction else 0
        tz, length = _zone(zone, bad) if zone else (None, 0)
        if length != len(zone):
            raise bad
        return datetime(year, month, number, parts[0], parts[1], parts[2], micro, tz)
    except (ValueError, IndexError):
        raise bad


date.strftime = _strftime
datetime.strftime = _strftime
time.strftime = _strftime
datetime.strptime = staticmethod(_strptime)
datetime.fromisoformat = staticmethod(_fromisoformat)
datetime.utcnow = staticmethod(lambda: datetime.now(timezone.utc).replace(tzinfo=None))
datetime.utcfromtimestamp = staticmethod(lambda seconds: datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None))
