// The small pictures of the desktops in view: fetched a few at a time, again while they are looked
// at, and given back when they are scrolled away. A desktop that stands in several groups has one
// picture for all of them.

const AGAIN_MS = 10_000;
/** Many at once would only wait for each other in the gateway. */
const AT_ONCE_MAX = 4;

interface Picture {
  /** Where it is shown. What is watched is the frame: a hidden image is nowhere. */
  places: Map<Element, { image: HTMLImageElement; visible: boolean }>;
  url: string | null;
  dueMs: number;
}

export class Thumbnails {
  /** By path. */
  readonly #pictures = new Map<string, Picture>();
  readonly #paths = new Map<Element, string>();
  readonly #seen: IntersectionObserver;
  #running = 0;
  #timer: number | null = null;

  constructor() {
    this.#seen = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: "200px" });
    document.addEventListener("visibilitychange", () => this.#work());
  }

  /** Keeps `image` filled from `path` as long as the `frame` around it is in view. */
  watch(frame: Element, image: HTMLImageElement, path: string): void {
    if (!this.#paths.has(frame)) {
      const picture = this.#pictures.get(path) ?? { places: new Map(), url: null, dueMs: 0 };
      picture.places.set(frame, { image, visible: false });
      this.#pictures.set(path, picture);
      this.#paths.set(frame, path);
      this.#seen.observe(frame);
    }
  }

  forget(frame: Element): void {
    const path = this.#paths.get(frame) ?? "";
    const picture = this.#pictures.get(path);
    const image = picture?.places.get(frame)?.image;
    if (picture !== undefined && image !== undefined) {
      this.#seen.unobserve(frame);
      this.#paths.delete(frame);
      picture.places.delete(frame);
      clear(image);
      release(picture);
      if (picture.places.size === 0) {
        this.#pictures.delete(path);
      }
    }
  }

  #moved(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const picture = this.#pictures.get(this.#paths.get(target) ?? "");
      const place = picture?.places.get(target);
      if (picture === undefined || place === undefined) {
        continue;
      }
      place.visible = isIntersecting;
      if (!isIntersecting) {
        clear(place.image);
        release(picture);
      } else if (picture.url !== null) {
        void show(place.image, picture.url);
      }
    }
    this.#work();
  }

  /** Begins as many as may run; the next due one wakes it again. */
  #work(): void {
    window.clearTimeout(this.#timer ?? undefined);
    if (document.visibilityState !== "visible") {
      return;
    }
    const now = performance.now();
    const waiting = [...this.#pictures]
      .filter(([, picture]) => inView(picture))
      .sort(([, a], [, b]) => a.dueMs - b.dueMs);
    for (const [path, picture] of waiting) {
      if (this.#running >= AT_ONCE_MAX || picture.dueMs > now) {
        break;
      }
      picture.dueMs = now + AGAIN_MS;
      void this.#load(path, picture);
    }
    const next = waiting.find(([, { dueMs }]) => dueMs > now)?.[1];
    if (next !== undefined) {
      this.#timer = window.setTimeout(() => this.#work(), next.dueMs - now);
    }
  }

  async #load(path: string, picture: Picture): Promise<void> {
    this.#running += 1;
    try {
      const response = await fetch(path, { credentials: "same-origin" });
      const blob = response.ok ? await response.blob() : null;
      if (inView(picture)) {
        const { url: old } = picture;
        picture.url = blob === null ? null : URL.createObjectURL(blob);
        const images = [...picture.places.values()].filter(({ visible }) => visible);
        await Promise.all(images.map(({ image }) => show(image, picture.url)));
        if (old !== null) {
          URL.revokeObjectURL(old);
        }
      }
    } catch {
      // The old picture stays; the list itself says that the gateway is away.
    } finally {
      this.#running -= 1;
      this.#work();
    }
  }
}

function inView({ places }: Picture): boolean {
  return [...places.values()].some(({ visible }) => visible);
}

async function show(image: HTMLImageElement, url: string | null): Promise<void> {
  if (url === null) {
    image.hidden = true;
    return;
  }
  image.src = url;
  // Shown once it is decoded, so that nothing flickers.
  await image.decode().then(
    () => (image.hidden = false),
    () => (image.hidden = true),
  );
}

function clear(image: HTMLImageElement): void {
  image.hidden = true;
  image.removeAttribute("src");
}

/** Gives the picture back once nobody sees it. */
function release(picture: Picture): void {
  if (!inView(picture)) {
    picture.dueMs = 0;
    if (picture.url !== null) {
      URL.revokeObjectURL(picture.url);
      picture.url = null;
    }
  }
}
