# Annotations are not looked at.
TYPE_CHECKING = False


class _Any:
    def __getitem__(self, key):
        return self

    def __call__(self, *args, **kwargs):
        return args[0] if args else self

    def __or__(self, other):
        return self


Any = Union = Optional = List = Dict = Tuple = Set = Callable = Iterable = Iterator = Mapping = Sequence = _Any()
Required = NotRequired = Self = Never = Text = AnyStr = Deque = DefaultDict = Collection = Awaitable = TypeAlias = _Any()
Literal = Final = ClassVar = Type = NoReturn = Generator = MutableMapping = FrozenSet = Annotated = Hashable = _Any()


class TypedDict(dict):
    pass


class Protocol:
    pass


class Generic:
    pass


def TypeVar(name, *args, **kwargs):
    return Any


def cast(kind, value):
    return value


def NewType(name, kind):
    return kind


def NamedTuple(name, fields=None):
    from collections import namedtuple

    return namedtuple(name, [one[0] for one in fields])


def get_type_hints(one):
    return {}


def overload(function):
    return function
