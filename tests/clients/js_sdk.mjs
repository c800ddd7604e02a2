// Two people with matrix-js-sdk: node js_sdk.mjs BASE_URL ROOM_VERSION
import assert from "node:assert/strict";

// The library takes hold of the console as it is loaded, and says a lot.
for (const level of ["trace", "debug", "log", "info", "warn"]) console[level] = () => {};
const sdk = await import("matrix-js-sdk");

const PASSWORD = "correct horse battery staple";
const PATIENCE_MS = 30_000;
const [baseUrl, version] = process.argv.slice(2);

// Waits until `fits()` gives something true, and gives that.
async function until(what, fits) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const found = await fits();
        if (found) return found;
        assert(Date.now() < deadline, `never saw ${what}`);
        await new Promise((resume) => setTimeout(resume, 25));
    }
}

async function enter(name) {
    const stranger = sdk.createClient({ baseUrl });
    const asked = await stranger.registerRequest({ username: name, password: PASSWORD }).catch((e) => e);
    assert.equal(asked.httpStatus, 401, `${asked}`);
    const auth = { type: "m.login.dummy", session: asked.data.session };
    await stranger.registerRequest({ username: name, password: PASSWORD, auth });
    const login = await stranger.loginRequest({
        type: "m.login.password",
        identifier: { type: "m.id.user", user: name },
        password: PASSWORD,
        refresh_token: true,
    });
    const client = sdk.createClient({
        baseUrl,
        userId: login.user_id,
        deviceId: login.device_id,
        accessToken: login.access_token,
        refreshToken: login.refresh_token,
        timelineSupport: true,
    });
    await client.startClient({ initialSyncLimit: 5, lazyLoadMembers: true, pollTimeout: 5_000 });
    await until("the first sync", () => client.getSyncState() === "PREPARED" || client.getSyncState() === "SYNCING");
    return client;
}

const bodies = (room) =>
    room
        .getLiveTimeline()
        .getEvents()
        .filter((event) => event.getType() === "m.room.message")
        .map((event) => event.getContent().body);

async function makeRoom(alice, bob) {
    const { room_id: roomId } = await alice.createRoom({
        preset: "private_chat",
        name: "Orchard",
        topic: "Apples",
        invite: [bob.getUserId()],
    });
    await until("the invite", () => bob.getRoom(roomId)?.getMyMembership() === "invite");
    assert.equal(bob.getRoom(roomId).name, "Orchard");
    await bob.joinRoom(roomId);
    await until("the join", () => bob.getRoom(roomId)?.getMyMembership() === "join");
    await until("the own room", () => alice.getRoom(roomId)?.getJoinedMemberCount() === 2);
    assert.equal(alice.getRoom(roomId).getVersion(), version);
    return roomId;
}

async function chat(alice, bob, roomId) {
    for (let number = 0; number < 12; number++) {
        await (number % 2 ? bob : alice).sendTextMessage(roomId, `line ${number}`);
    }
    const expected = Array.from({ length: 12 }, (_, number) => `line ${number}`);
    for (const client of [alice, bob]) {
        const room = client.getRoom(roomId);
        await until("the talk", () => bodies(room).includes("line 11"));
        assert.deepEqual(bodies(room).sort(), expected.toSorted());
    }
}

// A third device of Bob's starts with a short timeline and pages back to the room's beginning.
async function pageBack(roomId) {
    const stranger = sdk.createClient({ baseUrl });
    const login = await stranger.loginRequest({
        type: "m.login.password",
        identifier: { type: "m.id.user", user: "js_bob" },
        password: PASSWORD,
    });
    const client = sdk.createClient({
        baseUrl,
        userId: login.user_id,
        deviceId: login.device_id,
        accessToken: login.access_token,
    });
    await client.startClient({ initialSyncLimit: 3, lazyLoadMembers: true, pollTimeout: 5_000 });
    const room = await until("the room", () => client.getRoom(roomId));
    assert(bodies(room).length <= 3);
    while (room.oldState.paginationToken !== null) {
        await client.scrollback(room, 4);
    }
    assert.deepEqual(bodies(room), Array.from({ length: 12 }, (_, number) => `line ${number}`));
    const first = room.getLiveTimeline().getEvents()[0];
    assert.equal(first.getType(), "m.room.create");
    await room.loadMembersIfNeeded();
    assert.equal(room.getJoinedMembers().length, 2);
    await client.logout(true);
}

