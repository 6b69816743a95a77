# Numbers in base ten, for money. Whole numbers of any size hold the digits.
import builtins
from math import frexp

ROUND_UP = "ROUND_UP"
ROUND_DOWN = "ROUND_DOWN"
ROUND_CEILING = "ROUND_CEILING"
ROUND_FLOOR = "ROUND_FLOOR"
ROUND_HALF_UP = "ROUND_HALF_UP"
ROUND_HALF_DOWN = "ROUND_HALF_DOWN"
ROUND_HALF_EVEN = "ROUND_HALF_EVEN"
ROUND_05UP = "ROUND_05UP"


class DecimalException(ArithmeticError):
    pass


class InvalidOperation(DecimalException):
    pass


class DivisionByZero(ZeroDivisionError):
    pass


class Context:
    def __init__(self, prec=28, rounding=ROUND_HALF_EVEN, **options):
        self.prec = prec
        self.rounding = rounding

    def copy(self):
        return Context(self.prec, self.rounding)

    def create_decimal(self, value="0"):
        return +Decimal(value)

    def quantize(self, value, exp):
        return Decimal(value).quantize(exp, self.rounding)


_context = Context()
DefaultContext = BasicContext = ExtendedContext = _context


def getcontext():
    return _context


def setcontext(context):
    global _context
    _context = context


class _Local:
    def __init__(self, context, options):
        self._context = (context or getcontext()).copy()
        for name, value in options.items():
            setattr(self._context, name, value)

    def __enter__(self):
        self._before = getcontext()
        setcontext(self._context)
        return self._context

    def __exit__(self, kind, error, trace):
        setcontext(self._before)
        return False


def localcontext(ctx=None, **options):
    return _Local(ctx, options)


def _without(digits, count, rounding, sign):
    # A whole number without its last `count` digits.
    if count <= 0:
        return digits * 10**-count
    unit = 10**count
    whole, rest = divmod(digits, unit)
    if rest == 0:
        return whole
    if rounding == ROUND_DOWN:
        up = False
    elif rounding == ROUND_UP:
        up = True
    elif rounding == ROUND_CEILING:
        up = sign == 0
    elif rounding == ROUND_FLOOR:
        up = sign == 1
    elif rounding == ROUND_05UP:
        up = whole % 10 in (0, 5)
    else:
        twice = rest * 2
        up = twice > unit or (
            twice == unit
            and (rounding == ROUND_HALF_UP or (rounding == ROUND_HALF_EVEN and whole % 2 == 1))
        )
        if rounding not in (ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN):
            raise TypeError("invalid rounding mode: %r" % (rounding,))
    return whole + 1 if up else whole


def _length(digits):
    return len(str(digits)) if digits else 1


def _made(sign, digits, exp, special=None):
    one = Decimal(0)
    one._sign = sign
    one._digits = digits
    one._exp = exp
    one._special = special
    return one


def _fixed(sign, digits, exp):
    # With as many digits as the context has.
    more = _length(digits) - _context.prec
    if more > 0:
        digits = _without(digits, more, _context.rounding, sign)
        exp += more
        if _length(digits) > _context.prec:
            digits //= 10
            exp += 1
    return _made(sign, digits, exp)


def _parsed(text):
    text = text.strip().replace("_", "")
    bad = InvalidOperation("[<class 'decimal.ConversionSyntax'>]")
    sign = 1 if text[:1] == "-" else 0
    body = text[1:] if text[:1] in ("+", "-") and text else text
    if body.lower() in ("nan", "snan", "inf", "infinity"):
        return sign, 0, 0, "NaN" if "nan" in body.lower() else "Infinity"
    number, _, power = body.lower().partition("e")
    if "e" in body.lower() and not power.lstrip("+-").isdigit():
        raise bad
    whole, _, fraction = number.partition(".")
    digits = whole + fraction
    if not digits.isdigit() or number.count(".") > 1:
        raise bad
    return sign, int(digits), (int(power) if power else 0) - len(fraction), None


