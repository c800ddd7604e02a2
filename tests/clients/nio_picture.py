"""Two people with matrix-nio: one sends a picture, the other fetches it and its thumbnail.

python nio_picture.py BASE_URL ROOM_VERSION
"""

import asyncio
import io
import struct
import sys
import zlib

import nio

PASSWORD = "correct horse battery staple"


def good(response, kind=nio.Response):
    assert isinstance(response, kind) and not isinstance(response, nio.ErrorResponse), response
    return response


def png(width, height):
    """A picture with a gradient."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(
        b"\0" + bytes(c for x in range(width) for c in (x % 256, y % 256, 80)) for y in range(height)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def sides(picture):
    assert picture.startswith(b"\x89PNG"), picture[:20]
    return struct.unpack(">II", picture[16:24])


async def enter(base_url, name):
    client = nio.AsyncClient(base_url, name)
    good(await client.register(name, PASSWORD), nio.RegisterResponse)
    return client


async def main(base_url, version):
    alice = await enter(base_url, "picture_alice")
    bob = await enter(base_url, "picture_bob")
    try:
        room = good(await alice.room_create(invite=[bob.user_id], room_version=version))
        good(await bob.join(room.room_id), nio.JoinResponse)
        picture = png(500, 300)
        sent, _ = await alice.upload(
            io.BytesIO(picture), content_type="image/png", filename="apples.png", filesize=len(picture)
        )
        uri = good(sent, nio.UploadResponse).content_uri
        info = {"mimetype": "image/png", "size": len(picture), "w": 500, "h": 300}
        content = {"msgtype": "m.image", "body": "apples.png", "url": uri, "info": info}
        good(await alice.room_send(room.room_id, "m.room.message", content), nio.RoomSendResponse)

        synced = good(await bob.sync(timeout=0, full_state=True), nio.SyncResponse)
        events = synced.rooms.join[room.room_id].timeline.events
        (image,) = [event for event in events if isinstance(event, nio.RoomMessageImage)]
        assert image.url == uri, image
        whole = good(await bob.download(mxc=image.url), nio.DownloadResponse)
        assert whole.body == picture and whole.content_type == "image/png"
        assert whole.filename == "apples.png", whole.filename

        origin, media_id = image.url.removeprefix("mxc://").split("/")
        for method, wanted, expected in [
            (nio.ResizingMethod.crop, 96, (96, 96)),
            (nio.ResizingMethod.scale, 200, (320, 192)),
        ]:
            small = await bob.thumbnail(origin, media_id, wanted, wanted, method)
            small = good(small, nio.ThumbnailResponse)
            assert sides(small.body) == expected, sides(small.body)
            assert small.content_type == "image/png"
        limit = good(await bob.content_repository_config(), nio.ContentRepositoryConfigResponse)
        assert limit.upload_size > 0
        missing = await bob.thumbnail(origin, "missing", 96, 96)
        # nio reads no JSON where it expects a picture; the status tells.
        assert isinstance(missing, nio.ThumbnailError), missing
        assert missing.transport_response.status == 404, missing
    finally:
        await alice.close()
        await bob.close()


asyncio.run(main(*sys.argv[1:]))
