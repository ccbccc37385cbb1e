"""A server on loopback that answers as a test's script says: well, badly, late or not at all. It counts what it is
asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def completion(text: str | None, **more: Any) -> dict[str, Any]:
    """Returns the body of a sound chat completion; ``more`` replaces parts of it."""
    return {
        "id": more.pop("id", f"chatcmpl-{text}"),
        "object": "chat.completion",
        "model": more.pop("model", "m"),
        "system_fingerprint": more.pop("system_fingerprint", "fp_1"),
        "choices": more.pop(
            "choices",
            [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": more.pop("finish_reason", "stop"),
                }
            ],
        ),
        "usage": more.pop(
            "usage",
            {
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
        ),
        **more,
    }


def question(body: dict[str, Any]) -> str:
    """Returns the last turn of a request, or its text."""
    return body["messages"][-1]["content"] if "messages" in body else body["prompt"]


class Exchange:
    """One request: what was sent, and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], number: int, times: int) -> None:
        self.handler, self.body, self.number, self.times = handler, body, number, times
        self.headers = handler.headers
        self.question = question(body)

    def send(self, body: Any, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def fail(self, status: int, message: str = "no", code: str | None = None, **headers: str) -> None:
        self.send({"error": {"message": message, "code": code, "type": "error"}}, status, **headers)

    def stream(self, pieces: list[str], finish: str | None = "stop", usage: bool = True) -> None:
        """Writes server-sent events and closes; without ``finish`` the stream is cut off."""
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "text/event-stream")
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()
        head = {"id": "chatcmpl-s", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        events: list[dict[str, Any]] = [
            {**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]} for piece in pieces
        ]
        if finish:
            events.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if finish and usage:
            events.append(
                {
                    **head,
                    "choices": [],
                    "usage": {"prompt_tokens": 10, "completion_tokens": len(pieces), "total_tokens": 0},
                }
            )
        for event in events:
            self.handler.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
            self.handler.wfile.flush()
        if finish:
            self.handler.wfile.write(b"data: [DONE]\n\n")
        self.handler.close_connection = True

    def cut(self) -> None:
        """Promises a body and closes the connection in its middle."""
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Content-Length", "1000")
        self.handler.end_headers()
        self.handler.wfile.write(b'{"choices": [{"mess')
        self.handler.close_connection = True


class Scripted:
    """The server. ``script(exchange)`` answers each request; exchanges carry how often the same question was asked
    before.
    """

    def __init__(self, script: Callable[[Exchange], None]) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.under_way = self.most_at_once = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    exchange = Exchange(self, body, len(outer.asked), sum(other == body for other in outer.asked))
                    outer.asked.append(body)
                    outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                    outer.under_way += 1
                    outer.most_at_once = max(outer.most_at_once, outer.under_way)
                try:
                    script(exchange)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with lock:
                        outer.under_way -= 1

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def questions(self) -> list[str]:
        return [question(body) for body in self.asked]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
