// Charts by uPlot, a classic script that is loaded when the first chart is drawn.
import { html, useEffect, useRef } from "../../vendor/preact-htm.js";

const VENDOR = new URL("../../vendor/", import.meta.url);
/** @type {Promise<any> | undefined} */
let library;

/** @returns {Promise<any>} the constructor uPlot */
function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("uplot.css", VENDOR).href });
    const script = Object.assign(document.createElement("script"), { src: new URL("uplot.js", VENDOR).href, onerror: reject });
    script.onload = () => resolve(/** @type {any} */ (window).uPlot);
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
 * @param {{label: string, options: (width: number) => any, data: any[]}} props `options` and `data` as uPlot takes them
 */
export function Chart({ label, options, data }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    /** @type {any} */
    let chart;
    let isGone = false;
    loadLibrary().then((uPlot) => {
      if (isGone || !box.current) return;
      chart = new uPlot(options(box.current.clientWidth), data, box.current);
    });
    return () => {
      isGone = true;
      chart?.destroy();
    };
  }, [data]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${box}></div>`;
}
