import asyncio
import contextlib
import socket
import time
from contextlib import aclosing

import av
import numpy as np
import pytest
import soundfile

from cmlstream.models.errors import InputError

from .broadcasting import encoded, every_packet_s, stay, write
from .hearing import SECOND, seconds_of, source_at, whole

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def garbage(connection):
    generator = np.random.default_rng(11)
    while True:
        connection.sendall(generator.bytes(65_536))


def endless_header(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1_000_000):
        connection.sendall(b"X-Header-%d: more\r\n" % number)


def endless_line(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Line: ")
    while True:
        connection.sendall(b"x" * 65_536)


def endless_redirect(connection):
    while connection.recv(65_536):
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


def drip(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
    for number in every_packet_s():
        connection.sendall(bytes([number % 251]))


@pytest.mark.parametrize("scheme", ["http", "tcp", "rtsp"])
@pytest.mark.parametrize(
    "serve", [stay, garbage, endless_header, endless_line, endless_redirect, drip, socket.socket.close]
)
@pytest.mark.usefixtures("impatient")
def test_a_hostile_server_is_one_sentence_and_no_hang(listening, scheme, serve):
    source = source_at(listening(serve).url(scheme, "/talk?token=hush"))
    with pytest.raises(InputError, match=r"/talk cannot be opened \(.*\): check the address") as raised:
        asyncio.run(asyncio.wait_for(seconds_of(source, 1), 20))
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "contents",
    [
        b"<!doctype html><html><body>Sign in</body></html>" * 50,
        b"",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/nowhere.ts\n#EXT-X-ENDLIST\n",
        b"\x89PNG\r\n\x1a\n" + bytes(1_000),
    ],
)
def test_what_is_no_audio_is_refused(web, contents):
    (web.directory / "page").write_bytes(contents)
    with pytest.raises(InputError, match=r"/page (cannot be opened \(.*\): check|holds no audio)"):
        whole(source_at(web.url("page")))


def test_a_playlist_leads_to_no_file_of_this_machine(web, tmp_path, speech_T):
    secret = tmp_path / "secret.ts"
    write(secret, speech_T, "mp2", 48_000)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:6,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    (web.directory / "list.m3u8").write_text(playlist)
    with pytest.raises(InputError, match=r"list\.m3u8 (cannot be opened|holds no audio)"):
        whole(source_at(web.url("list.m3u8")))


def test_nobody_there_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for scheme in ("http", "https", "tcp", "rtsp"):
        with pytest.raises(
            InputError, match=rf"^{scheme}://127.0.0.1:{port}/a cannot be opened \(Connection refused\)"
        ):
            whole(source_at(f"{scheme}://127.0.0.1:{port}/a"))


@pytest.mark.usefixtures("impatient")
def test_silence_on_a_port_for_packets_is_told_in_time():
    for scheme in ("udp", "rtp"):
        with pytest.raises(InputError, match=r"cannot be opened \(nothing comes\)"):
            whole(source_at(f"{scheme}://127.0.0.1:0"))


def test_a_protocol_that_the_library_lacks_is_told():
    if "srt" in getattr(av, "protocols_available", ()):
        pytest.skip("this build of PyAV has srt")
    with pytest.raises(InputError, match=r"srt://127.0.0.1:9 cannot be opened \(this build of PyAV lacks"):
        whole(source_at("srt://127.0.0.1:9"))


def test_a_password_opens_the_door_and_is_never_shown(web, speech_T):
    soundfile.write(web.directory / "talk.flac", speech_T, SECOND)
    web.password = "hush"
    source = source_at(web.url("talk.flac?token=hush", user="studio:hush@"))
    assert source.description == web.url("talk.flac")
    assert "hush" not in repr(source._address)
    np.testing.assert_array_equal(whole(source), speech_T)
    with pytest.raises(InputError, match=r"talk\.flac cannot be opened \(.*401.*\)") as raised:
        whole(source_at(web.url("talk.flac", user="studio:wrong@")))
    assert "wrong" not in str(raised.value)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("scheme", ["http", "tcp", "rtsp", "udp", "rtp"])
def test_opening_can_be_cancelled_at_any_time(listening, scheme):
    listener = listening(stay)

    async def give_up():
        began_s = time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(seconds_of(source_at(listener.url(scheme)), 1), 0.1)
        return time.monotonic() - began_s

    assert asyncio.run(give_up()) < 1.5


def test_a_stream_that_stalls_can_be_closed_and_is_connected_to_again(listening, speech_T):
    stream = encoded(speech_T[: 2 * SECOND], "mp2", 48_000, "mpegts")

    def serve(connection):
        connection.sendall(stream)
        stay(connection)

    listener = listening(serve)

    async def listen():
        async with aclosing(source_at(listener.url()).chunks()) as arriving:
            async for chunk in arriving:
                last = chunk
                if len(listener.connections) == 2:
                    break
        return last.start

    assert asyncio.run(asyncio.wait_for(listen(), 20)) > 3 * SECOND


def test_waiting_for_a_broken_stream_can_be_stopped(listening, speech_T):
    stream = encoded(speech_T[:SECOND], "mp2", 48_000, "mpegts")
    listener = listening(lambda connection: connection.sendall(stream))

    async def listen():
        chunks = source_at(listener.url()).chunks()
        await anext(chunks)
        listener.stop()
        with contextlib.suppress(TimeoutError):
            while True:
                await asyncio.wait_for(anext(chunks), 1)
        await chunks.aclose()

    asyncio.run(asyncio.wait_for(listen(), 10))
