// Modules that MicroPython lacks and src/transforms/python/lib has. What each expression is, CPython 3.11 said.
import { expect, test } from 'vitest'
import { evaluated, pythonOf } from '../../support/python.ts'

/** What has to be written before, an expression, and what it is. */
const expressions: readonly (readonly [before: string, expression: string, is: unknown])[] = [
  [
    'from dataclasses import dataclass, field, asdict, astuple, replace, fields\nfrom typing import List, ClassVar\n@dataclass\nclass Line:\n    """A line of an order."""\n    sku: str\n    price: float\n    quantity: int = 1\n    tags: List[str] = field(default_factory=list)\n    kind: ClassVar[str] = "line"\n    def total(self):\n        return self.price * self.quantity\n@dataclass(frozen=True, order=True)\nclass Version:\n    major: int\n    minor: int = 0',
    '[repr(Line("a", 2.5)), Line("a", 1) == Line("a", 1), Line("a", 1) == Line("b", 1), Line("a", 2, quantity=3).total(), Line.kind]',
    ["Line(sku='a', price=2.5, quantity=1, tags=[])", true, false, 6, 'line'],
  ],
  [
    'from dataclasses import dataclass, field, asdict, astuple, replace, fields\nfrom typing import List, ClassVar\n@dataclass\nclass Line:\n    """A line of an order."""\n    sku: str\n    price: float\n    quantity: int = 1\n    tags: List[str] = field(default_factory=list)\n    kind: ClassVar[str] = "line"\n    def total(self):\n        return self.price * self.quantity\n@dataclass(frozen=True, order=True)\nclass Version:\n    major: int\n    minor: int = 0',
    '[asdict(Line("a", 1, tags=["x"])), astuple(Line("a", 1)), replace(Line("a", 1), sku="b").sku, [one.name for one in fields(Line)]]',
    [{ sku: 'a', price: 1, quantity: 1, tags: ['x'] }, ['a', 1, 1, []], 'b', ['sku', 'price', 'quantity', 'tags']],
  ],
  [
    'from dataclasses import dataclass, field, asdict, astuple, replace, fields\nfrom typing import List, ClassVar\n@dataclass\nclass Line:\n    """A line of an order."""\n    sku: str\n    price: float\n    quantity: int = 1\n    tags: List[str] = field(default_factory=list)\n    kind: ClassVar[str] = "line"\n    def total(self):\n        return self.price * self.quantity\n@dataclass(frozen=True, order=True)\nclass Version:\n    major: int\n    minor: int = 0',
    '[Version(1, 2) < Version(1, 10), max([Version(2), Version(1, 9)]).major, {Version(1): "one"}[Version(1)], repr(Version(3))]',
    [true, 2, 'one', 'Version(major=3, minor=0)'],
  ],
  [
    'from enum import Enum\nclass Color(Enum):\n    RED = 1\n    GREEN = 2\n    BLUE = 3\n    def label(self):\n        return self.name.title()',
    '[[one.name for one in Color], Color(2).name, Color["RED"].value, str(Color.RED), repr(Color.RED), Color.RED is Color(1), Color.RED == 1]',
    [['RED', 'GREEN', 'BLUE'], 'GREEN', 1, 'Color.RED', '<Color.RED: 1>', true, false],
  ],
  [
    'from enum import Enum\nclass Color(Enum):\n    RED = 1\n    GREEN = 2\n    BLUE = 3\n    def label(self):\n        return self.name.title()',
    '[Color.BLUE.label(), len(Color), isinstance(Color.RED, Color), isinstance(1, Color), {Color.RED: 7}[Color.RED], list(Color.__members__)]',
    ['Blue', 3, true, false, 7, ['RED', 'GREEN', 'BLUE']],
  ],
  [
    'import enum\nclass Plan(str, enum.Enum):\n    PRO = "pro"\n    FREE = "free"',
    '[Plan.PRO == "pro", "pro" == Plan.PRO, Plan("free").name, Plan.PRO.upper(), {"plan": Plan.PRO}, str(Plan.PRO), Plan.PRO in ("pro", "free"), [one.value for one in Plan]]',
    [true, true, 'FREE', 'PRO', { plan: 'pro' }, 'Plan.PRO', true, ['pro', 'free']],
  ],
  [
    'from enum import IntEnum, auto\nclass Step(IntEnum):\n    A = auto()\n    B = auto()',
    '[Step.A + 1, 1 + Step.B, Step.B > Step.A, Step.B >= 2, str(Step.A), {"step": Step.B}, [10, 20, 30][Step.B], sorted([Step.B, Step.A])[0].name]',
    [2, 3, true, true, '1', { step: 2 }, 30, 'A'],
  ],
  [
    'from decimal import *',
    '[str(Decimal("0.1") + Decimal("0.2")), str(Decimal("19.99") * 3), str(3 * Decimal("1.10")), str(Decimal("129.90") - 30), str(100 - Decimal("0.01"))]',
    ['0.3', '59.97', '3.30', '99.90', '99.99'],
  ],
  [
    'from decimal import *',
    '[str(Decimal(10) / 3), str(Decimal("129.90") / Decimal("1.19")), str(1 / Decimal(8)), str(Decimal("1E+2") / 4), str(Decimal("-7") // 2), str(Decimal("-7") % 3)]',
    ['3.333333333333333333333333333', '109.1596638655462184873949580', '0.125', '25', '-3', '-1'],
  ],
  [
    'from decimal import *',
    '[str(Decimal(one).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)) for one in ("2.675", "2.665", "-1.005", "0.004", "1e3")]',
    ['2.68', '2.67', '-1.01', '0.00', '1000.00'],
  ],
  [
    'from decimal import *',
    '[str(Decimal("2.665").quantize(Decimal("0.01"), rounding=mode)) for mode in (ROUND_HALF_EVEN, ROUND_UP, ROUND_DOWN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_DOWN)]',
    ['2.66', '2.67', '2.66', '2.67', '2.66', '2.66'],
  ],
  [
    'from decimal import *',
    '[str(round(Decimal("2.675"), 2)), round(Decimal("2.5")), round(2.567, 2), int(Decimal("-1.9")), float(Decimal("129.90")), str(Decimal(129.9))[:24]]',
    ['2.68', 2, 2.57, -1, 129.9, '129.90000000000000568434'],
  ],
  [
    'from decimal import *',
    '[Decimal("1.50") == Decimal("1.5"), Decimal("1.5") == 1.5, Decimal(3) > 2, hash(Decimal("3.0")) == hash(3), bool(Decimal("0.00")), sorted([Decimal("2"), Decimal("1.9")])[0] < 2]',
    [true, true, true, true, false, true],
  ],
  [
    'from decimal import *',
    '[str(sum([Decimal("0.10")] * 3)), str(Decimal("1E+3")), str(Decimal("0.0000001")), str(Decimal("100").normalize()), str(-Decimal("5.00")), repr(Decimal("1.10")), str(Decimal("NaN").is_nan())]',
    ['0.30', '1E+3', '1E-7', '1E+2', '-5.00', "Decimal('1.10')", 'True'],
  ],
  [
    'from decimal import *',
    '[format(Decimal("1234567.895"), ",.2f"), format(Decimal("0.256"), ".1%"), format(Decimal("5"), ">8.2f"), format(Decimal("-2.5"), "f")]',
    ['1,234,567.90', '25.6%', '    5.00', '-2.5'],
  ],
  [
    'from decimal import *',
    '[str(Decimal(2).sqrt()), str(Decimal("1.21").sqrt()), str(Decimal("1.1") ** 2), list(Decimal("-1.50").as_tuple()[1]), str(Decimal("1.995").to_integral_value()), str(abs(Decimal("-3.5")))]',
    ['1.414213562373095048801688724', '1.1', '1.21', [1, 5, 0], '2', '3.5'],
  ],
  [
    'import csv, io\ndef written(rows, **options):\n    out = io.StringIO()\n    csv.writer(out, **options).writerows(rows)\n    return out.getvalue()',
    '[list(csv.reader(["a,b", "1,\\"x, \\"\\"y\\"\\"\\"", ",3"])), list(csv.reader(["a;b"], delimiter=";")), list(csv.DictReader(["sku,price", "loom-1,129.90"]))]',
    [
      [
        ['a', 'b'],
        ['1', 'x, "y"'],
        ['', '3'],
      ],
      [['a', 'b']],
      [{ sku: 'loom-1', price: '129.90' }],
    ],
  ],
  [
    'import csv, io\ndef written(rows, **options):\n    out = io.StringIO()\n    csv.writer(out, **options).writerows(rows)\n    return out.getvalue()',
    '[written([["a", 1, None], ["x, y", "say \\"hi\\"", 1.5]]), written([["a", 1]], quoting=csv.QUOTE_ALL, lineterminator="\\n"), written([["a b", "c"]], delimiter="\\t")]',
    ['a,1,\r\n"x, y","say ""hi""",1.5\r\n', '"a","1"\n', 'a b\tc\r\n'],
  ],
  [
    'from datetime import datetime, timezone, timedelta\nfrom zoneinfo import ZoneInfo\nberlin = ZoneInfo("Europe/Berlin")',
    '[datetime(2026, 7, 1, 12, tzinfo=berlin).isoformat(), datetime(2026, 1, 1, 12, tzinfo=berlin).isoformat(), datetime(2026, 1, 1, 12, tzinfo=timezone.utc).astimezone(ZoneInfo("America/New_York")).isoformat(), datetime(2026, 11, 22, 10, tzinfo=timezone.utc).astimezone(ZoneInfo("Asia/Kolkata")).strftime("%Y-%m-%d %H:%M %z")]',
    ['2026-07-01T12:00:00+02:00', '2026-01-01T12:00:00+01:00', '2026-01-01T07:00:00-05:00', '2026-11-22 15:30 +0530'],
  ],
  [
    'from datetime import datetime, timezone, timedelta\nfrom zoneinfo import ZoneInfo\nberlin = ZoneInfo("Europe/Berlin")',
    '[datetime(2026, 3, 29, 1, 59, tzinfo=berlin).timestamp(), datetime(2026, 3, 29, 3, 0, tzinfo=berlin).timestamp(), datetime(2026, 10, 25, 2, 30, tzinfo=berlin).isoformat(), datetime(2026, 7, 1, tzinfo=berlin).dst().total_seconds(), str(berlin)]',
    [1774745940.0, 1774746000.0, '2026-10-25T02:30:00+02:00', 3600.0, 'Europe/Berlin'],
  ],
  [
    'import textwrap',
    '[textwrap.wrap("The quick brown fox jumps over the lazy dog", 12), textwrap.shorten("Hello big wide world", 15), textwrap.dedent("  a\\n    b\\n"), textwrap.indent("a\\n\\nb", "> "), textwrap.fill("a b c", 3)]',
    [['The quick', 'brown fox', 'jumps over', 'the lazy dog'], 'Hello big [...]', 'a\n  b\n', '> a\n\n> b', 'a b\nc'],
  ],
  [
    'import string',
    '[string.capwords("ada lovelace"), string.Template("$name owes ${n} $$").substitute(name="Ada", n=3), string.Template("$a $b").safe_substitute({"a": 1}), string.digits]',
    ['Ada Lovelace', 'Ada owes 3 $', '1 $b', '0123456789'],
  ],
  [
    'import itertools',
    '[list(itertools.permutations([1, 2, 3], 2))[:2], list(itertools.pairwise([1, 2, 3])), list(itertools.chain([1], [2])), list(itertools.chain.from_iterable([[1], [2]])), list(itertools.accumulate([1, 2, 3])), list(itertools.islice([1, 2, 3], 1, 3)), list(itertools.zip_longest([1], [2, 3])), list(itertools.filterfalse(None, [0, 1]))]',
    [
      [
        [1, 2],
        [1, 3],
      ],
      [
        [1, 2],
        [2, 3],
      ],
      [1, 2],
      [1, 2],
      [1, 3, 6],
      [2, 3],
      [
        [1, 2],
        [null, 3],
      ],
      [0],
    ],
  ],
  [
    'from collections import *',
    '[sorted((Counter("aab") + Counter("b")).items()), sorted((Counter("aab") - Counter("ab")).items()), ChainMap({"a": 1}, {"a": 2, "b": 3})["b"], list(deque([1, 2, 3], 2)), OrderedDict([("z", 1), ("a", 2)])]',
    [
      [
        ['a', 2],
        ['b', 2],
      ],
      [['a', 1]],
      3,
      [2, 3],
      { z: 1, a: 2 },
    ],
  ],
  [
    'import functools\n@functools.total_ordering\nclass Price:\n    def __init__(self, cents):\n        self.cents = cents\n    def __eq__(self, other):\n        return self.cents == other.cents\n    def __lt__(self, other):\n        return self.cents < other.cents\n    @functools.cached_property\n    def euros(self):\n        return self.cents / 100',
    '[Price(1) <= Price(2), Price(3) >= Price(3), Price(1) > Price(2), Price(129).euros + Price(71).euros, functools.partial(max, 3)(2)]',
    [true, true, false, 2.0, 3],
  ],
  [
    'import unicodedata',
    '"".join([c for c in unicodedata.normalize("NFKD", "Zoë Čapek") if not unicodedata.combining(c)])',
    'Zoe Capek',
  ],
  [
    'import calendar',
    '[list(calendar.monthrange(2028, 2)), calendar.timegm((2026, 1, 1, 0, 0, 0)), calendar.isleap(2026), calendar.month_name[11]]',
    [[1, 29], 1767225600, false, 'November'],
  ],
  ['def total(order, /, rate=2):\n    return order * rate', 'total(3)', 6],
]

