// The table of sessions: its columns, and what may be done to one.

import { h } from "../ui/dom.ts";
import { ago, bytes, clock, moment } from "../ui/format.ts";
import { t } from "../ui/language.ts";
import { Table, type Column, type Tool } from "../ui/table.ts";
import { byNumber, byText, nameOf, type Session } from "./session.ts";

export type RowAction = "details" | "watch" | "message" | "cut";

const COLUMNS: Column<Session>[] = [
  {
    name: "status.desktop",
    show: (session) => [nameOf(session), session.target === nameOf(session) ? "" : session.target],
    compare: (a, b) => byText(nameOf(a), nameOf(b)),
  },
  {
    name: "status.user",
    show: (session) => [session.user || t("status.anonymous"), accessOf(session)],
    compare: (a, b) => byText(a.user, b.user),
  },
  {
    name: "status.client",
    show: ({ client }) => [client, ""],
    compare: (a, b) => byText(a.client, b.client),
  },
  {
    name: "status.duration",
    show: ({ durationS, started }, locale) => [
      clock(durationS),
      started === null ? "" : moment(started, locale),
    ],
    compare: (a, b) => a.durationS - b.durationS,
  },
  {
    name: "status.input",
    show: ({ lastInputS }, locale) => [
      lastInputS === null ? t("status.never") : ago(lastInputS, locale),
      "",
    ],
    compare: (a, b) => byNumber(a.lastInputS, b.lastInputS),
  },
  {
    name: "status.traffic",
    show: ({ bytesDown, bytesUp }, locale) => [bytes(bytesDown, locale), bytes(bytesUp, locale)],
    compare: (a, b) => a.bytesDown + a.bytesUp - (b.bytesDown + b.bytesUp),
  },
  {
    name: "status.rtt",
    show: ({ rttMs }) => [rttMs === null ? "–" : `${Math.round(rttMs)} ms`, ""],
    compare: (a, b) => byNumber(a.rttMs, b.rttMs),
  },
];

export function sessionTable(act: (action: RowAction, session: Session) => void): Table<Session> {
  const run = (action: RowAction) => (session: Session) => act(action, session);
  const tools: Tool<Session>[] = [
    { name: "watch", symbol: "eye", role: "control", label: "status.watch.of", run: run("watch") },
    { name: "message", symbol: "message", role: "control", label: "status.message.of", run: run("message") },
    { name: "cut", symbol: "cut", role: "admin", label: "status.cut.of", run: run("cut") },
  ];
  const words = h("span", { class: "unseen" }, t("recorded"));
  return new Table({
    caption: "status.title",
    columns: COLUMNS,
    tools,
    names: (session) => ({ user: session.user || t("status.anonymous"), desktop: nameOf(session) }),
    open: run("details"),
    mark: h("span", { class: "recorded", title: t("recorded") }, words),
    dress: ({ recorded, viewOnly }, mark, row) => {
      mark.hidden = !recorded;
      row.classList.toggle("watching", viewOnly);
    },
  });
}

/** What a session may do, in words. */
export function accessOf({ connected, viewOnly }: Session): string {
  if (!connected) {
    return t("status.connecting");
  }
  return t(viewOnly ? "status.view" : "status.control");
}
