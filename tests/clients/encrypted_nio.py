"""The nio side of an encrypted talk with matrix-js-sdk: python encrypted_nio.py BASE_URL VERSION"""

import asyncio
import sys
import time

import nio

PASSWORD = "correct horse battery staple"
PATIENCE_S = 60
LINES = 3


class Talk:
    """A user who follows sync and remembers what was decrypted, and what was not."""

    def __init__(self, base_url):
        config = nio.AsyncClientConfig(store=nio.store.SqliteMemoryStore, encryption_enabled=True)
        self.client = nio.AsyncClient(base_url, "crypto_nio", config=config)
        self.said = []
        self.undecrypted = []
        self.client.add_event_callback(self.hear, nio.RoomMessageText)
        self.client.add_event_callback(self.miss, nio.MegolmEvent)

    async def hear(self, room, event):
        assert event.decrypted, f"it was not encrypted: {event}"
        self.said.append(event.body)

    async def miss(self, room, event):
        self.undecrypted.append(event)

    async def until(self, what, fits):
        deadline = time.monotonic() + PATIENCE_S
        while not (found := fits()):
            assert time.monotonic() < deadline, f"nio never saw {what}; missed {self.undecrypted}"
            await asyncio.sleep(0.05)
        return found


def good(response, kind):
    assert isinstance(response, kind), f"unexpected answer: {response!r}"
    return response


async def main(base_url, version):
    talk = Talk(base_url)
    client = talk.client
    good(await client.register("crypto_nio", PASSWORD, "nio"), nio.RegisterResponse)
    syncing = asyncio.ensure_future(client.sync_forever(timeout=2_000))
    try:
        room_id = await talk.until("the invite", lambda: next(iter(client.invited_rooms), None))
        good(await client.join(room_id), nio.JoinResponse)
        room = await talk.until("the room", lambda: client.rooms.get(room_id))
        await talk.until("the encryption", lambda: room.encrypted)
        expected = [f"js {number}" for number in range(LINES)]
        await talk.until("what js says", lambda: len(talk.said) >= LINES)
        assert talk.said[:LINES] == expected, talk.said
        for number in range(LINES):
            content = {"msgtype": "m.text", "body": f"nio {number}"}
            sent = await client.room_send(
                room_id, "m.room.message", content, ignore_unverified_devices=True
            )
            good(sent, nio.RoomSendResponse)
        await talk.until("the end", lambda: "end" in talk.said)
        assert not talk.undecrypted, talk.undecrypted
        create = await client.room_get_state_event(room_id, "m.room.create")
        assert create.content["room_version"] == version, create.content
        good(await client.logout(), nio.LogoutResponse)
    finally:
        syncing.cancel()
        await client.close()


asyncio.run(main(*sys.argv[1:]))