test.each(expressions.map(([before, expression, is]) => ({ before, expression, is })))(
  'Python: $expression, of a module that MicroPython lacks, is as CPython says',
  ({ before, expression, is }) => {
    expect(evaluated(expression, before)).toEqual(is)
  },
)

test.each([
  ['Color(9)', 'from enum import Enum\nclass Color(Enum):\n    RED = 1', 'ValueError: 9 is not a valid Color'],
  [
    'Line()',
    'from dataclasses import dataclass\n@dataclass\nclass Line:\n    sku: str',
    "missing 1 required arguments: 'sku'",
  ],
  [
    'Line(1, 2)',
    'from dataclasses import dataclass\n@dataclass\nclass Line:\n    sku: str',
    'takes 2 positional arguments but 3',
  ],
  [
    'setattr(Line(1), "sku", 2)',
    'from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Line:\n    sku: str',
    "FrozenInstanceError: cannot assign to field 'sku'",
  ],
  ['Decimal("12,90")', 'from decimal import Decimal', 'InvalidOperation'],
  ['Decimal(1) / 0', 'from decimal import Decimal', 'DivisionByZero'],
  ['Decimal("1.10") + 0.1', 'from decimal import Decimal', 'TypeError'],
  ['Decimal("1e30").quantize(Decimal("0.01"))', 'from decimal import Decimal', 'InvalidOperation'],
  ['ZoneInfo("Mars/Olympus")', 'from zoneinfo import ZoneInfo', 'No time zone found with key Mars/Olympus'],
  ['list(csv.reader(["a", chr(34) + "b"]))', 'import csv', 'unexpected end of data'],
])('Python: %s raises as in CPython', (expression, before, message) => {
  expect(() => evaluated(expression, before)).toThrow(message)
})

test('a line of code stays where it is: a traceback names it, below a dataclass and an enum', () => {
  const source = `
from dataclasses import dataclass
from enum import Enum
class Plan(str, Enum):
    """Plans."""
    PRO = "pro"
    FREE = "free"
@dataclass
class Line:
    # A comment, and an empty line.

    sku: str; price: float
    plan: "Plan" = Plan.PRO
    def total(self, /):
        raise ValueError(self.plan.value)
def transformEvent(event, metadata):
    return Line("a", 1).total()
`
  const { transformEvent } = pythonOf(source)
  const event = { type: 'track', messageId: 'order-1843' } as const
  let stack: string | undefined
  try {
    void transformEvent?.(event, () => ({}) as never)
  } catch (thrown) {
    ;({ stack } = thrown as Error)
  }
  expect(stack?.split('\n').slice(1)).toEqual([
    '  File "transforms/score.py", line 17, in transformEvent',
    '  File "transforms/score.py", line 15, in total',
    'ValueError: pro',
  ])
})
