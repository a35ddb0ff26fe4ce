// What noVNC gets to see of the WebSocket, and what is kept from it or for later.

import assert from "node:assert/strict";
import test from "node:test";
import { Channel, HandshakePeek, type GatewayMessage, type Socket } from "./channel.ts";

class FakeSocket implements Socket {
  binaryType: BinaryType = "blob";
  protocol = "portway.v1";
  readyState: Socket["readyState"] = 1;
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onerror: Socket["onerror"] = null;
  onclose: Socket["onclose"] = null;
  sent: unknown[] = [];
  closes = 0;

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(): void {
    this.closes += 1;
  }

  receive(data: unknown): void {
    this.onmessage?.call(this as never, { data } as MessageEvent);
  }

  end(code: number, reason: string): void {
    this.readyState = 3;
    this.onclose?.call(this as never, { code, reason } as CloseEvent);
  }
}

function open(): { socket: FakeSocket; channel: Channel; told: GatewayMessage[]; passed: unknown[] } {
  const socket = new FakeSocket();
  const told: GatewayMessage[] = [];
  const passed: unknown[] = [];
  const channel = new Channel(socket, (message) => told.push(message));
  channel.onmessage = (event) => passed.push(event.data);
  socket.onopen?.call(socket as never, {} as Event);
  return { socket, channel, told, passed };
}

const bytes = (...values: number[]) => new Uint8Array(values).buffer;

test("text frames go to the page, binary frames to noVNC", () => {
  const { socket, channel, told, passed } = open();
  const frame = bytes(1, 2, 3);
  socket.receive('{"type":"notice","text":"hello"}');
  socket.receive(frame);
  assert.deepEqual(told, [{ type: "notice", text: "hello" }]);
  assert.deepEqual(passed, [frame]);
  assert.equal(channel.bytesReceived, 3);
  assert.equal(socket.binaryType, "arraybuffer");
});

test("text that is not a message of the gateway is dropped", () => {
  const { socket, told, passed } = open();
  const long = `{"type":"notice","text":"${"x".repeat(70_000)}"}`;
  for (const text of ["", "x", "null", "[]", "7", "{}", '{"type":7}', long]) {
    socket.receive(text);
  }
  assert.deepEqual([told, passed], [[], []]);
});

test("the page speaks only to a gateway that agreed to text", () => {
  const { socket, channel } = open();
  channel.tell({ type: "here" });
  assert.deepEqual(socket.sent, ['{"type":"here"}']);
  socket.protocol = "binary";
  channel.tell({ type: "here" });
  assert.equal(socket.sent.length, 1);
  assert.equal(channel.bytesSent, 0);
});

test("empty binary frames do not reach noVNC", () => {
  const { socket, passed } = open();
  socket.receive(bytes());
  assert.deepEqual(passed, []);
});

test("the channel has what noVNC asks of it", () => {
  const { channel } = open();
  const names = [...Object.keys(channel), ...Object.getOwnPropertyNames(Object.getPrototypeOf(channel))];
  for (const name of "send close binaryType onerror onmessage onopen protocol readyState".split(" ")) {
    assert(names.includes(name), name);
  }
  assert.equal(channel.readyState, 1);
});

test("closing waits for the server's close frame, so that its reason is kept", async () => {
  const { socket, channel } = open();
  channel.close();
  assert.equal(socket.closes, 0);
  assert.equal(channel.readyState, 2);
  channel.send(new Uint8Array([1]));
  assert.deepEqual(socket.sent, []);
  socket.end(4401, "expired");
  assert.deepEqual(await channel.closed, { code: 4401, reason: "expired" });
});

test("without a close frame the channel hangs up and does not wait for ever", async () => {
  const { socket, channel } = open();
  channel.close();
  assert.deepEqual(await channel.closed, { code: 1006, reason: "" });
  assert.equal(socket.closes, 1);
});

test("the handshake's start is read in any pieces", () => {
  const start = [..."RFB 003.008\n"].map((letter) => letter.charCodeAt(0));
  const peek = new HandshakePeek();
  for (const byte of [...start, 2, 18]) {
    peek.see(new Uint8Array([byte]));
    assert.equal(peek.securityTypes, null);
  }
  peek.see(new Uint8Array([19, 0, 0]));
  assert.deepEqual(peek.securityTypes, [18, 19]);
  assert.equal(peek.notVnc, false);
});

test("another protocol is recognised", () => {
  const peek = new HandshakePeek();
  peek.see(new TextEncoder().encode("SSH-2.0"));
  assert.equal(peek.notVnc, true);
});
