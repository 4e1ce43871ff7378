"""Servers of media on free ports of this machine, with the faults that real ones have."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import io
import re
import socket
import ssl
import struct
import threading
import time
from typing import TYPE_CHECKING

import av

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

PACKET_S = 0.02


def write(target, samples_T: NDArray[np.int16], codec: str, rate: int, **options: str) -> None:
    """Encode 16 kHz mono as `codec` at `rate` into a path or file object; `container` names the format."""
    container = options.pop("container", None)
    with av.open(target, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples_T[None, :], format="s16", layout="mono")
        frame.sample_rate = 16_000
        fitting = av.AudioResampler(
            stream.format or "s16", "mono", rate, frame_size=stream.codec_context.frame_size or 1_024
        )
        for fitted in [*fitting.resample(frame), *fitting.resample(None)]:
            file.mux(stream.encode(fitted))
        file.mux(stream.encode(None))


def encoded(samples_T: NDArray[np.int16], codec: str, rate: int, container: str) -> bytes:
    target = io.BytesIO()
    write(target, samples_T, codec, rate, container=container)
    return target.getvalue()


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Ranges, a password, and downloads that break off, on top of what Python's own has."""

    server: WebServer

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.requested.append(self.path)
        if self.server.password and self.headers.get("Authorization") != self.server.authorization:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="studio"')
            self.end_headers()
            return
        with contextlib.suppress(ConnectionError):
            self._send()

    def _send(self) -> None:
        path = self.translate_path(self.path)
        with open(path, "rb") as file:
            whole = file.read()
        begin = self._begin()
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(whole) - begin))
        if self.server.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(whole) - 1}/{len(whole)}")
        self.end_headers()
        end, self.server.break_at = self.server.break_at, None
        self.wfile.write(whole[begin:end])

    def _begin(self) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(asked[1]) if asked and self.server.ranges else 0


class WebServer(http.server.ThreadingHTTPServer):
    """The files of a directory. `break_at` cuts the next answer after so many bytes."""

    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=directory))
        self.directory = directory
        self.password: str | None = None
        self.ranges = True
        self.break_at: int | None = None
        self.requested: list[str] = []
        self._tls: ssl.SSLContext | None = None
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"studio:{self.password}".encode()).decode()

    def url(self, name: str, user: str = "") -> str:
        return f"http://{user}127.0.0.1:{self.server_port}/{name}"

    def encrypt(self, certificate: Path) -> None:
        """Speak TLS from now on, with the key that is in the same file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._tls = context

    def get_request(self):
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that break off."""

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class Listener:
    """A TCP port; every connection is served by `serve(connection)`, until it returns or `cut` is called."""

    def __init__(self, serve) -> None:
        self.connections: list[socket.socket] = []
        self.accepted_s: list[float] = []
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, scheme: str = "tcp", path: str = "") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def cut(self) -> None:
        """Break every connection there is; new ones are welcome."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            self.accepted_s.append(time.monotonic())
            self._threads.append(threading.Thread(target=self._serve_one, args=(connection,)))
            self._threads[-1].start()

    def _serve_one(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            self._serve(connection)


def stay(connection: socket.socket) -> None:
    """Keep a connection open until the other side or the test ends it."""
    while connection.recv(65_536):
        pass


def rtp_packet(number: int, payload: bytes, *, payload_type: int = 0) -> bytes:
    """Return packet `number` of a stream of 20 ms of mu-law at 8 kHz."""
    return struct.pack("!BBHII", 0x80, payload_type, number & 0xFFFF, number * 160, 0x5EED) + payload


def every_packet_s() -> Iterator[int]:
    """Yield 0, 1, 2 ... once in 20 ms each."""
    began_s = time.monotonic()
    number = 0
    while True:
        time.sleep(max(0.0, began_s + number * PACKET_S - time.monotonic()))
        yield number
        number += 1


RTSP_DESCRIPTION = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=room
t=0 0
m=audio 0 RTP/AVP 0
a=control:track1
"""


def rtsp_camera(payloads: list[bytes]):
    """Return what serves one RTSP client: mu-law at 8 kHz, interleaved, `payloads` over and over."""

    def serve(connection: socket.socket) -> None:
        requests = connection.makefile("rb")
        while (request := _rtsp_request(requests)) is not None:
            connection.sendall(_rtsp_answer(*request))
            if request[0] == "PLAY":
                break
        for number in every_packet_s():
            packet = rtp_packet(number, payloads[number % len(payloads)])
            connection.sendall(b"$\0" + struct.pack("!H", len(packet)) + packet)

    return serve


def _rtsp_request(requests) -> tuple[str, str] | None:
    lines = []
    while line := requests.readline().decode().strip():
        lines.append(line)
    if not lines:
        return None
    sequence = next(line for line in lines if line.lower().startswith("cseq"))
    return lines[0].split()[0], sequence


def _rtsp_answer(method: str, sequence: str) -> bytes:
    body = RTSP_DESCRIPTION.replace("\n", "\r\n") if method == "DESCRIBE" else ""
    headers = {
        "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
        "OPTIONS": "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
    }.get(method, "Session: 1\r\n")
    return f"RTSP/1.0 200 OK\r\n{sequence}\r\n{headers}\r\n{body}".encode()
