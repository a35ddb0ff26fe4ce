// The table of recordings: its columns, and what may be done with one.

import { h } from "../ui/dom.ts";
import { bytes, clock, moment } from "../ui/format.ts";
import { t } from "../ui/language.ts";
import { Table, type Column, type Tool } from "../ui/table.ts";
import { nameOf, type Recording } from "./recording.ts";

const COLUMNS: Column<Recording>[] = [
  {
    name: "status.desktop",
    show: (one) => [nameOf(one), one.desktop === nameOf(one) ? "" : one.desktop],
  },
  { name: "status.user", show: ({ user, client }) => [user || t("status.anonymous"), client] },
  { name: "rec.started", show: ({ started }, locale) => [moment(started, locale), ""] },
  { name: "rec.duration", show: ({ durationS }) => [clock(durationS), ""] },
  {
    name: "rec.size",
    show: ({ bytes: size, width, height }, locale) => [
      bytes(size, locale),
      width === null || height === null ? "" : `${width} × ${height}`,
    ],
  },
];

export interface RowActions {
  open(recording: Recording): void;
  remove(recording: Recording): void;
}

export function recordingTable(on: RowActions): Table<Recording> {
  const href = ({ id }: Recording) => `${encodeURIComponent(id)}.fbs`;
  const tools: Tool<Recording>[] = [
    { name: "play", symbol: "play", role: "view", label: "rec.play.of", run: on.open },
    { name: "save", symbol: "download", role: "view", label: "rec.download.of", run: { href } },
    {
      name: "delete",
      symbol: "trash",
      role: "admin",
      label: "rec.delete.of",
      fits: ({ state }) => state !== "live",
      run: on.remove,
    },
  ];
  return new Table({
    caption: "rec.title",
    columns: COLUMNS,
    tools,
    names: (one) => ({ user: one.user || t("status.anonymous"), desktop: nameOf(one) }),
    open: on.open,
    mark: h("span", { class: "chip" }),
    dress: ({ state }, mark) => {
      mark.hidden = state === "whole";
      mark.dataset["state"] = state;
      mark.textContent = t(`rec.state.${state}`);
    },
  });
}
