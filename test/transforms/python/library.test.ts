import { createHash, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { evaluated } from '../../support/python.ts'

/** Python, what it is in CPython 3.11, and what has to be imported. */
const expressions: readonly (readonly [imports: string, expression: string, is: unknown])[] = [
  ['', '{**{"a": 1}, "b": 2}', { a: 1, b: 2 }],
  ['', '{"a": 1, **{"a": 2}, **{"c": [*[1], 2]}}', { a: 2, c: [1, 2] }],
  ['', '{"b": 1, **{"x": {**{"y": 1}}},}', { b: 1, x: { y: 1 } }],
  ['', '[0, *range(3), *[7 for _ in range(2)]][1:]', [0, 1, 2, 7, 7]],
  ['', '"ada lovelace".title()', 'Ada Lovelace'],
  ['', '" ada ".strip().capitalize() + str(7).zfill(3)', 'Ada007'],
  ['', '"Order: {}".format("x".upper()).removeprefix("Order: ").ljust(3, "-")', 'X--'],
  ['', '"{**a} # [*b".casefold()', '{**a} # [*b'],
  ['', '[c.isalnum() for c in "a-1"]', [true, false, true]],
  ['', 'format(1234.567, ".2f")', '1234.57'],
  ['', '"Ünal@Example.com".lower() + "äß".upper()', 'ünal@example.comÄSS'],
  [
    'name = "ÉLISE"',
    "[f'{name.lower()}', name.title(), name.capitalize(), name.casefold(), 'é'.swapcase(), b'A'.lower().decode()]",
    ['élise', 'Élise', 'Élise', 'élise', 'É', 'a'],
  ],
  [
    '',
    '["é".isalpha(), "É".isupper(), "é".islower(), "٣".isdigit(), "é1".isalnum(), "É1".isalpha(), "".isalpha(), "É1".isupper(), "1é".islower()]',
    [true, true, true, true, true, false, false, true, true],
  ],
  [
    '',
    '["\\u00a0 é\\u3000".strip(), "\\u00a0é ".lstrip(), " é\\u00a0".rstrip(), "\\u00a0é".strip("é"), "\\u2003".isspace(), " a ".strip(), list(map(str.strip, ["é\\u00a0"]))]',
    ['é', 'é ', ' é', '\u00a0', true, 'a', ['é']],
  ],
  [
    '',
    '["é\\u00a0b  c".split(), "é\\u00a0b".split(" "), " a  b ".split(), "a b c".split(maxsplit=1), "é b c".split(None, 1)]',
    [['é', 'b', 'c'], ['é\u00a0b'], ['a', 'b'], ['a', 'b c'], ['é', 'b c']],
  ],
  [
    'import unicodedata',
    'unicodedata.normalize("NFKD", "Ünïcödé").encode("ascii", "ignore").decode() + "é!".encode("ASCII", errors="replace").decode() + "é".encode("latin-1").hex() + "é".encode().hex() + "a".encode("utf8").hex()',
    'Unicode?!e9c3a961',
  ],
  ['', 'sorted(["b", "Ä", "ä", "A"], key=str.lower)', ['A', 'b', 'Ä', 'ä']],
  ['', 'list(map(str.upper, ["é"])) + [str.lower("É"), str.upper("a")]', ['É', 'é', 'A']],
  [
    'import json',
    'json.loads(json.dumps({"of": "Ada 😀💥 é", "path": "\\\\ud83d\\\\ude00"}))',
    { of: 'Ada 😀💥 é', path: '\\ud83d\\ude00' },
  ],
  [
    'total = 1234567.891',
    'f"{total:,.2f}|{total:,}|{1234:,}|{-1234.5:>12,.1f}|{total:_.0f}|{total:+,.0f}|{0.5:_>5}|{5:03d}"',
    '1,234,567.89|1,234,567.891|1,234|    -1,234.5|1_234_568|+1,234,568|__0.5|005',
  ],
  [
    '',
    '[format(1234.5, ",.2f"), format(1234567, ","), format(12.5, ",.1%"), format(999.9, ",.0f")]',
    ['1,234.50', '1,234,567', '1,250.0%', '1,000'],
  ],
  ['', '"{:,.2f} of {:,} {{}} {}".format(1234.5, 1234567, "a_b")', '1,234.50 of 1,234,567 {} a_b'],
  ['', '"{1:,.1f} {a} {0!r:>5} {x_y}".format("a", 1234.5, a="x", x_y=2)', "1,234.5 x   'a' 2"],
  ['', '(1.5 if {**{"a": 2}}["a"] == 2 else 0).is_integer()', false],
  ['', '" ".join(["ada", "lovelace"]).title().swapcase().split()[0].capitalize()', 'Ada'],
  ['', 'round(129.9 * 3, 2)', 389.7],
  [
    '',
    '[str(one) for one in (95478.1, 71901.529, 129.9, 0.1 + 0.2, 1e15, 1e22, 100.0, -8991.2949, 7)]',
    ['95478.1', '71901.529', '129.9', '0.30000000000000004', '1000000000000000.0', '1e+22', '100.0', '-8991.2949', '7'],
  ],
  ['total = 95478.1', 'f"{total} EUR, {total:.2f}, {{x}} {[total][0]}"', '95478.1 EUR, 95478.10, {x} 95478.1'],
  [
    'total = 8427.4206',
    "[f'{total}', f'''{total}''', f'{total + 1}', f'{\"a\"}', str(b'a', 'utf-8')]",
    ['8427.4206', '8427.4206', '8428.4206', 'a', 'a'],
  ],
  ['from decimal import Decimal', 'str(Decimal(str(95478.1)) * 3)', '286434.3'],
  ['import json', 'json.dumps([95478.1, {"of": [71901.529, 1]}])', '[95478.1, {"of": [71901.529, 1]}]'],
  ['import json', 'json.dumps({"b": 1, "a": [1, None, "é"]}, sort_keys=True)', '{"a": [1, null, "\\u00e9"], "b": 1}'],
  ['import json', 'json.dumps([1, {"a": 2}], indent=2)', '[\n  1,\n  {\n    "a": 2\n  }\n]'],
  ['import json', 'json.loads(\'{"a": 1.5}\')', { a: 1.5 }],
  ['import re', 're.findall(r"\\d+", "a1b22")', ['1', '22']],
  ['import re', 're.sub(r"(?P<user>\\w+)@(\\w+)", r"\\g<user> at \\2", "ada@example")', 'ada at example'],
  ['import re', 're.match(r"a{2,3}(?:b|c)$", "aab").group()', 'aab'],
  ['import re', 're.fullmatch(r"[\\w.-]+@[\\w-]+\\.\\w+", "ada.l@example.com") is not None', true],
  ['import re', 're.split(r"[,;]\\s*", "a, b;c")', ['a', 'b', 'c']],
  ['import re', 're.search("É", "xé", re.I).span()', [1, 2]],
  ['import re', 're.search(r"b", "💥💥b").start()', 2],
  ['import re', 're.sub("o", lambda m: m.group().upper(), "foo", count=1)', 'fOo'],
  [
    'from datetime import datetime',
    'datetime.fromisoformat("2026-11-22T10:00:01.500Z").isoformat()',
    '2026-11-22T10:00:01.500000+00:00',
  ],
  [
    'from datetime import datetime',
    'datetime.strptime("22/Nov/2026 10:05", "%d/%b/%Y %H:%M").strftime("%Y-%m-%dT%H:%M:%S %A %j")',
    '2026-11-22T10:05:00 Sunday 326',
  ],
  [
    'from datetime import datetime, timedelta, timezone',
    '(datetime(2026, 11, 22, tzinfo=timezone.utc) + timedelta(days=40)).timestamp()',
    1_798_761_600,
  ],
  [
    'import hashlib',
    'hashlib.sha256("ada@example.com".encode()).hexdigest()',
    createHash('sha256').update('ada@example.com').digest('hex'),
  ],
  ['import hashlib', 'hashlib.md5(b"ada").hexdigest()', createHash('md5').update('ada').digest('hex')],
  [
    'import hmac, hashlib',
    'hmac.new(b"k", b"ada", hashlib.sha1).hexdigest()',
    createHmac('sha1', 'k').update('ada').digest('hex'),
  ],
  ['import base64', 'base64.b64encode("ada".encode()).decode()', 'YWRh'],
  ['import math', '[math.floor(1.5), math.sqrt(16)]', [1, 4]],
  ['import uuid', 'str(uuid.uuid5(uuid.NAMESPACE_DNS, "example.com"))', 'cfbff0d1-9375-5685-968c-48ce8b15ae17'],
  ['import uuid', '[len(str(uuid.uuid4())), uuid.uuid4().version, uuid.uuid4() == uuid.uuid4()]', [36, 4, false]],
  [
    'from urllib.parse import urlparse, parse_qs',
    '[urlparse("https://Shop.example.com:8080/a?utm_source=x#f").hostname, parse_qs("a=1&a=b%20c")]',
    ['shop.example.com', { a: ['1', 'b c'] }],
  ],
  [
    'from urllib.parse import quote, urlencode, unquote',
    '[quote("a b/é"), urlencode({"a": "b c"}), unquote("%C3%A9")]',
    ['a%20b/%C3%A9', 'a=b+c', 'é'],
  ],
  ['from collections import Counter, defaultdict', 'Counter("aab").most_common(1)', [['a', 2]]],
  [
    'import itertools, functools',
    '[list(itertools.product([1], [2, 3])), functools.reduce(lambda a, b: a + b, [1, 2])]',
    [
      [
        [1, 2],
        [1, 3],
      ],
      3,
    ],
  ],
  ['import random', 'sorted(random.sample([1, 2, 3], 3))', [1, 2, 3]],
  ['import time', 'time.time() > 1.7e9', true],
  ['from typing import Any, Dict, Optional', 'Any is not None', true],
  ['import statistics', 'statistics.median([3, 1, 2])', 2],
]

test.each(expressions)('Python: %s; %s is as in CPython', (imports, expression, is) => {
  expect(evaluated(expression, imports)).toEqual(is)
})
