from datetime import date, datetime

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)
day_name = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
day_abbr = [name[:3] for name in day_name]
month_name = [
    "", "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
]  # fmt: skip
month_abbr = [name[:3] for name in month_name]


def isleap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def weekday(year, month, day):
    return date(year, month, day).weekday()


def monthrange(year, month):
    after = date(year + month // 12, month % 12 + 1, 1)
    return weekday(year, month, 1), (after - date(year, month, 1)).days


def timegm(moment):
    between = datetime(*moment[:6]) - datetime(1970, 1, 1)
    return between.days * 86400 + between.seconds
