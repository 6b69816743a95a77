# Time zones are those of the runtime, which is asked for the offset at a moment.
from datetime import datetime, timedelta, tzinfo
from _sluiceway import ask


class ZoneInfoNotFoundError(KeyError):
    pass


_epoch = datetime(1970, 1, 1)
_zones = {}


def _seconds(moment):
    between = moment.replace(tzinfo=None) - _epoch
    return between.days * 86400 + between.seconds


class ZoneInfo(tzinfo):
    def __init__(self, key):
        super().__init__()
        self.key = key
        self._known = {}
        try:
            ask("zone", [key, 0])
        except ValueError:
            raise ZoneInfoNotFoundError("No time zone found with key " + str(key))

    @classmethod
    def no_cache(cls, key):
        return cls(key)

    def _at(self, seconds):
        # Offset in seconds, name and daylight saving at a moment. No zone changes within a quarter of an hour.
        quarter = seconds // 900
        if quarter not in self._known:
            if len(self._known) > 1000:
                self._known.clear()
            self._known[quarter] = ask("zone", [self.key, quarter * 900])
        return self._known[quarter]

    def _local(self, moment):
        # A time of a clock: one that comes twice is the first, unless `fold` is 1.
        local = _seconds(moment)
        first = self._at(local - self._at(local - 86400)[0])
        second = self._at(local - self._at(local + 86400)[0])
        if first[0] == second[0]:
            return first
        fits = [one for one in (first, second) if self._at(local - one[0])[0] == one[0]]
        late = getattr(moment, "fold", 0) == 1
        if len(fits) == 1:
            return fits[0]
        return second if late else first

    def utcoffset(self, moment):
        return None if moment is None else timedelta(seconds=self._local(moment)[0])

    def dst(self, moment):
        return None if moment is None else timedelta(seconds=self._local(moment)[2])

    def tzname(self, moment):
        return None if moment is None else self._local(moment)[1]

    def fromutc(self, moment):
        return moment + timedelta(seconds=self._at(_seconds(moment))[0])

    def __str__(self):
        return self.key

    def __repr__(self):
        return "zoneinfo.ZoneInfo(key=%r)" % self.key

    def __eq__(self, other):
        return isinstance(other, ZoneInfo) and other.key == self.key

    def __hash__(self):
        return hash(self.key)


def available_timezones():
    return set(ask("zones", None))
