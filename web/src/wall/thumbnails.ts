// The small pictures of the desktops in view: fetched a few at a time, again while they are looked
// at, and given back when they are scrolled away.

const AGAIN_MS = 10_000;
/** Many at once would only wait for each other in the gateway. */
const AT_ONCE_MAX = 4;

interface Picture {
  /** What is watched: a hidden image is nowhere. */
  frame: Element;
  image: HTMLImageElement;
  path: string;
  url: string | null;
  visible: boolean;
  dueMs: number;
}

export class Thumbnails {
  readonly #pictures = new Map<Element, Picture>();
  readonly #seen: IntersectionObserver;
  #running = 0;
  #timer: number | null = null;

  constructor() {
    this.#seen = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: "200px" });
    document.addEventListener("visibilitychange", () => this.#work());
  }

  /** Keeps `image` filled from `path` as long as the `frame` around it is in view. */
  watch(frame: Element, image: HTMLImageElement, path: string): void {
    if (!this.#pictures.has(frame)) {
      this.#pictures.set(frame, { frame, image, path, url: null, visible: false, dueMs: 0 });
      this.#seen.observe(frame);
    }
  }

  forget(frame: Element): void {
    const picture = this.#pictures.get(frame);
    if (picture !== undefined) {
      this.#seen.unobserve(frame);
      this.#pictures.delete(frame);
      drop(picture);
    }
  }

  #moved(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const picture = this.#pictures.get(target);
      if (picture !== undefined) {
        picture.visible = isIntersecting;
        if (!isIntersecting) {
          drop(picture);
          picture.dueMs = 0;
        }
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
    const waiting = [...this.#pictures.values()]
      .filter(({ visible }) => visible)
      .sort((a, b) => a.dueMs - b.dueMs);
    for (const picture of waiting) {
      if (this.#running >= AT_ONCE_MAX || picture.dueMs > now) {
        break;
      }
      picture.dueMs = now + AGAIN_MS;
      void this.#load(picture);
    }
    const next = waiting.find(({ dueMs }) => dueMs > now);
    if (next !== undefined) {
      this.#timer = window.setTimeout(() => this.#work(), next.dueMs - now);
    }
  }

  async #load(picture: Picture): Promise<void> {
    this.#running += 1;
    try {
      const response = await fetch(picture.path, { credentials: "same-origin" });
      const blob = response.ok ? await response.blob() : null;
      if (picture.visible && this.#pictures.has(picture.frame)) {
        const { url } = picture;
        picture.url = blob === null ? null : URL.createObjectURL(blob);
        await show(picture);
        if (url !== null) {
          URL.revokeObjectURL(url);
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

async function show({ image, url }: Picture): Promise<void> {
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

function drop(picture: Picture): void {
  picture.image.hidden = true;
  picture.image.removeAttribute("src");
  if (picture.url !== null) {
    URL.revokeObjectURL(picture.url);
    picture.url = null;
  }
}
