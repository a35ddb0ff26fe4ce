// The WebSocket is always the page's own gateway, whatever a link says.

import assert from "node:assert/strict";
import test from "node:test";
import { endpointOf, takingOver } from "./endpoint.ts";
import { readSettings } from "./settings.ts";

const endpoint = (address: string) => {
  const page = new URL(address);
  return endpointOf(page, readSettings(page, null));
};

test("the address is relative to the page at any depth", () => {
  for (const [page, socket] of [
    ["http://h/", "ws://h/websockify"],
    ["http://h/vnc.html", "ws://h/websockify"],
    ["https://h:8443/a/b/vnc_lite.html", "wss://h:8443/a/b/websockify"],
    ["https://h/a/b/", "wss://h/a/b/websockify"],
  ] as const) {
    assert.equal(endpoint(page).socket, socket);
  }
});

test("token and foreign arguments reach both the socket and the session question", () => {
  const { socket, session } = endpoint("http://h/vm/vnc.html?vm=7&token=a%2Bb&quality=3");
  assert.equal(socket, "ws://h/vm/websockify?vm=7&token=a%2Bb");
  assert.equal(session, "http://h/vm/session?vm=7&token=a%2Bb");
});

test("links with an escaped query in the path work as they do in noVNC", () => {
  const { socket, session } = endpoint("http://h/vm/vnc.html?path=websockify%3Ftoken%3Dx");
  assert.equal(socket, "ws://h/vm/websockify?token=x");
  assert.equal(session, "http://h/vm/session?token=x");
  assert.equal(endpoint("http://h/vm/vnc.html?path=vm/ws").socket, "ws://h/vm/vm/ws");
  assert.equal(endpoint("http://h/vm/vnc.html?path=/vm/ws").socket, "ws://h/vm/ws");
});

test("a path that leaves the origin or the folder is not followed", () => {
  for (const path of [
    "//evil/x",
    "https://evil/x",
    "ws://h/vm/x",
    "/other",
    "../other",
    "/vm",
    "\\\\evil\\x",
    "javascript:alert(1)",
    "a%2f..%2f..%2fother",
    "%2e%2e/other",
    "http://u:p@evil/vm/",
  ]) {
    const { socket, pathHonoured } = endpoint(`http://h/vm/vnc.html?path=${encodeURIComponent(path)}`);
    assert.equal(socket, "ws://h/vm/websockify", path);
    assert.equal(pathHonoured, false, path);
  }
});

test("credentials and a fragment in the path are dropped", () => {
  const path = encodeURIComponent("http://user:pw@h/vm/ws#x");
  assert.equal(endpoint(`http://h/vm/vnc.html?path=${path}`).socket, "ws://h/vm/ws");
});

test("taking over asks both addresses for it and keeps the token", () => {
  const page = new URL("https://gateway.example/office/?token=t1");
  const endpoint = takingOver(endpointOf(page, readSettings(page, null)));
  for (const address of [endpoint.socket, endpoint.session]) {
    const query = new URL(address).searchParams;
    assert.deepEqual([query.get("token"), query.get("take_over")], ["t1", "1"]);
  }
});
