// What is read ahead of the picture is bounded, however long a recording is.

import assert from "node:assert/strict";
import test from "node:test";
import { Ahead } from "./stream.ts";

const CHUNK = 64 * 1024;
const MOST = 4 * CHUNK;
/** The platform's own buffers may hold a little. */
const SLACK = 2 * CHUNK;

/** Takes every chunk as one piece. */
const whole = { push: (bytes: Uint8Array): Uint8Array[] => [bytes] };

/** Lets everything go on that can. */
const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 2));

test("a stream without an end is read as far as the bound, and on as pieces are taken", async () => {
  let read = 0;
  const endless = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        read += CHUNK;
        controller.enqueue(new Uint8Array(CHUNK));
      },
    },
    { highWaterMark: 0 },
  );
  const fetched = globalThis.fetch;
  globalThis.fetch = () => Promise.resolve(new Response(endless));
  try {
    const ahead = new Ahead<Uint8Array>("data", whole, ({ length }) => length, MOST);
    await settle();
    const held = read;
    assert.equal(held >= MOST && held <= MOST + SLACK, true);
    await settle();
    assert.equal(read, held);
    for (let taken = 1; taken <= 200; taken += 1) {
      assert.equal(ahead.take()?.length, CHUNK);
      await settle();
      assert.equal(read - taken * CHUNK <= MOST + SLACK, true);
    }
    ahead.close();
    assert.equal(ahead.peek(), undefined);
  } finally {
    globalThis.fetch = fetched;
  }
});
