// A plotly picture fed by binary frames: plotly draws data, an SVG on the same axes draws words.
const SLOW_MS = 60,
  QUICK_MS = 40;
async function plotlyLibrary() {
  for (let i = 0; i < 600; i++) {
    if (globalThis.Plotly) return globalThis.Plotly;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error('plotly.js did not load');
}

// "@C1" in a figure means the token --mq-C1 of the current theme.
function withTokens(value, css) {
  if (typeof value === 'string')
    return value.startsWith('@') ? css.getPropertyValue(`--mq-${value.slice(1)}`).trim() : value;
  if (ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) return value.map(v => withTokens(v, css));
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, withTokens(v, css)]));
  return value;
}

// A frame: float64 time, uint32 count, count × (uint32 slot, uint32 length), float32 values.
// A slot that is not in the frame keeps its last values.
function readFrame(view, slots, data) {
  if (!view?.byteLength) return;
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength),
    count = new DataView(bytes).getUint32(8, true);
  const head = new Uint32Array(bytes, 12, 2 * count),
    values = new Float32Array(bytes, 12 + 8 * count);
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const [trace, ...path] = slots[head[2 * i]] ?? [],
      length = head[2 * i + 1],
      part = values.subarray(offset, offset + length);
    offset += length;
    if (!data[trace]) continue;
    const last = path.pop(),
      owner = path.reduce((o, key) => (o[key] ??= {}), data[trace]);
    owner[last] = part;
  }
}

function axisScale(axis, from, size, flip) {
  const [d0, d1] = axis.domain ?? [0, 1],
    [r0, r1] = axis.range ?? [0, 1],
    log = axis.type === 'log';
  const at = v => {
    const share = d0 + ((d1 - d0) * ((log ? Math.log10(v) : v) - r0)) / (r1 - r0);
    return from + size * (flip ? 1 - share : share);
  };
  return {
    at,
    value: px =>
      r0 + ((r1 - r0) * ((flip ? 1 - (px - from) / size : (px - from) / size) - d0)) / (d1 - d0),
  };
}

