// Bars of allowed and refused requests, drawn as SVG.

import { svgElement } from "./elements.js";
import { count, exactTime } from "./format.js";

// points: [{ at, allowed, denied }], oldest first. Drawn `width` by `height`; as wide as its box where `stretch` is set.
export function barChart(points, { label, width, height, stretch = false, describe = exactTime }) {
  const most = Math.max(1, ...points.map(({ allowed, denied }) => allowed + denied));
  const step = width / Math.max(1, points.length);
  const gap = Math.min(1.5, step / 4);
  const total = points.reduce((sum, { allowed }) => sum + allowed, 0);
  const refused = points.reduce((sum, { denied }) => sum + denied, 0);
  const summary = `${label}: ${count(total, "request")} allowed, ${refused} refused`;
  const bars = points.map(({ at, allowed, denied }, index) => {
    // What is not nothing is seen.
    const tall = (value) => (value === 0 ? 0 : Math.max(1.5, (value / most) * height));
    const [allowedHeight, deniedHeight] = [tall(allowed), tall(denied)];
    const bar = (kind, top, size) => svgElement("rect", { class: kind, x: index * step + gap / 2, y: top, width: step - gap, height: size });
    return svgElement(
      "g",
      svgElement("title", `${describe(at)}: ${allowed} allowed, ${denied} refused`),
      svgElement("rect", { class: "hover", x: index * step, y: 0, width: step, height }),
      allowed > 0 && bar("allowed", height - allowedHeight, allowedHeight),
      denied > 0 && bar("denied", Math.max(0, height - allowedHeight - deniedHeight), deniedHeight),
    );
  });
  return svgElement(
    "svg",
    { class: "chart", viewBox: `0 0 ${width} ${height}`, width: stretch ? "100%" : width, height, preserveAspectRatio: "none", role: "img", "aria-label": summary },
    svgElement("line", { class: "ground", x1: 0, x2: width, y1: height, y2: height }),
    bars,
  );
}
