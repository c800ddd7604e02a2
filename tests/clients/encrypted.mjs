// An encrypted talk with matrix-nio, and what a person with several devices needs: cross-signing,
// secret storage, key backup, a new device that verifies itself, by emoji and by the recovery key.
// node encrypted.mjs BASE_URL ROOM_VERSION
import assert from "node:assert/strict";

for (const level of ["trace", "debug", "log", "info", "warn"]) console[level] = () => {};
const sdk = await import("matrix-js-sdk");
const { CryptoEvent } = await import("matrix-js-sdk/lib/crypto-api/index.js");
const { VerificationPhase, VerifierEvent, VerificationRequestEvent } = await import(
    "matrix-js-sdk/lib/crypto-api/verification.js"
);

const PASSWORD = "correct horse battery staple";
const PATIENCE_MS = 60_000;
const LINES = 3;
const NAME = "crypto_js";
const [baseUrl, version] = process.argv.slice(2);
const clients = [];

async function until(what, fits) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
        const found = await fits();
        if (found) return found;
        assert(Date.now() < deadline, `never saw ${what}`);
        await new Promise((resume) => setTimeout(resume, 25));
    }
}

const stranger = () => sdk.createClient({ baseUrl });

async function register() {
    const asked = await stranger().registerRequest({ username: NAME, password: PASSWORD }).catch((e) => e);
    assert.equal(asked.httpStatus, 401, `${asked}`);
    const auth = { type: "m.login.dummy", session: asked.data.session };
    await stranger().registerRequest({ username: NAME, password: PASSWORD, auth, inhibit_login: true });
}

// A device of the user's. `secrets.key` opens the secret storage, once it is known.
async function device(secrets) {
    const login = await stranger().loginRequest({
        type: "m.login.password",
        identifier: { type: "m.id.user", user: NAME },
        password: PASSWORD,
    });
    const client = sdk.createClient({
        baseUrl,
        userId: login.user_id,
        deviceId: login.device_id,
        accessToken: login.access_token,
        cryptoCallbacks: {
            getSecretStorageKey: async ({ keys }) => (secrets.key ? [Object.keys(keys)[0], secrets.key] : null),
        },
        verificationMethods: ["m.sas.v1"],
    });
    await client.initRustCrypto({ useIndexedDB: false });
    await client.startClient({ initialSyncLimit: 30, pollTimeout: 5_000 });
    await until("the first sync", () => ["PREPARED", "SYNCING"].includes(client.getSyncState()));
    clients.push(client);
    return client;
}

// What is read of a room, once nothing in it is encrypted any more.
async function readable(client, roomId) {
    const room = await until("the room", () => client.getRoom(roomId));
    const events = room.getLiveTimeline().getEvents();
    for (const event of events) {
        if (event.isDecryptionFailure()) await event.attemptDecryption(client.getCrypto(), { isRetry: true });
        else await client.decryptEventIfNeeded(event);
    }
    const messages = events.filter((event) => event.getType() === "m.room.message");
    return messages.map((event) => event.getContent().body);
}

const hasAll = (said, who) => Array.from({ length: LINES }, (_, n) => `${who} ${n}`).every((line) => said.includes(line));

// Until the device is signed by its user's key, as the device itself sees it.
async function signed(client) {
    const status = () => client.getCrypto().getDeviceVerificationStatus(client.getUserId(), client.getDeviceId());
    await until("the device signed", async () => (await status())?.crossSigningVerified);
}

async function setUp(client, secrets) {
    const crypto = client.getCrypto();
    await crypto.bootstrapCrossSigning({
        authUploadDeviceSigningKeys: (upload) => upload(null),
    });
    const recovery = await crypto.createRecoveryKeyFromPassphrase();
    secrets.key = recovery.privateKey;
    await crypto.bootstrapSecretStorage({
        createSecretStorageKey: async () => recovery,
        setupNewSecretStorage: true,
        setupNewKeyBackup: true,
    });
    await until("cross-signing", () => crypto.isCrossSigningReady());
    await until("the secret storage", () => crypto.isSecretStorageReady());
    await signed(client);
    await until("the backup", () => crypto.getActiveSessionBackupVersion());
}

