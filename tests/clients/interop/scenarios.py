"""What people of two servers do together. Each scenario is given a person of each server, in both
orders, and a room version."""

import base64
import time

from person import Person, Refused, membership, quote

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def meet(here, there, version, **options):
    """A public room of `here` in which both are."""
    options = {"preset": "public_chat", "room_version": version, **options}
    room = here.create(**options)
    there.join(room, via=[here.server])
    here.sees(room, "m.room.member", there.user_id, membership("join"))
    there.sees(room, "m.room.member", there.user_id, membership("join"))
    return room


def public(here, there, version):
    """A public room, found by its alias: messages each way, in order; an edit of state; leaving and
    coming back."""
    alias = f"club{here.user_id[1:].split(':')[0]}v{version}"
    room = here.create(preset="public_chat", room_version=version, room_alias_name=alias, name="Club")
    assert there.join(f"#{alias}:{here.server.name}") == room
    assert there.state(room, "m.room.name") == {"name": "Club"}
    there.sees(room, "m.room.member", there.user_id, membership("join"))
    here.sees(room, "m.room.member", there.user_id, membership("join"))
    for n in range(10):
        here.send(room, f"here {n}")
        there.send(room, f"there {n}")
    for person in (here, there):
        for side in ("here", "there"):
            person.hears(room, f"{side} 9")
            bodies = [e["content"].get("body", "") for e in person.timelines[room]]
            bodies = [body for body in bodies if body.startswith(f"{side} ")]
            assert bodies == [f"{side} {n}" for n in range(10)], bodies
    here.set_state(room, "m.room.topic", {"topic": "Boats"})
    there.sees(room, "m.room.topic", "", lambda c: c.get("topic") == "Boats")
    there.leave(room)
    here.sees(room, "m.room.member", there.user_id, membership("leave"))
    there.join(room, via=[here.server])
    here.sees(room, "m.room.member", there.user_id, membership("join"))
    there.send(room, "back again")
    here.hears(room, "back again")


def invited(here, there, version):
    """A room by invitation: one is refused and comes again, one kicks, one bans."""
    room = here.create(preset="private_chat", room_version=version, name="Attic")
    try:
        there.join(room, via=[here.server])
        raise AssertionError("joined without an invitation")
    except Refused as refused:
        assert refused.status == 403, refused
    here.invite(room, there)
    there.until("the invitation", lambda: room in there.invites)
    names = [e["content"].get("name") for e in there.invites[room] if e["type"] == "m.room.name"]
    assert names == ["Attic"], there.invites[room]
    there.leave(room)
    here.sees(room, "m.room.member", there.user_id, membership("leave"))
    del there.invites[room]
    here.invite(room, there)
    there.until("the second invitation", lambda: room in there.invites)
    there.join(room, via=[here.server])
    here.sees(room, "m.room.member", there.user_id, membership("join"))
    there.sees(room, "m.room.member", there.user_id, membership("join"))
    there.send(room, "a nice attic")
    here.hears(room, "a nice attic")
    here.call("POST", f"/v3/rooms/{quote(room)}/kick", {"user_id": there.user_id})
    there.until("the kick", lambda: room in there.left)
    here.call("POST", f"/v3/rooms/{quote(room)}/ban", {"user_id": there.user_id})
    try:
        there.join(room, via=[here.server])
        raise AssertionError("joined in spite of the ban")
    except Refused as refused:
        assert refused.status == 403, refused


def knocking(here, there, version):
    """Knocking at a door, being let in."""
    if int(version) < 7:
        return
    rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room = here.create(preset="private_chat", room_version=version, initial_state=[rule], name="Tower")
    names = [("via", here.server.name), ("server_name", here.server.name)]
    there.call("POST", f"/v3/knock/{quote(room)}", {"reason": "please"}, params=names)
    here.sees(room, "m.room.member", there.user_id, membership("knock"))
    there.until("the knock", lambda: room in there.knocks)
    here.invite(room, there)
    there.until("the invitation", lambda: room in there.invites)
    there.join(room, via=[here.server])
    there.send(room, "thank you")
    here.hears(room, "thank you")


def restricted(here, there, version):
    """A room for the members of another one."""
    if int(version) < 8:
        return
    club = meet(here, there, version)
    allow = [{"type": "m.room_membership", "room_id": club}]
    rule = {"join_rule": "restricted", "allow": allow}
    rule = {"type": "m.room.join_rules", "state_key": "", "content": rule}
    room = here.create(preset="private_chat", room_version=version, initial_state=[rule])
    there.join(room, via=[here.server])
    joined = here.sees(room, "m.room.member", there.user_id, membership("join"))
    assert joined["content"]["join_authorised_via_users_server"] == here.user_id, joined
    there.send(room, "one of us")
    here.hears(room, "one of us")
    stranger = Person(there.server, "stranger")
    try:
        stranger.join(room, via=[here.server])
        raise AssertionError("joined without being a member of the club")
    except Refused as refused:
        assert refused.status == 403, refused


