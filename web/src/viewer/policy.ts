// What the gateway lets this viewer do, and in what words a change of it is told.

import type { TextKey } from "../ui/language.ts";
import type { FieldsOf } from "../ui/fields-of.ts";

export interface Policy {
  viewOnly: boolean;
  clipboardIn: boolean;
  clipboardOut: boolean;
  resize: boolean;
  power: boolean;
  qualityMax: number;
  recorded: boolean;
}

/** Nothing is forbidden, as by a gateway that says nothing. */
export const OPEN: Readonly<Policy> = {
  viewOnly: false,
  clipboardIn: true,
  clipboardOut: true,
  resize: true,
  power: true,
  qualityMax: 9,
  recorded: false,
};

/** The policy in a session answer or a text frame; what it leaves out stays as it was. */
export function readPolicy(outer: FieldsOf, inner: FieldsOf, before: Policy): Policy {
  return {
    viewOnly: outer.flagOr("view_only", before.viewOnly),
    recorded: outer.flagOr("recorded", before.recorded),
    clipboardIn: inner.flagOr("clipboard_in", before.clipboardIn),
    clipboardOut: inner.flagOr("clipboard_out", before.clipboardOut),
    resize: inner.flagOr("resize", before.resize),
    power: inner.flagOr("power", before.power),
    qualityMax: inner.number("quality_max") ?? before.qualityMax,
  };
}

const WORDS = [
  ["recorded", "note.recorded.on", "note.recorded.off"],
  ["viewOnly", "note.view.on", "note.view.off"],
  ["clipboardIn", "note.clip.in.on", "note.clip.in.off"],
  ["clipboardOut", "note.clip.out.on", "note.clip.out.off"],
  ["resize", "note.resize.on", "note.resize.off"],
  ["power", "note.power.on", "note.power.off"],
] as const satisfies readonly (readonly [keyof Policy, TextKey, TextKey])[];

/** What nobody can do who only watches. That it comes and goes with control is not said. */
const NEEDS_CONTROL: readonly (keyof Policy)[] = ["clipboardIn", "resize", "power"];

/** A sentence for each thing that has become allowed or forbidden. */
export function changes(before: Policy, after: Policy): TextKey[] {
  const goesAlong = (name: keyof Policy) =>
    NEEDS_CONTROL.includes(name) &&
    before.viewOnly !== after.viewOnly &&
    after[name] !== after.viewOnly;
  const told: TextKey[] = WORDS.filter(
    ([name]) => before[name] !== after[name] && !goesAlong(name),
  ).map(([name, on, off]) => (after[name] ? on : off));
  if (after.qualityMax < before.qualityMax) {
    told.push("note.quality");
  }
  return told;
}
