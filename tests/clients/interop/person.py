"""A user with one device, on either server."""

import itertools
import time

import requests

PATIENCE_S = 30
_numbers = itertools.count(1)


class Refused(AssertionError):
    """An answer that is not one of success."""

    def __init__(self, response, what):
        super().__init__(f"{what}: {response.status_code} {response.text[:500]}")
        self.status = response.status_code
        try:
            self.errcode = response.json().get("errcode")
        except ValueError:
            self.errcode = None


class Person:
    def __init__(self, server, name):
        self.server = server
        self.session = requests.Session()
        self.since = None
        # By room: what its timeline brought, in order, and what stands in its state.
        self.timelines, self.states, self.ephemeral = {}, {}, []
        self.invites, self.knocks, self.left = {}, {}, set()
        self.to_device, self.changed_devices, self.presence = [], set(), {}
        body = {
            "username": f"{name}{next(_numbers)}",
            "password": "correct horse battery staple",
            "auth": {"type": "m.login.dummy"},
        }
        answer = self.call("POST", "/v3/register", body)
        self.user_id, self.device_id = answer["user_id"], answer["device_id"]
        self.session.headers["Authorization"] = f"Bearer {answer['access_token']}"

    def raw(self, method, path, body=None, **more):
        if body is not None:
            more["json"] = body
        return self.session.request(
            method, f"{self.server.base_url}/_matrix/client{path}", timeout=60, **more
        )

    def call(self, method, path, body=None, **more):
        if method != "GET" and body is None and "data" not in more:
            body = {}
        response = self.raw(method, path, body, **more)
        if response.status_code != 200:
            raise Refused(response, f"{self.server.kind}: {method} {path}")
        return response.json()

    # rooms

    def create(self, **options):
        return self.call("POST", "/v3/createRoom", options)["room_id"]

    def join(self, room, via=()):
        names = [("via", server.name) for server in via]
        names += [("server_name", server.name) for server in via]
        return self.call("POST", f"/v3/join/{quote(room)}", params=names)["room_id"]

    def invite(self, room, other):
        self.call("POST", f"/v3/rooms/{quote(room)}/invite", {"user_id": other.user_id})

    def leave(self, room):
        self.call("POST", f"/v3/rooms/{quote(room)}/leave")

    def send(self, room, content, kind="m.room.message"):
        if isinstance(content, str):
            content = {"msgtype": "m.text", "body": content}
        path = f"/v3/rooms/{quote(room)}/send/{kind}/t{next(_numbers)}"
        return self.call("PUT", path, content)["event_id"]

    def set_state(self, room, kind, content, key=""):
        path = f"/v3/rooms/{quote(room)}/state/{kind}/{quote(key)}"
        return self.call("PUT", path, content)["event_id"]

    def state(self, room, kind, key=""):
        return self.call("GET", f"/v3/rooms/{quote(room)}/state/{kind}/{quote(key)}")

    # sync

    def sync(self, timeout_ms=1_000):
        parameters = {"timeout": timeout_ms, "filter": '{"room":{"timeline":{"limit":100}}}'}
        if self.since:
            parameters["since"] = self.since
        answer = self.call("GET", "/v3/sync", params=parameters)
        self.since = answer["next_batch"]
        rooms = answer.get("rooms", {})
        for room, news in rooms.get("join", {}).items():
            self.left.discard(room)
            self.take(room, news)
        for room, news in rooms.get("leave", {}).items():
            self.left.add(room)
            self.take(room, news)
        for room, news in rooms.get("invite", {}).items():
            self.invites[room] = news["invite_state"]["events"]
        for room, news in rooms.get("knock", {}).items():
            self.knocks[room] = news["knock_state"]["events"]
        self.to_device += answer.get("to_device", {}).get("events", [])
        self.changed_devices |= set(answer.get("device_lists", {}).get("changed", []))
        for event in answer.get("presence", {}).get("events", []):
            self.presence[event["sender"]] = event["content"]
        return answer

    def take(self, room, news):
        state = self.states.setdefault(room, {})
        timeline = self.timelines.setdefault(room, [])
        events = news.get("state", {}).get("events", []) + news["timeline"]["events"]
        for event in events:
            if "state_key" in event:
                state[event["type"], event["state_key"]] = event
        timeline += news["timeline"]["events"]
        self.ephemeral += [(room, e) for e in news.get("ephemeral", {}).get("events", [])]

    def until(self, what, fits):
        """Syncs until `fits()` gives something true, and gives it back."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := fits()):
            assert time.monotonic() < deadline, f"{self.user_id} never saw {what}"
            self.sync()
        return found

    def hears(self, room, text):
        """Waits for a message, and gives its event."""
        return self.until(f"“{text}”", lambda: self.heard(room, text))

    def heard(self, room, text):
        events = self.timelines.get(room, [])
        return next((e for e in events if e["content"].get("body") == text), None)

    def sees(self, room, kind, key, fits, what=None):
        """Waits until an entry of the state fits."""

        def look():
            event = self.states.get(room, {}).get((kind, key))
            return event if event and fits(event["content"]) else None

        return self.until(what or f"{kind} of {key or 'the room'}", look)


def quote(text):
    return requests.utils.quote(text, safe="")


def membership(word):
    return lambda content: content.get("membership") == word
