// Numbers as people read them, in the page's language.

import { t } from "./language.ts";

/** `3:07` or `1:02:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = `${two(whole % 60)}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** `812 B`, `4.2 MB`: decimal units, two or three significant digits. */
export function bytes(count: number, locale: string): string {
  let value = Math.max(0, count);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 99.95 ? 1 : 0;
  const text = new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
  return `${text} ${UNITS[unit]}`;
}

/** "20 s", "5 min", "3 h": a rough span in the page's language. */
export function span(seconds: number, locale: string): string {
  const [value, unit] =
    seconds < 60
      ? [seconds, "second"]
      : seconds < 3600
        ? [seconds / 60, "minute"]
        : seconds < 86_400
          ? [seconds / 3600, "hour"]
          : [seconds / 86_400, "day"];
  const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 } as const;
  return new Intl.NumberFormat(locale, style).format(Math.floor(value));
}

/** Younger than this counts as "now". */
const NOW_S = 3;

/** "5 min ago". */
export function ago(seconds: number, locale: string): string {
  return seconds < NOW_S ? t("ago.now") : t("ago", { time: span(seconds, locale) });
}

/** A moment in Unix seconds: the time if it is today, otherwise the date with it. */
export function moment(unix: number, locale: string): string {
  const date = new Date(unix * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today
    ? date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}