def redaction(here, there, version):
    """Taking back one's own message, and another's as a moderator."""
    room = meet(here, there, version)
    own = there.send(room, "oops")
    here.hears(room, "oops")
    there.call("PUT", f"/v3/rooms/{quote(room)}/redact/{quote(own)}/r{version}", {"reason": "typo"})

    def gone():
        event = here.call("GET", f"/v3/rooms/{quote(room)}/event/{quote(own)}")
        return "body" not in event["content"]

    here.until("the redaction", gone)
    rude = there.send(room, "something rude")
    here.hears(room, "something rude")
    here.call("PUT", f"/v3/rooms/{quote(room)}/redact/{quote(rude)}/m{version}")

    def gone_there():
        event = there.call("GET", f"/v3/rooms/{quote(room)}/event/{quote(rude)}")
        return "body" not in event["content"]

    there.until("the moderator's redaction", gone_there)


def history(here, there, version):
    """Paging back through what was said before one came."""
    room = here.create(preset="public_chat", room_version=version)
    for n in range(60):
        here.send(room, f"old {n}")
    there.join(room, via=[here.server])
    bodies, token = [], None
    for _ in range(20):
        parameters = {"dir": "b", "limit": 20, **({"from": token} if token else {})}
        page = there.call("GET", f"/v3/rooms/{quote(room)}/messages", params=parameters)
        bodies += [e["content"].get("body") for e in page["chunk"] if e["type"] == "m.room.message"]
        token = page.get("end")
        if not token or "old 0" in bodies:
            break
    assert bodies == [f"old {n}" for n in reversed(range(60))], bodies


