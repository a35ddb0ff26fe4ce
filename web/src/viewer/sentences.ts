// The sentences with which the gateway refuses and ends sessions (`vnc::Refusal`). RFB and close
// frames carry them in English; here each is tied to its text in the page's language.

import type { TextKey } from "../ui/language.ts";

export const SENTENCES: ReadonlyMap<string, TextKey> = new Map<string, TextKey>([
  ["This link is not valid or has expired.", "end.token.text"],
  ["There is no such desktop.", "end.unknown.text"],
  ["Pages of this address may not open desktops here (see vnc_origin).", "said.origin"],
  ["You have no access to this desktop.", "end.denied.text"],
  ["There are too many sessions at the moment.", "said.many"],
  ["The machine's name is not known on this network.", "said.name"],
  ["The machine cannot be reached; it may be switched off.", "said.host"],
  ["The machine is up, but its desktop does not run.", "said.port"],
  ["The machine did not answer in time.", "said.timeout"],
  ["What answered is not a VNC server.", "said.notvnc"],
  ["The desktop refused the connection.", "end.refused.text"],
  ["The password was not accepted; authentication failed.", "end.password.text"],
  ["The desktop does not accept the password stored for it.", "said.stored"],
  ["The desktop asks for a login that is not supported here.", "said.security"],
  ["Logging in took too long.", "said.login"],
  ["The connection to the machine was lost.", "said.lost"],
  ["The machine ended the session.", "said.closed"],
  ["An operator ended the session.", "said.cut"],
  ["You have no access to this desktop any more.", "said.removed"],
  ["The session ended because nobody used it.", "said.idle"],
  ["The session's time is over.", "said.time"],
  ["The viewer sent something that is not allowed here.", "said.violation"],
  ["The viewer broke the WebSocket protocol.", "end.gateway.text"],
  ["The gateway restarts.", "end.restarting.text"],
  ["The gateway failed; its log says more.", "end.gateway.text"],
]);
