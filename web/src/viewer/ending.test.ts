// Every way in which a session can end has its kind, and only some are tried again unasked.

import assert from "node:assert/strict";
import test from "node:test";
import english from "../i18n/en.ts";
import { judge, type Ended } from "./ending.ts";

const ended = (what: Partial<Ended>): Ended => ({
  phase: "connected",
  code: null,
  reason: "",
  refusal: null,
  opened: true,
  credentialsSent: false,
  notVnc: false,
  securityTypes: null,
  givenUp: false,
  byPerson: false,
  takeOver: false,
  usedBy: "",
  needsHttps: false,
  online: true,
  connectedBefore: false,
  httpStatus: null,
  ...what,
});

const kind = (what: Partial<Ended>) => judge(ended(what)).kind;
const retry = (what: Partial<Ended>) => judge(ended(what)).retry;

test("the gateway's codes are told apart in every phase and win over RFB's words", () => {
  const kinds = { 4401: "token", 4403: "denied", 4404: "unknown", 4408: "time", 4409: "inuse", 4410: "removed" };
  for (const [code, expected] of Object.entries(kinds)) {
    for (const phase of ["asking", "connecting", "connected"] as const) {
      const refusal = { status: 1, reason: "Authentication failed" };
      const verdict = judge(ended({ phase, code: Number(code), refusal, connectedBefore: true }));
      assert.equal(verdict.kind, expected);
      assert.equal(verdict.retry, "manual", `${code} must not connect again by itself`);
    }
  }
});

test("a machine that is down and a gateway that restarts are tried again", () => {
  for (const [code, expected] of [[4502, "down"], [1012, "restarting"], [1013, "busy"]] as const) {
    const verdict = judge(ended({ phase: "connecting", code }));
    assert.deepEqual([verdict.kind, verdict.retry], [expected, "auto"]);
  }
});

test("1006 means an outage only for what had been connected", () => {
  assert.deepEqual([kind({ code: 1006 }), retry({ code: 1006 })], ["lost", "auto"]);
  const first = { phase: "connecting", code: 1006, opened: false } as const;
  assert.deepEqual([kind(first), retry(first)], ["unreachable", "manual"]);
  assert.equal(retry({ ...first, connectedBefore: true }), "auto");
  assert.equal(kind({ ...first, opened: true }), "early");
  assert.equal(kind({ ...first, online: false }), "offline");
  assert.equal(kind({ code: 1006, online: false }), "offline");
});

test("a failed upgrade is explained by what the session question answered", () => {
  const failed = { phase: "connecting", code: 1006, opened: false } as const;
  assert.equal(kind({ ...failed, httpStatus: 401 }), "session");
  assert.equal(kind({ ...failed, httpStatus: 403 }), "denied");
  assert.equal(kind({ ...failed, httpStatus: 404 }), "unreachable");
});

test("websockify's failure to reach the machine is recognised", () => {
  const reason = "Failed to connect to downstream server";
  assert.equal(kind({ phase: "connecting", code: 1011, reason }), "down");
  assert.equal(kind({ phase: "connecting", code: 1011 }), "gateway");
});

test("the desktop's refusals are a wrong password only if one was given", () => {
  const phase = "connecting";
  const refusal = { status: 1, reason: "Authentication failure" };
  assert.equal(kind({ phase, refusal, credentialsSent: true, code: 1005 }), "password");
  assert.equal(kind({ phase, refusal, code: 1005 }), "refused");
  const worded = { status: 1, reason: "Server is full" };
  assert.equal(kind({ phase, refusal: worded, credentialsSent: true }), "refused");
  assert.equal(kind({ phase, refusal: { status: 2, reason: "" } }), "attempts");
  assert.equal(kind({ phase, refusal: { status: 0, reason: "Too many security failures" } }), "attempts");
});

test("what noVNC cannot go on with is told apart", () => {
  const phase = "connecting";
  assert.equal(kind({ phase, givenUp: true, notVnc: true, code: 1005 }), "notvnc");
  assert.equal(kind({ phase, givenUp: true, securityTypes: [18, 20], code: 1005 }), "login");
  assert.equal(kind({ phase, givenUp: true, securityTypes: [2], code: 1005 }), "protocol");
  assert.equal(kind({ givenUp: true, code: 1005 }), "protocol");
});

test("leaving is not an error, whatever the socket says", () => {
  assert.deepEqual(judge(ended({ byPerson: true, code: 1006 })).kind, "left");
});

test("unknown codes become a sentence too", () => {
  assert.equal(kind({ code: 4999, reason: "later" }), "policy");
  assert.equal(kind({ phase: "asking", code: 4999 }), "refused");
  assert.equal(kind({ code: 1000 }), "closed");
  assert.equal(judge(ended({ code: 4999, reason: "later" })).quote, "later");
});

test("the gateway's own sentences are translated, other words are quoted", () => {
  const known = judge(ended({ code: 4502, reason: "The machine did not answer in time." }));
  assert.deepEqual([known.kind, known.said, known.quote], ["down", { key: "said.timeout", words: "" }, ""]);
  const words = judge(ended({ code: 4410, reason: "Maintenance at ten." }));
  assert.deepEqual([words.kind, words.said, words.quote], ["removed", null, "Maintenance at ten."]);
});

test("a desktop in use says by whom, and whether it may be taken over", () => {
  const verdict = judge(
    ended({ phase: "asking", code: 4409, reason: "In use by ann.", takeOver: true, usedBy: "ann" }),
  );
  assert.deepEqual(verdict, {
    kind: "inuse",
    retry: "manual",
    quote: "",
    said: { key: "end.inuse.by", words: "ann" },
    takeOver: true,
    usedBy: "ann",
  });
});

test("other rules that need a new session get one at once", () => {
  const reason = "What you may do here has changed; please connect again.";
  for (const code of [1000, 1012, 4410]) {
    assert.deepEqual([kind({ code, reason }), retry({ code, reason })], ["changed", "auto"]);
  }
});

test("a login that needs an encrypted page says so", () => {
  assert.equal(kind({ phase: "connecting", needsHttps: true, code: 1005 }), "https");
});

test("each kind has a title and a text", () => {
  const texts: Record<string, string> = english;
  for (const code of [1000, 1001, 1006, 1008, 1011, 1012, 1013, 4401, 4403, 4404, 4408, 4409, 4410, 4502]) {
    for (const phase of ["asking", "connecting", "connected"] as const) {
      for (const opened of [true, false]) {
        const found = kind({ phase, code, opened });
        assert(texts[`end.${found}.title`], found);
        assert(texts[`end.${found}.text`], found);
      }
    }
  }
});