async function talk(client) {
    const partner = `@crypto_nio:${client.getDomain()}`;
    const devices = async () => (await client.getCrypto().getUserDeviceInfo([partner], true)).get(partner);
    await until("the partner's keys", async () => (await devices())?.size);
    const { room_id: roomId } = await client.createRoom({
        preset: "private_chat",
        invite: [partner],
        initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }],
    });
    await until("the partner", () => client.getRoom(roomId)?.getJoinedMemberCount() === 2);
    assert.equal(client.getRoom(roomId).getVersion(), version);
    await until("the encryption", () => client.getCrypto().isEncryptionEnabledInRoom(roomId));
    for (let n = 0; n < LINES; n++) await client.sendTextMessage(roomId, `js ${n}`);
    await until("the partner's lines", async () => hasAll(await readable(client, roomId), "nio"));
    // Asked of the server: the library remembers what it heard first.
    const prefix = { prefix: "/_matrix/client/v3" };
    const backup = () => client.http.authedRequest("GET", "/room_keys/version", undefined, undefined, prefix);
    await until("both sessions in the backup", async () => (await backup()).count >= 2);
    return roomId;
}

// A new device, verified by comparing emoji with the first one, gets the secrets from there.
async function verifyByEmoji(first, secrets) {
    const known = secrets.key;
    secrets.key = null;
    const second = await device(secrets);
    const incoming = new Promise((resolve) => first.once(CryptoEvent.VerificationRequestReceived, resolve));
    const request = await second.getCrypto().requestOwnUserVerification();
    const answer = await incoming;
    await answer.accept();
    await until("the acceptance", () => request.phase === VerificationPhase.Ready);
    const verifier = await request.startVerification("m.sas.v1");
    const compared = [];
    const compare = (one) => {
        one.on(VerifierEvent.ShowSas, async (sas) => {
            compared.push(sas.sas.emoji.map(([emoji]) => emoji).join(""));
            await until("the other side", () => compared.length === 2);
            assert.equal(compared[0], compared[1]);
            await sas.confirm();
        });
        return one.verify();
    };
    const theirs = await until("the start", () => answer.verifier);
    await Promise.all([compare(verifier), compare(theirs)]);
    await signed(second);
    await until("the backup's key from the first", () => second.getCrypto().getSessionBackupPrivateKey());
    secrets.key = known;
    return second;
}

// Another device has only the recovery key: it reads the history out of the backup.
async function restore(secrets, roomId) {
    const third = await device(secrets);
    const crypto = third.getCrypto();
    assert(!hasAll(await readable(third, roomId), "js"));
    // A device takes secrets only for keys that it has looked up.
    await until("the own keys", () => crypto.userHasCrossSigningKeys(third.getUserId(), true));
    await crypto.bootstrapCrossSigning({});
    await crypto.loadSessionBackupPrivateKeyFromSecretStorage();
    await crypto.checkKeyBackupAndEnable();
    const restored = await crypto.restoreKeyBackup();
    assert(restored.imported >= 2 && restored.imported === restored.total, JSON.stringify(restored));
    for (const who of ["js", "nio"]) {
        await until(`the history of ${who}`, async () => hasAll(await readable(third, roomId), who));
    }
    await signed(third);
    return third;
}

// New keys in place of the old ones need the password.
async function reset(client) {
    const old = await client.getCrypto().getCrossSigningKeyId();
    let asked = 0;
    await client.getCrypto().bootstrapCrossSigning({
        setupNewCrossSigning: true,
        authUploadDeviceSigningKeys: async (upload) => {
            const error = await upload(null).catch((e) => e);
            assert.equal(error.httpStatus, 401, `${error}`);
            asked += 1;
            const identifier = { type: "m.id.user", user: client.getUserId() };
            const auth = { type: "m.login.password", identifier, password: PASSWORD, session: error.data.session };
            return upload(auth);
        },
    });
    assert.equal(asked, 1);
    assert.notEqual(await client.getCrypto().getCrossSigningKeyId(), old);
}

try {
    const secrets = {};
    await register();
    const first = await device(secrets);
    await setUp(first, secrets);
    const roomId = await talk(first);
    const second = await verifyByEmoji(first, secrets);
    const third = await restore(secrets, roomId);
    await third.sendTextMessage(roomId, "end");
    for (const client of [first, second]) {
        await until("the end", async () => (await readable(client, roomId)).includes("end"));
    }
    await reset(first);
    await Promise.all(clients.map((client) => client.logout(true)));
} finally {
    for (const client of clients) client.stopClient();
}
process.exit(0);
