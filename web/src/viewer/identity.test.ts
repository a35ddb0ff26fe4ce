// Fingerprints, compared with what sha256sum and sha1sum say of the same bytes.

import assert from "node:assert/strict";
import test from "node:test";
import { fingerprint } from "./identity.ts";

test("a key's fingerprints are those that other tools show", async () => {
  const print = await fingerprint(new TextEncoder().encode("abc"));
  assert.equal(
    print.sha256.replaceAll(":", ""),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  assert.equal(print.short, "a9-99-3e-36-47-06-81-6a");
});
