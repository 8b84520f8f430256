// Charts by uPlot, a classic script that is loaded when the first chart is drawn.
import { html, useEffect, useRef } from "../../vendor/preact-htm.js";

/**
 * The parts of uPlot that this page uses.
 * @typedef {{ctx: CanvasRenderingContext2D, valToPos: (value: number, scale: string, onCanvas: boolean) => number, destroy: () => void}} Plot
 * @typedef {new (options: object, data: number[][], box: HTMLElement) => Plot} PlotLibrary
 */

const VENDOR = new URL("../../vendor/", import.meta.url);
/** @type {Promise<PlotLibrary> | undefined} */
let library;

/** @returns {Promise<PlotLibrary>} */
function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("uplot.css", VENDOR).href });
    const script = Object.assign(document.createElement("script"), { src: new URL("uplot.js", VENDOR).href, onerror: reject });
    script.onload = () => resolve(/** @type {Window & {uPlot: PlotLibrary}} */ (/** @type {unknown} */ (window)).uPlot);
    document.head.append(style, script);
  });
  return library;
}

/** The colours of the page, which follow its light or dark scheme. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return { line: read("--pico-primary"), text: read("--pico-color"), grid: read("--pico-muted-border-color"), muted: read("--pico-muted-color") };
}

/**
 * A chart that is drawn again for another width or colour scheme.
 * @param {{label: string, options: (width: number) => object, data: number[][]}} props `options` and `data` as uPlot takes them
 */
export function Chart({ label, options, data }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    /** @type {Plot | undefined} */
    let chart;
    let isGone = false;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const draw = () => void loadLibrary().then((uPlot) => {
      if (isGone || !box.current) return;
      chart?.destroy();
      chart = new uPlot(options(box.current.clientWidth), data, box.current);
    });
    draw();
    dark.addEventListener("change", draw);
    addEventListener("resize", draw);
    return () => {
      isGone = true;
      dark.removeEventListener("change", draw);
      removeEventListener("resize", draw);
      chart?.destroy();
    };
  }, [data]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${box}></div>`;
}
