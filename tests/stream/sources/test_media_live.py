import asyncio
import contextlib
import os
import socket
import threading
import time
from contextlib import aclosing

import av
import numpy as np
import pytest

from .broadcasting import encoded, every_packet_s, rtp_packet, rtsp_camera, stay, write
from .hearing import SECOND, gaps, seconds_of, source_at

pytestmark = pytest.mark.usefixtures("nothing_is_left_behind")


def paced(stream, *, duration_s):
    """Return what sends `stream` over a connection at its own pace, over and over."""

    def serve(connection):
        piece = len(stream) * 0.02 / duration_s
        for number in every_packet_s():
            begin, end = round(number * piece), round((number + 1) * piece)
            if end > len(stream):
                return
            connection.sendall(stream[begin:end])

    return serve


def test_a_stream_that_is_cut_comes_back_after_a_gap_of_the_time_between(listening, speech_T):
    stream = encoded(speech_T, "mp2", 48_000, "mpegts")
    listener = listening(paced(stream, duration_s=6))
    source = source_at(listener.url())
    heard_s = []

    async def listen():
        chunks = []
        async with aclosing(source.chunks()) as arriving:
            async for chunk in arriving:
                chunks.append(chunk)
                heard_s.append(time.monotonic())
                if len(chunks) == 30:
                    listener.cut()
                if len(listener.connections) == 2 and chunk.start > 2 * SECOND:
                    break
        return chunks

    chunks = asyncio.run(asyncio.wait_for(listen(), 20))
    (missing,) = gaps(chunks)
    after = next(index for index in range(1, 99) if gaps(chunks[: index + 1]))
    assert missing / SECOND == pytest.approx(heard_s[after] - heard_s[after - 1], abs=0.1)
    assert source.dropped_samples == missing
    assert source.paced


def test_a_live_stream_that_ends_is_connected_to_again(listening, speech_T):
    stream = encoded(speech_T[:SECOND], "mp2", 48_000, "mpegts")
    listener = listening(lambda connection: connection.sendall(stream))
    chunks = asyncio.run(seconds_of(source_at(listener.url()), 2.5))
    assert len(gaps(chunks)) >= 2
    assert len(listener.connections) >= 3


def test_a_stream_may_come_back_in_another_format(listening, speech_T):
    kinds = iter([("mp2", 48_000), ("mp2", 32_000), ("aac", 44_100)] * 9)
    listener = listening(
        lambda connection: connection.sendall(encoded(speech_T[:SECOND], *next(kinds), "mpegts"))
    )
    chunks = asyncio.run(seconds_of(source_at(listener.url()), 2.5))
    positions = [chunk.start for chunk in chunks]
    assert positions == sorted(positions)
    assert len(gaps(chunks)) >= 2


