# The build tells the fields of a class in their order, as `__fields__`: MicroPython keeps no annotations.
class _Missing:
    pass


MISSING = _Missing()


class FrozenInstanceError(AttributeError):
    pass


class Field:
    def __init__(self, default, default_factory, init, repr, compare, metadata, kw_only):
        self.name = None
        self.default = default
        self.default_factory = default_factory
        self.init = init
        self.repr = repr
        self.compare = compare
        self.metadata = metadata or {}
        self.kw_only = kw_only


def field(default=MISSING, default_factory=MISSING, init=True, repr=True, hash=None, compare=True, metadata=None, kw_only=False):
    if default is not MISSING and default_factory is not MISSING:
        raise ValueError("cannot specify both default and default_factory")
    return Field(default, default_factory, init, repr, compare, metadata, kw_only)


def _fields_of(cls, kw_only):
    found = {}
    names = []
    for base in cls.__bases__:
        for one in getattr(base, "__dataclass_fields__", ()):
            if one.name not in found:
                names.append(one.name)
            found[one.name] = one
    own = cls.__dict__
    for name in own.get("__fields__", ()):
        given = own.get(name, MISSING)
        if not isinstance(given, Field):
            if isinstance(given, (list, dict, set)):
                raise ValueError("mutable default %s for field %s is not allowed: use default_factory" % (type(given), name))
            given = Field(given, MISSING, True, True, True, None, kw_only)
        elif given.default is not MISSING:
            setattr(cls, name, given.default)
        given.name = name
        if name not in found:
            names.append(name)
        found[name] = given
    return [found[name] for name in names]


def _init_of(fields, post_init, store):
    taken = [one for one in fields if one.init]
    positional = [one for one in taken if not one.kw_only]
    known = {one.name for one in taken}

    def __init__(self, *args, **kwargs):
        if len(args) > len(positional):
            raise TypeError("__init__() takes %d positional arguments but %d were given" % (len(positional) + 1, len(args) + 1))
        for i in range(len(args)):
            if positional[i].name in kwargs:
                raise TypeError("__init__() got multiple values for argument '%s'" % positional[i].name)
            kwargs[positional[i].name] = args[i]
        missing = []
        for one in fields:
            if one.init and one.name in kwargs:
                store(self, one.name, kwargs[one.name])
            elif one.default_factory is not MISSING:
                store(self, one.name, one.default_factory())
            elif one.default is not MISSING:
                store(self, one.name, one.default)
            elif one.init:
                missing.append("'%s'" % one.name)
        if missing:
            raise TypeError("__init__() missing %d required arguments: %s" % (len(missing), ", ".join(missing)))
        for name in kwargs:
            if name not in known:
                raise TypeError("__init__() got an unexpected keyword argument '%s'" % name)
        if post_init:
            self.__post_init__()

    return __init__


def _compared(one):
    return tuple([getattr(one, each.name) for each in one.__dataclass_fields__ if each.compare])


def _repr(self):
    shown = ["%s=%r" % (one.name, getattr(self, one.name)) for one in self.__dataclass_fields__ if one.repr]
    return "%s(%s)" % (self.__class__.__name__, ", ".join(shown))


def _eq(self, other):
    return self.__class__ is getattr(other, "__class__", None) and _compared(self) == _compared(other)


def _refuse(self, name, value=None):
    raise FrozenInstanceError("cannot assign to field '%s'" % name)


def dataclass(cls=None, init=True, repr=True, eq=True, order=False, unsafe_hash=False, frozen=False, match_args=True, kw_only=False, slots=False, weakref_slot=False):
    if cls is None:
        return lambda one: dataclass(one, init, repr, eq, order, unsafe_hash, frozen, match_args, kw_only)
    own = cls.__dict__
    fields = _fields_of(cls, kw_only)
    added = {"__dataclass_fields__": fields, "__match_args__": tuple([one.name for one in fields])}
    if init and "__init__" not in own:
        store = object.__setattr__ if frozen else setattr
        added["__init__"] = _init_of(fields, hasattr(cls, "__post_init__"), store)
    if repr and "__repr__" not in own:
        added["__repr__"] = _repr
    if eq and "__eq__" not in own:
        added["__eq__"] = _eq
    if (frozen and eq or unsafe_hash) and "__hash__" not in own:
        added["__hash__"] = lambda self: hash(_compared(self))
    if order:
        added["__lt__"] = lambda self, other: _compared(self) < _compared(other)
        added["__le__"] = lambda self, other: _compared(self) <= _compared(other)
        added["__gt__"] = lambda self, other: _compared(self) > _compared(other)
        added["__ge__"] = lambda self, other: _compared(self) >= _compared(other)
    if frozen:
        added["__setattr__"] = _refuse
        added["__delattr__"] = _refuse
        # These count for a class that is made with them only.
        return type(cls.__name__, (cls,), added)
    for name, value in added.items():
        setattr(cls, name, value)
    return cls


def is_dataclass(one):
    return hasattr(one, "__dataclass_fields__")


def fields(one):
    if not is_dataclass(one):
        raise TypeError("must be called with a dataclass type or instance")
    return tuple(one.__dataclass_fields__)


def _plain(value, make):
    if is_dataclass(value) and not isinstance(value, type):
        return make([(one.name, _plain(getattr(value, one.name), make)) for one in value.__dataclass_fields__])
    if isinstance(value, dict):
        return {key: _plain(one, make) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, make) for one in value]
    return value


def asdict(one, dict_factory=dict):
    fields(one)
    return _plain(one, dict_factory)


def astuple(one, tuple_factory=tuple):
    fields(one)
    return _plain(one, lambda pairs: tuple_factory([value for _, value in pairs]))


def replace(one, **changes):
    given = {each.name: getattr(one, each.name) for each in fields(one) if each.init}
    given.update(changes)
    return one.__class__(**given)
