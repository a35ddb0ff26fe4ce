// The gateway's list of desktops, good and bad; how it is grouped and searched.

import assert from "node:assert/strict";
import test from "node:test";
import { folderOf, grouped, matches, readWall, type DesktopTile } from "./desktop.ts";

const read = (...desktops: unknown[]) => readWall({ user: "ann", desktops })?.items ?? [];

test("a desktop is read whole", () => {
  const whole = {
    name: "office",
    title: "Office",
    group: "staff",
    groups: ["staff", "ground floor"],
    role: "view",
    state: "in-use",
    sessions: [{ user: "bob", since: 1_790_000_000, view_only: true }],
    thumbnail: true,
    recorded: true,
  };
  const list = readWall({ user: "ann", sign_out: true, desktops: [whole] });
  assert.deepEqual([list?.user, list?.signOut], ["ann", true]);
  assert.deepEqual(list?.items, [
    {
      name: "office",
      title: "Office",
      groups: ["staff", "ground floor"],
      role: "view",
      state: "in-use",
      reason: "",
      sessions: [{ user: "bob", since: 1_790_000_000, viewOnly: true }],
      thumbnail: true,
      recorded: true,
    },
  ]);
});

test("odd fields become blanks, what has no name is left out, and no list is told apart", () => {
  const [only] = read({ name: "a", state: "burning", sessions: "x" }, {}, null, 7);
  assert.deepEqual([only?.title, only?.state, only?.sessions], ["a", "unknown", []]);
  assert.equal(read({}, null).length, 0);
  for (const answer of [null, [], {}, { desktops: 7 }]) {
    assert.equal(readWall(answer), null);
  }
});

test("each desktop stands in all its groups, numbers as numbers, the nameless group last", () => {
  const both = { name: "lab2", groups: ["lab", "desk 9"] };
  const list = read({ name: "x" }, { name: "lab10", groups: ["lab", "desk 10"] }, both);
  const found = grouped(list).map(({ group, desktops }) => [group, ...desktops.map(({ name }) => name)]);
  assert.deepEqual(found, [
    ["desk 9", "lab2"],
    ["desk 10", "lab10"],
    ["lab", "lab2", "lab10"],
    ["", "x"],
  ]);
});

test("search looks at names, groups and people, the filter at the state", () => {
  const [used] = read({ name: "a", groups: ["lab"], state: "in-use", sessions: [{ user: "Bob" }] });
  const [idle] = read({ name: "b", state: "unknown" });
  const shown = (one: DesktopTile | undefined, search: string, filter: "all" | "free" | "in-use") =>
    one !== undefined && matches(one, search, filter);
  assert(shown(used, "bob LAB", "all") && shown(used, "", "in-use") && shown(idle, "", "free"));
  assert.equal(shown(used, "", "free"), false);
  assert.equal(shown(idle, "", "in-use"), false);
  assert.equal(shown(used, "carol", "all"), false);
});

test("a name cannot lead out of the wall's folder", () => {
  for (const name of ["../up", "a/b", "?x", "#y"]) {
    const [desktop] = read({ name });
    const url = new URL(folderOf(desktop as DesktopTile), "https://gateway.example/desktops/");
    assert(url.pathname.startsWith("/desktops/") && url.pathname.split("/").length === 4, url.href);
    assert.equal(url.search + url.hash, "");
  }
});