def test_a_reader_that_falls_behind_loses_the_oldest_and_is_told(listening, speech_T):
    stream = encoded(speech_T, "mp2", 48_000, "mpegts")
    sent = threading.Event()

    def serve(connection):
        connection.sendall(stream[: len(stream) // 10])
        connection.sendall(stream[len(stream) // 10 :])
        sent.set()
        stay(connection)

    source = source_at(listening(serve).url())

    async def fall_behind():
        async with aclosing(source.chunks()) as arriving:
            first = await anext(arriving)
            while source.dropped_samples < 2 * SECOND:
                await asyncio.to_thread(time.sleep, 0.05)  # the reader is busy with something else
                second = await anext(arriving)
        return first, second

    first, second = asyncio.run(asyncio.wait_for(fall_behind(), 10))
    assert second.start > first.start + len(first.samples_T)
    assert second.start - source.dropped_samples <= 4 * SECOND


def test_live_hls_is_followed_and_ends_when_its_playlist_says_so(web, speech_T):
    write(web.directory / "all.m3u8", speech_T, "aac", 44_100, hls_time="1", hls_list_size="0")
    lines = (web.directory / "all.m3u8").read_text().splitlines()
    ended = lines.index("#EXT-X-ENDLIST")
    published = web.directory / "live.m3u8"
    published.write_text("\n".join(lines[: ended - 4]) + "\n")
    source = source_at(web.url("live.m3u8"))

    async def follow():
        chunks = []
        async for chunk in source.chunks():
            if not chunks:
                assert source.paced
                await asyncio.to_thread(_publish, published, "\n".join(lines) + "\n")
            chunks.append(chunk)
        return chunks

    chunks = asyncio.run(asyncio.wait_for(follow(), 30))
    assert not gaps(chunks)
    assert sum(len(chunk.samples_T) for chunk in chunks) > 4 * SECOND


def _publish(path, text):
    aside = path.with_suffix(".new")
    aside.write_text(text)
    os.replace(aside, path)


@contextlib.contextmanager
def sending(packets):
    """Send UDP packets to a free port, one every 20 ms, until the context ends; None is one that was lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    stopping = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in every_packet_s():
                if stopping.is_set():
                    return
                packet = packets(number)
                if packet is not None:
                    sender.sendto(packet, ("127.0.0.1", port))

    thread = threading.Thread(target=send)
    thread.start()
    yield port
    stopping.set()
    thread.join()


def test_rtp_is_heard_and_lost_packets_are_a_gap_of_their_length(mulaw):
    lost = {40, 41, 42, 43, 44, 70}

    def packets(number):
        return None if number % 80 in lost else rtp_packet(number, mulaw[number % len(mulaw)])

    with sending(packets) as port:
        source = source_at(f"rtp://127.0.0.1:{port}")
        chunks = asyncio.run(seconds_of(source, 2.5))
    assert source.paced
    assert set(gaps(chunks)) <= {5 * 320, 320}
    assert 5 * 320 in gaps(chunks)
    assert 320 in gaps(chunks)
    assert source.dropped_samples >= sum(gaps(chunks))
    assert np.abs(chunks[-1].samples_T).max() > 0


def test_rtp_and_udp_sent_by_ffmpeg_are_heard(speech_T):
    for scheme, codec, rate, container in (
        ("rtp", "pcm_mulaw", 8_000, "rtp"),
        ("udp", "mp2", 48_000, "mpegts"),
    ):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"{scheme}://127.0.0.1:{probe.getsockname()[1]}"
        stopping = threading.Event()
        thread = threading.Thread(target=_send_live, args=(url, codec, rate, container, speech_T, stopping))
        thread.start()
        try:
            chunks = asyncio.run(seconds_of(source_at(url), 1))
        finally:
            stopping.set()
            thread.join()
        assert not gaps(chunks)
        heard_T = np.concatenate([chunk.samples_T for chunk in chunks])
        assert np.abs(heard_T).max() > 1_000


def _send_live(url, codec, rate, container, samples_T, stopping):
    with av.open(f"{url}?pkt_size=1316", "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = "mono"
        fitting = av.AudioResampler(
            stream.format, "mono", rate, frame_size=stream.codec_context.frame_size or 160
        )
        for number in every_packet_s():
            if stopping.is_set():
                return
            begin = number * 320 % (len(samples_T) - 320)
            frame = av.AudioFrame.from_ndarray(samples_T[None, begin : begin + 320], "s16", "mono")
            frame.sample_rate = SECOND
            for fitted in fitting.resample(frame):
                with contextlib.suppress(av.error.ConnectionRefusedError):  # nobody listens yet
                    file.mux(stream.encode(fitted))


def test_an_rtsp_camera_is_heard_and_comes_back(listening, mulaw):
    camera = listening(rtsp_camera(mulaw))
    source = source_at(camera.url("rtsp", "/room"))

    async def listen():
        chunks = []
        async with aclosing(source.chunks()) as arriving:
            async for chunk in arriving:
                chunks.append(chunk)
                if len(chunks) == 10:
                    camera.cut()
                if len(chunks) == 20:
                    break
        return chunks

    chunks = asyncio.run(asyncio.wait_for(listen(), 20))
    assert source.paced
    assert len(gaps(chunks)) == 1
    assert len(camera.connections) == 2
    assert source.description == camera.url("rtsp", "/room")