def _of_float(value):
    if value != value:
        return 0, 0, 0, "NaN"
    sign = 1 if value < 0 or (value == 0 and str(value)[0] == "-") else 0
    if value - value != 0:
        return sign, 0, 0, "Infinity"
    mantissa, power = frexp(abs(value))
    digits = int(mantissa * 2**53)
    power -= 53
    while digits and digits % 2 == 0 and power < 0:
        digits //= 2
        power += 1
    if digits == 0 or power >= 0:
        return sign, digits * 2 ** max(power, 0), 0, None
    return sign, digits * 5**-power, power, None


def _other(value):
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return _made(1 if value < 0 else 0, abs(value), 0)
    return None


class Decimal:
    def __init__(self, value="0", context=None):
        if isinstance(value, Decimal):
            found = value._sign, value._digits, value._exp, value._special
        elif isinstance(value, int):
            found = 1 if value < 0 else 0, abs(int(value)), 0, None
        elif isinstance(value, str):
            found = _parsed(value)
        elif isinstance(value, float):
            found = _of_float(value)
        elif isinstance(value, (tuple, list)):
            sign, digits, exp = value
            found = sign, int("".join([str(one) for one in digits]) or "0"), exp, None
        else:
            raise TypeError("conversion from %s to Decimal is not supported" % type(value).__name__)
        self._sign, self._digits, self._exp, self._special = found

    @classmethod
    def from_float(cls, value):
        return Decimal(value)

    def __str__(self):
        sign = "-" if self._sign else ""
        if self._special:
            return sign + self._special
        digits = str(self._digits)
        left = self._exp + len(digits)
        if self._exp <= 0 and left > -6:
            if left <= 0:
                whole, fraction = "0", "0" * -left + digits
            else:
                whole, fraction = digits[:left], digits[left:]
            return sign + whole + ("." + fraction if fraction else "")
        return "%s%s%sE%+d" % (sign, digits[0], "." + digits[1:] if len(digits) > 1 else "", left - 1)

    def __repr__(self):
        return "Decimal('%s')" % self

    def __format__(self, spec):
        if spec == "":
            return str(self)
        align = ""
        if spec[1:2] in ("<", ">", "^") and spec:
            align, spec = spec[:2], spec[2:]
        elif spec[:1] in ("<", ">", "^"):
            align, spec = spec[:1], spec[1:]
        plus = spec[:1] == "+"
        spec = spec[1:] if plus else spec
        kind = spec[-1:] if spec[-1:] in "fF%" else ""
        spec = spec[:-1] if kind else spec
        width, dot, places = spec.partition(".")
        comma = width[-1:] == ","
        width = width[:-1] if comma else width
        if (width and not width.isdigit()) or (dot and not places.isdigit()):
            raise ValueError("invalid format string")
        value = self * 100 if kind == "%" else self
        if dot:
            value = value.quantize(_made(0, 1, -int(places)))
        elif value._exp > 0:
            value = value.quantize(_made(0, 1, 0))
        text = str(value.copy_abs()) if value._exp > -7 or not value._digits else _positional(value)
        whole, point, fraction = text.partition(".")
        if comma:
            whole = "{:,}".format(int(whole))
        text = ("-" if value._sign else "+" if plus else "") + whole + point + fraction + ("%" if kind == "%" else "")
        return ("{:" + (align or ">") + width + "}").format(text) if width else text

    def __hash__(self):
        if self._special:
            return hash(self._special)
        one = self.normalize()
        return hash(int(one)) if one._exp >= 0 else hash((one._sign, one._digits, one._exp))

    def __bool__(self):
        return self._digits != 0 or self._special is not None

    def __int__(self):
        if self._special:
            raise ValueError("cannot convert %s to integer" % self)
        whole = self._digits * 10**self._exp if self._exp >= 0 else self._digits // 10**-self._exp
        return -whole if self._sign else whole

    __trunc__ = __int__

    def __float__(self):
        return float({"NaN": "nan", "Infinity": "inf"}[self._special]) * (-1 if self._sign else 1) if self._special else float(str(self))

    def __round__(self, places=None):
        if places is None:
            return int(self.quantize(_made(0, 1, 0), ROUND_HALF_EVEN))
        return self.quantize(_made(0, 1, -places))

    def __floor__(self):
        return int(self.to_integral_value(ROUND_FLOOR))

    def __ceil__(self):
        return int(self.to_integral_value(ROUND_CEILING))

    def __neg__(self):
        return _fixed(1 - self._sign if self._digits else 0, self._digits, self._exp)

    def __pos__(self):
        return _fixed(self._sign if self._digits else 0, self._digits, self._exp)

    def __abs__(self):
        return _fixed(0, self._digits, self._exp)

    def _signed(self, exp):
        value = self._digits * 10 ** (self._exp - exp)
        return -value if self._sign else value

    def _with(self, other):
        found = _other(other)
        if found is None:
            return None
        if self._special or found._special:
            raise InvalidOperation("%s and %s" % (self, found))
        return found

    def __add__(self, other):
        other = self._with(other)
        if other is None:
            return NotImplemented
        exp = min(self._exp, other._exp)
        value = self._signed(exp) + other._signed(exp)
        return _fixed(1 if value < 0 or (value == 0 and self._sign and other._sign) else 0, abs(value), exp)

    __radd__ = __add__

    def __sub__(self, other):
        other = self._with(other)
        if other is None:
            return NotImplemented
        return self + _made(1 - other._sign, other._digits, other._exp)

    def __rsub__(self, other):
        other = self._with(other)
        return NotImplemented if other is None else other - self

    def __mul__(self, other):
        other = self._with(other)
        if other is None:
            return NotImplemented
        return _fixed(self._sign ^ other._sign, self._digits * other._digits, self._exp + other._exp)

    __rmul__ = __mul__

    def __truediv__(self, other):
        other = self._with(other)
        if other is None:
            return NotImplemented
        sign = self._sign ^ other._sign
        if other._digits == 0:
            if self._digits == 0:
                raise InvalidOperation("[<class 'decimal.DivisionUndefined'>]")
            raise DivisionByZero("[<class 'decimal.DivisionByZero'>]")
        ideal = self._exp - other._exp
        if self._digits == 0:
            return _made(sign, 0, ideal)
        shift = max(_length(other._digits) - _length(self._digits) + _context.prec + 1, 0)
        exp = ideal - shift
        whole, rest = divmod(self._digits * 10**shift, other._digits)
        if rest:
            # What was left counts when the last digit is rounded.
            whole, exp = whole * 10 + 1, exp - 1
        else:
            while exp < ideal and whole % 10 == 0:
                whole, exp = whole // 10, exp + 1
        return _fixed(sign, whole, exp)

    def __rtruediv__(self, other):
        other = self._with(other)
        return NotImplemented if other is None else other / self

    def _divided(self, other):
        if other._digits == 0:
            raise (InvalidOperation if self._digits == 0 else DivisionByZero)("division by zero")
        exp = min(self._exp, other._exp)
        whole, rest = divmod(abs(self._signed(exp)), abs(other._signed(exp)))
        return _made(self._sign ^ other._sign, whole, 0), _made(self._sign, rest, exp)

    def __floordiv__(self, other):
        other = self._with(other)
        return NotImplemented if other is None else self._divided(other)[0]

    def __rfloordiv__(self, other):
        other = self._with(other)
        return NotImplemented if other is None else other // self

    def __mod__(self, other):
        other = self._with(other)
        return NotImplemented if other is None else self._divided(other)[1]

    def __rmod__(self, other):
        other = self._with(other)
        return NotImplemented if other is None else other % self

    def __divmod__(self, other):
        return self._divided(self._with(other))

    def __pow__(self, other):
        other = self._with(other)
        if other is None:
            return NotImplemented
        power = int(other)
        if other != power:
            raise InvalidOperation("only whole powers are there")
        if power < 0:
            return 1 / self**-power
        sign = self._sign if power % 2 else 0
        return _fixed(sign, self._digits**power, self._exp * power)

    def _compared(self, other):
        if isinstance(other, float):
            other = Decimal(other)
        other = _other(other)
        if other is None:
            return None
        if self._special or other._special:
            if "NaN" in (self._special, other._special):
                return None
            rank = lambda one: (-1 if one._sign else 1) if one._special else 0
            return rank(self) - rank(other)
        exp = min(self._exp, other._exp)
        difference = self._signed(exp) - other._signed(exp)
        return (difference > 0) - (difference < 0)

    def __eq__(self, other):
        return self._compared(other) == 0

    def __ne__(self, other):
        return self._compared(other) != 0

    def _order(self, other):
        found = self._compared(other)
        if found is None:
            raise (InvalidOperation if isinstance(other, (Decimal, int, float)) else TypeError)("%r and %r have no order" % (self, other))
        return found

    def __lt__(self, other):
        return self._order(other) < 0

    def __le__(self, other):
        return self._order(other) <= 0

    def __gt__(self, other):
        return self._order(other) > 0

    def __ge__(self, other):
        return self._order(other) >= 0

    def quantize(self, exp, rounding=None, context=None):
        exp = _other(exp)
        if self._special or exp._special:
            raise InvalidOperation("quantize with one INF")
        digits = _without(self._digits, exp._exp - self._exp, rounding or _context.rounding, self._sign)
        if _length(digits) > _context.prec:
            raise InvalidOperation("[<class 'decimal.InvalidOperation'>]")
        return _made(self._sign, digits, exp._exp)

    def to_integral_value(self, rounding=None, context=None):
        return self if self._exp >= 0 else _made(self._sign, _without(self._digits, -self._exp, rounding or _context.rounding, self._sign), 0)

    to_integral = to_integral_exact = to_integral_value

    def normalize(self, context=None):
        digits, exp = self._digits, self._exp
        if digits == 0:
            return _made(self._sign, 0, 0, self._special)
        while digits % 10 == 0:
            digits //= 10
            exp += 1
        return _fixed(self._sign, digits, exp)

    def as_tuple(self):
        return DecimalTuple(self._sign, tuple([int(one) for one in str(self._digits)]), self._exp)

    def as_integer_ratio(self):
        top, bottom = (int(self), 1) if self._exp >= 0 else (self._signed(self._exp), 10**-self._exp)
        a, b = abs(top), bottom
        while b:
            a, b = b, a % b
        return top // a, bottom // a

    def adjusted(self):
        return self._exp + _length(self._digits) - 1

    def compare(self, other):
        return Decimal(self._order(other))

    def copy_abs(self):
        return _made(0, self._digits, self._exp, self._special)

    def copy_negate(self):
        return _made(1 - self._sign, self._digits, self._exp, self._special)

    def copy_sign(self, other):
        return _made(_other(other)._sign, self._digits, self._exp, self._special)

    def max(self, other):
        return +(self if self >= other else _other(other))

    def min(self, other):
        return +(self if self <= other else _other(other))

    def sqrt(self, context=None):
        if self._sign and self._digits:
            raise InvalidOperation("sqrt(-x), x > 0")
        exp = self._exp // 2
        digits = self._digits * 10 if self._exp % 2 else self._digits
        shift = max(_context.prec + 1 - _length(digits) // 2, 0)
        value = digits * 100**shift
        root = 1 << ((len(bin(value)) - 1) // 2 + 1)
        while True:
            better = (root + value // root) // 2
            if better >= root:
                break
            root = better
        exp -= shift
        if root * root != value:
            return _fixed(0, root * 10 + 1, exp - 1)
        while exp < self._exp // 2 and root % 10 == 0 and root:
            root, exp = root // 10, exp + 1
        return _fixed(0, root, exp)

    def is_zero(self):
        return self._digits == 0 and self._special is None

    def is_signed(self):
        return self._sign == 1

    def is_nan(self):
        return self._special == "NaN"

    def is_infinite(self):
        return self._special == "Infinity"

    def is_finite(self):
        return self._special is None


from collections import namedtuple

DecimalTuple = namedtuple("DecimalTuple", ("sign", "digits", "exponent"))


def _positional(value):
    digits = "0" * (1 - value._exp - len(str(value._digits))) + str(value._digits)
    return digits[: value._exp] + "." + digits[value._exp :]


_round = builtins.round


def round(value, *places):
    return value.__round__(*places) if isinstance(value, Decimal) else _round(value, *places)


builtins.round = round
