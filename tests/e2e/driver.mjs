// Drives Chromium for the tests in crates/portway/tests: one command per line in, one answer per
// line out. Words are separated by tabs and percent-encoded; `testkit::browser` is the other side.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

// Generous, since machines are slow; what works does not wait for it.
const TIMEOUT = 30_000;
// So long one of several tries of a click may take.
const TRY = 1_000;

// Functions for the expressions of the tests, in every page.
function helpers() {
  // The colour of a place of the desktop as "red,green,blue"; empty before there is a canvas.
  window.pixelAt = (x, y) => {
    const canvas = document.querySelector("canvas");
    if (!canvas || canvas.width <= x || canvas.height <= y) return "";
    const { data } = canvas.getContext("2d").getImageData(x, y, 1, 1);
    return `${data[0]},${data[1]},${data[2]}`;
  };
  // What a person can read, input fields included.
  window.visibleText = () => document.body?.innerText ?? "";
  // All notes that the page has shown: they leave by themselves, perhaps before anybody asks.
  window.told = [];
  new MutationObserver((changes) => {
    for (const note of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (note instanceof Element && note.matches(".note")) window.told.push(note.textContent);
    }
  }).observe(document, { childList: true, subtree: true });
}

const [profile, device] = process.argv.slice(2);
const DEVICES = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

