// The head of a recording, cut for noVNC wherever the blocks' borders are.

import assert from "node:assert/strict";
import test from "node:test";
import { Handshake } from "./handshake.ts";

const version = [...new TextEncoder().encode("RFB 003.003\n")];
const type = [0, 0, 0, 1];
const init = [...Array.from({ length: 20 }, () => 9), 0, 0, 0, 2, 0x6f, 0x6b];
const update = [0, 0, 0, 0];

const cut = (...pieces: number[][]) => {
  const handshake = new Handshake();
  return pieces.flatMap((piece) => handshake.cut(new Uint8Array(piece))).map((piece) => [...piece]);
};

test("version, the rest of the handshake and what follows are apart", () => {
  const expected = [version, [...type, ...init], update];
  assert.deepEqual(cut([...version, ...type, ...init, ...update]), expected);
  assert.deepEqual(cut([...version, ...type, ...init], update), expected);
  assert.deepEqual(cut(version, type, init, update), expected);
  assert.deepEqual(cut(...[...version, ...type, ...init].map((byte) => [byte]), update), expected);
});

test("what follows later is left as it is", () => {
  assert.deepEqual(cut([...version, ...type, ...init], update, update).slice(2), [update, update]);
});
