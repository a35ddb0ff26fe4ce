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
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.500 20.500a7.500 6.500 0 0 1 15 0",
  people: "M9 4.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM2.500 19.500a6.500 5.500 0 0 1 13 0M15.500 4.800a3.500 3.500 0 0 1 0 6.400M17.500 14.600a6 5.500 0 0 1 4 4.900",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4a8.500 8.500 0 1 0 10.500 10.500z",
  halfMoon: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 6a6 6 0 0 1 0 12zM14 8v8M16 9.500v5",
  message: "M4 5h16v11.500h-8.500L7 20.500v-4H4zM8 9.200h8M8 12.500h5",
  link: "M10 14a4 4 0 0 0 5.700 0l3.100-3.100a4 4 0 0 0-5.700-5.700L12 6.300M14 10a4 4 0 0 0-5.700 0l-3.100 3.100a4 4 0 0 0 5.700 5.700L12 17.700",
  copy: "M9 9h11v11.500H9zM5.500 15H4V3.500h11V6",
  trash: "M4 6.500h16M9 6.500V4h6v2.500M6 6.500l1 14h10l1-14M10 10.500v6M14 10.500v6",
  download: "M12 4v11M7.500 11l4.500 4.500 4.500-4.500M4.500 20h15",
  pointer: "M5 3.500 11.500 20l2.400-6.600 6.600-2.400z",
  play: "M7.500 4.500 19 12 7.500 19.500z",
  pause: "M8 5v14M16 5v14",
  replay: "M5 12a7 7 0 1 0 2.300-5.200L4.500 9.500M4.500 4.500v5h5",
  backward5: "M5 12a7 7 0 1 0 2.300-5.200L4.500 9.500M4.500 4.500v5h5M13.800 9.500h-3l-.4 2.600c2.600-.8 3.900.2 3.900 1.600 0 1.700-2.300 2.300-4 1.200",
  forward5: "M19 12a7 7 0 1 1-2.300-5.200L19.500 9.500M19.500 4.500v5h-5M13.300 9.500h-3l-.4 2.600c2.600-.8 3.900.2 3.900 1.600 0 1.700-2.300 2.300-4 1.200",
  skip: "M4 5.500 11 12l-7 6.500zM12 5.500 19 12l-7 6.500zM20.500 5.500v13",
  back: "M15 5l-7 7 7 7",
  forward: "M9 5l7 7-7 7",
  open: "M10 5H4.500v14.500H19V14M13 4.500h6.500V11M19 5l-8.500 8.500",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 9.500h4M4 14.500h4M16 9.500h4M16 14.500h4",
  check: "M5 12.500l4.500 4.500L19.500 7",
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

const LOGO_SHAPES: [string, Record<string, string>][] = [
  ["rect", { class: "logo-ground", width: "32", height: "32", rx: "8" }],
  ["path", { class: "logo-arch", d: "M7 22V13a9 9 0 0 1 18 0v9" }],
  ["path", { class: "logo-door", d: "M13 22v-8a3 3 0 0 1 6 0v8" }],
  ["path", { class: "logo-arch", d: "M5 25.500h22" }],
];

/** Portway's mark, as on the browser's tab. */
export function logo(): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 32");
  svg.setAttribute("class", "logo");
  svg.setAttribute("aria-hidden", "true");
  for (const [tag, attributes] of LOGO_SHAPES) {
    const shape = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) {
      shape.setAttribute(name, value);
    }
    svg.append(shape);
  }
  return svg;
}

/** How good a connection is, in bars from 0 to 3. */
export function signal(): { element: SVGSVGElement; show: (bars: number) => void } {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon signal");
  svg.setAttribute("aria-hidden", "true");
  const bars = [0, 1, 2].map((index) => {
    const bar = document.createElementNS(SVG, "path");
    bar.setAttribute("d", `M${6 + index * 6} 19.500v${-4 - index * 5}`);
    svg.append(bar);
    return bar;
  });
  const show = (count: number) => {
    bars.forEach((bar, index) => bar.setAttribute("class", index < count ? "on" : "off"));
    svg.setAttribute("data-bars", String(count));
  };
  show(3);
  return { element: svg, show };
}
