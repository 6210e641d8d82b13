/**
 * Draws each chart of the page from the table below it, with uPlot (`vendor/`), which is a script of
 * its own and has no module with types that is small.
 *
 * Colours come from the style sheet: a chart is drawn anew when the theme changes.
 */

import { axisText, dayAfterKey, labelledDays, stacked, tableOf } from "./plot.js";

const SMALLEST_PX = { width: 240, height: 160 };
const AXIS_PX = 56;
/** Steps of the axis of what has no halves, such as calls: 1, 2, 5, 10, 20, 50 and so on. */
const WHOLE_STEPS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].flatMap((ten) => [ten, 2 * ten, 5 * ten]);
const BAR = { share: 0.72, widestPx: 44, roundness: 0.15 };

/** @type {any} */
const uPlot = /** @type {any} */ (window).uPlot;

/**
 * @param {HTMLElement} figure
 * @returns {import("./plot.js").Table}
 */
function readTable(figure) {
  const rows = [...figure.querySelectorAll("tbody tr")].map((row) => ({
    label: row.querySelector("th")?.dataset.label ?? "",
    cells: [...row.querySelectorAll("td")].map((cell) => ({
      value: cell.dataset.value ?? "",
      text: cell.textContent ?? "",
    })),
  }));
  return tableOf(rows);
}

/** One chart: its figure, its table and the plot. */
class Chart {
  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    this.table = readTable(figure);
    this.place = /** @type {HTMLElement} */ (figure.querySelector(".reports-plot"));
    this.output = /** @type {HTMLOutputElement} */ (figure.querySelector("output"));
    this.legend = [...figure.querySelectorAll(".reports-legend li")];
    /** @type {number | null} */
    this.day = null;
    this.place.hidden = false;
    this.plot = new uPlot(this.options(), this.data(), this.place);
    this.place.addEventListener("keydown", (event) => this.onKey(event));
    this.place.addEventListener("blur", () => this.plot.setCursor({ left: -10, top: -10 }));
    new ResizeObserver(() => this.fit()).observe(this.place);
  }

  get areBars() {
    return this.figure.dataset.shape === "bars";
  }

  /** Bars are drawn from the highest end to the lowest, each over the one before. */
  data() {
    const { days, columns } = this.table;
    const x = days.map((_, day) => day);
    return this.areBars ? [x, ...stacked(columns).reverse()] : [x, ...columns];
  }

  options() {
    const days = this.table.days.length;
    const ink = () => this.colour("--soft");
    const line = () => this.colour("--line");
    const unit = this.figure.dataset.unit ?? "";
    return {
      ...this.size(),
      padding: [8, 22, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        points: { show: !this.areBars },
        // Nothing is near the pointer while it is outside of the plot.
        dataIdx: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ day) => day,
      },
      hooks: { setCursor: [(/** @type {any} */ plot) => this.show(plot.cursor.idx ?? null)] },
      scales: {
        x: { time: false, range: [-0.6, days - 0.4] },
        y: {
          range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => [
            0,
            (most || 1) * 1.08,
          ],
        },
      },
      axes: [
        {
          stroke: ink,
          size: 28,
          gap: 6,
          font: this.font(),
          grid: { show: false },
          ticks: { show: false },
          splits: () => labelledDays(days, this.size().width - AXIS_PX),
          values: (/** @type {any} */ _, /** @type {number[]} */ labelled) =>
            labelled.map((day) => this.table.days[day] ?? ""),
        },
        {
          stroke: ink,
          size: AXIS_PX,
          gap: 8,
          font: this.font(),
          space: 40,
          incrs: unit === "count" ? WHOLE_STEPS : undefined,
          grid: { stroke: line, width: 1 },
          ticks: { show: false },
          values: (/** @type {any} */ _, /** @type {number[]} */ values) =>
            values.map((value) => axisText(unit, value)),
        },
      ],
      series: [{}, ...this.series()],
    };
  }

  /** The options of each series, in the order of `data()`. */
  series() {
    const colours = this.legend.map((entry) => () => swatchColour(entry));
    if (!this.areBars) {
      return colours.map((stroke) => ({ stroke, width: 2, points: { show: true, size: 5 } }));
    }
    const paths = uPlot.paths.bars({ size: [BAR.share, BAR.widestPx], radius: BAR.roundness });
    return colours
      .reverse()
      .map((fill) => ({ fill, stroke: fill, width: 0, paths, points: { show: false } }));
  }

  /** @param {string} name */
  colour(name) {
    return getComputedStyle(this.figure).getPropertyValue(name);
  }

  font() {
    return `12px ${getComputedStyle(this.figure).fontFamily}`;
  }

  /** The size of the plot's place, which the style sheet sets. */
  size() {
    const { clientWidth, clientHeight } = this.place;
    return {
      width: Math.max(SMALLEST_PX.width, clientWidth),
      height: Math.max(SMALLEST_PX.height, clientHeight),
    };
  }

  fit() {
    const { width, height } = this.size();
    if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize(this.size());
  }

  /** Bars keep their colours with their shapes, so the shapes are computed again. */
  redraw() {
    this.plot.redraw(true, true);
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const day = dayAfterKey(event.key, this.day, this.table.days.length);
    if (day === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.plot.setCursor(
      { left: this.plot.valToPos(day, "x"), top: this.plot.over.clientHeight / 2 },
      true,
    );
  }

  /**
   * Show the figures of a day in the legend, and speak them: the output is a live region.
   *
   * @param {number | null} day null: none
   */
  show(day) {
    if (day === this.day) return;
    this.day = day;
    const texts = day === null ? [] : (this.table.texts[day] ?? []);
    for (const [number, entry] of this.legend.entries()) {
      const figure = entry.querySelector("b");
      if (figure) figure.textContent = texts[number] ?? "";
    }
    this.output.value = day === null ? "" : (this.table.days[day] ?? "");
  }
}

/** @param {Element} entry of the legend */
function swatchColour(entry) {
  const swatch = entry.querySelector(".swatch");
  return swatch ? getComputedStyle(swatch).color : "";
}

const charts = [
  .../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".reports-chart")),
]
  .filter((figure) => figure.querySelector(".reports-plot"))
  .map((figure) => new Chart(figure));

function redrawAll() {
  for (const chart of charts) chart.redraw();
}

// The admin's switch sets `data-theme`; without it the system's theme counts.
new MutationObserver(redrawAll).observe(document.documentElement, {
  attributes: true,
  attributeFilter: ["data-theme"],
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