function plotPart(model, host, root, send) {
  const place = html('div', {class: 'mq-plot'}),
    js = html('div', {class: 'mq-js'}),
    under = svg('svg'),
    over = svg('svg', {role: 'img'});
  const tip = html('div', {class: 'mq-tip', hidden: true});
  place.append(under, js, over, tip);
  host.append(place);
  let Plotly = null,
    figure = null,
    lit = null,
    revision = 0,
    state = 0,
    width = 0,
    gone = false,
    drawCost = 20;
  const conf = {
    displayModeBar: false,
    responsive: false,
    doubleClick: false,
    scrollZoom: false,
    showAxisDragHandles: false,
  };

  const build = () => {
    const spec = told(model, 'spec');
    if (!spec?.layout) return false;
    const old = figure;
    const css = getComputedStyle(root);
    if (!css.getPropertyValue('--mq-ink')) {
      requestAnimationFrame(() => {
        if (!gone) respec();
      });
      return false;
    } // no style yet
    figure = withTokens(structuredClone(spec), css);
    figure.font = css.fontFamily;
    // A new spec with the same traces keeps their values.
    figure.data.forEach((t, i) => {
      const before = old?.data[i];
      if (before && before.name === t.name)
        for (const k of ['x', 'y', 'base', 'width']) if (before[k]) t[k] ??= before[k];
    });
    const height = figure.height;
    js.style.height = place.style.height = `${height}px`;
    return true;
  };
  const layout = () => {
    const css = getComputedStyle(root);
    const grid = css.getPropertyValue('--mq-grid').trim(),
      picture = told(model, 'picture') ?? {};
    const out = structuredClone(figure.layout);
    for (const [name, change] of Object.entries(picture.layout ?? {}))
      Object.assign((out[name] ??= {}), change);
    for (const name of Object.keys(out))
      if (/^[xy]axis/.test(name))
        out[name] = {
          fixedrange: true,
          zeroline: false,
          ticklabeloverflow: 'allow',
          gridcolor: grid,
          linecolor: grid,
          tickfont: {size: 11, color: css.getPropertyValue('--mq-ink2').trim()},
          ...out[name],
        };
    return {
      margin: {l: figure.left, r: figure.right, t: figure.top, b: figure.bottom, pad: 0},
      height: figure.height,
      width: place.clientWidth,
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      showlegend: false,
      dragmode: false,
      hovermode: 'closest',
      bargap: 0,
      barmode: 'overlay',
      font: {family: figure.font, size: 12, color: css.getPropertyValue('--mq-ink').trim()},
      ...out,
      datarevision: ++revision,
    };
  };
  const axesOf = lay => {
    const w = place.clientWidth,
      plotW = w - figure.left - figure.right,
      plotH = figure.height - figure.top - figure.bottom;
    const axes = {
      x: {at: v => v},
      y: {at: v => v},
      px: {at: v => v},
      right: {at: v => w - v},
      left: figure.left,
      width: w,
    };
    for (const [name, axis] of Object.entries(lay)) {
      const m = /^([xy])axis(\d*)$/.exec(name);
      if (m)
        axes[m[1] + m[2]] =
          m[1] === 'x'
            ? axisScale(axis, figure.left, plotW, false)
            : axisScale(axis, figure.top, plotH, true);
    }
    axes.stamp = `${w}|${JSON.stringify(
      Object.entries(lay)
        .filter(([k]) => /^[xy]axis/.test(k))
        .map(([, a]) => [a.range, a.domain]),
    )}`;
    return axes;
  };
  let axes = null;
  const words = lay => {
    const picture = told(model, 'picture') ?? {};
    axes = axesOf(lay);
    for (const layer of [under, over]) {
      layer.setAttribute('width', axes.width);
      layer.setAttribute('height', figure.height);
    }
    drawMarks(under, picture.under ?? [], axes, root, send);
    let marks = over.querySelector('.mq-marks'),
      flags = over.querySelector('.mq-flags');
    if (!marks) {
      flags = svg('g', {class: 'mq-flags'});
      marks = svg('g', {class: 'mq-marks'});
      over.append(flags, marks);
    }
    drawMarks(marks, picture.marks ?? [], axes, root, send);
    const flagText = axes.stamp + JSON.stringify(picture.flags ?? []);
    if (flags.mqText !== flagText) {
      flags.mqText = flagText;
      flags.replaceChildren(...drawFlags(flags, picture.flags ?? [], axes, root, send));
    }
    over.setAttribute('aria-label', model.get('words')?.plain ?? '');
    if (lit) drawLight();
  };
  // Asked once, not with each picture: the kernel's answer stands behind the pictures in the queue.
  const askForFewer = () => {
    const sent = (model.mqSent ??= {}),
      asked = sent.slow ?? model.get('slow') ?? false,
      slow = drawCost > (asked ? QUICK_MS : SLOW_MS);
    if (slow === asked) return;
    sent.slow = slow;
    model.send({do: 'trait', trait: 'slow', value: slow});
  };
  const draw = async () => {
    state = 1;
    await new Promise(requestAnimationFrame);
    if (gone || !figure || !place.clientWidth) {
      state = 0;
      return;
    }
    const started = performance.now();
    readFrame(model.get('frame'), model.get('slots'), figure.data);
    const lay = layout();
    try {
      words(lay);
      await Plotly.react(js, figure.data, lay, conf);
    } catch (error) {
      if (!gone) console.error(`plot: ${error.stack ?? error}`); // the next frame draws anew
    }
    drawCost = 0.8 * drawCost + 0.2 * (performance.now() - started);
    askForFewer();
    const again = state === 2;
    state = 0;
    if (again) draw();
  };
  const changed = () => {
    if (!Plotly || !figure) return;
    if (state) state = 2;
    else draw();
  };
  const respec = () => {
    if (Plotly && build()) changed();
  };
  // The spec and its first frame arrive in one message: read the frame only when both are there.
  const events = [
    ['change:frame', changed],
    ['change:picture', changed],
    ['change:spec', respec],
    ['mq:theme', respec],
  ];
  events.forEach(([name, f]) => model.on(name, f));
  root.addEventListener('mq:theme', respec);
  const sizes = new ResizeObserver(() => {
    if (place.clientWidth && place.clientWidth !== width) {
      width = place.clientWidth;
      changed();
    }
  });
  sizes.observe(place);

  place.addEventListener('mousemove', event => {
    const rows = told(model, 'picture')?.rows,
      box = place.getBoundingClientRect();
    if (!axes || !rows) return;
    const px = event.clientX - box.left,
      py = event.clientY - box.top;
    const row = rows.find(
      r => py >= axes[r.ya ?? 'y'].at(r.y1) && py <= axes[r.ya ?? 'y'].at(r.y0),
    );
    const x = row && axes[row.xa ?? 'x'].value(px),
      bar = row?.bars.find(b => x >= b[0] && x <= b[1]);
    tip.hidden = !bar;
    if (bar) {
      tip.textContent = `${row.name}: ${bar[2]}`;
      tip.style.left = `${Math.max(0, Math.min(px + 12, box.width - tip.offsetWidth - 4))}px`;
      tip.style.top = `${py + 14}px`;
    }
  });
  place.addEventListener('mouseleave', () => {
    tip.hidden = true;
  });
  // A point {run, at, place} of the run: its instant on a clock, its offset in the row of a queue.
  const spot = point => {
    const run = model.get('run');
    if (!point || !axes || (run && run !== point.run)) return null;
    const [name, offset] = point.place ?? [],
      row = figure.clock === false && told(model, 'picture')?.rows?.find(r => r.place === name);
    if (figure.clock === false && !row) return null;
    const x = axes.x.at(row ? offset - row.zero : point.at);
    if (!(x >= axes.left && x <= axes.width - figure.right)) return null;
    return row
      ? [x, axes.y.at(row.y0), axes.y.at(row.y1)]
      : [x, figure.top, figure.lit ?? figure.height - figure.bottom];
  };
  const drawLight = () => {
    over.querySelector('.mq-light')?.remove();
    const [x, top, bottom] = spot(lit) ?? [];
    if (x === undefined) return;
    const line = svg('path', {
      class: 'mq-light',
      d: `M${x},${top}V${bottom}`,
      stroke: 'var(--mq-ink)',
      'stroke-width': 2,
      'stroke-dasharray': '2 3',
    });
    over.append(line);
  };
  place.mqLight = point => {
    lit = point;
    drawLight();
  };
  place.mqShows = point => spot(point) !== null;
  place.mqRuler = () => figure?.clock === false;
  (globalThis.mqPlots ??= new Set()).add(place);
  plotlyLibrary()
    .then(P => {
      Plotly = P;
      if (!gone && build()) changed();
    })
    .catch(error => {
      place.textContent = `${error}`;
    });
  return () => {
    gone = true;
    globalThis.mqPlots.delete(place);
    sizes.disconnect();
    events.forEach(([name, f]) => model.off(name, f));
    root.removeEventListener('mq:theme', respec);
    if (Plotly) Plotly.purge(js);
  };
}
