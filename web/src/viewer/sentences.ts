// The sentences with which the gateway refuses and ends sessions (`vnc::Refusal`). RFB and close
// frames carry them in English; here each is tied to its text in the page's language.

import type { TextKey } from "../ui/language.ts";

/** A sentence of the gateway in the page's words. */
export interface Said {
  key: TextKey;
  /** What stands in the sentence's gap. */
  words: string;
}

/** The text for one of the gateway's sentences; null for other words, such as an operator's. */
export function translate(sentence: string): Said | null {
  const key = SENTENCES.get(sentence);
  if (key !== undefined) {
    return { key, words: "" };
  }
  for (const [begin, end, form] of FORMS) {
    const fits = sentence.startsWith(begin) && sentence.endsWith(end);
    if (fits && sentence.length > begin.length + end.length) {
      return { key: form, words: sentence.slice(begin.length, sentence.length - end.length) };
    }
  }
  return null;
}

/** Those with a gap: what stands before and after it. */
export const FORMS: readonly (readonly [begin: string, end: string, key: TextKey])[] = [
  ["The desktop does not accept the password stored for it. It is tried again in ", ".", "said.rests"],
  ["Too many wrong passwords for this desktop. Try again in ", ".", "said.wait"],
  ["In use by ", ".", "end.inuse.by"],
  ["", " has taken over this desktop.", "said.taken.by"],
];

export const SENTENCES: ReadonlyMap<string, TextKey> = new Map<string, TextKey>([
  ["This link is not valid or has expired.", "end.token.text"],
  ["This link has been used; it was good for one time.", "said.used"],
  ["This link is for another person or another network.", "said.notyours"],
  ["There is no such desktop.", "end.unknown.text"],
  ["Pages of this address may not open desktops here (see vnc_origin).", "said.origin"],
  ["You have no access to this desktop.", "end.denied.text"],
  ["There are too many sessions at the moment.", "said.many"],
  ["In use by somebody else.", "end.inuse.text"],
  ["Somebody else has taken over this desktop.", "said.taken"],
  ["The machine's name is not known on this network.", "said.name"],
  ["The machine cannot be reached; it may be switched off.", "said.host"],
  ["The machine is up, but its desktop does not run.", "said.port"],
  ["The machine did not answer in time.", "said.timeout"],
  ["What answered is not a VNC server.", "said.notvnc"],
  ["The desktop refused the connection.", "end.refused.text"],
  ["The password was not accepted; authentication failed.", "end.password.text"],
  ["The desktop does not accept the password stored for it.", "said.stored"],
  ["The desktop wants a password, and none is stored for it.", "said.nostored"],
  ["The desktop does not offer the encryption that is required.", "said.noencryption"],
  ["The desktop's certificate is not trusted here.", "said.certificate"],
  ["The desktop's key is not trusted here.", "said.key"],
  ["The encrypted connection to the desktop failed.", "said.tls"],
  ["The gateway in front of the machine gives no access to it.", "said.far.denied"],
  ["The gateway in front of the machine could not reach it.", "said.far.down"],
  ["The desktop asks for a login that is not supported here.", "said.security"],
  ["Logging in took too long.", "said.login"],
  ["The connection to the machine was lost.", "said.lost"],
  ["The machine took no input for too long; it may hang.", "said.hangs"],
  ["The machine ended the session.", "said.closed"],
  ["An operator ended the session.", "said.cut"],
  ["You have no access to this desktop any more.", "said.removed"],
  ["What you may do here has changed; please connect again.", "said.changed"],
  ["The session ended because it could not be recorded.", "said.unrecorded"],
  ["The desktop sent something that the gateway does not understand.", "said.foreign"],
  ["Screenshots of this desktop are switched off.", "said.noshots"],
  ["This gateway may not connect to that machine.", "said.fenced"],
  ["The desktop was set up anew; connecting again leads to it.", "said.anew"],
  ["This desktop is reached at another address of the gateway now.", "said.moved"],
  ["Your password was changed; please sign in again.", "said.newpassword"],
  ["The session that was watched is over.", "said.watched"],
  ["The link to this desktop was ended.", "said.link"],
  ["The session ended because nobody used it.", "said.idle"],
  ["The session's time is over.", "said.time"],
  ["The viewer sent something that is not allowed here.", "said.violation"],
  ["The viewer broke the WebSocket protocol.", "end.gateway.text"],
  ["The gateway restarts.", "end.restarting.text"],
  ["The gateway failed; its log says more.", "end.gateway.text"],
]);
