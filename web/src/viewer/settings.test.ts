// Which of link, memory and default wins, and what a link may not do.

import assert from "node:assert/strict";
import test from "node:test";
import { DEFAULTS, readSettings, toStored } from "./settings.ts";

const read = (address: string, stored: string | null = null) =>
  readSettings(new URL(address, "https://host/vm/vnc.html"), stored);

test("without anything the defaults hold and the page connects by itself", () => {
  const { settings, refused, passedOn } = read("");
  assert.deepEqual(settings, DEFAULTS);
  assert.equal(settings.autoconnect, true);
  assert.deepEqual([refused, passedOn], [[], []]);
});

test("the fragment beats the query, which beats what was stored", () => {
  const stored = JSON.stringify({ resize: "off", quality: 1, compression: 1 });
  const { settings } = read("?resize=remote&quality=2#quality=3", stored);
  assert.equal(settings.resize, "remote");
  assert.equal(settings.quality, 3);
  assert.equal(settings.compression, 1);
});

test("noVNC's words for true and false are understood", () => {
  for (const word of ["1", "true", "on", "yes", "", "TRUE"]) {
    assert.equal(read(`?view_only=${word}`).settings.view_only, true, word);
  }
  for (const word of ["0", "false", "off", "no"]) {
    assert.equal(read(`?autoconnect=${word}`).settings.autoconnect, false, word);
  }
  assert.equal(read("?view_only=maybe").settings.view_only, false);
});

test("values out of range are brought into it, nonsense is left out", () => {
  assert.equal(read("?quality=99").settings.quality, 9);
  assert.equal(read("?quality=-1").settings.quality, DEFAULTS.quality);
  assert.equal(read("?resize=huge").settings.resize, "scale");
  assert.equal(read("?logging=loud").settings.logging, "warn");
  assert.equal(read("?reconnect_delay=5000").settings.reconnect_delay, 5000);
});

test("a password counts only in the fragment", () => {
  const inQuery = read("?password=secret");
  assert.equal(inQuery.settings.password, null);
  assert.deepEqual(inQuery.refused, ["password-in-query"]);
  assert.deepEqual(inQuery.passedOn, []);
  assert.equal(read("#password=se%26cret").settings.password, "se&cret");
});

test("a link cannot name another host", () => {
  const { refused, passedOn } = read("?host=evil.example&port=1&encrypt=0");
  assert.deepEqual(refused, ["foreign-address"]);
  assert.deepEqual(passedOn, []);
});

test("what is no setting goes on to the gateway in its order", () => {
  const { passedOn, settings } = read("?vm=7&token=t&resize=off&vm=8");
  assert.deepEqual(passedOn, [["vm", "7"], ["vm", "8"]]);
  assert.equal(settings.token, "t");
});

test("storage that was tampered with gives no address and does no harm", () => {
  const tampered = JSON.stringify({ path: "//evil", token: "x", password: "x", quality: "9" });
  const { settings } = read("", tampered);
  assert.deepEqual([settings.path, settings.token, settings.password], ["websockify", null, null]);
  assert.equal(settings.quality, 9);
  for (const broken of ["", "null", "[", "7", '"x"']) {
    assert.deepEqual(read("", broken).settings, DEFAULTS);
  }
});

test("what is stored is read back the same and holds no secret", () => {
  const chosen = { ...DEFAULTS, resize: "off", quality: 0, bell: false, password: "p" } as const;
  const stored = toStored(chosen);
  assert.equal(stored.includes("password"), false);
  const { settings } = read("", stored);
  assert.deepEqual(settings, { ...chosen, password: null });
});