async function changeThings(alice, bob, roomId) {
    await alice.setDisplayName("Alice Archer");
    await until("the name", () => bob.getRoom(roomId).getMember(alice.getUserId())?.name === "Alice Archer");
    const data = new Uint8Array(2_000).map((_, place) => place % 251);
    const file = new Blob([data], { type: "image/png" });
    const { content_uri: uri } = await alice.uploadContent(file, { name: "alice.png", type: "image/png" });
    await alice.setAvatarUrl(uri);
    assert.equal((await bob.getProfileInfo(alice.getUserId())).avatar_url, uri);
    const url = bob.mxcUrlToHttp(uri, undefined, undefined, undefined, false, true, true);
    const headers = { Authorization: `Bearer ${bob.getAccessToken()}` };
    const media = await fetch(url, { headers });
    assert.equal(media.status, 200);
    assert.deepEqual(new Uint8Array(await media.arrayBuffer()), data);

    await alice.setRoomTopic(roomId, "Pears");
    const topic = () => bob.getRoom(roomId).currentState.getStateEvents("m.room.topic", "").getContent().topic;
    await until("the topic", () => topic() === "Pears");
    await alice.setRoomName(roomId, "Garden");
    await until("the new name", () => bob.getRoom(roomId).name === "Garden");

    const { event_id: id } = await alice.sendTextMessage(roomId, "Ripe?");
    const event = await until("the question", () => bob.getRoom(roomId).findEventById(id));
    const relates = { "m.relates_to": { rel_type: "m.annotation", event_id: id, key: "+1" } };
    await bob.sendEvent(roomId, "m.reaction", relates);
    const related = await alice.relations(roomId, id, "m.annotation", "m.reaction");
    assert.equal(related.events.length, 1);
    await bob.sendTyping(roomId, true, 10_000);
    await until("typing", () => alice.getRoom(roomId).getMember(bob.getUserId())?.typing);
    await bob.sendReadReceipt(event);
    await until("the receipt", () => alice.getRoom(roomId).hasUserReadEvent(bob.getUserId(), id));
    await bob.setRoomReadMarkers(roomId, id, event);
    const { event_id: mistake } = await alice.sendTextMessage(roomId, "a mistake");
    await until("the mistake", () => bob.getRoom(roomId).findEventById(mistake));
    await alice.redactEvent(roomId, mistake);
    await until("the redaction", () => bob.getRoom(roomId).findEventById(mistake).isRedacted());
    await bob.setRoomTag(roomId, "m.favourite", { order: 0.5 });
    await until("the tag", () => bob.getRoom(roomId).tags["m.favourite"]);
    await bob.setAccountData("org.example.colour", { sky: "blue" });
    await until("the data", () => bob.getAccountData("org.example.colour")?.getContent().sky === "blue");
}

async function findAndLeave(alice, bob, roomId) {
    const found = await bob.searchUserDirectory({ term: "archer" });
    assert.deepEqual(found.results.map((user) => user.user_id), [alice.getUserId()]);
    const capabilities = await alice.getCapabilities();
    assert.equal(capabilities["m.room_versions"].default, version);
    assert.equal((await alice.getDevices()).devices.length, 2);
    await bob.leave(roomId);
    await until("the leave", () => bob.getRoom(roomId).getMyMembership() === "leave");
    await bob.joinRoom(roomId).then(
        () => assert.fail("a private room let somebody in"),
        (error) => assert.equal(error.errcode, "M_FORBIDDEN"),
    );
    await alice.invite(roomId, bob.getUserId());
    await until("the second invite", () => bob.getRoom(roomId).getMyMembership() === "invite");
    await bob.joinRoom(roomId);
    await until("the return", () => bob.getRoom(roomId).getMyMembership() === "join");
    await alice.sendTextMessage(roomId, "Welcome back");
    await until("the welcome", () => bodies(bob.getRoom(roomId)).includes("Welcome back"));
    await bob.leave(roomId);
    await bob.forget(roomId);
}

const alice = await enter("js_alice");
const bob = await enter("js_bob");
try {
    const roomId = await makeRoom(alice, bob);
    await chat(alice, bob, roomId);
    await pageBack(roomId);
    await changeThings(alice, bob, roomId);
    await findAndLeave(alice, bob, roomId);
    await alice.logout(true);
} finally {
    alice.stopClient();
    bob.stopClient();
}
process.exit(0);