def encrypted(here, there, version):
    """An encrypted room: the keys of the other's device, claimed keys, to-device messages, and an
    opaque message."""
    keys = {
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "device_id": there.device_id,
        "user_id": there.user_id,
        "keys": {
            f"curve25519:{there.device_id}": "a" * 43,
            f"ed25519:{there.device_id}": "b" * 43,
        },
        "signatures": {there.user_id: {f"ed25519:{there.device_id}": "c" * 86}},
    }
    one_time = {f"signed_curve25519:K{n}": {"key": "d" * 43, "signatures": {}} for n in range(3)}
    there.call("POST", "/v3/keys/upload", {"device_keys": keys, "one_time_keys": one_time})
    encryption = {"type": "m.room.encryption", "state_key": ""}
    encryption["content"] = {"algorithm": "m.megolm.v1.aes-sha2"}
    room = meet(here, there, version, initial_state=[encryption])
    asked = here.call("POST", "/v3/keys/query", {"device_keys": {there.user_id: []}})
    found = asked["device_keys"][there.user_id][there.device_id]
    assert found["keys"] == keys["keys"], asked
    wish = {there.user_id: {there.device_id: "signed_curve25519"}}
    claimed = here.call("POST", "/v3/keys/claim", {"one_time_keys": wish})
    assert claimed["one_time_keys"][there.user_id][there.device_id], claimed
    secret = {"algorithm": "m.olm.v1.curve25519-aes-sha2", "ciphertext": {}, "sender_key": "e" * 43}
    for n in range(3):
        messages = {there.user_id: {there.device_id: {**secret, "n": n}}}
        path = f"/v3/sendToDevice/m.room.encrypted/d{version}{n}"
        here.call("PUT", path, {"messages": messages})
    there.until("the secrets", lambda: len(there.to_device) >= 3)
    assert [event["content"]["n"] for event in there.to_device] == [0, 1, 2], there.to_device
    here.sync()
    here.changed_devices.clear()
    there.call("PUT", f"/v3/devices/{quote(there.device_id)}", {"display_name": "New name"})
    here.until("the renamed device", lambda: there.user_id in here.changed_devices)
    content = {**secret, "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "opaque", "session_id": "f"}
    sent = here.send(room, content, kind="m.room.encrypted")
    there.until(
        "the encrypted message",
        lambda: any(e["event_id"] == sent for e in there.timelines[room]),
    )


def signs_of_life(here, there, version):
    """Typing, receipts, presence, and the other's profile."""
    room = meet(here, there, version)
    here.call("PUT", f"/v3/profile/{quote(here.user_id)}/displayname", {"displayname": "Captain"})
    there.sees(room, "m.room.member", here.user_id, lambda c: c.get("displayname") == "Captain")
    profile = there.call("GET", f"/v3/profile/{quote(here.user_id)}")
    assert profile.get("displayname") == "Captain", profile
    path = f"/v3/rooms/{quote(room)}/typing/{quote(here.user_id)}"
    here.call("PUT", path, {"typing": True, "timeout": 30_000})

    def types():
        news = [e for r, e in there.ephemeral if r == room and e["type"] == "m.typing"]
        return news and news[-1]["content"]["user_ids"] == [here.user_id]

    there.until("the typing", types)
    sent = there.send(room, "have you read this?")
    here.hears(room, "have you read this?")
    here.call("POST", f"/v3/rooms/{quote(room)}/receipt/m.read/{quote(sent)}")

    def was_read():
        news = [e["content"] for r, e in there.ephemeral if r == room and e["type"] == "m.receipt"]
        return any(here.user_id in c.get(sent, {}).get("m.read", {}) for c in news)

    there.until("the receipt", was_read)
    path = f"/v3/presence/{quote(here.user_id)}/status"
    here.call("PUT", path, {"presence": "unavailable", "status_msg": f"at sea {version}"})

    def is_at_sea():
        return there.presence.get(here.user_id, {}).get("status_msg") == f"at sea {version}"

    there.until("the presence", is_at_sea)


def media(here, there, version):
    """A picture of the other server, and its thumbnail."""
    if version != "12":
        return
    headers = {"Content-Type": "image/png"}
    url = f"{here.server.base_url}/_matrix/media/v3/upload?filename=dot.png"
    uploaded = here.session.post(url, data=PICTURE, headers=headers, timeout=30)
    assert uploaded.status_code == 200, uploaded.text
    server, media_id = uploaded.json()["content_uri"].removeprefix("mxc://").split("/")
    got = there.raw("GET", f"/v1/media/download/{server}/{media_id}")
    assert got.status_code == 200, got.text
    assert got.content == PICTURE
    assert got.headers["Content-Type"] == "image/png", got.headers
    size = {"width": 32, "height": 32, "method": "scale"}
    small = there.raw("GET", f"/v1/media/thumbnail/{server}/{media_id}", params=size)
    assert small.status_code == 200, small.text
    assert small.headers["Content-Type"].startswith("image/"), small.headers
    missing = there.raw("GET", f"/v1/media/download/{server}/nosuchmedia")
    assert missing.status_code == 404, missing.text


def upgrade(here, there, version):
    """A room gives way to a new one."""
    room = meet(here, there, version, name="Old hall")
    body = {"new_version": "11"}
    new = here.call("POST", f"/v3/rooms/{quote(room)}/upgrade", body)["replacement_room"]
    there.sees(room, "m.room.tombstone", "", lambda c: c.get("replacement_room") == new)
    there.join(new, via=[here.server])
    created = there.state(new, "m.room.create")
    assert created["predecessor"]["room_id"] == room, created
    there.send(new, "a new hall")
    here.hears(new, "a new hall")


def directory(here, there, version):
    """The other server's published rooms."""
    if version != "11":
        return
    room = here.create(preset="public_chat", room_version=version, visibility="public", name="Market")
    body = {"filter": {"generic_search_term": "Market"}}
    parameters = {"server": here.server.name}
    found = there.call("POST", "/v3/publicRooms", body, params=parameters)
    assert room in [entry["room_id"] for entry in found["chunk"]], found


def outage(here, there, version):
    """One server is away while the other goes on; afterwards both know everything."""
    if version not in ("10", "12"):
        return
    room = meet(here, there, version)
    there.server.stop()
    for n in range(30):
        here.send(room, f"alone {n}")
    there.server.start()
    # Word from the one who was away makes the other try again at once.
    there.send(room, "back")
    here.hears(room, "back")
    there.hears(room, "alone 29")
    deadline = time.monotonic() + 30
    while True:
        path = f"/v3/rooms/{quote(room)}/messages"
        page = there.call("GET", path, params={"dir": "b", "limit": 100})
        bodies = [e["content"].get("body", "") for e in page["chunk"]]
        alone = [body for body in bodies if body.startswith("alone ")]
        if sorted(alone) == sorted(f"alone {n}" for n in range(30)):
            return
        assert time.monotonic() < deadline, alone
        time.sleep(1)


ALL = [
    public,
    invited,
    knocking,
    restricted,
    redaction,
    history,
    encrypted,
    signs_of_life,
    media,
    directory,
    upgrade,
    outage,
]
