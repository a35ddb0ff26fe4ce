// A desktop leads back only to the wall that is right above it.

import assert from "node:assert/strict";
import test from "node:test";
import { wallOf } from "./way-back.ts";

test("the wall must be the folder around the desktop's", () => {
  assert.equal(wallOf("/desktops/office/", "/desktops/"), "/desktops/");
  assert.equal(wallOf("/office/", "/"), "/");
  for (const [folder, wall] of [
    ["/desktops/office/", null],
    ["/desktops/office/", "/other/"],
    ["/desktops/office/deeper/", "/desktops/"],
    ["/", "/"],
  ] as const) {
    assert.equal(wallOf(folder, wall), null, `${folder} in ${wall}`);
  }
});
