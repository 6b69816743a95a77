# The part of `requests` that transforms use. JavaScript asks; the code runs again with the answer (see docs/transforms-python.md).
import json as _json
from urllib.parse import urlencode
from _sluiceway import call


class RequestException(OSError):
    pass


class ConnectionError(RequestException):
    pass


class Timeout(RequestException):
    pass


class HTTPError(RequestException):
    def __init__(self, message, response=None):
        super().__init__(message)
        self.response = response


class JSONDecodeError(RequestException):
    pass


class exceptions:
    pass


for _one in (RequestException, ConnectionError, Timeout, HTTPError, JSONDecodeError):
    setattr(exceptions, _one.__name__, _one)


_reasons = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


class _Headers(dict):
    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)

    def __contains__(self, name):
        return super().__contains__(name.lower())


class Response:
    def __init__(self, answer):
        self.url = answer["url"]
        self.status_code = answer["status"]
        self.reason = _reasons.get(self.status_code, "")
        self.headers = _Headers(answer["headers"])
        self.text = answer["text"]
        self.encoding = "utf-8"

    @property
    def ok(self):
        return self.status_code < 400

    @property
    def content(self):
        return self.text.encode()

    def json(self, **options):
        try:
            return _json.loads(self.text)
        except ValueError:
            raise JSONDecodeError("the answer is not JSON")

    def raise_for_status(self):
        if not self.ok:
            kind = "Client" if self.status_code < 500 else "Server"
            raise HTTPError("%d %s Error: %s for url: %s" % (self.status_code, kind, self.reason, self.url), self)

    def __bool__(self):
        return self.ok


def request(method, url, params=None, data=None, json=None, headers=None, auth=None, timeout=None, **options):
    given = {str(key).lower(): str(value) for key, value in (headers or {}).items()}
    body = data
    if json is not None:
        body = _json.dumps(json)
        given.setdefault("content-type", "application/json")
    elif isinstance(data, (dict, list, tuple)):
        body = urlencode(data, True)
        given.setdefault("content-type", "application/x-www-form-urlencoded")
    elif isinstance(data, bytes):
        body = data.decode()
    if auth is not None:
        from base64 import b64encode

        given["authorization"] = "Basic " + b64encode((auth[0] + ":" + auth[1]).encode()).decode()
    if params:
        text = params if isinstance(params, str) else urlencode(params, True)
        url += ("&" if "?" in url else "?") + text
    if isinstance(timeout, (tuple, list)):
        timeout = timeout[1]
    asked = {"method": method.upper(), "url": url, "headers": given, "body": body, "timeout": timeout}
    try:
        return Response(call("fetch", asked))
    except RuntimeError as error:
        text = str(error)
        raise Timeout(text) if "timeout" in text.lower() else ConnectionError(text)


def get(url, params=None, **options):
    return request("GET", url, params=params, **options)


def post(url, data=None, json=None, **options):
    return request("POST", url, data=data, json=json, **options)


def put(url, data=None, **options):
    return request("PUT", url, data=data, **options)


def patch(url, data=None, **options):
    return request("PATCH", url, data=data, **options)


def delete(url, **options):
    return request("DELETE", url, **options)


def head(url, **options):
    return request("HEAD", url, **options)


class Session:
    def __init__(self):
        self.headers = {}

    def request(self, method, url, headers=None, **options):
        given = dict(self.headers)
        given.update(headers or {})
        return request(method, url, headers=given, **options)

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def post(self, url, data=None, json=None, **options):
        return self.request("POST", url, data=data, json=json, **options)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


def session():
    return Session()
