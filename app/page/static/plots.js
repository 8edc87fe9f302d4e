// Size against score as a plot, drawn from the table that says the same.
"use strict";

(() => {
  const SMALLEST = 4, LARGEST = 12; // radius of a dot, CSS pixels
  const HEIGHT = 320;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function bytes(count) {
    const units = ["B", "kB", "MB", "GB"];
    let unit = 0;
    while (Math.abs(count) >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
    return `${Number(count.toPrecision(3))} ${units[unit]}`;
  }

  function rows(table) {
    return [...table.querySelectorAll("tbody tr")].map((row) => ({
      size: Number(row.dataset.size),
      score: Number(row.dataset.score),
      latency: row.dataset.latency === "" ? null : Number(row.dataset.latency),
      front: row.dataset.front === "1",
      baseline: row.dataset.role === "baseline",
      name: row.dataset.name,
    })).sort((a, b) => a.size - b.size);
  }

  function radius(latency, most) {
    if (latency === null || !most) return SMALLEST + 2;
    return SMALLEST + (LARGEST - SMALLEST) * Math.sqrt(latency / most);
  }

  function spread(values) {
    const low = Math.min(...values), high = Math.max(...values);
    const room = (high - low || Math.abs(high) || 1) * 0.15;
    return [low - room, high + room];
  }

  function dots(points) {
    const most = Math.max(0, ...points.map((point) => point.latency ?? 0));
    return (plot) => {
      const ctx = plot.ctx, scale = devicePixelRatio;
      const at = (point) => [plot.valToPos(point.size, "x", true), plot.valToPos(point.score, "y", true)];
      ctx.save();
      ctx.lineWidth = 1.5 * scale;
      ctx.strokeStyle = colour("--accent");
      ctx.beginPath();
      points.filter((point) => point.front).forEach((point, index) => {
        const [x, y] = at(point);
        if (index) ctx.lineTo(x, y); else ctx.moveTo(x, y);
      });
      ctx.stroke();
      for (const point of [...points].sort((a, b) => a.front - b.front)) {
        const [x, y] = at(point);
        ctx.beginPath();
        ctx.arc(x, y, radius(point.latency, most) * scale, 0, 2 * Math.PI);
        ctx.fillStyle = point.baseline ? colour("--surface") : colour(point.front ? "--accent" : "--quiet-fill");
        ctx.fill();
        ctx.strokeStyle = colour(point.baseline ? "--muted" : "--accent");
        ctx.stroke();
      }
      if (points.length <= 12) {
        ctx.fillStyle = colour("--ink");
        ctx.font = `${13 * scale}px ${getComputedStyle(document.body).fontFamily}`;
        const written = []; // where a name stands already; one that would cover it is left out
        for (const point of [...points].sort((a, b) => b.front - a.front)) {
          const [x, y] = at(point), gap = (radius(point.latency, most) + 5) * scale;
          const left = x > plot.bbox.left + plot.bbox.width * 0.6;
          const wide = ctx.measureText(point.name).width, high = 14 * scale;
          const box = { from: left ? x - gap - wide : x + gap, to: left ? x - gap : x + gap + wide, y };
          if (written.some((o) => box.from < o.to && o.from < box.to && Math.abs(box.y - o.y) < high)) continue;
          written.push(box);
          ctx.textAlign = left ? "right" : "left";
          ctx.textBaseline = "middle";
          ctx.fillText(point.name, left ? x - gap : x + gap, y);
        }
      }
      ctx.restore();
    };
  }

  function draw(place) {
    const table = document.getElementById(place.dataset.pareto);
    const points = table ? rows(table) : [];
    if (points.length < 2 || typeof uPlot === "undefined") return;
    place.hidden = false;
    place.replaceChildren();
    const axis = (label, format) => ({
      label, labelSize: 28, labelGap: 6, font: "13px system-ui", labelFont: "13px system-ui",
      stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 },
      ticks: { stroke: colour("--line"), width: 1 }, values: (_, ticks) => ticks.map((tick) => format(tick, ticks.length > 1 ? ticks[1] - ticks[0] : tick)),
    });
    const share = points.every((point) => Math.abs(point.score) <= 1);
    const digits = (step) => Math.max(0, Math.min(6, -Math.floor(Math.log10(Math.abs(step)) + 1e-9)));
    const score = (value, step) => share
      ? `${(100 * value).toFixed(digits(100 * step))} %` : value.toFixed(digits(step));
    place.uplot = new uPlot({
      width: place.clientWidth, height: HEIGHT, legend: { show: false },
      cursor: { show: false }, select: { show: false },
      scales: { x: { time: false, range: () => spread(points.map((p) => p.size)) },
                y: { range: () => spread(points.map((p) => p.score)) } },
      axes: [{ ...axis("Size", bytes), space: 70 }, { ...axis(place.dataset.metric, score), size: 72 }],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [dots(points)] },
    }, [points.map((p) => p.size), points.map((p) => p.score)], place);
    place.firstElementChild.setAttribute("aria-hidden", "true"); // the table says the same
  }

  function drawAll() {
    document.querySelectorAll("[data-pareto]").forEach((place) => {
      if (!place.uplot || !place.firstElementChild) draw(place);
    });
  }

  document.addEventListener("lathe:changed", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.querySelectorAll("[data-pareto]").forEach(draw);
  });
  addEventListener("resize", () => {
    document.querySelectorAll("[data-pareto]").forEach((place) => {
      place.uplot?.setSize({ width: place.clientWidth, height: HEIGHT });
    });
  });
})();
