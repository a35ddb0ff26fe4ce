// Why a session ended, as something a person can act on: close codes, RFB refusals and what was
// seen of the handshake become one of a few kinds, each with a sentence in every language.

import { translate, type Said } from "./sentences.ts";

export type Phase = "asking" | "connecting" | "connected";

/** All that is known when a session, or the attempt at one, is over. */
export interface Ended {
  phase: Phase;
  /** The close code, or the one that `./session` gave; null if there was no WebSocket. */
  code: number | null;
  /** The close frame's or the session answer's words. */
  reason: string;
  /** What the desktop said while logging in. */
  refusal: { status: number; reason: string } | null;
  /** The WebSocket had been open. */
  opened: boolean;
  /** The person was asked for credentials, or the link carried a password. */
  credentialsSent: boolean;
  notVnc: boolean;
  securityTypes: number[] | null;
  /** noVNC hung up, not the gateway. */
  givenUp: boolean;
  byPerson: boolean;
  online: boolean;
  /** An earlier attempt of this page had been connected, so that an outage is the likely cause. */
  connectedBefore: boolean;
  /** The person may take the place of whoever is there. */
  takeOver: boolean;
  /** Who is there, if it is known. */
  usedBy: string;
  /** The login needs what browsers only have on encrypted pages. */
  needsHttps: boolean;
  /** What `./session` answered when it was not the gateway's JSON; null if nothing came. */
  httpStatus: number | null;
}

export type Kind =
  | "left"
  | "token"
  | "denied"
  | "unknown"
  | "session"
  | "time"
  | "inuse"
  | "https"
  | "removed"
  | "down"
  | "restarting"
  | "changed"
  | "busy"
  | "lost"
  | "early"
  | "unreachable"
  | "offline"
  | "gateway"
  | "policy"
  | "password"
  | "attempts"
  | "refused"
  | "login"
  | "notvnc"
  | "protocol"
  | "closed";

/** `auto`: tried again after a countdown. `manual`: only when the person asks for it. */
export type Retry = "auto" | "manual";

export interface Verdict {
  kind: Kind;
  retry: Retry;
  /** What the other side said, if it adds something. */
  quote: string;
  /** The gateway's own sentence, where it is one that has a translation. */
  said: Said | null;
  takeOver: boolean;
  usedBy: string;
}

/** Says what an end means and whether trying again may help. */
export function judge(ended: Ended): Verdict {
  const words = ended.reason || ended.refusal?.reason || "";
  const said = translate(words);
  const { takeOver, usedBy } = ended;
  const quote = said === null && usedBy === "" ? words : "";
  const verdict = (kind: Kind, retry: Retry = "manual"): Verdict => ({
    kind,
    retry,
    quote,
    said,
    takeOver,
    usedBy,
  });
  if (ended.byPerson) {
    return verdict("left");
  }
  if (said?.key === "said.changed") {
    return verdict("changed", "auto");
  }
  if (said?.key === "said.newpassword") {
    return verdict("session");
  }
  const told = KIND_OF_CODE.get(ended.code ?? 0);
  if (told !== undefined) {
    return verdict(told, AUTOMATIC.has(told) ? "auto" : "manual");
  }
  if (ended.refusal !== null) {
    return verdict(kindOfRefusal(ended.refusal, ended.credentialsSent));
  }
  if (ended.phase === "asking") {
    return verdict("refused");
  }
  if (ended.phase === "connected") {
    return verdict(...afterConnected(ended));
  }
  if (ended.notVnc) {
    return verdict("notvnc");
  }
  if (ended.needsHttps) {
    return verdict("https");
  }
  if (ended.givenUp) {
    return verdict(knowsLogin(ended.securityTypes) ? "protocol" : "login");
  }
  const kind = beforeConnected(ended);
  return verdict(kind, ended.connectedBefore && OUTAGES.has(kind) ? "auto" : "manual");
}

/** The gateway's private codes, and those of RFC 6455 §7.4 and the IANA registry that explain. */
const KIND_OF_CODE = new Map<number, Kind>([
  [4401, "token"],
  [4403, "denied"],
  [4404, "unknown"],
  [4408, "time"],
  [4409, "inuse"],
  [4410, "removed"],
  [4502, "down"],
  [1008, "policy"],
  [1012, "restarting"],
  [1013, "busy"],
]);

/** Why an upgrade failed, by what `./session` answered just before. */
const KIND_OF_STATUS = new Map<number, Kind>([
  [401, "session"],
  [403, "denied"],
]);

const AUTOMATIC = new Set<Kind>(["down", "restarting", "busy"]);

const OUTAGES = new Set<Kind>(["early", "unreachable", "offline"]);

/** The security types that noVNC can follow (rfb.js, `_isSupportedSecurityType`). */
const KNOWN_TYPES = new Set([1, 2, 6, 16, 19, 22, 30, 113]);

function kindOfRefusal({ status, reason }: { status: number; reason: string }, sent: boolean): Kind {
  if (status === 2 || /too many/i.test(reason)) {
    return "attempts";
  }
  const aboutPassword = /auth|password|credential|login/i.test(reason);
  return sent && (reason === "" || aboutPassword) ? "password" : "refused";
}

function afterConnected({ code, givenUp, online }: Ended): [Kind, Retry] {
  if (givenUp) {
    return ["protocol", "manual"];
  }
  switch (code) {
    case 1000:
    case 1005:
      return ["closed", "manual"];
    case 1001:
      return ["restarting", "auto"];
    case 1006:
    case null:
      return [online ? "lost" : "offline", "auto"];
    case 1011:
      return ["gateway", "manual"];
    default:
      return ["policy", "manual"];
  }
}

function beforeConnected({ code, opened, online, reason, httpStatus }: Ended): Kind {
  if (!online) {
    return "offline";
  }
  if (!opened) {
    return KIND_OF_STATUS.get(httpStatus ?? 0) ?? "unreachable";
  }
  // websockify closes with 1011 and these words when the machine does not answer.
  if (code === 1011) {
    return /downstream|connect/i.test(reason) ? "down" : "gateway";
  }
  return code === 1006 ? "early" : "closed";
}

function knowsLogin(types: number[] | null): boolean {
  return types === null || types.length === 0 || types.some((type) => KNOWN_TYPES.has(type));
}
