"""Two people with matrix-nio: python nio_client.py BASE_URL ROOM_VERSION"""

import asyncio
import io
import sys
import time

import nio

PASSWORD = "correct horse battery staple"
PATIENCE_S = 30


def good(response, kind=None):
    """The response, if it is one of success."""
    if isinstance(response, nio.ErrorResponse) or (kind and not isinstance(response, kind)):
        raise AssertionError(f"unexpected answer: {response!r}")
    return response


class Person:
    """A user with one device, who remembers every event that sync brought."""

    def __init__(self, base_url, name):
        self.name = name
        self.base_url = base_url
        self.client = nio.AsyncClient(base_url, name)
        self.events = []
        self.left = set()
        self.client.add_event_callback(self.remember, nio.Event)

    async def remember(self, room, event):
        self.events.append((room.room_id, event))

    async def enter(self):
        good(await self.client.register(self.name, PASSWORD, "first"), nio.RegisterResponse)
        good(await self.client.logout(), nio.LogoutResponse)
        self.client.user = self.client.user_id
        good(await self.client.login(PASSWORD, "second"), nio.LoginResponse)

    @property
    def user_id(self):
        return self.client.user_id

    async def sync(self, timeout_ms=1_000, **more):
        more.setdefault("sync_filter", {"room": {"timeline": {"limit": 50}}})
        answer = good(await self.client.sync(timeout_ms, **more), nio.SyncResponse)
        self.left = (self.left | set(answer.rooms.leave)) - set(answer.rooms.join)
        return answer

    async def until(self, what, fits):
        """Syncs until `fits()` is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not fits():
            assert time.monotonic() < deadline, f"{self.name} never saw {what}"
            await self.sync()

    def heard(self, room_id):
        texts = (e for r, e in self.events if r == room_id and isinstance(e, nio.RoomMessageText))
        return [e.body for e in texts]

    async def say(self, room_id, text):
        content = {"msgtype": "m.text", "body": text}
        sent = await self.client.room_send(room_id, "m.room.message", content)
        return good(sent, nio.RoomSendResponse).event_id


async def change_profile(alice, bob):
    good(await alice.client.set_displayname("Alice Archer"))
    name = good(await bob.client.get_displayname(alice.user_id), nio.ProfileGetDisplayNameResponse)
    assert name.displayname == "Alice Archer", name
    data = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
    uploaded, _ = await alice.client.upload(
        io.BytesIO(data), content_type="image/png", filename="alice.png", filesize=len(data)
    )
    uri = good(uploaded, nio.UploadResponse).content_uri
    good(await alice.client.set_avatar(uri))
    avatar = good(await bob.client.get_avatar(alice.user_id), nio.ProfileGetAvatarResponse)
    assert avatar.avatar_url == uri, avatar
    media = good(await bob.client.download(uri), nio.DownloadResponse)
    assert media.body == data and media.content_type == "image/png"
    profile = good(await bob.client.get_profile(alice.user_id), nio.ProfileGetResponse)
    assert profile.displayname == "Alice Archer" and profile.avatar_url == uri


async def make_room(alice, bob, version):
    created = await alice.client.room_create(
        name="Orchard", topic="Apples", invite=[bob.user_id], preset=nio.RoomPreset.private_chat
    )
    room_id = good(created, nio.RoomCreateResponse).room_id
    create = good(await alice.client.room_get_state_event(room_id, "m.room.create"))
    assert create.content["room_version"] == version, create.content
    await bob.until("the invite", lambda: room_id in bob.client.invited_rooms)
    invited = bob.client.invited_rooms[room_id]
    assert invited.name == "Orchard" and invited.inviter == alice.user_id, vars(invited)
    good(await bob.client.join(room_id), nio.JoinResponse)
    await bob.until("the room", lambda: room_id in bob.client.rooms)
    await alice.until("the room", lambda: room_id in alice.client.rooms)
    await alice.until("bob", lambda: bob.user_id in alice.client.rooms[room_id].users)
    return room_id


async def chat(alice, bob, room_id):
    for number in range(15):
        speaker = alice if number % 2 == 0 else bob
        await speaker.say(room_id, f"line {number}")
    expected = [f"line {number}" for number in range(15)]
    for person in (alice, bob):
        await person.until("the talk", lambda p=person: "line 14" in p.heard(room_id))
        assert person.heard(room_id) == expected, person.heard(room_id)
    assert bob.client.rooms[room_id].user_name(alice.user_id) == "Alice Archer"
    assert bob.client.rooms[room_id].topic == "Apples"


async def page_back(bob, room_id):
    start, said, pages = "", [], 0
    while True:
        page = await bob.client.room_messages(room_id, start, limit=4)
        page = good(page, nio.RoomMessagesResponse)
        said += [e.body for e in page.chunk if isinstance(e, nio.RoomMessageText)]
        pages += 1
        if not page.end or page.end == start:
            break
        start = page.end
    assert said == [f"line {number}" for number in reversed(range(15))], said
    assert pages > 3


async def change_things(alice, bob, room_id):
    good(await alice.client.update_room_topic(room_id, "Pears"))
    await bob.until("the topic", lambda: bob.client.rooms[room_id].topic == "Pears")
    event_id = await alice.say(room_id, "Ripe?")
    relation = {"rel_type": "m.annotation", "event_id": event_id, "key": "+1"}
    good(await bob.client.room_send(room_id, "m.reaction", {"m.relates_to": relation}))
    related = bob.client.room_get_event_relations(room_id, event_id)
    assert len([event async for event in related]) == 1
    context = good(await bob.client.room_context(room_id, event_id, 4), nio.RoomContextResponse)
    assert context.event.event_id == event_id
    good(await bob.client.room_typing(room_id, True, 10_000))
    await alice.until("typing", lambda: bob.user_id in alice.client.rooms[room_id].typing_users)
    good(await bob.client.update_receipt_marker(room_id, event_id))
    good(await bob.client.room_read_markers(room_id, event_id, event_id))
    receipts = lambda: alice.client.rooms[room_id].read_receipts  # noqa: E731
    await alice.until("the receipt", lambda: bob.user_id in receipts())
    mistake = await alice.say(room_id, "a mistake")
    redaction = good(await alice.client.room_redact(room_id, mistake, "typo"))
    seen = lambda: redaction.event_id in [e.event_id for _, e in bob.events]  # noqa: E731
    await bob.until("the redaction", seen)
    event = good(await bob.client.room_get_event(room_id, mistake), nio.RoomGetEventResponse)
    assert isinstance(event.event, nio.RedactedEvent), event
    members = good(await bob.client.joined_members(room_id), nio.JoinedMembersResponse)
    assert {m.user_id for m in members.members} == {alice.user_id, bob.user_id}
    state = good(await bob.client.room_get_state(room_id), nio.RoomGetStateResponse)
    assert any(e["type"] == "m.room.topic" for e in state.events)
    limit = {"timeline": {"limit": 1}}
    saved = good(await bob.client.upload_filter(room=limit), nio.UploadFilterResponse)
    whole = await bob.sync(0, sync_filter=saved.filter_id, full_state=True)
    state = whole.rooms.join[room_id].state
    assert any(isinstance(e, nio.RoomTopicEvent) and e.topic == "Pears" for e in state), state


async def devices(alice):
    listed = good(await alice.client.devices(), nio.DevicesResponse).devices
    assert [d.id for d in listed] == [alice.client.device_id], listed
    good(await alice.client.update_device(alice.client.device_id, {"display_name": "Tablet"}))
    listed = good(await alice.client.devices(), nio.DevicesResponse).devices
    assert listed[0].display_name == "Tablet"
    assert good(await alice.client.whoami()).user_id == alice.user_id


async def leave_and_return(alice, bob, room_id):
    good(await bob.client.room_leave(room_id), nio.RoomLeaveResponse)
    await bob.until("the leave", lambda: room_id in bob.left)
    await alice.say(room_id, "gone?")
    good(await alice.client.room_invite(room_id, bob.user_id), nio.RoomInviteResponse)
    await bob.until("the second invite", lambda: room_id in bob.client.invited_rooms)
    good(await bob.client.join(room_id), nio.JoinResponse)
    await bob.until("the room again", lambda: room_id not in bob.left)
    good(await alice.client.room_kick(room_id, bob.user_id, "out"))
    good(await alice.client.room_ban(room_id, bob.user_id))
    refused = await bob.client.join(room_id)
    assert isinstance(refused, nio.JoinError) and refused.status_code == "M_FORBIDDEN", refused
    good(await alice.client.room_unban(room_id, bob.user_id))
    good(await bob.client.room_forget(room_id), nio.RoomForgetResponse)
    assert room_id not in good(await bob.client.joined_rooms()).rooms


async def main(base_url, version):
    alice, bob = Person(base_url, "nio_alice"), Person(base_url, "nio_bob")
    try:
        await alice.enter()
        await bob.enter()
        await alice.sync(0)
        await bob.sync(0)
        await change_profile(alice, bob)
        room_id = await make_room(alice, bob, version)
        await chat(alice, bob, room_id)
        await page_back(bob, room_id)
        await change_things(alice, bob, room_id)
        await devices(alice)
        await leave_and_return(alice, bob, room_id)
        good(await alice.client.logout(), nio.LogoutResponse)
    finally:
        await alice.client.close()
        await bob.client.close()


asyncio.run(main(*sys.argv[1:]))