const context = await chromium.launchPersistentContext(profile, {
  ...DEVICES[device],
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  // Colours and pictures are looked at as they are, not on their way.
  reducedMotion: "reduce",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
context.setDefaultTimeout(TIMEOUT);
await context.addInitScript(helpers);
let page = context.pages()[0] ?? (await context.newPage());

let messages = [];
context.on("console", (message) => messages.push(`${message.type()}: ${message.text()}`));
context.on("weberror", (error) => messages.push(`exception: ${error.error().message}`));
context.on("requestfailed", (request) => messages.push(`failed: ${request.url()}`));
context.on("response", (response) => {
  if (response.status() >= 400) messages.push(`${response.status()}: ${response.url()}`);
});

// The middle of a pixel of the desktop in the coordinates of the page, whatever the canvas is scaled to.
async function onDesktop(x, y) {
  const canvas = page.locator("canvas").first();
  const box = await canvas.boundingBox();
  const size = await canvas.evaluate(({ width, height }) => ({ width, height }));
  return [
    box.x + ((x + 0.5) * box.width) / size.width,
    box.y + ((y + 0.5) * box.height) / size.height,
  ];
}

// Two fingers on the desktop that move down together by so many pixels of the page.
async function dragTwoFingers(x, y, by) {
  const [left, top] = await onDesktop(x, y);
  const session = await context.newCDPSession(page);
  const touch = (type, touchPoints) => session.send("Input.dispatchTouchEvent", { type, touchPoints });
  const points = (down) => [0, 60].map((apart, id) => ({ id, x: left + apart, y: top + down }));
  await touch("touchStart", points(0));
  const steps = 12;
  for (let step = 1; step <= steps; step += 1) {
    await touch("touchMove", points((by * step) / steps));
    await page.waitForTimeout(20);
  }
  await touch("touchEnd", []);
  await session.detach();
}

// Goes on in the tab that a click opens.
async function follow(selector) {
  const [opened] = await Promise.all([context.waitForEvent("page"), page.locator(selector).first().click()]);
  page = opened;
  await page.waitForLoadState("load");
  return page.url();
}

// Asks again and again from outside: a page whose policy forbids `eval` cannot be asked from inside.
async function waitFor(expression) {
  const end = Date.now() + TIMEOUT;
  for (;;) {
    const value = await page.evaluate(expression).catch(() => undefined);
    if (value) return value;
    if (Date.now() > end) throw new Error(`not true within ${TIMEOUT} ms: ${expression}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// Clicks, on a phone taps, once `ready` is true; asks anew where the page has changed in between.
async function clickWhen(ready, selector) {
  const end = Date.now() + TIMEOUT;
  const listen = () => {
    window.pressed = false;
    window.addEventListener("click", () => (window.pressed = true), { capture: true, once: true });
  };
  for (;;) {
    await waitFor(ready);
    await page.evaluate(listen);
    try {
      const target = page.locator(selector).first();
      const press = device === "phone" ? target.tap : target.click;
      return await press.call(target, { timeout: TRY });
    } catch (error) {
      // The try may have been slow rather than in vain.
      if (await page.evaluate("pressed")) return;
      if (Date.now() > end) throw error;
    }
  }
}

// Lets the device prefer a theme, and waits until a page of ours has followed.
async function prefer(colorScheme) {
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  await waitFor(`[undefined, "${colorScheme}"].includes(document.documentElement.dataset.theme)`);
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
// What somebody cannot live with; the rest is advice.
const GRAVE = ["serious", "critical"];

// A page that has just changed has painted it, and nothing is on its way that will arrive.
async function settled() {
  await page.evaluate(async () => {
    const paint = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await paint();
    await paint();
    const brief = ({ effect }) => (effect?.getComputedTiming().endTime ?? Infinity) < Infinity;
    await Promise.allSettled(document.getAnimations().filter(brief).map(({ finished }) => finished));
  });
}

// What axe-core finds wrong with the page, a line for each finding. A page that is busy is looked at
// again: what counts is what is there to stay.
async function findings() {
  await page.evaluate(AXE);
  let found = "";
  for (let look = 0; look < 5; look += 1) {
    await settled();
    const { violations } = await page.evaluate("axe.run({ resultTypes: ['violations'] })");
    found = violations
      .filter(({ impact }) => GRAVE.includes(impact))
      .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} (${node.failureSummary})`))
      .join("\n");
    if (!found) break;
    await page.waitForTimeout(300);
  }
  return found;
}

const verbs = {
  hello: () => context.browser()?.version() ?? "",
  open: async (url) => {
    const response = await page.goto(url, { waitUntil: "load" });
    return response ? String(response.status()) : "";
  },
  evaluate: (expression) => page.evaluate(expression),
  wait: (expression) => waitFor(expression),
  click: async (x, y) => page.mouse.click(...(await onDesktop(Number(x), Number(y)))),
  "click-on": (selector) => page.locator(selector).first().click(),
  "click-when": (ready, selector) => clickWhen(ready, selector),
  tap: async (x, y) => page.touchscreen.tap(...(await onDesktop(Number(x), Number(y)))),
  "tap-on": (selector) => page.locator(selector).first().tap(),
  "two-fingers": (x, y, by) => dragTwoFingers(Number(x), Number(y), Number(by)),
  follow: (selector) => follow(selector),
  fill: async (selector, text) => {
    await page.locator(selector).fill(text);
    await page.locator(selector).dispatchEvent("change");
  },
  type: (text) => page.keyboard.type(text, { delay: 15 }),
  press: (key) => page.keyboard.press(key),
  screenshot: async (path) => {
    await settled();
    await page.screenshot({ path });
  },
  size: (width, height) => page.setViewportSize({ width: Number(width), height: Number(height) }),
  theme: (colorScheme) => prefer(colorScheme),
  axe: () => findings(),
  console: () => messages.splice(0).join("\n"),
};

// What the page shows and has said: a failure is explained by it more often than by itself.
async function circumstances() {
  const text = await page.evaluate("visibleText()").catch(() => "");
  return `at ${page.url()}\nshown: ${text}\nconsole:\n${messages.join("\n")}`;
}

async function answer(line) {
  const [verb, ...words] = line.split("\t").map(decodeURIComponent);
  try {
    if (!(verb in verbs)) throw new Error(`unknown command ${verb}`);
    const value = await verbs[verb](...words);
    return ["ok", typeof value === "string" ? value : JSON.stringify(value ?? null)];
  } catch (error) {
    return ["error", `${error.message}\n${await circumstances()}`];
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [kind, value] = await answer(line);
  process.stdout.write(`${kind}\t${encodeURIComponent(value)}\n`);
}
await context.close();
