// Whether anything of a desktop was painted yet. noVNC says when a session is open, but not when its
// first picture has come.

const OFTEN_MS = 50;
const SELDOM_MS = 500;
/** Looks that come often. */
const EAGER_LOOKS = 100;
/** The picture is looked at in so many columns and rows. */
const GRID = 8;

/** Calls `onPainted` once the canvas, if there is one, shows something. Returns what ends the wait. */
export function whenPainted(canvas: HTMLCanvasElement | null, onPainted: () => void): () => void {
  const small = document.createElement("canvas");
  small.width = small.height = GRID;
  // The canvas itself is never read: browsers take one that is out of the graphics card.
  const context = small.getContext("2d", { willReadFrequently: true });
  let timer = 0;
  let looks = 0;
  const look = () => {
    if (canvas === null || context === null || isPainted(canvas, context)) {
      onPainted();
      return;
    }
    looks += 1;
    timer = window.setTimeout(look, looks < EAGER_LOOKS ? OFTEN_MS : SELDOM_MS);
  };
  timer = window.setTimeout(look, 0);
  return () => window.clearTimeout(timer);
}

function isPainted(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D): boolean {
  if (canvas.width === 0 || canvas.height === 0) {
    return false;
  }
  context.clearRect(0, 0, GRID, GRID);
  context.drawImage(canvas, 0, 0, GRID, GRID);
  // What is not painted is transparent; desktops are not.
  const { data } = context.getImageData(0, 0, GRID, GRID);
  return data.some((value, index) => index % 4 === 3 && value > 0);
}
