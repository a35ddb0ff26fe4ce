// Links to watch: what the gateway answers, and where a link may lead.

import assert from "node:assert/strict";
import test from "node:test";
import { linkOf, minutesUpTo, readLinks } from "./links.ts";

const folder = new URL("https://gateway.example/desktops/office/");

test("a link is the desktop's own address with what the gateway gave", () => {
  assert.equal(linkOf("?link=a1", folder), "https://gateway.example/desktops/office/?link=a1");
});

test("a link that would lead elsewhere is none", () => {
  for (const url of ["", "https://elsewhere.example/?link=a", "//elsewhere.example/", "../?link=a"]) {
    assert.equal(linkOf(url, folder), null, url);
  }
});

test("links are read bare or wrapped, and what has no id is left out", () => {
  const links = [{ id: "a", expires: 7, uses: 2 }, {}, null];
  assert.deepEqual(readLinks(links), [{ id: "a", expires: 7, uses: 2 }]);
  assert.deepEqual(readLinks({ links }), readLinks(links));
  assert.equal(readLinks({}), null);
});

test("no link is offered for longer than the gateway lets it be open", () => {
  assert.deepEqual(minutesUpTo(null), [15, 60, 480, 1440]);
  assert.deepEqual(minutesUpTo(2 * 3600), [15, 60]);
  assert.deepEqual(minutesUpTo(300), [5]);
});
