// What is told of people who come, go and take control, and of a policy that changes.

import assert from "node:assert/strict";
import test from "node:test";
import { FieldsOf } from "../ui/fields-of.ts";
import { changes, OPEN, readPolicy } from "./policy.ts";
import { changesOf, mayControl, NOBODY, otherController, others, readPresence } from "./presence.ts";

const presence = (controller: unknown, ...ids: string[]) =>
  readPresence(
    new FieldsOf({
      you: "me",
      controller,
      viewers: ids.map((id) => ({ id, user: `user ${id}`, view_only: id === "b" })),
    }),
  );

const whats = (before: Parameters<typeof changesOf>[0], after: typeof before) =>
  changesOf(before, after).map((change) => ("who" in change ? `${change.what} ${change.who.id}` : change.what));

test("the first list tells of company and not of each who came", () => {
  assert.deepEqual(changesOf(NOBODY, presence(null, "me", "a", "b")), [{ what: "company", count: 2 }]);
  assert.deepEqual(changesOf(NOBODY, presence(null, "me")), []);
});

test("who comes, goes and controls is told by name", () => {
  const before = presence(null, "me", "a");
  assert.deepEqual(whats(before, presence(null, "me", "b")), ["joined b", "left a"]);
  assert.deepEqual(whats(before, presence("a", "me", "a")), ["controls a"]);
  assert.deepEqual(whats(before, presence("me", "me", "a")), ["mine"]);
  assert.deepEqual(whats(presence("a", "me", "a"), before), ["everybody"]);
  assert.deepEqual(whats(before, before), []);
});

test("somebody else in control is found, oneself is not", () => {
  assert.equal(otherController(presence("a", "me", "a"))?.user, "user a");
  assert.equal(otherController(presence("gone", "me"))?.id, "gone");
  assert.equal(otherController(presence("me", "me", "a")), null);
  assert.equal(otherController(presence(null, "me", "a")), null);
  assert.deepEqual(others(presence(null, "me", "a")).map(({ id }) => id), ["a"]);
});

test("who may control is told apart from who does at the moment", () => {
  const look = (view_only: boolean) => ({ you: "me", controller: "a", viewers: [{ id: "me", view_only }] });
  assert.equal(mayControl(readPresence(new FieldsOf(look(false)))), true);
  assert.equal(mayControl(readPresence(new FieldsOf(look(true)))), false);
  assert.equal(mayControl(NOBODY), null);
});

test("odd lists are empty ones", () => {
  for (const odd of [null, {}, { viewers: 7, you: {}, controller: [] }]) {
    assert.deepEqual(readPresence(new FieldsOf(odd)), NOBODY);
  }
});

test("a policy keeps what a message leaves out, and each change has a sentence", () => {
  const frame = new FieldsOf({ type: "policy", clipboard_in: false, quality_max: 4 });
  const after = readPolicy(frame, frame, OPEN);
  assert.deepEqual(after, { ...OPEN, clipboardIn: false, qualityMax: 4 });
  assert.deepEqual(changes(OPEN, after), ["note.clip.in.off", "note.quality"]);
  assert.deepEqual(changes(after, OPEN), ["note.clip.in.on"]);
  assert.deepEqual(changes(OPEN, { ...OPEN, recorded: true }), ["note.recorded.on"]);
});

test("whoever may only watch is not told what else they cannot do", () => {
  const watching = { ...OPEN, viewOnly: true, clipboardIn: false, resize: false, power: false };
  assert.deepEqual(changes(OPEN, watching), ["note.view.on"]);
  assert.deepEqual(changes(watching, OPEN), ["note.view.off"]);
  const mute = { ...watching, clipboardOut: false };
  assert.deepEqual(changes(OPEN, mute), ["note.view.on", "note.clip.out.off"]);
  assert.deepEqual(changes({ ...OPEN, viewOnly: true }, { ...OPEN, power: false }), [
    "note.view.off",
    "note.power.off",
  ]);
});
