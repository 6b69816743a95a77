# MicroPython makes a class by the type of its first base: that is EnumMeta here. The build tells the order of members, as `_order_`.
from collections import OrderedDict


class auto:
    _made = 0

    def __init__(self):
        auto._made += 1
        self._number = auto._made


class _Member:
    def __repr__(self):
        return "<%s.%s: %r>" % (self._kind, self.name, self.value)

    def __str__(self):
        return "%s.%s" % (self._kind, self.name)

    def __hash__(self):
        return hash(self.name)

    @property
    def _name_(self):
        return self.name

    @property
    def _value_(self):
        return self.value


class _Simple(_Member):
    def __eq__(self, other):
        return self is other


def _plain(one):
    return getattr(one, "value", one)


# What is a number or a text at heart, MicroPython does not see on the right side.
_as_value = {
    "__eq__": lambda self, other: self.value == _plain(other),
    "__ne__": lambda self, other: self.value != _plain(other),
    "__lt__": lambda self, other: self.value < _plain(other),
    "__le__": lambda self, other: self.value <= _plain(other),
    "__gt__": lambda self, other: self.value > _plain(other),
    "__ge__": lambda self, other: self.value >= _plain(other),
    "__hash__": lambda self: hash(self.value),
    "__add__": lambda self, other: self.value + _plain(other),
    "__radd__": lambda self, other: _plain(other) + self.value,
    "__mul__": lambda self, other: self.value * _plain(other),
    "__rmul__": lambda self, other: _plain(other) * self.value,
    "__sub__": lambda self, other: self.value - _plain(other),
    "__rsub__": lambda self, other: _plain(other) - self.value,
    "__and__": lambda self, other: self.value & _plain(other),
    "__or__": lambda self, other: self.value | _plain(other),
}


def _shown_as_value(self):
    return str(self.value)


def _is_member(name, value):
    return name[:1] != "_" and not callable(value) and not isinstance(value, (property, staticmethod, classmethod))


class EnumMeta:
    def __init__(self, name, bases, members):
        self.__name__ = name
        self._inherited = {}
        self._data = None
        for base in bases:
            if isinstance(base, EnumMeta):
                if base._list:
                    raise TypeError("%s: cannot extend %s" % (name, base.__name__))
                self._inherited.update(base._inherited)
                self._data = self._data or base._data
            else:
                self._data = base
        self._list = []
        self.__members__ = OrderedDict()
        given = members.get("_order_", "").split()
        own = [one for one in members if _is_member(one, members[one])]
        rest = [one for one in own if one not in given]
        rest.sort(key=lambda one: members[one]._number if isinstance(members[one], auto) else 0)
        names = [one for one in given if one in own] + rest
        self._inherited.update({key: value for key, value in members.items() if key not in own and key != "_order_"})
        attributes = dict(self._inherited)
        attributes["_kind"] = name
        first = attributes.pop("__init__", None)
        if self._data is not None:
            # A class of a native type and one of ours is not to be had.
            for one in ("__repr__", "__str__", "_name_", "_value_"):
                attributes.setdefault(one, _Member.__dict__[one])
            for one in _as_value:
                attributes.setdefault(one, _as_value[one])
        self._class = type(name, (_Simple if self._data is None else self._data,), attributes)
        last = 0
        for one in names:
            value = members[one]
            if isinstance(value, auto):
                value = one.lower() if self._data is str else last + 1
            if isinstance(value, int):
                last = value
            same = [each for each in self._list if each.value == value]
            if same:
                self.__members__[one] = same[0]
                continue
            member = self._class() if self._data is None else self._class(value)
            member.name = one
            member.value = value
            if first is not None:
                first(member, *(value if isinstance(value, tuple) else (value,)))
            self._list.append(member)
            self.__members__[one] = member

    def __getattr__(self, name):
        if name in ("__members__", "_class", "_inherited", "_list"):
            raise AttributeError(name)
        if name in self.__members__:
            return self.__members__[name]
        return getattr(self._class, name)

    def __call__(self, value):
        for one in self._list:
            if one is value or one.value == value:
                return one
        if "_missing_" in self._inherited:
            found = getattr(self._class, "_missing_")
            try:
                member = found(self, value)
            except TypeError:
                member = found(value)
            if member is not None:
                return member
        raise ValueError("%r is not a valid %s" % (value, self.__name__))

    def __getitem__(self, name):
        return self.__members__[name]

    def __iter__(self):
        return iter(self._list)

    def __len__(self):
        return len(self._list)

    def __contains__(self, value):
        return any([one is value or one.value == value for one in self._list])

    def __repr__(self):
        return "<enum '%s'>" % self.__name__


EnumType = EnumMeta
Enum = EnumMeta("Enum", (), {})
IntEnum = EnumMeta("IntEnum", (int, Enum), {"__str__": _shown_as_value})
StrEnum = EnumMeta("StrEnum", (str, Enum), {"__str__": _shown_as_value})


def unique(kind):
    for name, member in kind.__members__.items():
        if member.name != name:
            raise ValueError("duplicate values found in %r: %s -> %s" % (kind, name, member.name))
    return kind
