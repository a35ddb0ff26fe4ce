// What the viewer asks of the device: full screen, staying awake, a sound, a file.

/** Goes full screen with the system's keys, where the browser gives them, or leaves it. */
export async function toggleFullScreen(): Promise<"entered" | "locked" | "left" | "refused"> {
  if (document.fullscreenElement !== null) {
    await document.exitFullscreen();
    return "left";
  }
  try {
    await document.documentElement.requestFullscreen({ navigationUI: "hide" });
  } catch {
    return "refused";
  }
  const { keyboard } = navigator as Navigator & { keyboard?: { lock?(): Promise<void> } };
  if (keyboard?.lock === undefined) {
    return "entered";
  }
  return keyboard.lock().then(
    () => "locked" as const,
    () => "entered" as const,
  );
}

/** iPhones have no full screen for pages. */
export function hasFullScreen(): boolean {
  return document.fullscreenEnabled === true;
}

/** Keeps the screen on while a session is open; browsers let go whenever the page is hidden. */
export class WakeLock {
  #lock: WakeLockSentinel | null = null;
  #wanted = false;

  constructor() {
    document.addEventListener("visibilitychange", () => void this.#update());
  }

  want(wanted: boolean): void {
    this.#wanted = wanted;
    void this.#update();
  }

  async #update(): Promise<void> {
    const { wakeLock } = navigator as Partial<Navigator>;
    if (!this.#wanted) {
      await this.#lock?.release();
      this.#lock = null;
    } else if (document.visibilityState === "visible") {
      this.#lock = (await wakeLock?.request("screen").catch(() => null)) ?? null;
    }
  }
}

const BELL_HZ = 660;
const BELL_S = 0.14;
let audio: AudioContext | null = null;

/** A short, quiet tone; silent until the person has touched the page, as browsers want it. */
export function ringBell(): void {
  audio ??= new AudioContext();
  const now = audio.currentTime;
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = BELL_HZ;
  volume.gain.setValueAtTime(0.12, now);
  volume.gain.exponentialRampToValueAtTime(0.001, now + BELL_S);
  tone.connect(volume).connect(audio.destination);
  tone.start(now);
  tone.stop(now + BELL_S);
}

/** Gives the person `blob` as a file. */
export function download(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** `Office 2026-11-22 18.04.59.png`, without what file systems do not like. */
export function pictureName(desktop: string, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(".");
  const name = desktop.replaceAll(/[^\p{L}\p{N} ._-]+/gu, "-").slice(0, 60).trim();
  return `${name || "desktop"} ${date} ${time}.png`;
}
