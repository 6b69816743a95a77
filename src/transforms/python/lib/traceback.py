import sys
from io import StringIO


def format_exception(error, *rest):
    out = StringIO()
    sys.print_exception(rest[0] if rest else error, out)
    return out.getvalue().splitlines(True)

