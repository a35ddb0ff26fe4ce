// The pages' icons: strokes on a 24 × 24 grid, drawn for Portway.

const PATHS = {
  clipboard: "M9 4.5H6.500A1.500 1.500 0 0 0 5 6v13.500A1.500 1.500 0 0 0 6.500 21h11a1.500 1.500 0 0 0 1.500-1.500V6a1.500 1.500 0 0 0-1.500-1.500H15M9 3h6v3.500H9zM8.500 12h7M8.500 16h4.500",
  keys: "M3 8.500h18v11H3zM7 12h.01M10.500 12h.01M14 12h.01M17 12h.01M8 16h8",
  touch: "M4 4.500h16v10H4zM7.500 8h.01M11 8h.01M14.500 8h.01M9 11.500h6M9 18.500l3 2.500 3-2.500",
  full: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5",
  exitFull: "M4 9h5V4M20 9h-5V4M4 15h5v5M20 15h-5v5",
  display: "M3 5h18v11.500H3zM8.500 20.500h7M12 16.500v4",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 9.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600z",
  camera: "M4 7.500h3.500L9 5h6l1.500 2.500H20v11.500H4zM12 10a3.200 3.200 0 1 0 0 6.400 3.200 3.200 0 0 0 0-6.400z",
  info: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 11v5.500M12 7.700h.01",
  hand: "M12 3v18M3 12h18M12 3 9.500 5.500M12 3l2.500 2.500M12 21l-2.500-2.500M12 21l2.500-2.500M3 12l2.500-2.500M3 12l2.500 2.500M21 12l-2.500-2.500M21 12l-2.500 2.500",
  leave: "M12 3.500v8M6.700 6.800a7.500 7.500 0 1 0 10.600 0",
  close: "M6 6l12 12M18 6 6 18",
  lock: "M6 11h12v9.500H6zM8.500 11V7.500a3.500 3.500 0 0 1 7 0V11",
  shield: "M12 3l7.500 3v5.500c0 4.500-3 7.700-7.500 9.500-4.500-1.800-7.500-5-7.500-9.500V6zM9 12l2.200 2.200L15.200 10",
  unplugged: "M4 4l16 16M9 7V3.500M15 7V3.500M8.500 8.500A6 6 0 0 0 7 12.500a5 5 0 0 0 5 5 5 5 0 0 0 4-2M18 11V7.500h-7M12 17.500V21",
  clock: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 7.500V12l3 2",
  warning: "M12 4 2.800 19.500h18.400zM12 10v4.500M12 17h.01",
  search: "M10.500 4.500a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5",
  cut: "M6.500 4.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM6.500 14.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5zM8.600 8.400 20 18M8.600 15.600 20 6",
} as const;

export type IconName = keyof typeof PATHS;

const SVG = "http://www.w3.org/2000/svg";

/** An icon in the colour of the text around it, hidden from screen readers. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
