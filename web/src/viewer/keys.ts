// Keys that a browser does not hand over, and text turned into key presses.

/** X11 keysyms (keysymdef.h) with the physical key, which QEMU's key extension wants. */
export interface Key {
  keysym: number;
  code: string | null;
}

export const KEYS = {
  escape: { keysym: 0xff1b, code: "Escape" },
  tab: { keysym: 0xff09, code: "Tab" },
  enter: { keysym: 0xff0d, code: "Enter" },
  backspace: { keysym: 0xff08, code: "Backspace" },
  delete: { keysym: 0xffff, code: "Delete" },
  insert: { keysym: 0xff63, code: "Insert" },
  home: { keysym: 0xff50, code: "Home" },
  end: { keysym: 0xff57, code: "End" },
  pageUp: { keysym: 0xff55, code: "PageUp" },
  pageDown: { keysym: 0xff56, code: "PageDown" },
  left: { keysym: 0xff51, code: "ArrowLeft" },
  up: { keysym: 0xff52, code: "ArrowUp" },
  right: { keysym: 0xff53, code: "ArrowRight" },
  down: { keysym: 0xff54, code: "ArrowDown" },
  print: { keysym: 0xff61, code: "PrintScreen" },
  menu: { keysym: 0xff67, code: "ContextMenu" },
  control: { keysym: 0xffe3, code: "ControlLeft" },
  alt: { keysym: 0xffe9, code: "AltLeft" },
  shift: { keysym: 0xffe1, code: "ShiftLeft" },
  super: { keysym: 0xffeb, code: "MetaLeft" },
  v: { keysym: 0x76, code: "KeyV" },
} as const satisfies Record<string, Key>;

/** F1 is 1. */
export function functionKey(number: number): Key {
  return { keysym: 0xffbe + number - 1, code: `F${number}` };
}

/** Whatever can send a key: noVNC's RFB, or a test's list. */
export interface KeySink {
  sendKey(keysym: number, code: string | null, down?: boolean): void;
}

/** Presses `keys` in order and releases them in the opposite order. */
export function chord(sink: KeySink, keys: Key[]): void {
  for (const { keysym, code } of keys) {
    sink.sendKey(keysym, code, true);
  }
  for (const { keysym, code } of [...keys].reverse()) {
    sink.sendKey(keysym, code, false);
  }
}

/** Types one character. Those that need Shift on a US keyboard get it: QEMU goes by position. */
export function typeCharacter(sink: KeySink, character: string): void {
  const key = keyOf(character);
  if (key === null) {
    return;
  }
  if (SHIFTED.test(character)) {
    chord(sink, [KEYS.shift, key]);
  } else {
    chord(sink, [key]);
  }
}

const SHIFTED = /^[A-Z~!@#$%^&*()_+{}|:"<>?]$/;

/** The key for a character; null for control characters, which no keyboard types. */
export function keyOf(character: string): Key | null {
  const point = character.codePointAt(0);
  if (point === undefined) {
    return null;
  }
  if (character === "\n" || character === "\r") {
    return KEYS.enter;
  }
  if (character === "\t") {
    return KEYS.tab;
  }
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
    return null;
  }
  // Latin-1 keysyms equal their code points; the rest is "Unicode plus 2^24" (X11, appendix A).
  return { keysym: point <= 0xff ? point : 0x0100_0000 + point, code: null };
}

/** How fast text is typed: slow enough for consoles that poll their keyboard. */
const TYPE_EVERY_MS = 12;

/** Types `text` key by key; resolves early, with what is left, when `signal` fires. */
export async function typeText(
  sink: KeySink,
  text: string,
  signal: AbortSignal,
  progress: (done: number, total: number) => void,
): Promise<void> {
  const characters = [...text.replaceAll("\r\n", "\n")];
  for (const [index, character] of characters.entries()) {
    if (signal.aborted) {
      return;
    }
    typeCharacter(sink, character);
    progress(index + 1, characters.length);
    await new Promise((resume) => setTimeout(resume, TYPE_EVERY_MS));
  }
}

/** What changed between two contents of a text field: how much was erased, what was added. */
export function difference(before: string, after: string): { erased: number; added: string } {
  const old = [...before];
  const now = [...after];
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) {
    same += 1;
  }
  return { erased: old.length - same, added: now.slice(same).join("") };
}
