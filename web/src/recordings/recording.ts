// A recording as the gateway lists it, and what its player is told of it; read with care.

import { FieldsOf } from "../ui/fields-of.ts";
import { readListing, type Listing } from "../ui/listing.ts";
import { hasWords } from "../ui/search.ts";

export type RecordingState = "live" | "whole" | "cut-short";

export interface Recording {
  id: string;
  user: string;
  client: string;
  desktop: string;
  title: string;
  /** Unix time in seconds. */
  started: number;
  durationS: number;
  bytes: number;
  width: number | null;
  height: number | null;
  state: RecordingState;
  seekable: boolean;
}

export interface RecordingList extends Listing<Recording> {
  /** Of all that match, not only those that are listed. */
  total: number;
  bytes: number;
}

export interface Mark {
  ms: number;
  kind: string;
}

export interface Info {
  recording: Recording;
  /** From 0 to 1 for each slice. */
  activity: number[];
  sliceMs: number;
  pointer: boolean;
  marks: Mark[];
}

const STATES: readonly RecordingState[] = ["live", "whole", "cut-short"];
/** More slices than a screen has columns help nobody. */
const SLICES_MAX = 10_000;
const MARKS_MAX = 500;

export function readRecordings(answer: unknown): RecordingList | null {
  const list = readListing(answer, "recordings", readRecording);
  if (list === null) {
    return null;
  }
  const fields = new FieldsOf(answer);
  return {
    ...list,
    total: fields.number("total") ?? list.items.length,
    bytes: fields.number("bytes") ?? list.items.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function readRecording(value: unknown): Recording | null {
  const fields = new FieldsOf(value);
  const id = fields.id("id");
  if (id === "") {
    return null;
  }
  return {
    id,
    user: fields.text("user"),
    client: fields.text("client"),
    desktop: fields.text("desktop"),
    title: fields.text("title"),
    started: fields.number("started") ?? 0,
    durationS: fields.number("duration_s") ?? 0,
    bytes: fields.number("bytes") ?? 0,
    width: fields.number("width"),
    height: fields.number("height"),
    state: STATES.find((state) => state === fields.text("state")) ?? "whole",
    seekable: fields.flagOr("seekable", true),
  };
}

export function readInfo(answer: unknown): Info | null {
  const recording = readRecording(answer);
  if (recording === null) {
    return null;
  }
  const fields = new FieldsOf(answer);
  const activity = (fields.list("activity") ?? [])
    .slice(0, SLICES_MAX)
    .map((value) => (typeof value === "number" ? Math.min(1, Math.max(0, value)) : 0));
  const marks = (fields.list("marks") ?? []).slice(0, MARKS_MAX).map((value) => {
    const mark = new FieldsOf(value);
    return { ms: mark.number("at_ms") ?? 0, kind: mark.text("kind") };
  });
  return {
    recording,
    activity,
    sliceMs: fields.number("slice_ms") ?? 0,
    pointer: fields.flag("pointer"),
    marks,
  };
}

export function nameOf({ title, desktop, id }: Recording): string {
  return title || desktop || id;
}

/** Whether a recording is what is searched for. */
export function matches(recording: Recording, search: string): boolean {
  const { user, client, desktop, title, id } = recording;
  return hasWords(search, [user, client, desktop, title, id]);
}

/** Both lists as one, newest first, each recording once and as the newer list has it. */
export function merged(older: Recording[], newer: Recording[]): Recording[] {
  const known = new Map(older.map((one) => [one.id, one]));
  for (const one of newer) {
    known.set(one.id, one);
  }
  return [...known.values()].sort((a, b) => b.started - a.started || (a.id < b.id ? 1 : -1));
}
