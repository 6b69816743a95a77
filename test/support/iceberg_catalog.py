"""An Iceberg REST catalog for tests, and two readers that are not ours.

Apache's PyIceberg checks the requirements of a commit and applies its updates; its own classes parse what comes. The API is that of
https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml (checked 2026-11-29). Files of the tables are read
and written through FILES_URL, where the store of the test is. Beside the API there is `POST /test/<call>`.
"""

import io
import json
import os
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import ValidationError as ModelError
from pyiceberg.catalog.rest import CreateTableRequest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationError,
)
from pyiceberg.io import FileIO, InputFile, OutputFile
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.table import CommitTableRequest

FILES = os.environ["FILES_URL"]
TOKEN = os.environ["TOKEN"]


def ask(method, location, body=None):
    """Asks the store of the test; None where there is no such object."""
    key = urllib.parse.quote(location.split("://", 1)[1].split("/", 1)[1])
    request = urllib.request.Request(f"{FILES}/{key}", data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


class Object(InputFile, OutputFile):
    def _bytes(self):
        found = ask("GET", self.location)
        if found is None:
            raise FileNotFoundError(self.location)
        return found

    def __len__(self):
        return len(self._bytes())

    def exists(self):
        return ask("GET", self.location) is not None

    def open(self, seekable=True):
        return io.BytesIO(self._bytes())

    def to_input_file(self):
        return self

    def create(self, overwrite=False):
        location = self.location

        class Written(io.BytesIO):
            def close(self):
                if not self.closed:
                    ask("PUT", location, self.getvalue())
                super().close()

        return Written()


class StoreIO(FileIO):
    def new_input(self, location):
        return Object(location)

    def new_output(self, location):
        return Object(location)

    def delete(self, location):
        ask("DELETE", location if isinstance(location, str) else location.location)


sys.modules["store_io"] = sys.modules[__name__]
folder = tempfile.mkdtemp(prefix="sluiceway-iceberg-")
catalog = SqlCatalog(
    "test",
    **{"uri": f"sqlite:///{folder}/catalog.db", "warehouse": "s3://events/__catalog", "py-io-impl": "store_io.StoreIO"},
)
lock = threading.Lock()


def tell(table, snapshots="all"):
    metadata = json.loads(table.metadata.model_dump_json())
    if snapshots == "refs":
        named = {ref["snapshot-id"] for ref in metadata.get("refs", {}).values()}
        metadata["snapshots"] = [one for one in metadata.get("snapshots", []) if one["snapshot-id"] in named]
    return {"metadata-location": table.metadata_location, "metadata": metadata, "config": {}}


def plain(value):
    if hasattr(value, "isoformat"):
        return value.isoformat()
    # A number of JavaScript has 53 bits.
    return str(value) if isinstance(value, int) and abs(value) >= 2**53 else value


def scan(body):
    """Rows of a table, and what PyIceberg sees of its files."""
    table = catalog.load_table((body["namespace"], body["table"]))
    found = table.scan(row_filter=body["filter"]) if "filter" in body else table.scan()
    arrow = found.to_arrow()
    tasks = list(found.plan_files())
    return {
        "rows": [{name: plain(value) for name, value in row.items()} for row in arrow.to_pylist()],
        "types": {field.name: str(field.field_type) for field in table.schema().fields},
        "files": [
            {"path": task.file.file_path, "rows": task.file.record_count, "bytes": task.file.file_size_in_bytes}
            for task in tasks
        ],
        "snapshots": [
            {"id": str(one.snapshot_id), "summary": {"operation": one.summary.operation.value, **one.summary.additional_properties}}
            for one in table.metadata.snapshots
        ],
        "manifests": [] if table.current_snapshot() is None else [
            {"path": one.manifest_path, "added": one.added_files_count, "existing": one.existing_files_count}
            for one in table.current_snapshot().manifests(table.io)
        ],
        "properties": table.properties,
        "location": table.location(),
        "metadata": table.metadata_location,
        "spec": [str(field.transform) for field in table.spec().fields],
    }


def duckdb_query(body):
    """Runs SQL of DuckDB's extension for Iceberg on a folder into which the test has written the objects."""
    import duckdb
    import duckdb_extension_avro
    import duckdb_extension_iceberg

    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for module, name in ((duckdb_extension_avro, "avro"), (duckdb_extension_iceberg, "iceberg")):
        path = os.path.dirname(module.__file__)
        connection.execute(f"LOAD '{path}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
    connection.execute("SET TimeZone = 'UTC'")
    found = connection.sql(body["sql"])
    names = found.columns
    # Times with a zone need one more package.
    timed = [f'CAST("{name}" AS VARCHAR) AS "{name}"' for name, type in zip(names, found.types) if "ZONE" in str(type)]
    cursor = found.select(f"* REPLACE ({', '.join(timed)})") if timed else found
    return [{name: plain(value) for name, value in zip(names, row)} for row in cursor.fetchall()]


def other_writer(body):
    """Adds rows, or files, as another writer does; or merges all files into one, as compaction does, and expires what is old."""
    import pyarrow as pa

    table = catalog.load_table((body["namespace"], body["table"]))
    if body["do"] == "append":
        table.append(pa.Table.from_pylist(body["rows"], schema=table.schema().as_arrow()))
    elif body["do"] == "add":
        table.add_files(body["files"])
    else:
        table.overwrite(table.scan().to_arrow())
        table.refresh()
        expire = table.maintenance.expire_snapshots()
        current = table.current_snapshot().snapshot_id
        expire.by_ids([one.snapshot_id for one in table.metadata.snapshots if one.snapshot_id != current]).commit()
    return {}


def properties(body):
    table = catalog.load_table((body["namespace"], body["table"]))
    with table.transaction() as change:
        change.set_properties(body["set"])
    return {}


def make(body):
    from pyiceberg.schema import Schema

    catalog.create_namespace_if_not_exists(body["namespace"])
    catalog.create_table((body["namespace"], body["table"]), schema=Schema())
    return {}


calls = {"scan": scan, "duckdb": duckdb_query, "other": other_writer, "properties": properties, "make": make}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def fail(self, status, error):
        message = {"message": str(error), "type": type(error).__name__, "code": status}
        self.answer(status, {"error": message})

    def handle_all(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length > 0 else b""
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        parts = [urllib.parse.unquote(part) for part in url.path.split("/")[1:]]
        try:
            with lock:
                if parts[0] == "test":
                    return self.answer(200, calls[parts[1]](json.loads(body)))
                if self.headers.get("authorization") != f"Bearer {TOKEN}":
                    return self.fail(401, PermissionError("the token is not known"))
                return self.route(parts, query, body)
        except (CommitFailedException, NamespaceAlreadyExistsError, TableAlreadyExistsError) as error:
            self.fail(409, error)
        except (NoSuchNamespaceError, NoSuchTableError) as error:
            self.fail(404, error)
        except (ModelError, ValidationError, ValueError) as error:
            self.fail(400, error)
        except Exception as error:  # noqa: BLE001
            import traceback

            traceback.print_exc()
            self.fail(500, error)

    def route(self, parts, query, body):
        if parts == ["v1", "config"]:
            if query.get("warehouse") != "ada_events":
                return self.fail(404, LookupError("no such warehouse"))
            return self.answer(200, {"defaults": {}, "overrides": {"prefix": "w-1843"}})
        if parts[:3] != ["v1", "w-1843", "namespaces"]:
            return self.fail(404, LookupError("no such path"))
        rest = parts[3:]
        if not rest and self.command == "POST":
            namespace = json.loads(body)["namespace"]
            catalog.create_namespace(tuple(namespace))
            return self.answer(200, {"namespace": namespace, "properties": {}})
        namespace = tuple(rest[0].split("\x1f"))
        if rest[1:] == ["tables"] and self.command == "POST":
            # PyIceberg wants what the API leaves open.
            optional = {"location": None, "write-order": None, "partition-spec": None}
            request = CreateTableRequest.model_validate({**optional, **json.loads(body)})
            if not catalog.namespace_exists(namespace):
                raise NoSuchNamespaceError(f"no namespace {namespace}")
            table = catalog.create_table(
                (*namespace, request.name),
                schema=request.table_schema,
                partition_spec=request.partition_spec or UNPARTITIONED_PARTITION_SPEC,
                properties=request.properties,
            )
            return self.answer(200, tell(table))
        identifier = (*namespace, rest[2])
        if self.command == "GET":
            return self.answer(200, tell(catalog.load_table(identifier), query.get("snapshots", "all")))
        table = catalog.load_table(identifier)
        request = CommitTableRequest.model_validate(
            {"identifier": {"namespace": list(namespace), "name": rest[2]}, **json.loads(body)}
        )
        catalog.commit_table(table, request.requirements, request.updates)
        return self.answer(200, tell(catalog.load_table(identifier)))

    do_GET = do_POST = do_HEAD = do_DELETE = handle_all


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"ready {server.server_address[1]}", flush=True)
# The test has ended where nothing can come from it any more.
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
